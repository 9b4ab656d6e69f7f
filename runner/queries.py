"""What to look at in a response: `status`, `header NAME`, `json $.data[0].id`, parsed to a function of the Response.

status  size  duration  redirects       numbers: size in bytes, duration in seconds, how many redirects were followed
header NAME                             its text; a list where the field came several times
cookie NAME                             the value that the answer sets
json JSONPATH                           RFC 9535: a singular path gives the value, any other a list
xpath XPATH                             in XML or HTML: a text, number or boolean, or nodes
css SELECTOR                            in HTML: nodes, or with `::attr(NAME)` at its end an attribute of each
regex PATTERN                           in the body as text: the first group, else the whole match
cert FIELD                              of the server's certificate: subject, expires-in (seconds), ...
text  bytes  url  http-version          texts: bytes in hexadecimal, url after redirects

Nodes are a list of their texts. Where there is one alone, that text stands for it (`as_one`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import lru_cache
from typing import TypeAlias

from runner.errors import InputError, Location, Malformed, Place, Problem, did_you_mean
from runner.exchange import Response, Unreadable
from runner.jsonpath import compile_jsonpath, stopped_at
from runner.records import record
from runner.template import Lookup, Template
from runner.values import MISSING, Missing, Secret, Value

__all__ = ["Query", "QuerySpec", "as_one", "compile_jsonpath", "parse_query", "resolve", "search", "why_missing"]

# Seconds that a regular expression may take for one body.
REGEX_TIME = 1.0

Select: TypeAlias = Callable[[Response], Value | Missing]


@record(eq=True, shown=True)
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

    @property
    def measures(self) -> str:
        """What it may be compared with, when that has units: `duration`, `size`; else nothing."""
        if self.kind == "cert":
            return "duration" if self.argument == "expires-in" else ""
        return self.kind if self.kind in ("duration", "size") else ""

    @property
    def selects_nodes(self) -> bool:
        return self.kind in ("xpath", "css")


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


def _xpath(path: str) -> Select:
    from runner import markup  # late: of bodies that are XML or HTML alone

    return markup.compile_xpath(path)


def _css(selector: str) -> Select:
    from runner import markup  # as above

    return markup.compile_css(selector)


def _cert(name: str) -> Select:
    from runner.certificates import FIELDS  # late: few look at a certificate

    if name not in FIELDS:
        raise ValueError(did_you_mean(name, FIELDS) or f"there is {', '.join(FIELDS)}")
    read = FIELDS[name]
    return lambda response: MISSING if response.certificate is None else read(response.certificate)


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
    "xpath": ("an XPath", _xpath),
    "css": ("a CSS selector", _css),
    "regex": ("a pattern", _regex),
    "cert": ("a field of a certificate", _cert),
}
KINDS = (*_PLAIN, *_WITH_ARGUMENT)


@lru_cache(maxsize=1000)  # a collection asks the same of many answers
def _made(kind: str, argument: str) -> Select:
    """Raises ValueError for an argument that is none, ImportError for want of an extra."""
    return _WITH_ARGUMENT[kind][1](argument)


def parse_query(text: str, place: Place) -> Query:
    """`text` as a Query. Raises InputError, at the column inside the query, with a did-you-mean for an unknown kind."""
    kind, _, rest = text.strip().partition(" ")
    argument = rest.strip()
    whole = place.at(0, max(1, len(text)))
    if kind in _PLAIN:
        if argument:
            hint = f"write `{kind}` alone; what it must be stands behind the colon"
            raise InputError(
                Problem(f"`{kind}` takes no argument", place.at(text.index(argument), len(argument)), hint)
            )
        return Query(text, kind, "", whole, _PLAIN[kind])
    offset = text.index(kind) if kind else 0
    if kind in _WITH_ARGUMENT:
        noun, _ = _WITH_ARGUMENT[kind]
        if not argument:
            here = place.at(offset, len(kind))
            raise InputError(Problem(f"`{kind}` wants {noun}", here, f"write `{kind}`, a blank, then {noun}"))
        try:
            return Query(text, kind, argument, whole, _made(kind, argument))
        except ValueError as error:
            begins = text.index(argument, offset + len(kind))
            off = error.offset if isinstance(error, Malformed) else 0
            at = place.at(begins + off, max(1, len(argument) - off))
            raise InputError(Problem(f"this is not {noun}: {error}", at, _HINTS.get(kind))) from None
        except ImportError:
            hint = "pip install 'zrun[xpath]'"
            here = place.at(offset, len(kind))
            raise InputError(Problem(f"the query `{kind}` needs the extra `xpath`", here, hint)) from None
    here = place.at(offset, max(1, len(kind)))
    if kind == "schema":
        hint = "in `expect`, write `json $: {schema: FILE}`; it selects nothing that could be captured"
        raise InputError(Problem("`schema` is a predicate", here, hint))
    near = did_you_mean(kind, KINDS, f"a query begins with one of: {', '.join(KINDS)}")
    raise InputError(Problem(f"`{kind}` is not a query", here, f"write `json {kind}`" if kind[:1] == "$" else near))


_HINTS = {
    "json": "JSONPath as in RFC 9535: `$.data[0].id`, `$['a key']`, `$.items[?@.n > 1]`",
    "regex": "test the pattern alone; in YAML, put it into single quotes",
    "xpath": "XPath 1.0: `//item/@id`, `string(//title)`, `count(//item)`",
    "css": "`ul > li.new`, `a[href]`; `::attr(href)` at its end takes an attribute",
}


def check_extra(kind: str, place: Location) -> None:
    """Raises InputError when a query whose text is not known yet could not be read for want of an extra."""
    if kind in ("xpath", "css"):
        from importlib.util import find_spec  # late: of these two alone

        if any(find_spec(library) is None for library in ("lxml", *(["cssselect"] if kind == "css" else []))):
            hint = "pip install 'zrun[xpath]'"
            raise InputError(Problem(f"the query `{kind}` needs the extra `xpath`", place, hint))


def as_one(query: Query, value: Value | Missing) -> Value | Missing:
    """`value`, or the text of the one node that it is."""
    return value[0] if query.selects_nodes and isinstance(value, list) and len(value) == 1 else value


def why_missing(query: Query, response: Response) -> str | None:
    """Why `query` selects nothing in `response`, as far as can be told. Raises Unreadable."""
    if query.kind == "json":
        return stopped_at(response.json, query.argument)
    if query.kind == "cert":
        return "the answer came over plain http: there is no certificate"
    return None


def resolve(spec: QuerySpec, lookup: Lookup) -> Query:
    """The query that `spec` stands for in this scope. Raises InputError."""
    if isinstance(spec, Query):
        return spec
    text = spec.render_text(lookup)
    if isinstance(text, Secret):
        raise InputError(Problem("a query would hold a secret", spec.location, "compare with the secret instead"))
    return parse_query(text, _Rendered(spec.location))


@record(eq=True, shown=True)
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
