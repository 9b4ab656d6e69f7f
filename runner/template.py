r"""A text with `<<...>>` in it: split once, its names known before anything runs, rendered against a scope.

What is a template, and what is text:

- `<<` opens one when an expression follows it directly and `>>` closes it on the same line, outside quotes. After a
  blank (`<< name >>`) only a name or `$` may follow, so that `1 << 2 >> 1` stays text.
- Of more than two brackets the inner ones count: `<<<a>>>` is `<`, the value of `a`, `>`.
- `\<<` is a literal `<<`.
- What cannot be an expression (`cat <<EOF; date >> log`: no expression holds a semicolon) is text. What could be one
  but is malformed (`<<a |>>`, `<<a b>>`) is a mistake and is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from runner import paths
from runner.errors import InputError, Location, Place, Problem
from runner.lookup import Lookup, Name, NoValue
from runner.paths import Direct
from runner.records import record
from runner.values import Secret, Value, to_text

if TYPE_CHECKING:
    from runner.expressions import Expression

__all__ = ["Lookup", "Name", "NoValue", "Template", "looks_cut", "parse"]

# The longest expression, in characters: a bound for the scanner and for whoever reads the file.
LONGEST = 4000

Part: TypeAlias = "str | Direct | Expression"

_OPEN = re.compile(r"\\?<<+")
_STARTS = re.compile(r"""[ \t]+\$?[^\W\d]|[$\w"'(\[{+~-]""")
# Everything up to the closing brackets: quoted texts whole, no line end, no further opening brackets.
_INSIDE = re.compile(r"""(?:[^"'\n<>]|<(?!<)|>(?!>)|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')*""")
# Behind one of these a quoted text begins; elsewhere (`<<don't>>`) a lone quote is no part of an expression.
_BEFORE_QUOTE = "([{,=~+|:<>"


@record(eq=True, shown=True)
class Template:
    """A parsed text. `text` is as written; `names` are the variables that it reads, in order, without dynamic values."""

    text: str
    location: Location
    names: tuple[Name, ...]
    parts: tuple[Part, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.text

    def render(self, lookup: Lookup) -> Value:
        """The value: of the expression, with its type, when the text is one whole `<<...>>`; else text.

        Whatever a Secret went into is a Secret. Raises NoValue for a variable without a value, InputError when the
        expression fails or grows past its bounds.
        """
        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return self.parts[0].evaluate(lookup)
        return self.render_text(lookup)

    def render_text(self, lookup: Lookup) -> str | Secret:
        """As `render`, but always as text (JSON's spelling for what is not)."""
        texts = [part if isinstance(part, str) else to_text(part.evaluate(lookup)) for part in self.parts]
        if len(texts) == 1:
            return texts[0]
        secrets = tuple(text for text in texts if isinstance(text, Secret))
        if not secrets:
            return "".join(map(str, texts))
        real = "".join(text.reveal() if isinstance(text, Secret) else text for text in texts)
        names = ", ".join(dict.fromkeys(secret.name for secret in secrets))
        return Secret(real, names, mask="".join(map(str, texts)), made_of=secrets)


def parse(text: str, place: Place) -> str | Template:
    """`text` as a Template when it holds a `<<expression>>`, else as plain text, with `\\<<` made `<<`.

    Raises InputError with every malformed expression in it, each at its own column.
    """
    if "<<" not in text:
        return text
    parts: list[Part] = []
    problems: list[Problem] = []
    for literal, expression, offset in _pieces(text):
        if literal:
            parts.append(literal)
        if expression:
            try:
                parts.append(_expression(expression, place, offset))
            except InputError as error:
                problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    expressions = [part for part in parts if not isinstance(part, str)]
    if not expressions:
        return "".join(map(str, parts))
    names = tuple(name for part in expressions for name in part.names)
    return Template(text, place.at(0, len(text.partition("\n")[0])), names, tuple(parts))


def looks_cut(text: str) -> bool:
    """Whether `text` ends inside an expression, as when YAML took its rest for a comment or a key."""
    opened = text.rfind("<<")
    if opened < 0 or not _STARTS.match(text, opened + 2):
        return False
    rest = text[opened + 2 :].rstrip()
    return ">>" not in rest and bool(re.search(r"[|(\[{,~+'\"=]\s*[^)\]}]*\Z", rest))


def _expression(written: str, place: Place, offset: int) -> Direct | Expression:
    """The expression between the brackets. Raises InputError."""
    text = written.strip()
    offset += len(written) - len(written.lstrip())
    direct = paths.read(text, place, offset)
    if direct is not None and not (isinstance(direct, paths.Path) and direct.dynamic and not _is_dynamic(direct)):
        return direct
    from runner import expressions  # late: it loads Jinja2, which most collections never need

    return expressions.read(text, place, offset)


def _is_dynamic(path: paths.Path) -> bool:
    from runner import dynamic  # late: few collections use a dynamic value

    return dynamic.is_known(path.name.name)


def _pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """(literal text, the expression that follows it, the offset of that expression); the last has no expression."""
    literal, position = "", 0
    for match in _OPEN.finditer(text):
        if match.start() < position:
            continue
        opening = match[0]
        if opening.startswith("\\"):
            literal += text[position : match.start()] + opening[1:]
            position = match.end()
            continue
        end = _end(text, match.end())
        if end is None:
            continue
        yield literal + text[position : match.end() - 2], text[match.end() : end], match.end()
        literal, position = "", end + 2
    yield literal + text[position:], "", 0


def _end(text: str, start: int) -> int | None:
    """Where the brackets close that open before `start`; None when this is no template."""
    if not _STARTS.match(text, start):
        return None
    inside = _INSIDE.match(text, start, min(len(text), start + LONGEST))
    end = inside.end() if inside else start
    if text.startswith(">>", end):
        return end if paths.could_be_expression(text[start:end]) else None
    if text[end : end + 1] in ("'", '"') and text[start:end].rstrip()[-1:] in tuple(_BEFORE_QUOTE):
        closing = text.find(">>", end, start + LONGEST)
        return closing if closing > 0 and "\n" not in text[end:closing] else None  # the lone quote is told later
    return None
