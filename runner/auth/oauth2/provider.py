"""A provider ready to be asked: what the environment says of it, and what its preset says where that is silent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from runner.auth.oauth2.presets import DEFAULTS, PRESETS, Preset
from runner.auth.settings import Settings
from runner.environment import ProviderSpec, TokenNames
from runner.errors import InputError, Location, Problem
from runner.quantities import seconds
from runner.records import record
from runner.template import Lookup
from runner.values import Missing, Secret, Value, to_text

# Grants that no person is needed for: a token can be had at any time.
UNATTENDED = frozenset(("client_credentials", "password", "jwt-bearer", "token-exchange"))
REFRESH_BEFORE = 300.0
# Compiled when they are needed: few runs ask for a token.
_PLACE = r"\{([a-z-]+)\}"
_BUDGET = r"(\d+)\s+in\s+(.+)"


@record
class Metadata:
    """What an issuer publishes of itself (RFC 8414): endpoints by their kind (`token`, `device`, ...).

    `names_issuer` is whether its answers to authorization requests tell who answers (RFC 9207). `judge` raises PolicyError for
    an endpoint on a host that the environment does not name.
    """

    issuer: str
    endpoints: Mapping[str, str]
    names_issuer: bool
    judge: Callable[[str], None]


class Provider:
    """An authorization server, and this client there (RFC 6749, 1.1).

    Everything is rendered when it is asked for, since a secret may have to be fetched; each may raise InputError or NoValue.
    A setting that is left out is the variable of that name, where there is one: `client-id`, `client-secret`,
    `accounts-domain`, `grant-token`. `discover` gives what an issuer publishes, None when that is not known here and now.
    `kept_with` are variables that are kept with the next tokens.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        lookup: Lookup,
        discover: Callable[[str, Location], Metadata | None] = lambda _issuer, _place: None,
        kept_with: Mapping[str, str] | None = None,
    ) -> None:
        self.kept_with: Mapping[str, str] = kept_with or {}
        self._spec = spec
        self._discover = discover
        self.discovered: Metadata | None = None  # what has been asked for so far
        self.name = spec.name
        self.location: Location = spec.location
        self.tokens: TokenNames = spec.tokens
        self.settings = Settings(f"oauth2: {spec.name}", spec.location, spec.settings, lookup)
        self.preset: Preset = PRESETS[self.settings.one_of("preset", PRESETS, "generic")]
        self._lookup = lookup

    @property
    def login(self) -> str:
        """The command that gets its first tokens, or new ones: `zrun login -e us`."""
        return self._spec.login

    @property
    def given(self) -> tuple[str, ...]:
        """The environment that declares it, as `Environment.given`."""
        return self._spec.given

    @property
    def by(self) -> str:
        """Who captured a token, in the private state."""
        return f"oauth2/{self.name}"

    @property
    def grant(self) -> str:
        """How the first token is got: a word of files.fields.GRANTS."""
        return self.settings.plain("grant", self.preset.grant)

    @property
    def unattended(self) -> bool:
        """Whether a token can be had with no person at hand, and no refresh token."""
        return self.grant in UNATTENDED

    @property
    def client_id(self) -> str | Secret:
        return self._needed("client-id")

    @property
    def client_secret(self) -> str | Secret | None:
        """None for a public client (RFC 6749, 2.1)."""
        return self.optional("client-secret")

    @property
    def client_auth(self) -> str:
        """How the client authenticates at the token endpoint (RFC 6749, 2.3; RFC 7523, 2.2)."""
        if "client-auth" in self.settings:
            return self.settings.plain("client-auth")
        if "private-key" in self.settings and self.grant != "jwt-bearer":
            return "private_key_jwt"
        return self.preset.client_auth if self.client_secret is not None else "none"

    @property
    def resources(self) -> tuple[str, ...]:
        """What the token is for (RFC 8707), an absolute URI each."""
        return self.settings.texts("resource")

    @property
    def audiences(self) -> tuple[str, ...]:
        """Whom the token is for (RFC 8693, 2.1; some providers want it with other grants)."""
        return self.settings.texts("audience")

    @property
    def assertion_audience(self) -> str | None:
        """The `aud` of assertions that this client signs; without another word the token endpoint (RFC 7523, 3)."""
        written = self.settings.plain("assertion-audience")
        return written or self._filled(self.preset.assertion_audience) or self.url("token")

    @property
    def dpop(self) -> bool:
        """Whether tokens are bound to a key of this machine (RFC 9449)."""
        return self.settings.flag("dpop")

    @property
    def redirect_uri(self) -> str | None:
        """As written, or as the preset wants it; None: any loopback address will do."""
        return self.settings.plain("redirect-uri") or self.preset.redirect_uri or None

    @property
    def accounts_domain(self) -> str:
        """Zoho's accounts server, without a slash at its end; empty where there is none."""
        found = self.optional("accounts-domain")
        return found.rstrip("/") if isinstance(found, str) else ""

    @property
    def metadata(self) -> Metadata | None:
        """What the issuer publishes; None without one, or where it is not known. Raises as the discovery does."""
        issuer = self.url("issuer")
        if self.discovered is None and issuer is not None:
            self.discovered = self._discover(issuer, self.settings.place("issuer"))
        return self.discovered

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.settings.texts("scopes", " ,")

    @property
    def scope(self) -> str | None:
        """The scopes as the provider wants them in a request; None: its default."""
        return self.preset.scope_separator.join(self.scopes) or None

    @property
    def header(self) -> tuple[str, str]:
        """The header field that carries an access token, and the word before it."""
        return self.settings.plain("header", self.preset.header), self.settings.plain("prefix", self.preset.prefix)

    @property
    def refresh_before(self) -> float:
        """Seconds before its expiry at which a token counts as stale."""
        return self.settings.duration("refresh-before", REFRESH_BEFORE)

    @property
    def budget(self) -> tuple[int, float] | None:
        """How many tokens may be asked for in how many seconds; None: no bound is known. Raises InputError."""
        if "budget" not in self.settings:
            return self.preset.budget
        written = self.settings.plain("budget")
        if not written:
            return None
        match = re.fullmatch(_BUDGET, written.strip())
        within = seconds(match[2]) if match else None
        if match is None or not within or not int(match[1]):
            raise self.settings.wrong("budget", "`budget` is not a number of tokens in a time", "write it as 10 in 10m")
        return int(match[1]), within

    def url(self, kind: str) -> str | None:
        """An endpoint (`token`, `authorization`, `device`, `revocation`, `introspection`), or the `issuer`.

        As written, else the preset's, else as discovered; None when nobody says. Raises InputError for what is no http(s)
        address, PolicyError for a discovered one on a host that the environment does not name.
        """
        name = kind if kind == "issuer" else f"{kind}-url"
        address = self.settings.plain(name) or self._filled(getattr(self.preset, name.replace("-", "_")))
        if not address and kind != "issuer" and self.metadata is not None:
            address = self.metadata.endpoints.get(kind, "")
            if address:
                self.metadata.judge(address)
        if address and not address.lower().startswith(("https://", "http://")):
            raise self.settings.wrong(name, f"`{name}` is no address", "begin it with https://")
        return address or None

    def optional(self, name: str) -> str | Secret | None:
        """A setting; left out, the variable of that name; None when neither has a value."""
        if name in self.settings:
            return self.settings.text(name)
        found = self._lookup.get(name)
        return None if isinstance(found, Missing) or found in (None, "") else to_text(found)

    def parameters(self, kind: str) -> Iterator[tuple[str, str | Secret]]:
        """More parameters of a request: `authorization` or `token`. What is written wins over the preset's."""
        written = self.settings.pairs(f"{kind}-params")
        names = {name for name, _ in written}
        if kind == "authorization":
            yield from (pair for pair in self.preset.authorization_params if pair[0] not in names)
        yield from written

    def plain(self, name: str, text: str | Secret | None) -> str:
        """`text` as a parameter of an address that a person opens. Raises InputError for a secret; a client's id is none."""
        if isinstance(text, Secret):
            if name != "client_id":
                raise self.wrong(f"the parameter `{name}` would put a secret into an address", "send it another way")
            return text.reveal()
        return text or ""

    def discovering(self, discover: Callable[[str, Location], Metadata | None]) -> Provider:
        """This provider with another way to find out what its issuer publishes."""
        return Provider(self._spec, self._lookup, discover, self.kept_with)

    def at_accounts_domain(self, server: str) -> Provider:
        """This provider in the data centre of another of Zoho's accounts servers, which is kept with its tokens."""
        settings = {name: value for name, value in self._spec.settings.items() if name != "accounts-domain"}
        spec = replace(self._spec, settings=settings)
        lookup = _With(self._lookup, {"accounts-domain": server})
        return Provider(spec, lookup, self._discover, {"accounts-domain": server})

    def kept(self, name: str) -> Secret | None:
        """The token in the variable `name`, if it has one now."""
        found = self._lookup.get(name)
        return found if isinstance(found, Secret) and len(found) else None

    def wrong(self, message: str, hint: str) -> InputError:
        """A mistake in the provider as a whole, to be raised."""
        return InputError(Problem(message, self.location, hint))

    def _needed(self, name: str) -> str | Secret:
        found = self.optional(name)
        if found is None:
            hint = self._lookup.explain(name) or f"add `{name}: <<{name}>>`"
            raise self.wrong(f"the provider `{self.name}` has no `{name}`", hint)
        return found

    def _filled(self, address: str) -> str:
        """The preset's address with the settings that it names."""

        def setting(match: re.Match[str]) -> str:
            name = match[1]
            found = self.optional(name) or DEFAULTS.get(name)
            if found is None or isinstance(found, Secret):
                hint = f"write it into the environment's `variables`, or as `{name}:` here"
                raise self.wrong(f"the provider `{self.name}` needs `{name}`, a variable that is no secret", hint)
            if match.start() == 0 and "://" not in found:
                hint = f"write its scheme too: `{name}: https://...`"
                raise self.wrong(f"`{name}` of `{self.name}` does not begin with http:// or https://", hint)
            return found.rstrip("/")

        return re.sub(_PLACE, setting, address) if "{" in address else address


class _With:
    """A lookup with some names more, over all others."""

    def __init__(self, lookup: Lookup, more: Mapping[str, str]) -> None:
        self._lookup = lookup
        self._more = more

    def get(self, name: str) -> Value | Missing:
        return self._more[name] if name in self._more else self._lookup.get(name)

    def dynamic(self, name: str, *arguments: Value) -> Value:
        return self._lookup.dynamic(name, *arguments)

    def expires_in(self, name: str) -> float | None:
        return self._lookup.expires_in(name)

    def explain(self, name: str) -> str | None:
        return self._lookup.explain(name)

    def now(self) -> float:
        return self._lookup.now()
