"""The scheme `Digest` (RFC 7616): answers a server's challenge, and signs the next requests before it asks again."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from runner.auth import challenges
from runner.auth.challenges import Challenge
from runner.auth.components import body_hash, normal, origin, target, with_fixed_body
from runner.auth.settings import Settings
from runner.auth.signed import with_header, with_secrets
from runner.credentials import Auth
from runner.errors import Location
from runner.exchange import Call, Response
from runner.redirects import same_origin
from runner.values import Secret, reveal

# RFC 7616, 6.1: the names in challenges, the strongest first, and hashlib's names.
ALGORITHMS = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}


class Space:
    """A protection space (RFC 9110, 11.5): the challenge that its server made last, and how often it was answered."""

    def __init__(self, challenge: Challenge) -> None:
        found = challenge.parameters
        self.realm, self.nonce = found.get("realm", ""), found.get("nonce", "")
        self.opaque, self.algorithm = found.get("opaque"), found.get("algorithm")
        # Both offered: `auth`, since many servers get `auth-int` wrong, and TLS keeps the body whole.
        offered = [word.strip().lower() for word in found.get("qop", "").split(",")]
        self.qop = next((word for word in ("auth", "auth-int") if word in offered), None)
        self.userhash = found.get("userhash", "").lower() == "true"
        self.cnonce = os.urandom(16).hex()
        self._count = 0
        self._lock = threading.Lock()

    @property
    def base(self) -> str:
        """The algorithm without `-sess`, in capitals."""
        return (self.algorithm or "MD5").upper().removesuffix("-SESS")

    @property
    def session(self) -> bool:
        """Whether the key is made once, of the first nonces (RFC 7616, 3.4.2)."""
        return (self.algorithm or "").upper().endswith("-SESS")

    def hash(self) -> hashlib._Hash:
        """A new hash of the algorithm."""
        return hashlib.new(ALGORITHMS[self.base], usedforsecurity=False)

    def hashed(self, text: str) -> str:
        made = self.hash()
        made.update(text.encode("utf-8", "replace"))
        return made.hexdigest()

    def count(self) -> str:
        """The next nonce count: eight hexadecimal digits."""
        with self._lock:
            self._count += 1
            return f"{self._count:08x}"

    def renew(self, nonce: str) -> None:
        """Go on with the nonce that the server gave beside an answer (RFC 7616, 3.5)."""
        with self._lock:
            self.nonce, self._count = nonce, 0


class Digest:
    """An Auth. `spaces` are the protection spaces of this user, by origin, for the whole run."""

    def __init__(
        self, username: str | Secret, password: str | Secret, place: Location, spaces: dict[str, Space]
    ) -> None:
        self._username = username
        self._password = password
        self._place = place
        self._spaces = spaces
        self._fresh: set[str] = set()  # nonces that came in answer to this very request

    def prepare(self) -> None:
        """Nothing."""

    def sign(self, call: Call) -> Call:
        space = self._spaces.get(origin(call.url))
        if space is None:
            return call
        return with_secrets(
            answered(call, space, reveal(self._username), reveal(self._password), self._place),
            self._username,
            self._password,
        )

    def again(self, call: Call, response: Response) -> str | None:
        """Answer a challenge, once; and once more when the nonce had only grown old."""
        if not same_origin(call.url, response.url):
            return None  # a redirect's target gets no credentials
        place = origin(response.url)
        space = self._spaces.get(place)
        if response.status != 401:
            self._fresh.clear()  # they are good: a later refusal of the same nonce is for its age
            told = challenges.parameters(", ".join(response.header("authentication-info")))
            if space and told.get("nextnonce"):
                space.renew(told["nextnonce"])
            return None
        challenge = strongest(challenges.read(response.header("www-authenticate")))
        if challenge is None:
            return None
        stale = challenge.parameters.get("stale", "").lower() == "true"
        if space and space.nonce in self._fresh and not stale:
            del self._spaces[place]
            return None
        self._fresh.add(challenge.parameters["nonce"])
        self._spaces[place] = Space(challenge)
        return "challenge"


def make(settings: Settings) -> Auth:
    """The scheme `digest`. Raises InputError."""
    username, password = settings.needed("username"), settings.text("password") or ""
    spaces: dict[str, Space] = settings.kept((reveal(username), reveal(password)), dict)
    return Digest(username, password, settings.place("username"), spaces)


def strongest(found: Iterable[Challenge]) -> Challenge | None:
    """Of the Digest challenges that can be answered, the one with the strongest algorithm; None when there is none."""
    known = [(_rank(challenge), challenge) for challenge in found if challenge.scheme == "digest"]
    return min(
        (pair for pair in known if pair[0] is not None and "nonce" in pair[1].parameters),
        key=lambda pair: pair[0] or 0,
        default=(None, None),
    )[1]


def _rank(challenge: Challenge) -> int | None:
    """The place of its algorithm among ours; None for one that we, or this machine's OpenSSL, do not have."""
    name = challenge.parameters.get("algorithm", "MD5").upper().removesuffix("-SESS")
    if name not in ALGORITHMS or ALGORITHMS[name] not in hashlib.algorithms_available:
        return None
    qop = challenge.parameters.get("qop")
    if qop is not None and not {"auth", "auth-int"} & {word.strip().lower() for word in qop.split(",")}:
        return None
    return list(ALGORITHMS).index(name)


def answered(call: Call, space: Space, username: str, password: str, place: Location) -> Call:
    """`call` with the Authorization field that answers `space` (RFC 7616, 3.4)."""
    call = replace(with_fixed_body(call), url=normal(call.url))
    uri = target(call.url)
    key = space.hashed(f"{username}:{space.realm}:{password}")
    if space.session:
        key = space.hashed(f"{key}:{space.nonce}:{space.cnonce}")
    asked = f"{call.method}:{uri}"
    if space.qop == "auth-int":
        asked += f":{body_hash(call, space.hash).hexdigest()}"
    count = space.count() if space.qop else ""
    middle = f":{count}:{space.cnonce}:{space.qop}" if space.qop else ""
    response = space.hashed(f"{key}:{space.nonce}{middle}:{space.hashed(asked)}")
    fields = [_user(space, username), f'realm="{_quoted(space.realm)}"', f'nonce="{_quoted(space.nonce)}"']
    fields += [f'uri="{uri}"', f'response="{response}"']
    if space.algorithm is not None:
        fields.append(f"algorithm={space.algorithm}")
    if space.qop:
        fields += [f"qop={space.qop}", f"nc={count}"]
    if space.qop or space.session:
        fields.append(f'cnonce="{space.cnonce}"')
    if space.opaque is not None:
        fields.append(f'opaque="{_quoted(space.opaque)}"')
    if space.userhash:
        fields.append("userhash=true")
    return with_header(call, "Authorization", f"Digest {', '.join(fields)}", place)


def _user(space: Space, username: str) -> str:
    if space.userhash:
        return f'username="{space.hashed(f"{username}:{space.realm}")}"'
    if username.isascii():
        return f'username="{_quoted(username)}"'
    return f"username*=UTF-8''{quote(username, safe='', errors='replace')}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
