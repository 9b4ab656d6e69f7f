"""The predicate `schema`: a failure is told with its place in the body and in the schema; what is read is the project's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Done, write, zrun
from tests.listeners import Listener
from tests.servers import Server

LEAD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "string", "pattern": "^[0-9]+$"}, "name": {"type": "string"}},
    "additionalProperties": False,
}


def project(folder: Path, url: str, expect: str, body: Any, **files: Any) -> Path:
    """A collection that posts `body` and expects it back as `expect` (a flow map); `files` go to schemas/NAME.json."""
    (folder / "collections").mkdir(parents=True, exist_ok=True)
    (folder / "collections" / "c.yaml").write_text(
        f"requests:\n  a:\n    post: {url}/reflect\n    json: {json.dumps(body)}\n    template: false\n"
        f"    expect:\n      {expect}\n",
        "utf-8",
    )
    (folder / "schemas").mkdir(exist_ok=True)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2)
        (folder / "schemas" / f"{name}.json").write_text(text, "utf-8")
    return folder


def notes(done: Done) -> list[str]:
    """What the failed checks of `--format json` say."""
    return [
        line
        for step in done.document["steps"]
        for check in step["checks"]
        if not check["passed"]
        for line in check["note"].split("\n")
    ]


def run(folder: Path, url: str, expect: str, body: Any, **files: Any) -> Done:
    project(folder, url, expect, body, **files)
    return zrun(folder, "collections/c.yaml", "--format", "json")


FILE = "json $: {schema: ../schemas/lead.json}"


def test_a_body_that_keeps_it_passes(tmp_path: Path, server: Server) -> None:
    done = run(tmp_path, server.url, FILE, {"id": "7", "name": "Ada"}, lead=LEAD)
    assert done.status == 0, done.err
    assert [check["predicate"] for check in done.document["steps"][0]["checks"]] == ["schema"]


def test_each_violation_is_told_with_both_places(tmp_path: Path, server: Server) -> None:
    body = {"id": "x7", "name": 5, "it's": 1, "b c": 2}
    done = run(tmp_path, server.url, "schema: ../schemas/lead.json", body, lead=LEAD)
    assert done.status == 1
    assert sorted(notes(done)) == [
        '`$.id` is "x7"; the schema wants pattern: "^[0-9]+$" (schemas/lead.json:11:8)',
        '`$.name` is 5; the schema wants type: "string" (schemas/lead.json:14:8)',
        "`$` has `it's`, `b c`, which the schema does not know (schemas/lead.json:17:4)",
    ]
    shown = zrun(tmp_path, "collections/c.yaml")
    assert shown.out.count("  note      ") == 3
    assert "as `../schemas/lead.json` has it" in shown.out


@pytest.mark.parametrize(
    ("schema", "body", "says"),
    [
        ({"required": ["a", "b"]}, {"a": 1}, "`$` has no `b`"),
        ({"properties": {"a": {"items": {"minimum": 5}}}}, {"a": [5, 6, 4]}, "`$.a[2]` is 4; the schema wants minimum: 5"),
        ({"properties": {"a b": {"const": {"x": 1}}}}, {"a b": 2}, "`$['a b']` is 2; the schema wants const: {\"x\": 1}"),
        ({"enum": ["a", "b"]}, {}, '`$` is {}; the schema wants enum: ["a", "b"]'),
        ({"properties": {"a": False}}, {"a": 1}, "`$.a` may not be there"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "`$` has a key that the schema's `propertyNames`"),
        ({"anyOf": [{"type": "string"}, {"properties": {"a": {"type": "null"}}}]}, {"a": 1}, "the nearest fails at `$.a` ("),
        ({"oneOf": [{}, {}]}, {}, "keeps more than one"),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, {}, "keeps none of the schema's `oneOf`"),
        ({"not": {"type": "object"}}, {}, "forbids"),
        ({"unevaluatedProperties": False}, {"a": 1}, "`$` has `a`, which"),
        ({"prefixItems": [True], "items": False}, [1, 2], "`$"),
        ({"uniqueItems": True}, [1, 1], "wants uniqueItems: true"),
        ({"contains": {"type": "null"}}, [1], "wants contains:"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "has no `b`"),
        ({"properties": {"at": {"format": "date-time"}}}, {"at": "yesterday"}, 'wants format: "date-time"'),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"$anchor": "y", "type": "null"}}}, 1, '`$` is 1; the schema wants type: "null"'),
        ({"if": True, "then": {"type": "null"}}, 1, '`$` is 1; the schema wants type: "null"'),
        ({"properties": {"c": {"$ref": "#"}, "v": {"type": "null"}}}, {"c": {"c": {"v": 1}}}, "`$.c.c.v` is 1"),
    ],
)  # fmt: skip
def test_the_words_of_each_keyword(tmp_path: Path, server: Server, schema: Any, body: Any, says: str) -> None:
    done = run(tmp_path, server.url, FILE, body, lead=schema)
    assert done.status == 1, done.err
    assert any(says in note for note in notes(done)), notes(done)
    assert all("schemas/lead.json:" in note for note in notes(done))


def test_it_may_stand_in_the_collection_with_values_filled_in(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"""\
variables: {{least: 2, kind: string}}
requests:
  a:
    post: {server.url}/reflect
    json: [{{n: 1}}, {{n: 2}}, {{n: x}}]
    expect:
      schema:
        type: array
        items:
          $ref: "#/$defs/row"
        $defs:
          row:
            properties:
              n: {{minimum: <<least>>, type: number}}
      json $:
        each: {{schema: {{type: object}}}}
        length: {{schema: {{maximum: 2}}}}
        not: {{schema: {{type: <<kind>>}}}}
""",
    )
    done = zrun(tmp_path, "c", "--format", "json")
    assert done.status == 1, done.err
    assert notes(done)[:2] == [
        "`$[0].n` is 1; the schema wants minimum: 2 (c.yaml:14:19)",
        '`$[2].n` is "x"; the schema wants type: "number" (c.yaml:14:39)',
    ]
    (length,) = [check for check in done.document["steps"][0]["checks"] if check["predicate"] == "length"]
    assert not length["passed"]
    assert [check["predicate"] for check in done.document["steps"][0]["checks"] if check["passed"]] == [
        "each",
        "not",
    ]


def test_a_secret_in_the_schema_or_the_body_is_masked(tmp_path: Path, server: Server) -> None:
    secret, other = "made-up-secret-value", "made-up-other-value"
    write(
        tmp_path,
        us__env=f"variables: {{base: '{server.url}'}}\nsecrets: {{key: {{env: KEY}}, other: {{env: OTHER}}}}\n",
        c="""\
requests:
  a:
    post: <<base>>/reflect
    json: {k: <<key>>, deep: [<<key>>], "long": "<<'x' * 190>> <<key>>"}
    expect:
      schema:
        properties:
          k: {const: <<other>>}
          deep: {items: {type: integer}}
          long: {type: integer, pattern: "^<<other>>$"}
        required: [l]
""",
    )
    for report in ("json", "text"):
        done = zrun(tmp_path, "c", "-e", "us", "-vv", "--format", report, KEY=secret, OTHER=other)
        said = done.out + done.err
        assert done.status == 1, said
        assert "<<key>>" in said
        assert "<<other>>" in said
        assert all(text[:12] not in said for text in (secret, other)), said


def test_references_lead_to_files_of_the_project(tmp_path: Path, server: Server) -> None:
    files: dict[str, Any] = {
        "lead": {"properties": {"owner": {"$ref": "parts/owner.json#/$defs/owner"}, "next": {"$ref": "#"}}},
        "parts/owner": {"$defs": {"owner": {"$ref": "../text.json"}}},
        "text": {"type": "string"},
    }
    (tmp_path / "schemas" / "parts").mkdir(parents=True)
    done = run(tmp_path, server.url, FILE, {"next": {"owner": 5}}, **files)
    assert notes(done) == ['`$.next.owner` is 5; the schema wants type: "string" (schemas/text.json:2:4)']


def test_where_ids_are_addresses_files_stand_to_each_other_as_these_do(tmp_path: Path, server: Server) -> None:
    base = "https://schemas.example.com/v1"
    files: dict[str, Any] = {
        "lead": {"$id": f"{base}/lead.json", "properties": {"a": {"$ref": "parts/a.json"}, "b": {"$ref": "#/$defs/b"}},
                 "$defs": {"b": {"$id": "inner/b.json", "type": "null", "$defs": {"c": {}}}}},
        "parts/a": {"$id": f"{base}/parts/a.json", "$ref": "../text.json"},
        "text": {"$id": f"{base}/text.json", "type": "string"},
    }  # fmt: skip
    (tmp_path / "schemas" / "parts").mkdir(parents=True)
    done = run(tmp_path, server.url, FILE, {"a": 5, "b": 6}, **files)
    assert sorted(notes(done)) == [
        '`$.a` is 5; the schema wants type: "string" (schemas/text.json:3:4)',
        '`$.b` is 6; the schema wants type: "null" (schemas/lead.json:14:8)',
    ]


def refused(folder: Path, server: Server, expect: str = FILE, **files: Any) -> str:
    """What `check` and a run say, which is the same; nothing is sent."""
    project(folder, server.url, expect, {}, **files)
    checked, ran = (zrun(folder, *words, "collections/c.yaml") for words in (["check"], []))
    assert (checked.status, ran.status) == (2, 2), checked.out + ran.out
    assert not server.seen
    assert ran.err.strip()
    assert ran.err.splitlines()[0] == checked.err.splitlines()[0]
    assert " = " in ran.err  # what to do next
    return ran.err


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        ('{"type": "strng"}', "schemas/lead.json:1:3", "did you mean `string`?"),
        ('{\n\t"minLength": -1, "properties": {"a": {"required": "b"}}}', "schemas/lead.json:2:3", "`minLength` cannot"),
        ('{"properties": {"a": {"required": "b"}}}', "schemas/lead.json:1:24", "`required` cannot"),
        ('{"items": [{}]}', "schemas/lead.json:1:3", "`items` cannot"),
        ('{"pattern": "("}', "schemas/lead.json:1:3", "`pattern` cannot"),
        ('{"patternProperties": {"(": {}}}', "schemas/lead.json:1:", "not a JSON Schema"),
        ('{"type": "string",}', "schemas/lead.json:1:", "this is not JSON"),
        ("", "schemas/lead.json:1:1", "this is not JSON"),
        ("[" * 100_000, "schemas/lead.json:1:", "JSON"),
        ('{"a": {}, "a": {}}', "schemas/lead.json:1:12", "second time"),
        ("[]", "schemas/lead.json:1:1", "not a JSON Schema"),
        ('{"$schema": "http://json-schema.org/draft-07/schema#"}', "schemas/lead.json:1:3", "2020-12"),
        ('{"$ref": "#/$defs/none"}', "schemas/lead.json:1:11", "cannot be used"),
        ('{"$ref": "#none"}', "schemas/lead.json:1:11", "cannot be used"),
        ('{"allOf": [{"$ref": "none.json"}]}', "schemas/lead.json:1:22", "`none.json` is not there"),
        ('{"$ref": "../../outside.json"}', "schemas/lead.json:1:11", "outside of the project"),
        ('{"$ref": "../.private.json"}', "schemas/lead.json:1:11", "private"),
        ('{"$ref": "../environments/us.yaml"}', "schemas/lead.json:1:11", "private"),
        ('{"$ref": "link.json"}', "schemas/lead.json:1:11", "outside of the project"),
        ('{"$ref": "file:///etc/hostname"}', "schemas/lead.json:1:11", "outside of the project"),
        ('{"$ref": "file://host/etc/hostname"}', "schemas/lead.json:1:11", "not in this project"),
        ('{"$ref": "ftp://127.0.0.1/x"}', "schemas/lead.json:1:11", "not in this project"),
        ('{"$ref": "urn:x:y"}', "schemas/lead.json:1:11", "not in this project"),
        ('{"$ref": "bad.json"}', "schemas/bad.json:1:3", "`type` cannot"),
        ('{"$ref": "http://[bad"}', "schemas/lead.json:1:", "cannot"),
        ('{"$id": "https://x.example/s/lead.json", "$ref": "../../../outside.json"}', "schemas/lead.json:1:", "not"),
        ('{"$id": "https://x.example/a/b/c/lead.json", "$ref": "../../../x.json"}', "schemas/lead.json:1:", "outside of"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_sent(
    tmp_path: Path, server: Server, content: str, place: str, says: str
) -> None:
    (tmp_path / "outside.json").write_text("{}", "utf-8")
    folder = tmp_path / "project"
    (folder / "schemas").mkdir(parents=True)
    (folder / "schemas" / "link.json").symlink_to(tmp_path / "outside.json")
    (folder / ".private.json").write_text("{}", "utf-8")
    (folder / "environments").mkdir()
    (folder / "environments" / "us.yaml").write_text("{}", "utf-8")
    said = refused(folder, server, lead=content, bad='{"type": "x"}')
    assert place in said.splitlines()[0], said
    assert says in said


@pytest.mark.parametrize(
    ("expect", "place", "says"),
    [
        ("schema: ../schemas/none.json", "c.yaml:7:15", "`none.json` is not there"),
        ("schema: ../schemas", "c.yaml:7:15", "not called as a JSON Schema is"),
        ("schema: ../notes.txt", "c.yaml:7:15", "not called as a JSON Schema is"),
        ("schema: ../schemas/folder.json", "c.yaml:7:15", "is not there"),
        ("schema: /etc/hostname", "c.yaml:7:15", "outside of the project"),
        ("schema: ../../outside.json", "c.yaml:7:15", "outside of the project"),
        ("json $.a: {schema: ../schemas/link.json}", "c.yaml:7:26", "outside of the project"),
        ("schema: ../environments/us.yaml", "c.yaml:7:15", "private"),
        ("schema: <<x>>", "c.yaml:7:15", "template cannot stand for a schema"),
        ("schema: ../<<x>>.json", "c.yaml:7:15", "template cannot stand for a schema"),
        ("schema: 5", "c.yaml:7:15", "no JSON Schema"),
        ("schema: [a]", "c.yaml:7:15", "no JSON Schema"),
        ("schema: {type: strng}", "c.yaml:7:16", "did you mean `string`?"),
        ("schema: {type: [string, nul]}", "c.yaml:7:", "`type` cannot"),
        ("schema: {$ref: ../schemas/none.json}", "c.yaml:7:22", "`none.json` is not there"),
        ("json $: {each: {schema: {minimum: x}}}", "c.yaml:7:32", "`minimum` cannot"),
        ("until: 5", "c.yaml:7:7", "`until`"),
    ],
)
def test_so_is_one_in_the_collection(tmp_path: Path, server: Server, expect: str, place: str, says: str) -> None:
    (tmp_path / "outside.json").write_text("{}", "utf-8")
    folder = tmp_path / "project"
    (folder / "schemas" / "folder.json").mkdir(parents=True)
    (folder / "notes.txt").write_text("{}", "utf-8")
    (folder / "schemas" / "link.json").symlink_to(tmp_path / "outside.json")
    said = refused(folder, server, expect)
    assert place in said.splitlines()[0], said
    assert says in said


def test_nothing_is_fetched(tmp_path: Path, server: Server) -> None:
    with Listener() as asked:
        url = f"http://127.0.0.1:{asked.port}/s.json"
        for schema in (
            {"$ref": url},
            {"$id": url, "$ref": "other.json"},
            {"$schema": url},
            {"$defs": {"x": {"$id": "http://x.example/", "$schema": url}}},
            {"$dynamicRef": url},
        ):
            refused(tmp_path, server, lead=schema)
        assert asked.connections == 0


def test_yaml_is_a_schema_too_and_relative_to_the_file_that_names_it(tmp_path: Path, server: Server) -> None:
    """Also where another file's defaults name it, in `until` and in `renew`."""
    for path, text in {
        "collections/c.yaml": f"""\
defaults: {{expect: {{schema: s.yaml}}}}
include: [sub/d.yaml]
requests:
  a: {{get: {server.url}/echo}}
  b: {{get: {server.url}/echo, until: {{schema: s.yaml, every: 0s, timeout: 5s}}}}
  c: {{get: {server.url}/echo, renew: {{on: {{schema: none-such.yaml}}, run: a}}, skip: true}}
""",
        "collections/sub/d.yaml": f"requests: {{e: {{get: {server.url}/echo}}}}\n",
        "collections/s.yaml": "type: object\nproperties: {method: {const: GET}}\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    done = zrun(tmp_path, "collections/c.yaml", "--format", "json")
    assert done.status == 2
    assert "c.yaml:6:" in done.err
    assert "none-such.yaml` is not there" in done.err
    text = (tmp_path / "collections/c.yaml").read_text("utf-8").replace("none-such", "s")
    (tmp_path / "collections/c.yaml").write_text(text, "utf-8")
    done = zrun(tmp_path / "collections", "c.yaml", "--format", "json")
    assert done.steps() == {"d/e": "passed", "a": "passed", "b": "passed", "c": "skipped"}, done.err


def test_a_schema_cannot_be_captured(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests: {{a: {{get: '{server.url}/echo', capture: {{x: schema s.json}}}}}}\n")
    done = zrun(tmp_path, "c")
    assert done.status == 2
    assert "`schema` is a predicate" in done.err


@pytest.mark.parametrize(
    ("schema", "body", "says"),
    [
        ({"items": {"pattern": "^(?:a(?!c)|a(?!d)a?)*$"}}, ["a" * 5000 + "!"] * 3, "takes too long"),
        ({"patternProperties": {"^(?:a(?!c)|a(?!d)a?)*$": False}}, {"a" * 5000 + "!": 1}, "takes too long"),
        ({"pattern": "^(a+)+$"}, "a" * 50_000 + "!", "wants pattern"),
        ({"items": {"type": "null"}}, list(range(5000)), "and 4990 more"),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, False]}}}, 1, ""),
        ({"type": "string"}, "\ud800", "surrogate"),
        ({"properties": {"a": {"type": "string"}}}, {"a": 10**400}, "`$.a` is 1000"),
    ],
)
def test_a_hostile_body_or_schema_is_bounded(tmp_path: Path, server: Server, schema: Any, body: Any, says: str) -> None:
    text = json.dumps(body)
    server.hook = lambda method, path: (200, body)
    project(tmp_path, server.url, FILE, None, lead=schema)
    assert text
    done = zrun(tmp_path, "collections/c.yaml", "--format", "json")
    assert done.status in ((1,) if says else (0, 1)), done.err
    assert says in "\n".join(notes(done))


def shared(count: int, word: str, below: bool) -> dict[str, Any]:
    """Each of `count` schemas leads to the one before it by two ways: at the same place, or at the items."""
    schemas: dict[str, Any] = {"s0": {"type": "null"}}
    for number in range(1, count + 1):
        way: dict[str, Any] = {"$ref": f"#/$defs/s{number - 1}"}
        schemas[f"s{number}"] = {word: [{"items": way} if below else way] * 2}
    return {"$ref": f"#/$defs/s{count}", "$defs": schemas}


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


TREE: dict[str, Any] = {"type": "array", "anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}


@pytest.mark.parametrize(
    ("schema", "body", "status", "says"),
    [
        (shared(60, "anyOf", False), 1, 2, "comes to the same place too often"),
        (shared(60, "allOf", False), 1, 2, "comes to the same place too often"),
        ({"$ref": "#/$defs/a0", "$defs": {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(3000)} | {"a3000": {}}},
         1, 2, "comes to the same place too often"),
        (shared(60, "anyOf", True), nested(60, 1), 1, "too many ways"),
        (shared(60, "anyOf", True), nested(4, 1), 0, ""),
        (shared(3, "allOf", True), nested(3, 1), 1, "wants type"),
        (TREE, nested(60, 1), 1, "where is not told"),
        (TREE, nested(60, []), 0, ""),
        (TREE, nested(4, 1), 1, "keeps none of the schema's `anyOf`; the nearest fails at `$[0][0][0][0]`"),
        ({"items": {"type": "null"}}, list(range(400_000)), 1, "where is not told"),
        ({"type": "array", "items": {"$ref": "#"}}, nested(400, 1), 1, "is 1; the schema wants"),
        ({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}, "type": "object"}, {"l": {"r": {"l": 5}}}, 1, "`$.l.r.l`"),
    ],
)  # fmt: skip
def test_a_schema_that_would_not_end_is_not_begun(
    tmp_path: Path, server: Server, schema: Any, body: Any, status: int, says: str
) -> None:
    server.hook = lambda method, path: (200, body)
    project(tmp_path, server.url, FILE, None, lead=schema)
    done = zrun(tmp_path, "collections/c.yaml", "--format", "json")
    assert done.status == status, done.err
    assert says in (done.err if status == 2 else "\n".join(notes(done)))
    assert len(server.seen) == (0 if status == 2 else 1)


def test_a_body_without_end_is_no_json(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, FILE, None, lead={"type": "array", "items": {"$ref": "#"}})
    for body in ("[" * 100_000, "[" * 900 + "]" * 900, "\0", ""):
        path = tmp_path / "collections" / "c.yaml"
        (tmp_path / "body.txt").write_text(body, "utf-8")
        path.write_text(
            f"requests: {{a: {{post: '{server.url}/reflect', file: ../body.txt, expect: {{schema: ../schemas/lead.json}}}}}}",
            "utf-8",
        )
        done = zrun(tmp_path, "collections/c.yaml", "--format", "json")
        assert done.status == (0 if "]" in body else 1), done.err


def test_the_extra_is_asked_for_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, FILE, {}, lead={})
    for words in (["collections/c.yaml"], ["check", "collections/c.yaml"]):
        blocked = (
            f"import sys; sys.modules['jsonschema_rs'] = None; from runner.cli import main; sys.exit(main({words!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "needs the extra `schema`" in done.stderr
        assert "pip install 'zrun[schema]'" in done.stderr
    assert not server.seen
