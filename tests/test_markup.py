"""The queries `xpath` and `css`: what they select, of whose charset, and that no body can make more of itself than it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner.errors import InputError
from runner.exchange import Response, Unreadable
from runner.judgement import CheckResult, judge
from runner.predicates import parse_expectations
from runner.queries import parse_query
from runner.redact import Redactor
from runner.values import MISSING
from tests.commands import Done, write, zrun
from tests.listeners import Listener
from tests.lookups import Line, Values
from tests.servers import Server
from tests.test_predicates import HERE, no_schema, written

FEED = b"""<?xml version="1.0"?>
<!DOCTYPE feed PUBLIC "-//X//Y" "http://127.0.0.1:1/feed.dtd">
<feed xmlns="urn:feed" xmlns:m="urn:media">
  <title>News</title>
  <entry id="1"><title>First <b>one</b></title><m:size>10</m:size></entry>
  <entry id="2"><title>Second</title><!-- a note --><m:size>2.5</m:size><inner xmlns:q="urn:q"><q:z/></inner></entry>
</feed>"""
PAGE = """<!DOCTYPE html><html><head><title>Sign  in</title></head><body>
<form><input name="csrf" value="made-up-csrf"><input name=user></form>
<ul id=list><li class="new x">Ada &amp; Bob</li><li>
   Grace   <b>H.</b></li></ul><p>unclosed<br>
</body></html>"""


def answer(body: bytes | str, media: str = "text/xml") -> Response:
    content = body.encode() if isinstance(body, str) else body
    return Response(200, "OK", (("Content-Type", media),), content, len(content), "http://127.0.0.1/", "1.1", 0.1)


def selected(query: str, response: Response) -> object:
    return parse_query(query, Line(query))(response)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("count(//_:entry)", 2),
        ("sum(//m:size)", 12.5),
        ("string(//_:entry[2]/_:title)", "Second"),
        ("//_:entry/@id", ["1", "2"]),
        ("//_:entry[1]/_:title", ["First one"]),
        ("//*[local-name() = 'size']", ["10", "2.5"]),
        ("//comment()", [" a note "]),
        ("//q:z", [""]),
        ("boolean(//_:none)", False),
        ("//_:none", MISSING),
        ("number(//_:none)", MISSING),
        ("//title", MISSING),
        ("normalize-space(' a  b ')", "a b"),
    ],
)
def test_what_an_xpath_selects(path: str, found: object) -> None:
    came = selected(f"xpath {path}", answer(FEED))
    assert came == found
    assert type(came) is type(found)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("title", ["Sign in"]),
        ("li", ["Ada & Bob", "Grace H."]),
        ("#list > li.new", ["Ada & Bob"]),
        ("li:nth-child(2) b, title", ["Sign in", "H."]),
        ("input[name=csrf]::attr(VALUE)", ["made-up-csrf"]),
        ("input::attr( value )", ["made-up-csrf"]),
        ("p:not(.x)", ["unclosed"]),
        ("LI.new", ["Ada & Bob"]),
        (".none", MISSING),
        ("li::attr(href)", MISSING),
    ],
)
def test_what_a_selector_selects(selector: str, found: object) -> None:
    assert selected(f"css {selector}", answer(PAGE, "text/html")) == found


def test_html_is_asked_by_xpath_too() -> None:
    for media in ("text/html; charset=utf-8", "", "text/plain"):
        assert selected("xpath string(//ul/li[1])", answer(PAGE, media)) == "Ada & Bob"


def checks(expect: object, response: Response, redactor: Redactor | None = None) -> list[CheckResult]:
    expectations = parse_expectations(written(expect), HERE, no_schema)
    return [check for e in expectations for check in judge(e, response, Values(), redactor)]


def test_one_node_is_its_text_and_nodes_are_counted() -> None:
    page = answer(PAGE, "text/html")
    right: dict[str, object] = {
        "css title": "Sign in",
        "css li": ["Ada & Bob", "Grace H."],
        "css li.new": ["Ada & Bob"],
        "css ul": {"length": 1, "each": {"contains": "Ada"}, "type": "string", "starts-with": "Ada"},
        "css b": {"in": ["H.", "x"], "any": "H."},
        "css .none": {"exists": False, "length": 0},
        "xpath //li": {"length": {"gt": 1}, "type": "array", "contains": "Ada & Bob"},
        "xpath count(//li)": 2,
        "xpath string(//title)": {"length": 8},
    }
    assert [check.query for check in checks(right, page) if not check.passed] == []
    wrong: dict[str, object] = {
        "css .none": {"empty": True},
        "css li": {"length": 1},
        "css title": {"length": 7},
        "xpath //li[1]": "Ada",
    }
    assert all(not check.passed for check in checks(wrong, page))


@pytest.mark.parametrize(
    ("body", "media"),
    [
        ("<a>é€</a>".encode(), "application/xml"),
        ("<a>é€</a>".encode("utf-16"), "application/xml"),
        ("<a>é€</a>".encode("utf-16-le"), "application/xml"),
        ("<a>é€</a>".encode("utf-8-sig"), "application/soap+xml"),
        ("<?xml version='1.0' encoding='iso-8859-15'?><a>é€</a>".encode("iso-8859-15"), "text/xml"),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a>é€</a>".encode(), "text/xml; charset=UTF-8"),
        ("<a>é€</a>".encode("cp1252"), 'text/xml; charset="windows-1252"'),
        ("<a>é€</a>".encode("cp1252"), "text/html; charset=windows-1252"),
        ("<meta charset=windows-1252><a>é€</a>".encode("cp1252"), "text/html"),
        ("<a>é€</a>".encode(), "text/html"),
    ],
)
def test_the_charset_is_honoured(body: bytes, media: str) -> None:
    assert selected("xpath string(//a)", answer(body, media)) == "é€"


LAUGHS = "<!DOCTYPE a [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (f"{LAUGHS}]><a>&a11;</a>", "document type of its own"),
        (f"{LAUGHS}]><a b='&a11;'/>", "document type of its own"),
        ("<?x?><!-- > --> <!DOCTYPE a SYSTEM ']' [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "of its own"),
        ("<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:{port}/p.dtd'>%p;]><a/>", "of its own"),
        ("<!DOCTYPE a [<!ELEMENT a ANY>]><a/>", "of its own"),
        ("<a>&x;</a>", "not XML"),
        ("<a>" * 100_000 + "</a>" * 100_000, "not XML: Excessive depth"),
        ("<a>" * 100_000, "not XML"),
        ("<a>\0</a>", "not XML"),
        ("<a b='1' b='2'/>", "not XML"),
        ("<a></b>", "at line 1, column"),
        ("<x:a/>", "not XML"),
        ("", "empty"),
        (" \n", "empty"),
        ('{"a": 1}', "not XML"),
        ("<a>" + "x" * 10_000_000 + "</a>", "too large"),
        (b"<a>\xff</a>", "not written in utf-8"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "charset `klingon`"),
        (b"<?xml version='1.0' encoding='undefined'?><a/>", "charset `undefined`"),
    ],
)
def test_a_hostile_or_unfit_body_is_refused(body: bytes | str, says: str) -> None:
    with Listener() as asked:
        text = body.replace("{port}", str(asked.port)) if isinstance(body, str) else body
        with pytest.raises(Unreadable, match=says):
            selected("xpath string(/*)", answer(text))
        assert asked.connections == 0


def test_nothing_is_fetched_for_a_document(tmp_path: Path) -> None:
    """An external DTD, a stylesheet, a schema, an inclusion: each names an address, and none is asked."""
    secret = tmp_path / "secret.xml"
    secret.write_text("<s>made-up-secret</s>", "utf-8")
    with Listener() as asked:
        url = f"http://127.0.0.1:{asked.port}"
        body = f"""<?xml version="1.0"?><?xml-stylesheet href="{url}/s.xsl" type="text/xsl"?>
<!DOCTYPE a SYSTEM "{url}/a.dtd">
<a xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
   xsi:schemaLocation="urn:a {url}/a.xsd"><xi:include href="{secret.as_uri()}"/><xi:include href="{url}/i.xml"/>&ext;</a>"""
        assert selected("xpath normalize-space(/a)", answer(body)) == ""
        page = (
            f'<!DOCTYPE html SYSTEM "{url}/h.dtd"><base href="{url}"><link href="{url}/x.css"><img src="{url}/i.png">x'
        )
        assert selected("css body", answer(page, "text/html")) == ["x"]
        assert asked.connections == 0


@pytest.mark.parametrize("path", ["document('secret.xml')", "id('x')", "//a[re:test(., '(a+)+$')]"])
def test_an_xpath_reaches_for_nothing_but_the_body(path: str) -> None:
    try:
        found = selected(f"xpath {path}", answer("<a xmlns:re='http://exslt.org/regular-expressions'>aaaa!</a>"))
    except (InputError, Unreadable):
        return
    assert found is MISSING


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>a\0b", ["a\ufffdb"]),
        ("<p>\ud800".encode("utf-8", "surrogatepass"), ["\ufffd\ufffd\ufffd"]),
        ("<p>&#0;&#xD800;&#x110000;x", None),
        ("<p " + "a=1 " * 100_000 + ">x", ["x"]),
        ("<!-- <p>no --><p>x", ["x"]),
        ("<p>" * 50_000, None),
        ("<script>'<p>no</p>'</script><p>x", ["x"]),
    ],
)
def test_html_of_any_kind_is_read(body: bytes | str, found: object) -> None:
    came = selected("css p", answer(body, "text/html"))
    assert found is None or came == found


@pytest.mark.parametrize(
    ("body", "says"), [("<div>" * 100_000, "nested too deeply"), ("<!-- x -->", "no HTML"), ("x" * 10_000_001, "large")]
)
def test_html_that_would_be_read_in_part_is_refused(body: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        selected("css p", answer(body, "text/html"))


@pytest.mark.parametrize(
    ("query", "column", "says"),
    [
        ("xpath //a[", 10, "an XPath"),
        ("xpath //a]", 10, "an XPath"),
        ("xpath  'é' = 'b", 15, "Unfinished literal"),
        ("xpath foo(1)", 7, "Unregistered function"),
        ("xpath $v", 7, "Undefined variable"),
        ("xpath " + "(" * 3000 + "1" + ")" * 3000, 7, "an XPath"),
        ("xpath " + "a" * 5000, 7, "longer than 4000"),
        ("xpath", 1, "an XPath"),
        ("css a!", 6, "got '!'"),
        ("css ul > ", 9, "CSS selector"),
        ("css li:nth-child(2n", 20, "CSS selector"),
        ("css [a='b", 8, "Unclosed string"),
        ("css h1::text", 5, "Pseudo-elements"),
        ("css :blink", 5, "blink"),
        ("css ns|a", 5, "namespace prefix"),
        ("css " + ":is(" * 900 + "a" + ")" * 900, 5, "CSS selector"),
        ("css", 1, "CSS selector"),
    ],
)
def test_a_mistake_is_told_at_its_column(query: str, column: int, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_query(query, Line(query))
    (problem,) = caught.value.problems
    assert says in str(problem)
    assert problem.location is not None
    assert problem.location.column >= column if len(query) > 1000 else problem.location.column == column
    assert problem.hint


def test_an_unknown_prefix_names_those_that_are_there() -> None:
    with pytest.raises(Unreadable, match="the body has `_`, `m`"):
        selected("xpath //x:a", answer(FEED))


def test_a_namespace_may_be_declared_on_any_element() -> None:
    inner = "<a><b xmlns='urn:1' xmlns:p='urn:2'><p:c>x</p:c></b><d xmlns:p='urn:3'><p:c>y</p:c></d></a>"
    assert selected("xpath //p:c", answer(inner)) == ["x"]
    assert selected("xpath //_:b", answer(inner)) == ["x"]


def reflected(folder: Path, server: Server, body: str, media: str, more: str, **variables: str) -> Done:
    """A run whose answer is `body`; `more` are lines of the request."""
    write(
        folder,
        c=f"requests:\n  a:\n    post: {server.url}/reflect\n    headers: {{Content-Type: {media}}}\n"
        f"    text: {json.dumps(body)}\n{more}",
    )
    return zrun(folder, "c", "--format", "json", **variables)


def test_a_run_expects_and_captures(tmp_path: Path, server: Server) -> None:
    more = f"""\
    expect: {{css title: Sign in, css li: {{length: 2}}, xpath string(//input/@value): made-up-csrf}}
    capture:
      token: css input[name=csrf]::attr(value)
      names: css li
      count: xpath count(//li)
      other: {{from: css .none, default: nobody}}
  b:
    post: {server.url}/echo
    json: {{token: <<token>>, names: <<names>>, count: <<count>>, other: <<other>>}}
"""
    done = reflected(tmp_path, server, PAGE, "text/html", more)
    assert done.status == 0, done.out
    assert json.loads(server.bodies[-1]) == {
        "token": "made-up-csrf",
        "names": ["Ada & Bob", "Grace H."],
        "count": 2,
        "other": "nobody",
    }


def test_a_secret_that_comes_back_in_markup_is_masked(tmp_path: Path, server: Server) -> None:
    secret = "made-up-secret-value"
    body = f"<html><p>{secret}</p><p>{secret} again</p><i data-x='{secret}'>x</i></html>"
    more = """\
    headers: {Content-Type: text/html, X-Key: <<key>>}
    expect:
      css p: {length: 3, each: none}
      css i::attr(data-x): none
      xpath substring(//p, 4, 6): none
      xpath //p: [a]
    capture: {part: "xpath substring(//p, 1, 9)", list: css p}
  b: {get: "URL/echo?x=<<part>>&y=<<list | join('-')>>"}
""".replace("URL", server.url)
    write(
        tmp_path,
        us__env=f"variables: {{base: '{server.url}'}}\nsecrets: {{key: {{env: KEY}}}}\n",
        c=f"requests:\n  a:\n    post: {server.url}/reflect\n    text: {json.dumps(body)}\n{more}",
    )
    for report in ("json", "text"):
        done = zrun(tmp_path, "c", "-e", "us", "-vv", "--format", report, KEY=secret)
        said = done.out + done.err
        assert done.status == 1, said
        assert "<<key>>" in said
        assert secret not in said
        assert secret[3:9] not in said
        assert secret[:9] not in said


def test_the_extra_is_asked_for_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"""\
variables: {{n: 1}}
requests:
  one:
    get: {server.url}/echo
    expect: {{xpath //a: x, css a: x, "css a<<n>>": x}}
    capture: {{b: css b, c: "xpath //c<<n>>"}}
""",
    )
    for library, told in (("lxml", 5), ("cssselect", 3)):
        for words in (["c"], ["check", "c"]):
            blocked = (
                f"import sys; sys.modules[{library!r}] = None; from runner.cli import main; sys.exit(main({words!r}))"
            )
            done = subprocess.run(
                [sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 2, done.stderr
            assert done.stderr.count("needs the extra `xpath`") == told, done.stderr
            assert "c.yaml:5:" in done.stderr
            assert "c.yaml:6:" in done.stderr
            assert "pip install 'zrun[xpath]'" in done.stderr
    assert not server.seen
