"""From the text of an expression to Jinja2's tree of it, and every mistake with its column.

Jinja2's parser is given our tokens in place of its lexer's: names may then hold hyphens and `$`. It reports lines only, so
each token has a line of its own: a line number is then a token, and a token has its column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Token, operators
from jinja2.parser import Parser

from runner.errors import InputError, Location, Place, Problem, did_you_mean
from runner.expressions.language import ENVIRONMENT, FUNCTIONS, GUARDS
from runner.lookup import Name
from runner.paths import token
from runner.quantities import seconds

_NOT_EXPRESSIONS = "only expressions stand in <<...>>: names, values, operators, filters, tests, `a if b else c`"


@dataclass(frozen=True)
class Written:
    """An expression as tokens: for each line that Jinja2 is told of, the offset and the length of the token on it."""

    text: str
    place: Place
    offset: int
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]

    def location(self, line: int | None) -> Location:
        """The place of the token that Jinja2 saw on `line`; some of its nodes have none."""
        index = min(max(line or 1, 1), len(self.offsets)) - 1
        return self.place.at(self.offset + self.offsets[index], max(1, self.lengths[index]))


def parse(text: str, place: Place, offset: int) -> tuple[Written, nodes.Expr, tuple[Name, ...]]:
    """The tokens of `text`, its tree, and the variables that it reads. Raises InputError with the column of each mistake."""
    written, tokens = _tokens(text, place, offset)
    try:
        parser = Parser(ENVIRONMENT, tokens)  # type: ignore[arg-type]  # see language.ENVIRONMENT
        node = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail("something follows the expression", parser.stream.current.lineno)
        problems = sorted(
            _faults(node, written), key=lambda problem: problem.location.column if problem.location else 0
        )
        if problems:
            raise InputError(problems)
        return written, node, tuple(_names(node, written))
    except TemplateSyntaxError as error:
        where = written.location(error.lineno)
        message = _in_our_words(error.message or "")
        raise InputError(Problem(f"`<<{text}>>` is not an expression: {message}", where, _hint(text))) from None
    except RecursionError:
        raise InputError(Problem("the expression is nested too deeply", place.at(offset), "take it apart")) from None


def _tokens(text: str, place: Place, offset: int) -> tuple[Written, list[Token]]:
    """`text` cut into tokens: as Jinja2's parser takes them, the number of each for its line."""
    tokens: list[Token] = []
    offsets: list[int] = []
    lengths: list[int] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = token().match(text, position)
        if match is None:
            raise InputError(_no_token(text, position, place, offset))
        kind = match.lastgroup or ""
        offsets.append(match.start(kind))
        lengths.append(len(match[kind]))
        position = match.end()
        line = len(offsets)
        if kind == "name" and tokens and tokens[-1].type == "dot":  # `.key` is `["key"]`
            tokens[-1:] = [
                Token(line, "lbracket", "["),
                Token(line, "string", match[kind]),
                Token(line, "rbracket", "]"),
            ]
            continue
        try:
            tokens.append(Token(line, *_read(kind, match[kind])))
        except ValueError:
            where = place.at(offset + match.start(kind), len(match[kind]))
            raise InputError(Problem("this is no number and no text", where, "mend its spelling")) from None
    return Written(text, place, offset, tuple(offsets), tuple(lengths)), tokens


def _no_token(text: str, position: int, place: Place, offset: int) -> Problem:
    at = position + len(text[position:]) - len(text[position:].lstrip())
    quote = text[at] in "'\""
    message = "a quote in <<...>> is not closed" if quote else f"`{text[at]}` cannot stand in <<...>>"
    hint = "close it" if quote else "write `\\<<` for a literal `<<`"
    return Problem(message, place.at(offset + at), hint)


_ESCAPED = "\n\\'\"abfnrtvxuUN01234567"


def _read(kind: str, word: str) -> tuple[str, Any]:
    """The type and value of a token, as Jinja2's lexer would give them. Raises ValueError."""
    if kind == "operator":
        return operators[word], word
    if kind == "name":
        return "name", "none" if word == "null" else word
    if kind == "string":
        # A backslash before anything else is one: Python takes it so too, but warns.
        text = re.sub(r"\\(.)", lambda m: m[0] if m[1] in _ESCAPED else f"\\{m[0]}", word[1:-1], flags=re.DOTALL)
        return "string", text.encode("ascii", "backslashreplace").decode("unicode-escape")
    if word[:2].lower() in ("0x", "0o", "0b"):
        return "integer", int(word.replace("_", ""), 0)
    if word.replace("_", "").isdigit():
        return "integer", int(word.replace("_", ""))
    return "float", float(word.replace("_", ""))


def _in_our_words(message: str) -> str:
    """Jinja2's message without its words for templates."""
    if "end of template" in message.partition(", expected")[0]:
        return "it ends too early"
    return message.replace("end of template", "the end").replace("\n", " ").rstrip(".")


def _hint(text: str) -> str:
    if re.search(r"[^=!<>]=[^=]", text):
        return "`=` compares as `==`"
    if re.search(r"&&|\|\|", text):
        return "`and` and `or` are words here"
    return _NOT_EXPRESSIONS


_ALLOWED = (
    nodes.BinExpr, nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.CondExpr, nodes.Filter,
    nodes.Test, nodes.Getitem, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.UnaryExpr, nodes.Call,
    nodes.Keyword,
)  # fmt: skip


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _faults(root: nodes.Expr, written: Written) -> Iterator[Problem]:
    """What Jinja2 would let pass, and zrun does not."""
    for node in _walk(root):
        where = written.location(node.lineno)
        if not isinstance(node, _ALLOWED):
            yield Problem("this cannot stand in <<...>>", where, _NOT_EXPRESSIONS)
        elif (
            isinstance(node, nodes.Filter)
            and node.name not in ENVIRONMENT.filters
            and node.name not in ("default", "d")
        ):
            known = (*ENVIRONMENT.filters, "default")
            yield Problem(f"there is no filter `{node.name}`", where, did_you_mean(node.name, known, _list(known)))
        elif isinstance(node, nodes.Test):
            yield from _test_faults(node, where)
        elif isinstance(node, nodes.Name):
            name = node.name
            if name.startswith("$"):
                yield from _dynamic_faults(name, where)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and _is_private(node, written):
            yield Problem("no attribute may begin with `_`", where, f"for a key of a map write ['{node.arg.value}']")
        elif isinstance(node, nodes.Call) and not _is_function(node):
            yield Problem(
                "only functions can be called",
                written.location(node.node.lineno),
                "use a filter: `value | upper`; functions: range, $random-int",
            )
        elif isinstance(node, nodes.CondExpr) and node.expr2 is None:
            yield Problem("this `if` has no `else`", where, "say what else: `a if b else ''`")


def _dynamic_faults(name: str, where: Location) -> Iterator[Problem]:
    from runner import dynamic  # late: few expressions hold a dynamic value

    if not dynamic.is_known(name):
        hint = did_you_mean(name, [f"${known}" for known in dynamic.NAMES], "see `zrun vars --dynamic`")
        yield Problem(f"there is no dynamic value `{name}`", where, hint)


def _test_faults(node: nodes.Test, where: Location) -> Iterator[Problem]:
    known = (*ENVIRONMENT.tests, *GUARDS)
    if node.name not in known:
        yield Problem(f"there is no test `{node.name}`", where, did_you_mean(node.name, known, _list(known)))
    elif node.name in ("stale", "expiring"):
        if not isinstance(node.node, nodes.Name):
            yield Problem(
                f"`is {node.name}` asks about a variable", where, f"write its name: `<<token is {node.name}>>`"
            )
        if node.name == "expiring" and duration(node) is None:
            yield Problem("`is expiring` wants a duration", where, "write `is expiring('10m')`")


def _list(known: Iterable[str]) -> str:
    return f"there is: {', '.join(sorted(known))}"


def _is_private(node: nodes.Getitem, written: Written) -> bool:
    """Whether this was written as `.name`; `['name']` is always a key."""
    assert isinstance(node.arg, nodes.Const)
    key = node.arg.value
    index = node.arg.lineno - 1
    return isinstance(key, str) and key.startswith("_") and written.text[written.offsets[index]] not in "'\""


def _is_function(node: nodes.Call) -> bool:
    if not isinstance(node.node, nodes.Name) or node.dyn_args is not None or node.dyn_kwargs is not None or node.kwargs:
        return False
    name = node.node.name
    return name in FUNCTIONS or name.startswith("$")


def duration(node: nodes.Test) -> float | None:
    if len(node.args or ()) != 1 or not isinstance(node.args[0], nodes.Const):
        return None
    written = node.args[0].value
    return seconds(written) if isinstance(written, (str, int, float)) else None


def _names(root: nodes.Expr, written: Written) -> Iterator[Name]:
    """The variables of an expression; one whose absence a guard asks about is guarded wherever it stands."""
    guarded: set[str] = set()
    called: set[int] = set()
    asked: set[int] = set()  # names of which a guard asks whether they have a value, and no more
    for node in _walk(root):
        if (isinstance(node, nodes.Filter) and node.name in ("default", "d")) or (
            isinstance(node, nodes.Test) and node.name in GUARDS
        ):
            guarded |= roots(node.node)
            if isinstance(node, nodes.Test):
                asked.add(id(node.node))
        elif isinstance(node, nodes.Call):
            called.add(id(node.node))
    for node in _walk(root):
        if isinstance(node, nodes.Name) and id(node) not in called:
            name = node.name
            if not name.startswith("$"):
                yield Name(name, written.location(node.lineno), node.name in guarded, id(node) not in asked)


def roots(node: nodes.Node | None) -> set[str]:
    return {inner.name for inner in _walk(node) if isinstance(inner, nodes.Name)} if node is not None else set()
