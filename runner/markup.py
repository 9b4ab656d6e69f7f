"""XML and HTML bodies, asked by XPath 1.0 or by a CSS selector: the one home of lxml and cssselect (the extra `xpath`).

A body is somebody else's: it is parsed without a network, without a DTD (one that comes inside it is refused, and with it every
entity that could grow), within bounds of size and depth. An XPath gives a text, a number or a boolean, or nodes: a list of
their texts, MISSING when there is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from runner.errors import Malformed
from runner.exchange import Response, Unreadable
from runner.values import MISSING, Missing, Value

Select: TypeAlias = Callable[[Response], Value | Missing]

# Bytes of UTF-8. A tree is some ten times as large as its text, and no expression can be stopped once it runs.
LARGEST = 10_000_000
_LONGEST = 4000
# The prefix that stands for the default namespace: XPath 1.0 has no way to name it.
DEFAULT_PREFIX = "_"


def compile_xpath(text: str) -> Select:
    """The function that the XPath `text` is. Raises Malformed, and ImportError without the extra."""
    from lxml import etree  # late: an extra, and large; of bodies that are XML or HTML alone

    _check_length(text)
    try:
        evaluate = _evaluator(text, {})
        evaluate(etree.Element("a"))  # an unknown function or variable is told when it is called
    except etree.XPathSyntaxError as error:
        raise Malformed(str(error), _offset(error, text)) from None
    except etree.XPathEvalError as error:
        if "namespace prefix" not in str(error):  # which are there, the answer says
            raise Malformed(str(error)) from None

    def select(response: Response) -> Value | Missing:
        tree, namespaces = _tree(response)
        try:
            return _value(_evaluator(text, namespaces)(tree))
        except etree.XPathError as error:
            known = ", ".join(f"`{prefix}`" for prefix in namespaces)
            there = f"; the body has {known}" if known else "; the body has none"
            raise Unreadable(
                f"the XPath cannot be evaluated: {error}{there if 'prefix' in str(error) else ''}"
            ) from None

    return select


_ATTRIBUTE = re.compile(r"::attr\(\s*([\w:.-]+)\s*\)\s*\Z")


def compile_css(text: str) -> Select:
    """The function that a selector is; `::attr(NAME)` at its end takes an attribute. Raises Malformed, and ImportError."""
    import cssselect  # late: an extra
    from lxml import etree  # as above

    _check_length(text)
    attribute = _ATTRIBUTE.search(text)
    try:
        path = cssselect.HTMLTranslator().css_to_xpath(text[: attribute.start()] if attribute else text)
        evaluate = etree.XPath(path, smart_strings=False, regexp=False)
        evaluate(etree.Element("a"))
    except cssselect.SelectorSyntaxError as error:
        raise Malformed(*_without_place(str(error))) from None
    except (cssselect.SelectorError, etree.XPathError) as error:
        raise Malformed(str(error).rstrip(".")) from None
    except RecursionError:
        raise Malformed("it is nested too deeply") from None

    def select(response: Response) -> Value | Missing:
        found = evaluate(_html(response))
        if attribute:
            name = attribute[1].lower()
            return [str(node.get(name)) for node in found if node.get(name) is not None] or MISSING
        return [" ".join(_text(node).split()) for node in found] or MISSING

    return select


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise Malformed(f"it is longer than {_LONGEST} characters")


def _evaluator(text: str, namespaces: dict[str, str]) -> Any:
    from lxml import etree  # as above

    return etree.XPath(text, namespaces=namespaces, smart_strings=False, regexp=False)


def _offset(error: Any, text: str) -> int:
    """Where libxml2 stopped: a character of the text, counted in bytes."""
    at = max((entry.column for entry in error.error_log), default=0)
    return min(len(text.encode()[:at].decode("utf-8", "ignore")), len(text) - 1)


_PLACE = re.compile(r" at (\d+)>?")
_TOKEN = re.compile(r"<(\w+)(?: (.*))?>\Z")


def _without_place(said: str) -> tuple[str, int]:
    """cssselect's words without its token, and the offset that it names."""
    place = _PLACE.search(said)
    said = _PLACE.sub("", said) if place is None or said[place.end() - 1] != ">" else _PLACE.sub(">", said)
    token = _TOKEN.search(said)
    if token:
        said = said[: token.start()] + ("the end" if token[1] == "EOF" else token[2] or token[1])
    return said, int(place[1]) if place else 0


def _value(found: Any) -> Value | Missing:
    if isinstance(found, (bool, str)):
        return found
    if isinstance(found, float):
        if not math.isfinite(found):
            return MISSING  # the number of what is none, as `number(//price)` where no price is
        return int(found) if found.is_integer() and abs(found) < 2**53 else found
    return [_text(node) for node in found] or MISSING


def _text(node: Any) -> str:
    """The string-value of a node (XPath 1.0, 5)."""
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):  # a namespace: its prefix and name
        return str(node[1])
    if not isinstance(node.tag, str):  # a comment, a processing instruction
        return node.text or ""
    return str(_string_value()(node))


@cache
def _string_value() -> Any:
    return _evaluator("string()", {})


def _tree(response: Response) -> tuple[Any, dict[str, str]]:
    """The body's tree, and its namespaces by prefix. Raises Unreadable."""
    if _is_html(response):
        return _html(response), {}
    if "xml" not in response.readings:
        response.readings["xml"] = _parsed_xml(_decoded(response, _xml_charset, strict=True), response)
    read: Any = response.readings["xml"]
    return read[0], read[1]


def _html(response: Response) -> Any:
    if "html" not in response.readings:
        response.readings["html"] = _parsed_html(_decoded(response, _html_charset, strict=False))
    return response.readings["html"]


_LOOKS_LIKE_HTML = re.compile(rb"\s*(?:<!--.{0,1000}?-->\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)


def _is_html(response: Response) -> bool:
    """By its media type; one that is neither is judged by how the body begins."""
    if response.media_type.endswith(("/xml", "+xml")):
        return False
    return response.media_type == "text/html" or _LOOKS_LIKE_HTML.match(response.bytes[:2000]) is not None


def _decoded(response: Response, declared: Callable[[bytes], str | None], *, strict: bool) -> str:
    """The body as text: by its byte order mark, else Content-Type, else what it declares itself, else UTF-8 (RFC 7303, 3)."""
    raw = response.bytes
    if not raw.strip():
        raise Unreadable("the body is empty")
    charset = _marked(raw) or response.charset or declared(raw) or "utf-8"
    try:
        text = raw.decode(charset, "strict" if strict else "replace").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise Unreadable(f"the body is not written in {charset}, as it is said to be") from None
    except (LookupError, ValueError):
        raise Unreadable(f"the charset `{charset}` of the body is not known") from None
    return text


def _marked(raw: bytes) -> str | None:
    if raw.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    return "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else None


_XML_DECLARATION = re.compile(rb"<\?xml\s[^>]{0,500}?\bencoding\s*=\s*[\"']([A-Za-z][\w.-]{0,60})[\"']")
_HTML_DECLARATION = re.compile(rb"<meta\s[^>]{0,500}?\bcharset\s*=\s*[\"']?\s*([A-Za-z][\w.:-]{0,60})", re.IGNORECASE)


def _xml_charset(raw: bytes) -> str | None:
    if raw[:2] in (b"<\0", b"\0<"):
        return "utf-16-le" if raw[0] else "utf-16-be"
    return _first(_XML_DECLARATION.match(raw))


def _html_charset(raw: bytes) -> str | None:
    return _first(_HTML_DECLARATION.search(raw[:4096]))


def _first(match: re.Match[bytes] | None) -> str | None:
    return match[1].decode("ascii") if match else None


# What may stand before the first element, and a document type up to its internal subset (XML 1.0, 2.8).
_PROLOG = re.compile(r"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE(?:[^\"'\[>]|\"[^\"]*+\"|'[^']*+')*+\[")


def _parsed_xml(text: str, response: Response) -> tuple[Any, dict[str, str]]:
    """The root, and every prefix that the document declares, as it is declared first; the default namespace as `_`."""
    from lxml import etree  # as above

    prolog = _PROLOG.match(text)
    if _DOCTYPE.match(text, prolog.end() if prolog else 0):
        raise Unreadable("the body brings a document type of its own (DTD), and zrun reads none")
    parser = etree.XMLPullParser(
        events=("start-ns",),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
    )
    try:
        parser.feed(_bounded(text))
        root = parser.close()
    except etree.XMLSyntaxError as error:
        kind = f" ({response.media_type})" if response.media_type else ""
        line, column = error.position
        raise Unreadable(f"the body{kind} is not XML: {_words(error)} at line {line}, column {column}") from None
    namespaces: dict[str, str] = {}
    for _, (prefix, name) in parser.read_events():
        namespaces.setdefault(prefix or DEFAULT_PREFIX, name)
    return root, namespaces


_DETAIL = re.compile(r"(?:,? use XML_PARSE_HUGE option)?,? line \d+, column \d+.*\Z", re.DOTALL)


def _words(error: Exception) -> str:
    return _DETAIL.sub("", str(error).replace("\n", "")).strip()


def _parsed_html(text: str) -> Any:
    import lxml.html  # late, as above
    from lxml import etree

    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    try:
        # NUL is what a browser makes of it (HTML, 13.2.5.1); older versions of libxml2 end there.
        root = lxml.html.document_fromstring(_bounded(text.replace("\0", "\ufffd")), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        raise Unreadable("the body holds no HTML") from None
    if any("depth" in entry.message.lower() for entry in parser.error_log):
        raise Unreadable("the body is HTML nested too deeply to be read")
    return root


def _bounded(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if len(data) > LARGEST:
        raise Unreadable(f"the body is too large for XPath and CSS ({len(data)} bytes; the bound is {LARGEST})")
    return data
