"""A secret stays one: through templates, filters, captures, loops, conditions, and whatever a server does with it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from runner import template
from runner.errors import InputError
from runner.redact import Redactor
from runner.template import Template
from runner.values import Secret, Value, reveal, secrets_in
from tests.commands import write, zrun
from tests.leak_scanner import Scanner
from tests.lookups import Line, Values
from tests.servers import Server
from tests.spelled import SPELLINGS

SECRET = 'made-up "secret" & 100%ä/value'
KEY = '{"id": "made-up-id-of-a-key", "active": true, "parts": ["made-up-part-one", "made-up-part-two"]}'
VALUES = Values(
    {"s": Secret(SECRET, "s"), "key": Secret(KEY, "key"), "name": "client", "n": 3, "list": ["a", Secret(SECRET, "s")]}
)


def rendered(text: str) -> Value:
    made = template.parse(text, Line(text))
    assert isinstance(made, Template)
    return made.render(VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "<<s>>",
        "Bearer <<s>>",
        "<<s | upper>>",
        "<<s | b64encode>>",
        "<<name ~ ':' ~ s | b64encode>>",
        "<<s | b64encode | b64decode>>",
        "<<s | urlencode>>",
        "<<s | json>>",
        "<<s | hash('sha256')>>",
        "<<name | hmac(s, 'sha256')>>",
        "<<s[2:5]>>",
        "<<s | length>>",
        "<<s | replace('a', 'b')>>",
        "<<s | regex('(.....)$')>>",
        "<<s | split(' ')>>",
        "<<list>>",
        "<<list | join(',')>>",
        "<<list[1]>>",
        "<<{'a': s}>>",
        "<<[1, s]>>",
        "<<s if n == 3 else 'x'>>",
        "<<nothing | default(s)>>",
        "<<key | from_json>>",
        "<<(key | from_json).id>>",
        "<<key | from_json | jsonpath('$.parts[1]')>>",
        "<<'x' if false else s>>",
    ],
)
def test_whatever_a_secret_goes_into_is_one(text: str) -> None:
    value = rendered(text)
    found = secrets_in(value)
    assert found
    shown = json.dumps(value, default=str)
    assert not Scanner({"s": SECRET, "id": "made-up-id-of-a-key"}).names_in(shown)
    assert "<<" in shown
    assert {name for secret in found for name in secret.name.split(", ")} <= {"s", "key"}


def test_masks_tell_what_was_done() -> None:
    value = rendered("Basic <<name ~ ':' ~ s | b64encode>>")
    assert isinstance(value, Secret)
    assert str(value) == "Basic <<name ~ ':' ~ s | b64encode>>"
    redactor = Redactor()
    redactor.add(Secret(SECRET, "s"))
    redactor.add(value)
    assert redactor.text(f"Authorization: {reveal(value)}") == f"Authorization: {value}"


@pytest.mark.parametrize(
    "text",
    [
        "<<{s: 1}>>",
        "<<{s | b64encode: true}>>",
        "<<{name ~ s: none}>>",
        "<<('{\"' ~ (s | b64encode) ~ '\": true}') | from_json>>",
    ],
)
def test_no_key_holds_a_secret(text: str) -> None:
    with pytest.raises(InputError) as caught:
        rendered(text)
    assert "key" in caught.value.problems[0].message
    assert not Scanner({"s": SECRET}).names_in(str(caught.value))


def test_a_comparison_is_no_secret() -> None:
    assert rendered("<<s == 'x'>>") is False
    assert rendered("<<{'same': s == 'x'}>>") == {"same": False}


ENVIRONMENT = """\
variables: {{url: '{url}'}}
secrets: {{s: {{env: S}}, kept: }}
"""


def run(folder: Path, server: Server, collection: str, *arguments: str) -> str:
    write(folder, e__env=ENVIRONMENT.format(url=server.url), c=collection)
    done = zrun(folder, "c.yaml", "-e", "e", *arguments, S=SECRET)
    told = done.out + done.err
    assert done.status in (0, 1), told
    assert not Scanner({"s": SECRET}).names_in(told), told
    return told


@pytest.mark.parametrize(
    "spelling", ["raw", "percent", "json in json", "base64, second alignment", "hex", "html, decimal"]
)
def test_an_echo_in_any_encoding_is_captured_as_a_secret(spelling: str, tmp_path: Path, server: Server) -> None:
    echoed = f"x{SPELLINGS[spelling](SECRET)}y"
    server.hook = lambda method, path: (
        200,
        {"got": echoed, "list": ["plain", echoed], "map": {"a": {"b": echoed}, "n": 7}},
    )
    told = run(
        tmp_path,
        server,
        """\
requests:
  first:
    post: <<url>>/
    text: <<s>>
    capture:
      one: json $.got
      many: json $.list
      deep: json $.map
      cut: {from: 'regex "got": "(.{9})'}
      turned: {from: json $.got, filter: <<value | reverse>>}
      plain: json $.list[0]
      missing: {from: json $.nothing, default: [<<s>>]}
      open: {from: json $.got, secret: false}
  second:
    post: <<url>>/
    json: {one: <<one>>, many: <<many>>, deep: <<deep>>, cut: <<cut>>, turned: <<turned>>, missing: <<missing>>, open: <<open>>}
    for-each: <<[one, many, turned, missing]>>
    when: <<one != 'x'>>
    expect: {json $.got: <<turned>>, json $.list: {like: [<<cut>>, <<any>>]}, status: 201}
""",
        "-vv",
    )
    for name in ("one", "many", "deep", "cut", "turned", "missing", "open"):
        assert f"{name} (secret)" in told
    assert "plain (secret)" not in told


def test_a_map_whose_key_is_an_echo_is_not_captured(tmp_path: Path, server: Server) -> None:
    server.hook = lambda method, path: (200, {"map": {SECRET: 1}})
    told = run(tmp_path, server, "requests:\n  a: {post: <<url>>/, text: <<s>>, capture: {m: json $.map}}\n", "-v")
    assert "a key of the answer's map holds the secret `s`" in told


def test_an_echo_cannot_be_sent_where_the_secret_cannot(tmp_path: Path, server: Server) -> None:
    """A server that gives a secret back encoded does not make it public: policy judges the capture like the secret."""
    server.hook = lambda method, path: (200, {"got": base64.b64encode(SECRET.encode()).decode()})
    collection = """\
requests:
  first: {post: <<url>>/, text: <<s>>, capture: {got: json $.got}}
  second: {post: 'https://elsewhere.example/', json: {got: <<got>>}}
"""
    write(tmp_path, e__env=ENVIRONMENT.format(url=server.url), c=collection)
    done = zrun(tmp_path, "c.yaml", "-e", "e", S=SECRET)
    assert done.status == 5
    assert "`s` would go to elsewhere.example" in done.out


def test_an_error_that_leaves_a_run_is_masked(tmp_path: Path, server: Server) -> None:
    """What the file says beside a mistake may be a value that is known to be secret."""
    write(
        tmp_path,
        e__env=ENVIRONMENT.format(url=server.url),
        c="requests:\n  a: {get: <<url>>/, text: <<s>> made-up-token-in-a-file <<nobody>>}\n",
    )
    done = zrun(tmp_path, "c.yaml", "-e", "e", ZRUN_SECRET_S="made-up-token-in-a-file")
    assert done.status == 2
    assert "nobody" in done.err
    assert "made-up-token-in-a-file" not in done.err
    assert "<<s>> <<s>>" in done.err


def test_a_body_in_hexadecimal_shows_no_piece_of_an_encoded_secret(tmp_path: Path, server: Server) -> None:
    """A byte expectation shows what came in hexadecimal, and cut: what was encoded before is not found again there."""
    secret = "a secret/of many&characters=ä"
    encoded = quote(secret, safe="")
    text = f"""\
requests:
  a:
    post: <<url>>/back
    text: "{encoded}"
    headers: {{X: <<s>>}}
    expect: {{bytes: "00"}}
"""
    folder = write(tmp_path, c=text, e__env=f"variables: {{url: {server.url}}}\nsecrets: {{s: {{env: S}}}}\n")
    server.hook = lambda _method, _path: (200, {"back": encoded})
    done = zrun(folder, "c.yaml", "-e", "e", "--format", "json", S=secret)
    assert done.status == 1
    (check,) = [check for check in done.document["steps"][0]["checks"] if check["query"] == "bytes"]
    assert encoded[:12].encode().hex() not in check["actual"]
    assert "<<s>>" in check["actual"]
