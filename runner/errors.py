"""How zrun says no: a place, what is wrong, what to do next, and the exit status that follows.

    ZrunError                  exit  what happened
    ├── InputError               2   files, arguments or selection; nothing was sent
    │   └── OutsideError         2   a file that a collection may not reach; the request that names it is not sent
    ├── NetworkError             3   no answer: DNS, connection, TLS, timeout, protocol
    ├── CredentialsError         4   the credentials were refused
    ├── PolicyError              5   a secret would have gone where it may not go
    └── Cancelled              130   the person stopped it

Everything else that escapes is a bug of ours and ends with 70 (EX_SOFTWARE of sysexits.h).
A problem describes shapes, never values: the value may be a secret.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import ClassVar, Protocol

from runner.records import record

PASSED = 0
FAILED = 1  # an expectation failed, or a value is missing
BAD_INPUT = 2
NETWORK = 3
CREDENTIALS = 4
POLICY = 5
INTERNAL = 70
INTERRUPTED = 130

OUT_OF_FILES = "allow more open files (`ulimit -n`), or fewer requests at once (-j)"
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)), "free some space"),
    errno.EFBIG: "allow larger files (`ulimit -f`), or free some space",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), OUT_OF_FILES),
    errno.EROFS: "it is on a file system that is read-only: mount it to be written to, or work in another folder",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "make the folder writable"),
    errno.ENOENT: "make the folder",
    errno.EIO: "see what is wrong with the disk",
}


def is_interrupt(error: BaseException) -> bool:
    """Whether `error` is a signal's doing: what comes while a class with descriptors is made, Python 3.11 wraps."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt)
    )


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be written."""
    return _REMEDIES.get(error.errno or 0, "make the folder writable")


@record(shown=True)
class Source:
    """One text that a person wrote (a file, or an argument of the command line).

    `name` is what to show for it, `text` its content with line ends as they are, `path` the file. `hidden` tells of
    lines that hold what must not be shown (literal secrets) the column where it begins: only what is before it is shown.
    """

    name: str
    text: str = field(default="", repr=False)
    path: Path | None = field(default=None, repr=False)
    hidden: Mapping[int, int] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list, init=False, repr=False)

    def line(self, number: int) -> str:
        """The text of line `number` (1-based), without its end; empty when there is none."""
        if not self._lines:
            self._lines.extend(self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        if not 1 <= number <= len(self._lines):
            return ""
        line = self._lines[number - 1]
        if number in self.hidden:
            return line[: self.hidden[number] - 1] + "..."
        return line


@record(eq=True, shown=True)
class Location:
    """A place in a source: 1-based line and column (in characters), and how many characters to underline."""

    source: Source
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Place(Protocol):
    """Where the characters of one text are: asked for an offset into the text, gives its location in the file."""

    def at(self, offset: int, width: int = 1) -> Location: ...


@record(eq=True, shown=True)
class Problem:
    """One mistake: `message` says what is wrong, `hint` what to do next, `location` where (None: no file holds it)."""

    message: str
    location: Location | None = None
    hint: str | None = None
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        return f"{where}{self.message}" + (f"; {self.hint}" if self.hint else "")


class ZrunError(Exception):
    """The root: carries one or more problems, and the exit status that they lead to.

    `redact` (a Redactor's `text`) masks the secrets that were known where it came from, in whatever is told of it.
    """

    exit_code: ClassVar[int] = INTERNAL
    redact: Callable[..., str] | None = None

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InputError(ZrunError):
    """What a person wrote cannot be used; told before anything is sent."""

    exit_code = BAD_INPUT


class OutsideError(InputError):
    """A collection names a file that it may not read, or write."""


class NetworkError(ZrunError):
    """The other side could not be reached, or did not answer in HTTP.

    `kind` is one of connect, timeout, tls, protocol. `sent` tells whether any byte of the request may have reached the
    server: a request that is not idempotent may be repeated only when it is False (RFC 9110, 9.2.2).
    """

    exit_code = NETWORK

    def __init__(self, problems: Problem | Iterable[Problem], *, kind: str = "connect", sent: bool = True) -> None:
        super().__init__(problems)
        self.kind = kind
        self.sent = sent


class CredentialsError(ZrunError):
    """The credentials were refused. `dead` tells that they will be refused for ever: expired, revoked or used.

    `wait` is how many seconds later the same request may be granted (a budget, a throttle, a server's bad moment); None:
    asking again changes nothing.
    """

    exit_code = CREDENTIALS

    def __init__(self, problems: Problem | Iterable[Problem], *, dead: bool = False, wait: float | None = None) -> None:
        super().__init__(problems)
        self.dead = dead
        self.wait = wait


class PolicyError(ZrunError):
    """A secret would have gone to a host, or over a channel, that the environment does not name."""

    exit_code = POLICY


class Cancelled(ZrunError):
    """The person stopped it (Ctrl-C, or end of input at a prompt)."""

    exit_code = INTERRUPTED


class Malformed(ValueError):
    """A text that is not what it should be; `offset` is the first character of it that cannot be."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to `word`, or None when nothing is close: the source of every did-you-mean.

    Close are words of the same letters but for few, whatever their case and hyphens, and a word that the other ends or begins
    with, as `create` and `leads/create`. Sharing an end as `lead-id` and `client-id` do is not enough.
    """
    from difflib import get_close_matches  # late: only a mistake pays for it

    plain = {one: _plain(one) for one in known}
    wanted = _plain(word)
    for near in get_close_matches(wanted, set(plain.values()), n=3, cutoff=0.6):
        if _slips(wanted, near) <= max(1, (max(len(wanted), len(near)) + 1) // 4) or _part_of(wanted, near):
            return next(one for one in sorted(plain) if plain[one] == near)
    return None


def _plain(word: str) -> str:
    return word.lower().replace("_", "-")


def _part_of(word: str, near: str) -> bool:
    return len(word) > 2 and (near.startswith(word) or near.endswith((f"/{word}", f"-{word}")))


def _slips(word: str, near: str) -> int:
    """How many letters are too many, missing, others or changed places with their neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(near) + 1))
    for i, letter in enumerate(word, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(near, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (near[j - 2], other):
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """A hint that names the nearest known word, or `otherwise`."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else otherwise
