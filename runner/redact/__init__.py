"""No known secret leaves in any text, whatever it went through: the second net, below the type that masks itself.

A secret is found as it is and percent-encoded (any subset, either case, `+` for a blank), in JSON's, Python's and HTML's
escapes, in Base64 of both alphabets at all three alignments, wrapped into lines or not, in hexadecimal, as UTF-8 that was
read as Latin-1; and in these upon each other: escapes upon anything, Base64 of what was percent-encoded or JSON. The text
around it must have gone through the same: a lone `%` or backslash before an escaped secret makes other escapes of it.

A secret is looked for as a whole. So a text is masked first and cut after: `excerpt` does both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from threading import RLock
from typing import TYPE_CHECKING

from runner.errors import Problem
from runner.redact.seen import Seen
from runner.redact.spans import Span, widest, with_masks
from runner.values import Secret

if TYPE_CHECKING:
    from runner.redact.index import Index

__all__ = ["SHORTEST", "Redactor", "Span"]

# A shorter text is found everywhere: masking it would shred what is printed.
SHORTEST = 6
# No spelling has more characters for each byte of a secret: JSON in JSON that escapes every letter has 7, an HTML
# reference 10 for what may be one byte. What an excerpt or a stream looks ahead.
_WIDEST = 12

# So much more than what it shows an excerpt looks at: the beginning of a secret, by which it is known, at its widest.
_AHEAD = 20 * _WIDEST

# So many texts are remembered, by their hashes, that hold nothing new: most of them come again with each request.
_REMEMBERED = 50_000

_MASK = re.compile(r"<<.+?>>")


class Redactor:
    """Knows secrets, and replaces each by its mask (`<<client-secret>>`).

    To add one costs nothing until a text is looked at; a text that holds none costs some nanoseconds a character.
    """

    def __init__(self) -> None:
        self._added: dict[int, Secret] = {}  # by identity: most are added with each request that they are sent with
        self._known: dict[str, Secret] = {}  # by text, blanks around it taken off
        self._pending: list[tuple[str, Secret]] = []
        self._covered: set[tuple[int, int]] = set()  # those made of known ones alone: lengths, hashes of text and mask
        self._names: set[str] = set()
        self._masks: set[bytes] = set()
        self._lock = RLock()
        self._index: Index | None = None
        self._longest = 0
        self._short: dict[str, Problem] = {}
        self._found = 0  # so many of the known are found by the index
        self._seen = Seen()

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """One for each secret that is too short to be masked."""
        return tuple(self._short.values())

    @property
    def known(self) -> int:
        """How many texts are masked: it grows when one is learned."""
        return len(self._learn_all())

    def texts(self) -> frozenset[str]:
        """What is masked, unmasked: for a system around us that masks by itself what it is told."""
        return frozenset(self._learn_all())

    def _learn_all(self) -> dict[str, Secret]:
        if self._pending:
            self._learn()
        return self._known

    def add(self, secret: Secret) -> None:
        """From now on, mask this one, and what it was made of."""
        if self._added.get(id(secret)) is secret:
            return
        for part in secret.made_of:
            self.add(part)
        self._add(secret)
        if len(self._added) >= _REMEMBERED:
            self._added.clear()
        self._added[id(secret)] = secret

    def _add(self, secret: Secret) -> None:
        text = secret.reveal().strip()
        if len(text) >= SHORTEST:
            if text in self._known or (len(text), hash((text, secret.mask))) in self._covered:
                return
            if secret.is_joined_of(SHORTEST):
                self._cover(text, secret.mask)
                return
            with self._lock:
                self._pending.append((text, secret))
        elif text and secret.mask == f"<<{secret.name}>>":
            message = f"the secret `{secret.name}` is shorter than {SHORTEST} characters, so it is not masked in output"
            self._short[secret.name] = Problem(message, None, "use a longer one", warning=True)

    def add_all(self, secrets: Iterable[Secret]) -> None:
        for secret in secrets:
            self.add(secret)

    def text(self, text: str, length: int | None = None) -> str:
        """`text` with every known secret in it masked; of two that overlap, the longer. With `length`: see `excerpt`."""
        if length is not None and len(text) > length:
            return self.excerpt(text, length)
        if not (self._known or self._pending) or not text:
            return text
        data, spans = self._looked(text)
        return with_masks(data, spans, len(data)) if spans else text

    def excerpt(self, text: str, length: int) -> str:
        """The first `length` characters of `text`, masked. A secret that begins among them is masked whole."""
        if not (self._known or self._pending):
            return text[:length]
        data, spans = self._looked(text[: length + _AHEAD], cut=len(text) > length + _AHEAD)
        end = len(text[:length].encode("utf-8", "surrogatepass"))
        spans = [span for span in spans if span.start < end]
        return with_masks(data, spans, max(end, spans[-1].end) if spans else end)

    def stream(self, chunks: Iterable[str]) -> Iterator[str]:
        """As `text`, for a text that comes in pieces: a secret across a border is found too."""
        held = ""
        for chunk in chunks:
            held += chunk
            self._learn()
            if len(held) > 2 * self.reach:
                data = held.encode("utf-8", "surrogatepass")
                spans = self._spans(data)
                cut = self._cut(held, data, spans)
                yield with_masks(data, [span for span in spans if span.end <= cut], cut)
                held = data[cut:].decode("utf-8", "surrogatepass")
        yield self.text(held)

    def hidden(self, text: str) -> Secret | None:
        """`text` as a secret, named as those in it are and masked where they are; None when there is none in it.

        Nothing is to be learned of it when it is added: all of it that was not masked is no secret.
        """
        spans = self.spans(text)
        if not spans:
            return self._stand_in(text)
        secret = Secret(text, ", ".join(dict.fromkeys(span.secret.name for span in spans)), self.text(text))
        if text == text.strip():
            self._cover(text, secret.mask)
        return secret

    def _stand_in(self, text: str) -> Secret | None:
        """Where a run is replayed a secret is its own mask, which `spans` has no need to tell of."""
        names = [self._known[mask].name for mask in _MASK.findall(text) if mask in self._known] if "<<" in text else ()
        return Secret(text, ", ".join(dict.fromkeys(names)), text) if names else None

    def spans(self, text: str) -> list[Span]:
        """Where the known secrets are in `text`, in order."""
        return self._in_characters(text) if self._known or self._pending else []

    def _in_characters(self, text: str, *, cut: bool = False) -> list[Span]:
        data, found = self._looked(text, cut=cut)
        if len(data) == len(text) or not found:
            return found
        place = [len(data[:at].decode("utf-8", "surrogatepass")) for span in found for at in span[:2]]
        return [Span(place[2 * i], place[2 * i + 1], span.secret) for i, span in enumerate(found)]

    def cut_from(self, whole: str, piece: str) -> list[Secret]:
        """The secrets in `whole` of which `piece`, wherever it stands in `whole`, is a part or holds one.

        Who takes a piece of a text by a pattern may take half a secret, which alone no longer tells that it is one.
        """
        at = whole.rfind(piece) if piece and (self._known or self._pending) else -1
        if at < 0:
            return []
        # What begins behind the last place does not matter.
        spans = self._in_characters(whole[: at + len(piece) + _AHEAD], cut=True)
        found: dict[str, Secret] = {}
        while at >= 0 and spans:
            found |= {s.secret.mask: s.secret for s in spans if at < s.end and s.start < at + len(piece)}
            at = whole.rfind(piece, 0, at + len(piece) - 1)
        return list(found.values())

    @property
    def reach(self) -> int:
        """No spelling of a known secret is longer, in characters."""
        return _WIDEST * self._longest + 64

    def _learn(self) -> Index:
        """Take what was added into the index: the shorter first, so that what is made of known ones is seen to be so."""
        with self._lock:
            if self._index is None:
                from runner.redact.index import Index  # late: a run without secrets looks for none

                self._index = Index()
            pending, self._pending = sorted(self._pending, key=lambda item: len(item[0])), []
            for text, secret in pending:
                # `Bearer <<token>>`, or an echo: who masks the token masks all of it, in whatever spelling.
                made = secret.name in self._names or secret.mask != f"<<{secret.name}>>"
                if text in self._known:
                    continue
                if made and self._knows_all(secret.mask):
                    self._settle(self._index)
                    if self.text(text) == secret.mask:
                        self._cover(text, secret.mask)
                        continue
                self._names.add(secret.name)
                self._known[text] = secret
                self._masks.update(mask.encode("utf-8", "surrogatepass") for mask in _MASK.findall(secret.mask))
                self._longest = max(self._longest, len(text.encode("utf-8", "surrogatepass")))
                self._index.add(text)
            self._settle(self._index)
            return self._index

    def _settle(self, index: Index) -> None:
        index.settle()
        self._found = len(self._known)

    def _knows_all(self, mask: str) -> bool:
        """Whether each mask in `mask` is a known secret's: no other text can be made of known secrets alone."""
        return all(one.encode("utf-8", "surrogatepass") in self._masks for one in _MASK.findall(mask))

    def _cover(self, text: str, mask: str) -> None:
        """Remember that who masks the known secrets makes `mask` of `text`: it holds nothing else that is to be masked."""
        if len(self._covered) >= _REMEMBERED:
            self._covered.clear()
        self._covered.add((len(text), hash((text, mask))))

    def _looked(self, text: str, *, cut: bool = False) -> tuple[bytes, list[Span]]:
        """`text` in UTF-8, and what is in it, in bytes: from memory, if no secret has been learned since it was looked at."""
        if self._pending:
            self._learn()
        # Read before anything is looked for: what another thread learns meanwhile may be missed, and is looked for again.
        known = self._found
        there = self._seen.get(text, known, cut=cut)
        if there is None:
            data = text.encode("utf-8", "surrogatepass")
            there = (data, self._spans(data, cut=cut))
            self._seen.put(text, known, there, cut=cut)
        return there

    def _spans(self, data: bytes, *, cut: bool = False) -> list[Span]:
        """As `spans`, in bytes of UTF-8; with one that the end of `data` cuts, if `cut`."""
        index = self._learn() if self._pending or self._index is None else self._index
        found = [Span(one.start, one.end, self._known[one.secret]) for one in index.find(data, cut=cut)]
        return widest(data, found, self._masks) if found else found

    def _cut(self, held: str, data: bytes, spans: list[Span]) -> int:
        """Where a stream can be cut: no secret that is known whole reaches across it, and none that is not begins before."""
        cut = len(held[: len(held) - self.reach].encode("utf-8", "surrogatepass"))
        for span in spans:
            if span.start < cut < span.end:
                return span.start
        return cut
