"""What arrives: each way of writing a request, as a real server sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commands import write, zrun
from tests.servers import Server

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "json": (
        "post: <<url>>/echo\njson: {a: <<n>>, b: [<<yes>>, null, 1.5, '<<n>>x'], '<<word>>': 1}",
        {"body": '{"a":5,"b":[true,null,1.5,"5x"],"w":1}', "content-type": "application/json"},
    ),
    "form": (
        "post: <<url>>/echo\nform: {a: [1, two], b: null, c: 'x y&z=ü', d: <<list>>}",
        {"body": "a=1&a=two&c=x+y%26z%3D%C3%BC&d=1&d=2", "content-type": "application/x-www-form-urlencoded"},
    ),
    "text": (
        "put: <<url>>/echo\ntext: 'n is <<n>>'",
        {"method": "PUT", "body": "n is 5", "content-type": "text/plain; charset=utf-8"},
    ),
    "xml": (
        "patch: <<url>>/echo\nxml: <a><<n>></a>",
        {"method": "PATCH", "body": "<a>5</a>", "content-type": "application/xml"},
    ),
    "own type": (
        "post: <<url>>/echo\nheaders: {content-type: application/soap+xml}\nxml: <a/>",
        {"content-type": "application/soap+xml"},
    ),
    "file": ("post: <<url>>/echo\nfile: data.yaml", {"body": "a: 1\n"}),
    "graphql": (
        "post: <<url>>/echo\ngraphql: {query: '{ me }', variables: {n: <<n>>}, operation-name: Me}",
        {"body": '{"query":"{ me }","variables":{"n":5},"operationName":"Me"}'},
    ),
    "no templates": ("post: <<url>>/echo\ntext: <<n>>\ntemplate: false", {"body": "<<n>>"}),
    "path": (
        "get: <<url>>/echo/:a/x{b}/{c}.json\npath: {a: 'x/y z', b: <<n>>, c: ü}",
        {"path": None, "raw": "/echo/x%2Fy%20z/x5/%C3%BC.json"},
    ),
    "query": (
        "get: <<url>>/echo?a=1#top\nquery: {b: [1, 2], c: null, d: 'x y', e: '&='}",
        {"raw-query": "a=1&b=1&b=2&d=x%20y&e=%26%3D"},
    ),
    "query, a value that ends with a question mark": (
        "get: <<url>>/echo?a=b?\nquery: {c: 'd?', e: '?', f: g}",
        {"raw-query": "a=b?&c=d?&e=?&f=g"},
    ),
    "query, none yet": ("get: <<url>>/echo?\nquery: {a: b}", {"raw-query": "a=b"}),
    "query, open": ("get: <<url>>/echo?a=b&\nquery: {c: d}", {"raw-query": "a=b&c=d"}),
    "method": ("method: purge\nurl: <<url>>/echo", {"method": "PURGE"}),
    "headers": (
        "get: <<url>>/echo\nheaders: {X-A: [1, 2], X-B: null, X-C: ' <<n>> '}",
        {"header-list": [["X-A", "1"], ["X-A", "2"], ["X-C", "5"]]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_arrives(name: str, tmp_path: Path, server: Server) -> None:
    written, expected = CASES[name]
    lines = "".join(f"    {line}\n" for line in written.splitlines())
    variables = f"variables: {{url: '{server.url}', n: 5, yes: true, word: w, list: [1, 2]}}\n"
    text = f"{variables}requests:\n  r:\n{lines}    response: {{save: out.json}}\n"
    done = zrun(write(tmp_path, c=text, data="a: 1\n"), "c.yaml")
    if name == "path":  # no such route: 404, but it has arrived
        assert server.paths() == [expected["raw"]]
        return
    assert done.status == 0, done.out + done.err
    import json

    seen = json.loads((tmp_path / "out.json").read_text())
    for key, value in expected.items():
        if key == "content-type":
            assert seen["headers"]["content-type"] == value
        elif key == "header-list":
            assert [pair for pair in seen["header-list"] if pair[0].startswith("X-")] == value
        else:
            assert seen[key] == value


def test_multipart_repeats_and_streams(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  r:
    post: {server.url}/echo
    multipart:
      tag: [a, b]
      file: [{{file: data.yaml, filename: "d.yml", content-type: text/yaml}}, {{value: inline, filename: i.txt}}]
"""
    assert zrun(write(tmp_path, c=text, data="a: 1\n"), "c.yaml").status == 0
    body = server.bodies[0].decode()
    assert body.count('name="tag"') == 2
    assert 'filename="d.yml"\r\nContent-Type: text/yaml\r\n\r\na: 1\n\r\n' in body
    assert 'filename="i.txt"\r\n\r\ninline\r\n' in body


def test_layers_from_the_process_and_the_command_line(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c="variables: {x-y: file}\nrequests:\n  r: {get: '<<url>>/echo?<<x-y>>'}\n")
    write(tmp_path, us__env=f"variables: {{url: {server.url}, x-y: env}}")
    for arguments, variables, seen in (
        ((), {}, "env"),
        ((), {"ZRUN_VAR_X_Y": "process"}, "process"),
        (("--var", "x-y=argument"), {"ZRUN_VAR_X_Y": "process"}, "argument"),
        (("--var", "x-y:=[1]"), {}, "[1]"),
    ):
        assert zrun(tmp_path, "c.yaml", "-e", "us", *arguments, **variables).status == 0
        assert server.paths()[-1] in (f"/echo?{seen}", f"/echo?{seen}".replace("[", "%5B").replace("]", "%5D"))


def test_cookies_are_kept_for_the_run(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  login: {{get: "{server.url}/cookie/set?session=abc", expect: {{cookie session: abc}}}}
  with: {{get: "{server.url}/echo", expect: {{json $.headers.cookie: session=abc}}}}
  without: {{get: "{server.url}/echo", cookies: false, expect: {{json $.headers.cookie: {{exists: false}}}}}}
"""
    assert zrun(write(tmp_path, c=text), "c.yaml").status == 0


def test_every_query_reads_its_part(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  r:
    post: "{server.url}/redirect/307?to=/reflect"
    headers: {{Content-Type: text/plain}}
    text: id=42;
    expect:
      status: {{between: [200, 204], in: [200, 201]}}
      header Content-Type: text/plain
      regex id=([0-9]+): "42"
      text: {{starts-with: id, ends-with: ";", matches: "^id", length: 6}}
      bytes: 69643d34323b
      size: {{lt: 1 KB, ge: 6}}
      duration: {{lt: 10s}}
      url: {server.url}/reflect
      redirects: 1
      http-version: "1.1"
"""
    done = zrun(write(tmp_path, c=text), "c.yaml")
    assert done.status == 0, done.out
