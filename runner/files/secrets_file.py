"""A file of secrets, for `--secrets-file`: `NAME=value` lines, YAML or JSON; its owner's alone, or a pipe (/dev/fd/3)."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runner.errors import InputError, Location, Problem, Source
from runner.files.document import shown

LARGEST = 1_000_000  # bytes

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=(.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}


@dataclass(frozen=True)
class GivenSecret:
    """One entry: the name as it is written, where, and the secret's text."""

    name: str
    location: Location
    text: str = field(repr=False)


def read(path: Path) -> tuple[GivenSecret, ...]:
    """The entries of the file at `path`. Raises InputError; no message or excerpt holds a value.

    `NAME=value` is taken when the first line that is not empty or a comment has that form; JSON when it begins with a brace;
    else YAML's `name: value`.
    """
    text = _text(path)
    source = Source(shown(path))  # without its text: no diagnostic may show a line of it
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    if not first:
        raise InputError(Problem("there is no secret in it", Location(source, 1, 1), "write NAME=value, a line each"))
    if _ASSIGNMENT.match(first):
        found = tuple(_assignments(text, source))
    elif first.lstrip().startswith("{"):
        found = tuple(_json(text, source))
    else:
        found = tuple(_yaml(text, source))
    seen: dict[str, GivenSecret] = {}
    for entry in found:
        if entry.name in seen:
            message = f"`{entry.name}` is there twice; first on line {seen[entry.name].location.line}"
            raise InputError(Problem(message, entry.location, "keep one of them"))
        seen[entry.name] = entry
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            _check_owner(found, path)
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(Problem(f"cannot read {shown(path)}: {error.strerror}", None, "check the path")) from None
    if len(raw) > LARGEST:
        raise InputError(Problem(f"{shown(path)} is larger than {LARGEST // 10**6} MB", None, "it holds secrets alone"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(Problem(f"{shown(path)} is not UTF-8", None, "save it as UTF-8")) from None


def _check_owner(found: os.stat_result, path: Path) -> None:
    """A pipe is between two processes; of a file, whoever can read it knows the secrets already."""
    if stat.S_ISFIFO(found.st_mode) or os.name != "posix":
        return
    if not stat.S_ISREG(found.st_mode):
        raise InputError(Problem(f"{shown(path)} is neither a file nor a pipe", None, "name a file, or /dev/fd/3"))
    if found.st_uid not in (os.getuid(), 0):
        raise InputError(Problem(f"{shown(path)} belongs to another user", None, "make a file of your own"))
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise InputError(Problem(f"{shown(path)} can be read by others", None, f"chmod 600 {shown(path)}"))


def _assignments(text: str, source: Source) -> Iterator[GivenSecret]:
    """The lines of a dotenv file. What programs read in different ways, and would cut a secret, is refused."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        place = Location(source, number, 1)
        if match is None:
            raise InputError(Problem("this line is not NAME=value", place, "a text of several lines: use YAML or JSON"))
        yield _entry(match[1], _unquoted(match[2].strip(), Location(source, number, match.start(2) + 1)), place)


def _unquoted(written: str, place: Location) -> str:
    """The text of one value: as it is, or between quotes; in double ones a backslash escapes. Nothing is expanded."""
    quote = written[:1]
    if quote not in ("'", '"'):
        if re.search(r"\s#", written):
            raise InputError(Problem("` #` may be a comment, or a part of the value", place, "put quotes around it"))
        return written
    if len(written) < 2 or not written.endswith(quote):
        raise InputError(Problem("the quotes are not closed at the end of the line", place, "close them"))
    inner = written[1:-1]
    if quote == "'":
        if "'" in inner:
            raise InputError(Problem("there is a quote within the quotes", place, "use double quotes around it"))
        return inner
    pieces = re.findall(r'\\(.)|([^\\"]+)|(.)', inner)
    if any(other or (escaped and escaped not in _ESCAPES) for escaped, _, other in pieces):
        hint = 'within double quotes write \\" and \\\\'
        raise InputError(Problem("there is a quote or a backslash within the quotes", place, hint))
    return "".join(_ESCAPES[escaped] if escaped else plain for escaped, plain, _ in pieces)


def _json(text: str, source: Source) -> Iterator[GivenSecret]:
    try:
        pairs: list[tuple[str, object]] = json.loads(text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        where = Location(source, error.lineno, error.colno)
        raise InputError(Problem("this is not JSON", where, 'write {"name": "value"}')) from None
    except RecursionError:
        raise InputError(Problem("this is not JSON of names and texts", Location(source, 1, 1), "flatten it")) from None
    for name, value in pairs:
        yield _entry(name, value, Location(source, 1, 1))


def _yaml(text: str, source: Source) -> Iterator[GivenSecret]:
    from runner.files import document  # beside its one use

    try:
        root = document.parse(Source(source.name, text))
    except InputError as error:
        # Its own words may repeat what stands there.
        first = error.problems[0].location
        place = Location(source, first.line, first.column) if first else None
        raise InputError(Problem("this is not `name: value`", place, "mend it, or write NAME=value")) from None
    if root.kind != "map":
        raise InputError(Problem("this is not `name: value`", Location(source, 1, 1), "write NAME=value, a line each"))
    for key, value in root.pairs:
        place = Location(source, key.location.line, key.location.column)
        yield _entry(key.key, value.value if value.kind == "scalar" else object(), place)


def _entry(name: str, value: object, place: Location) -> GivenSecret:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(Problem(f"`{name}` is not a text", place, "put quotes around it"))
    if value == "":
        raise InputError(Problem(f"`{name}` is empty", place, "give it a value, or take the line away"))
    return GivenSecret(name, place, value if isinstance(value, str) else json.dumps(value))
