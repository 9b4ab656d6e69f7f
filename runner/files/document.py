"""YAML to located nodes: YAML 1.2's core types, stricter where a value could be read in two ways.

Plain `true`, `false`, `null` and numbers without leading zero or plus are typed; all else is text, and keys always are.
Duplicate keys, unknown tags and more than one document are errors; aliases, depth and sizes are bounded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import yaml

from runner.errors import InputError, Location, Place, Problem, Source
from runner.files.mistakes import character_problem, syntax_problem
from runner.files.places import ScalarPlace
from runner.records import record
from runner.template import looks_cut

LARGEST_FILE = 20_000_000  # bytes
LONGEST_SCALAR = 1_000_000  # characters
MOST_NODES = 200_000  # aliases expanded
DEEPEST = 64

Kind: TypeAlias = Literal["map", "list", "scalar"]
Scalar: TypeAlias = None | bool | int | float | str


@record(shown=True)
class Node:
    """A located value: the pairs of a map, the items of a list, or a scalar. `place` is where its characters are."""

    kind: Kind
    place: Place = field(repr=False)
    value: Scalar = None
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = ()

    @property
    def key(self) -> str:
        """The text of a node that is a key."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def location(self) -> Location:
        width = len(str(self.value)) if self.kind == "scalar" and self.value is not None else 1
        return self.place.at(0, max(1, width))

    def get(self, key: str) -> Node | None:
        """The value under `key`, or None."""
        return next((value for name, value in self.pairs if name.value == key), None)


def load(path: Path, opened: Callable[[Path], BinaryIO] = lambda path: path.open("rb")) -> Node:
    """The content of a file. Raises InputError when it cannot be read, or is not YAML that zrun takes."""
    return parse_bytes(content(path, opened), path)


def content(path: Path, opened: Callable[[Path], BinaryIO] = lambda path: path.open("rb")) -> bytes:
    """The bytes of a file. Raises InputError when it cannot be read, or is too large."""
    try:
        with opened(path) as file:
            raw = file.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            hint = "a collection is text for people: put data into files of its own"
            raise InputError(Problem(f"{shown(path)} is larger than {LARGEST_FILE // 10**6} MB", None, hint))
        return raw
    except OSError as error:
        raise InputError(Problem(f"cannot read {shown(path)}: {error.strerror}", None, "check the path")) from None


def parse_bytes(raw: bytes, path: Path) -> Node:
    """The one document in the bytes of the file at `path`. Raises InputError when it is not YAML that zrun takes."""
    return parse(Source(shown(path), decoded(raw, path), path))


def shown(path: Path) -> str:
    """A path for a person: relative to the working directory when it is below, without the `..` that it can do without."""
    try:
        if ".." in path.parts:
            plain = Path(os.path.normpath(path.absolute()))
            path = plain if plain.resolve() == path.resolve() else path  # not where a link stands before the `..`
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def decoded(raw: bytes, path: Path) -> str:
    """The text of a file of people. Raises InputError when it is not UTF-8."""
    for mark, name in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if raw.startswith(mark):
            raise InputError(Problem(f"{shown(path)} is written in {name}", None, "save it as UTF-8"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        source = Source(shown(path), raw.decode("utf-8-sig", "replace"))
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        raise InputError(
            Problem("this is not UTF-8", Location(source, line, column), "save the file as UTF-8")
        ) from None


_TAG = "tag:yaml.org,2002:"
_KINDS = {yaml.ScalarNode: _TAG + "str", yaml.SequenceNode: _TAG + "seq", yaml.MappingNode: _TAG + "map"}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's is some six times faster
    """Leaves every plain scalar a text: which are more is decided here, by YAML 1.2's rules."""

    # PyYAML asks its resolver about each node, by way of three methods; here the answer follows from the node's kind.
    def resolve(self, kind: Any, value: object, implicit: object) -> str:
        return _KINDS[kind]

    def descend_resolver(self, current_node: object, current_index: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


# In `{id: json $.data[0].id}` YAML would take the brackets for a list. Stand-ins of the same length let a path be written
# without quotes there, and keep every column; each scalar gets its own characters back.
_PATH = re.compile(r"(?<![^\s{\[,])json \$(?:\.[\w-]+|\.?\.?\*|\[[^\]\n\"{}]*\])+")
_STAND_INS = str.maketrans("[],", "\uf8fd\uf8fe\uf8ff")
_ORIGINALS = str.maketrans("\uf8fd\uf8fe\uf8ff", "[],")


def _with_stand_ins(text: str) -> str:
    if "json $" not in text or any(character in text for character in "\uf8fd\uf8fe\uf8ff"):
        return text
    put = _PATH.sub(lambda match: match[0].translate(_STAND_INS), text)
    return text if put == text else put


def parse(source: Source) -> Node:
    """The one document of `source`. Raises InputError with every mistake that can be told at once."""
    found = _parsed(source, lambda text: [yaml.compose(text, Loader=_Loader)], MOST_NODES)
    if not found:
        start = Location(source, 1, 1)
        raise InputError(Problem("the file is empty", start, "`zrun init` makes an example to begin with"))
    return found[0]


def parse_all(raw: bytes, path: Path, most: int) -> list[Node]:
    """Every document in the bytes of the file at `path`, up to `most` values in all. Raises as `parse`."""
    return _parsed(
        Source(shown(path), decoded(raw, path), path), lambda text: list(yaml.compose_all(text, Loader=_Loader)), most
    )


def _parsed(source: Source, compose: Callable[[str], list[Any]], most: int) -> list[Node]:
    text = _with_stand_ins(source.text)
    try:
        if _may_be_deep(text):
            _check_depth(text, source)
        roots = compose(text)
    except yaml.MarkedYAMLError as error:
        raise InputError(syntax_problem(error, source)) from None
    except yaml.YAMLError as error:
        raise InputError(character_problem(error, source)) from None
    except RecursionError:
        raise InputError(Problem(f"{source.name} is nested too deeply", None, "take it apart")) from None
    reading = _Reading(source, text is not source.text, most)
    nodes = [reading.node(root, 0) for root in roots if root is not None]
    if reading.problems:
        raise InputError(reading.problems)
    return nodes


_BRACKETS = re.compile(r"[\[\]{}]")
_DEEP_BLOCK = re.compile(r"(?:[-?:][ \t]+){200}|^ {400}", re.MULTILINE)


def _may_be_deep(text: str) -> bool:
    """A cheap look, before libyaml's composer, which recurses in C and would end the process on a deep document."""
    if text.count("[") + text.count("{") <= 2 * DEEPEST:
        return any(len(line) >= 400 for line in text.splitlines()) and _DEEP_BLOCK.search(text) is not None
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest > 2 * DEEPEST or _DEEP_BLOCK.search(text) is not None


def _check_depth(text: str, source: Source) -> None:
    """Raises InputError for a document that is nested too deeply: by its events, which come one after the other."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            mark = event.start_mark
            where = Location(source, mark.line + 1, mark.column + 1) if mark else Location(source, 1, 1)
            raise InputError(Problem(f"this is nested more than {DEEPEST} deep", where, "take it apart"))


_TAGS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class _TooMuch(Exception):
    """Reading stops: the one problem says it all."""


class _Reading:
    """PyYAML's nodes to ours, with all mistakes gathered."""

    def __init__(self, source: Source, stand_ins: bool, most: int) -> None:
        self.source = source
        self._stand_ins = stand_ins
        self._most = most
        self.problems: list[Problem] = []
        self._count = 0
        self._read: dict[int, tuple[Node, int]] = {}

    def node(self, raw: Any, depth: int) -> Node:
        """Raises InputError when the document is past its bounds. What an alias names again is read once, counted twice."""
        scalar = raw.__class__ is yaml.ScalarNode
        known = None if scalar else self._read.get(id(raw))
        before = self._count
        self._count += known[1] if known else 1
        if self._count > self._most:
            hint = "an alias within aliases grows too large, or it is data: save that as JSON Lines, or CSV"
            raise InputError(Problem(f"the file has more than {self._most} values", self.location(raw), hint))
        if depth > DEEPEST:
            raise InputError(Problem(f"this is nested more than {DEEPEST} deep", self.location(raw), "take it apart"))
        if known:
            return known[0]
        if raw.tag not in _TAGS:
            hint = "put it into quotes" if raw.tag == "!" else "zrun knows YAML's core types alone"
            self.problems.append(Problem(f"the tag `{raw.tag}` is not known", self.location(raw), hint))
        if scalar:
            return self._scalar(raw)
        place = ScalarPlace(self.source, raw.start_mark, raw.end_mark, "", "")
        if raw.__class__ is yaml.MappingNode:
            node = Node("map", place, pairs=tuple(self._pairs(raw, depth)))
        else:
            node = Node("list", place, items=tuple([self.node(item, depth + 1) for item in raw.value]))
        self._read[id(raw)] = (node, self._count - before)
        return node

    def _scalar(self, raw: Any, *, key: bool = False) -> Node:
        written: str = raw.value  # with stand-ins: of the same length
        text = written if not self._stand_ins or written.isascii() else written.translate(_ORIGINALS)
        if len(text) > LONGEST_SCALAR:
            hint = "put it into a file of its own, and name that with `file:`"
            raise InputError(Problem(f"this text is longer than {LONGEST_SCALAR} characters", self.location(raw), hint))
        style: str = raw.style or ""
        place = ScalarPlace(self.source, raw.start_mark, raw.end_mark, style, written)
        if key:
            return Node("scalar", place, text)
        if not style and "<<" in text and looks_cut(text):
            message = "YAML cut this template: ` #` begins a comment, `: ` a key, and brackets or commas end a value"
            where = place.at(text.rfind("<<"), len(text) - text.rfind("<<"))
            self.problems.append(Problem(message, where, "put quotes around the whole text"))
        return Node("scalar", place, self._value(raw, text, not style))

    def _value(self, raw: Any, text: str, plain: bool) -> Scalar:
        wanted = raw.tag.removeprefix(_TAG)
        if wanted == "str":
            value = _typed(text) if plain else text
            return text if value is not text and _written_tag(raw, self.source) else value
        if wanted == "null":
            return None
        value = _typed(text)
        if wanted in ("int", "float", "bool") and type(value).__name__ not in (
            wanted,
            "int" if wanted == "float" else wanted,
        ):
            self.problems.append(
                Problem(f"this is not `!!{wanted}`", self.location(raw), "mend the value, or drop the tag")
            )
        return value

    def _pairs(self, raw: Any, depth: int) -> Iterator[tuple[Node, Node]]:
        merged: dict[str, tuple[Node, Node]] = {}
        own: dict[str, tuple[Node, Node]] = {}
        for raw_key, raw_value in raw.value:
            if not isinstance(raw_key, yaml.ScalarNode):
                hint = "put quotes around a key that begins with a bracket"
                self.problems.append(Problem("a key is a text", self.location(raw_key), hint))
                continue
            if raw_key.value == "<<" and raw_key.style not in ("'", '"'):
                for key, value in self._merged(raw_value, depth):
                    merged.setdefault(key.key, (key, value))
                continue
            key = self._scalar(raw_key, key=True)
            value = self.node(raw_value, depth + 1)
            name = key.key
            if name in own:
                first = own[name][0].location
                message = f"the key `{name}` stands here a second time; first on line {first.line}"
                self.problems.append(Problem(message, key.location, "keep one of them"))
                continue
            own[name] = (key, value)
        yield from own.values()
        yield from (pair for name, pair in merged.items() if name not in own)

    def _merged(self, raw: Any, depth: int) -> Iterator[tuple[Node, Node]]:
        """The pairs that a merge key brings: of one map, or of several, the earlier wins."""
        for one in raw.value if isinstance(raw, yaml.SequenceNode) else (raw,):
            if isinstance(one, yaml.MappingNode):
                yield from self.node(one, depth + 1).pairs
            else:
                hint = "write `<<: *name`; a template needs more: `<<name>>`"
                self.problems.append(Problem("a merge key `<<:` wants a map", self.location(one), hint))

    def location(self, raw: Any) -> Location:
        mark = raw.start_mark
        return Location(self.source, mark.line + 1, mark.column + 1, 1)


def _written_tag(raw: Any, source: Source) -> bool:
    """Whether a plain scalar is preceded by `!!str`: then it stays a text."""
    return source.text.startswith("!", raw.start_mark.index)


_NO_TEXT = frozenset("~ntfNTF-0123456789")  # what the words and numbers among plain scalars begin with


def _typed(text: str) -> Scalar:
    """The value of a plain scalar."""
    if text and text[0] not in _NO_TEXT:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not text[:2].strip("-")[:1].isdigit() or len(text) > 4000:
        return text
    if _NUMBER.match(text):
        return int(text)
    if _FRACTION.match(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text
