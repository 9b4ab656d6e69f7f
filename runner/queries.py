"""What to look at in a response: `status`, `header NAME`, `json $.data[0].id`, parsed to a function of the Response.

status  size  duration  redirects       numbers: size in bytes, duration in seconds, how many redirects were followed
header NAME                             its text; a list where the field came several times
cookie NAME                             the value that the answer sets
json JSONPATH                           RFC 9535: a singular path gives the value, any other a list
regex PATTERN                           in the body as text: the first group, else the whole match
text  bytes  url  http-version          texts: bytes in hexadecimal, url after redirects
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from runner.errors import InputError, Location, Place, Problem, did_you_mean
from runner.exchange import Response, Unreadable
from runner.jsonpath import compile_jsonpath
from runner.template import Lookup, Template
from runner.values import MISSING, Missing, Secret, Value

__all__ = ["Query", "QuerySpec", "compile_jsonpath", "parse_query", "resolve", "search"]

# Seconds that a regular expression may take for one body.
REGEX_TIME = 1.0

Select: TypeAlias = Callable[[Response], Value | Missing]


@dataclass(frozen=True)
class Query:
    """A parsed query; calling it gives what it selects, or MISSING. Raises exchange.Unreadable for an unfit body.

    `kind` is its first word, `argument` the rest as written.
    """

    text: str
    kind: str
    argument: str
    location: Location = field(compare=False)
    select: Select = field(repr=False, compare=False)

    def __call__(self, response: Response) -> Value | Missing:
        return self.select(response)


# A query with a template in it is parsed when it has been rendered.
QuerySpec: TypeAlias = Query | Template


def _header(name: str) -> Select:
    def select(response: Response) -> Value | Missing:
        values = response.header(name)
        return values[0] if len(values) == 1 else list(values) or MISSING

    return select


def _cookie(name: str) -> Select:
    return lambda response: response.cookies.get(name, MISSING)


def _json(path: str) -> Select:
    of_document = compile_jsonpath(path)
    return lambda response: of_document(response.json)


def _regex(pattern: str) -> Select:
    check_pattern(pattern)
    return lambda response: search(pattern, response.text)


# kind -> what it gives; the second table wants an argument, and may raise ValueError for it.
_PLAIN: dict[str, Select] = {
    "status": lambda response: response.status,
    "size": lambda response: response.size,
    "duration": lambda response: response.duration,
    "redirects": lambda response: len(response.hops),
    "text": lambda response: response.text,
    "bytes": lambda response: response.bytes.hex(),
    "url": lambda response: response.url,
    "http-version": lambda response: response.http_version,
}
_WITH_ARGUMENT: dict[str, tuple[str, Callable[[str], Select]]] = {
    "header": ("a name", _header),
    "cookie": ("a name", _cookie),
    "json": ("a JSONPath", _json),
    "regex": ("a pattern", _regex),
}
_LATER = ("schema", "xpath", "css", "cert")
KINDS = (*_PLAIN, *_WITH_ARGUMENT)


def parse_query(text: str, place: Place) -> Query:
    """`text` as a Query. Raises InputError, at the column inside the query, with a did-you-mean for an unknown kind."""
    kind, _, rest = text.strip().partition(" ")
    argument = rest.strip()
    offset = text.index(kind) if kind else 0
    here = place.at(offset, max(1, len(kind)))
    whole = place.at(0, max(1, len(text)))
    if kind in _PLAIN:
        if argument:
            hint = f"write `{kind}` alone; what it must be stands behind the colon"
            raise InputError(
                Problem(f"`{kind}` takes no argument", place.at(text.index(argument), len(argument)), hint)
            )
        return Query(text, kind, "", whole, _PLAIN[kind])
    if kind in _WITH_ARGUMENT:
        noun, make = _WITH_ARGUMENT[kind]
        if not argument:
            raise InputError(Problem(f"`{kind}` wants {noun}", here, f"write `{kind}`, a blank, then {noun}"))
        try:
            return Query(text, kind, argument, whole, make(argument))
        except ValueError as error:
            at = place.at(text.index(argument, offset + len(kind)), len(argument))
            raise InputError(Problem(f"this is not {noun}: {error}", at, _HINTS.get(kind))) from None
    if kind in _LATER:
        raise InputError(Problem(f"the query `{kind}` is not supported yet", here, f"there is: {', '.join(KINDS)}"))
    near = did_you_mean(kind, KINDS, f"a query begins with one of: {', '.join(KINDS)}")
    raise InputError(Problem(f"`{kind}` is not a query", here, f"write `json {kind}`" if kind[:1] == "$" else near))


_HINTS = {
    "json": "JSONPath as in RFC 9535: `$.data[0].id`, `$['a key']`, `$.items[?@.n > 1]`",
    "regex": "test the pattern alone; in YAML, put it into single quotes",
}


def resolve(spec: QuerySpec, lookup: Lookup) -> Query:
    """The query that `spec` stands for in this scope. Raises InputError."""
    if isinstance(spec, Query):
        return spec
    text = spec.render_text(lookup)
    if isinstance(text, Secret):
        raise InputError(Problem("a query would hold a secret", spec.location, "compare with the secret instead"))
    return parse_query(text, _Rendered(spec.location))


@dataclass(frozen=True)
class _Rendered:
    """The place of a text that a template became: that of the template, whatever the offset."""

    location: Location

    def at(self, offset: int, width: int = 1) -> Location:
        return self.location


def check_pattern(pattern: str) -> None:
    """Raises ValueError when `pattern` is not a regular expression."""
    import regex  # late: it is large, and few collections hold a regular expression

    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def search(pattern: str, text: str, *, whole: bool = False) -> str | Missing:
    """The first group of the first match (all of it without groups, or when `whole`); MISSING when there is none.

    Raises Unreadable when it takes too long.
    """
    import regex  # late: it is large; unlike `re` it can be stopped

    try:
        match = regex.search(pattern, text, timeout=REGEX_TIME)
    except TimeoutError:
        raise Unreadable("the regular expression takes too long for this text") from None
    if match is None:
        return MISSING
    found = match[1] if match.re.groups and not whole else match[0]
    return MISSING if found is None else found
