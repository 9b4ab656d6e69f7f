"""Collections and environments read: what they mean, and all of their mistakes at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from yaml import safe_load

from runner import tree
from runner.collection import Collection, RequestSpec
from runner.errors import InputError, Problem
from runner.files import document, fields
from runner.files.reader import read_collection, read_environment
from runner.files.schema import schema
from runner.quantities import seconds
from tests.lookups import Values
from tests.test_documents import plain

ROOT = Path(__file__).parent.parent


def collection(folder: Path, text: str, name: str = "c.yaml") -> Collection:
    (folder / name).write_text(text, "utf-8")
    return read_collection(folder / name)


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        collection(folder, text)
    return caught.value.problems


def one(folder: Path, text: str) -> RequestSpec:
    return collection(folder, "requests:\n  r:\n" + "".join(f"    {line}\n" for line in text.splitlines())).requests[0]


MISTAKES = """\
name: Twelve and more
requests:
  one:
    get: http://127.0.0.1/
    hedaers: {A: b}
  two:
    get: http://127.0.0.1/
    post: http://127.0.0.1/
  three:
    post: http://127.0.0.1/
    json: {}
    form: {a: b}
  four:
    get: http://127.0.0.1/<<a |>>
    expect:
      statsu: 200
      json $.a[: 1
      json $.b: {lenght: 3}
      header: x
      duration: {lt: soon}
  five:
    expect: 200
  six:
    get: http://127.0.0.1/
    when: true-ish
    timeout: fast
    renew: {on: {status: 401}, run: nobody}
    needs: [fvie]
  seven:
    get: 127.0.0.1/
    capture: {x: jsn $.a}
    retry: {times: many}
    auth: {beerer: x}
"""

EXPECTED = [
    ("5:5", "no key `hedaers`", "did you mean `headers`?"),
    ("8:11", "two addresses", "keep one"),
    ("12:11", "one body", "keep one"),
    ("14:31", "is not an expression", "only expressions"),
    ("16:7", "`statsu` is not a query", "did you mean `status`?"),
    ("17:12", "not a JSONPath", "RFC 9535"),
    ("18:18", "`lenght` is not a predicate", "did you mean `length`?"),
    ("19:7", "`header` wants a name", "a blank"),
    ("20:22", "not a duration", "2s"),
    ("21:3", "`five` has no address", "get: https"),
    ("25:11", "`when` is no expression", "<<true-ish>>"),
    ("26:14", "is a duration", "30s"),
    ("27:37", "no request `nobody`", "it holds"),
    ("28:13", "no request `fvie`", "did you mean `five`?"),
    ("30:10", "does not begin with http", "whole URL"),
    ("31:18", "`jsn` is not a query", "did you mean `json`?"),
    ("32:20", "is a number", None),
    ("33:12", "there is no authentication scheme `beerer`", "bearer"),
]


def test_every_mistake_of_a_file_is_told_at_its_place_in_one_go(tmp_path: Path) -> None:
    found = sorted(
        problems(tmp_path, MISTAKES), key=lambda p: (p.location.line, p.location.column) if p.location else (0, 0)
    )
    told = [str(problem.location).rpartition("c.yaml:")[2] for problem in found]
    assert told == [place for place, _, _ in EXPECTED], "\n".join(map(str, found))
    for problem, (_, message, hint) in zip(found, EXPECTED, strict=True):
        assert message in problem.message
        assert hint is None or hint in (problem.hint or ""), problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("requests: {a/b: {get: 'http://h'}}", "an id cannot"),
        ("requests: {a: {get: ''}}", "empty"),
        ("requests: {a: {method: GET}}", "no address"),
        ("name: x", "no `requests`"),
        ("zrun: 2\nrequests: {}", "version of the format"),
        ("include: [none.yaml]\nrequests: {}", "no such file"),
        ("include: [c.yaml]\nrequests: {}", "includes itself"),
        ("requests: {a: {extends: b}, b: {extends: a}}", "extend each other"),
        ("requests: {a: {extends: c}}", "to extend"),
        ("requests: {a: {get: 'http://h', as: x}}", "there is none"),
        ("requests: {a: {get: 'http://h', for-each: 5}}", "`for-each` is a list"),
        ("requests: {a: {get: 'http://h', headers: {A: {b: c}}}}", "hold texts"),
        ("requests: {a: {get: 'http://h', multipart: {f: {filename: x}}}}", "either `file` or `value`"),
        ("requests: {a: {get: 'http://h', expect: ok}}", "a map of queries"),
        ("requests: {a: {get: 'http://h', expect: {status: {gte: 5}}}}", "`gte` is not a predicate"),
        ("requests: {a: {get: 'http://h', capture: {x: {default: 1}}}}", "no `from`"),
        ("requests: {a: {get: 'http://h', graphql: {}}}", "no `query`"),
        ("requests: {a: {get: 'http://h', until: {every: 1s}}}", "says not what"),
        ("variables: {1a: x}\nrequests: {}", "variable's name"),
        ("requests: [a]", "`requests` is a map"),
        ("requests: {a: 5}", "is a map"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    found = problems(tmp_path, text)
    assert any(message in problem.message for problem in found), found
    assert all(problem.location for problem in found)


def test_a_folder_gives_to_its_requests(tmp_path: Path) -> None:
    text = """\
variables: {a: 1}
defaults: {headers: {Accept: x, Only: top}, timeout: 5s, expect: {status: 200, size: {gt: 0}}}
requests:
  f:
    tags: [smoke]
    variables: {b: 2}
    defaults: {headers: {accept: y}}
    requests:
      r:
        get: http://h/
        tags: quick
        headers: {Mine: z, Only: null}
        expect: {status: 201}
"""
    request = collection(tmp_path, text).requests[0]
    assert request.id == "f/r"
    assert request.tags == ("smoke", "quick")
    assert [(str(pair.name), pair.value) for pair in request.headers] == [
        ("accept", "y"),
        ("Only", None),
        ("Mine", "z"),
    ]
    assert request.timeout == 5
    assert [(e.text, e.predicates[0].operand) for e in request.expect] == [("status", 201), ("size", 0)]
    assert [sorted(layer) for layer in request.layers] == [["a"], ["b"]]


def test_included_files_become_folders_where_include_stands(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "auth.yaml").write_text(
        "variables: {v: 1}\nrequests:\n  login: {post: 'http://h/', file: body.bin}\n", "utf-8"
    )
    text = "include: [sub/auth.yaml]\nrequests:\n  r: {get: 'http://h/', needs: [auth/login]}\n"
    found = collection(tmp_path, text)
    assert [request.id for request in found] == ["auth/login", "r"]
    assert found.requests[0].folder == tmp_path / "sub"
    assert "v" in found.requests[0].layers[-1]
    assert [r.id for r in collection(tmp_path, "requests:\n  r: {get: 'http://h/'}\ninclude: sub/auth.yaml\n")] == [
        "r",
        "auth/login",
    ]


def test_extends_copies_and_overrides(tmp_path: Path) -> None:
    text = """\
requests:
  base: {post: "http://h/a", headers: {A: b}, json: {x: 1}, expect: 201}
  f:
    requests:
      more: {extends: ../base, text: plain, expect: 202}
      get: {extends: more, get: "http://h/b"}
"""
    _, more, get = collection(tmp_path, text).requests
    assert (more.method, more.url, more.body.kind if more.body else "") == ("POST", "http://h/a", "text")
    assert (get.method, get.url) == ("GET", "http://h/b")
    assert get.expect[0].predicates[0].operand == 202
    assert [(pair.name, pair.value) for pair in get.headers] == [("A", "b")]


def test_ids_are_found_from_the_folder_upward(tmp_path: Path) -> None:
    text = """\
requests:
  refresh: {get: "http://h/"}
  f:
    requests:
      refresh: {get: "http://h/"}
      r: {get: "http://h/", renew: {on: 401, run: refresh}, needs: [../refresh]}
  g:
    requests:
      r: {get: "http://h/", renew: {on: 401, run: refresh}, needs: [f]}
"""
    found = collection(tmp_path, text)
    inner, outer = found.get("f/r"), found.get("g/r")
    assert inner
    assert outer
    assert inner.renew
    assert outer.renew
    assert (inner.renew.run, inner.needs[0].id) == ("f/refresh", "refresh")
    assert (outer.renew.run, [need.id for need in outer.needs]) == ("refresh", ["f/refresh", "f/r"])


def test_templates_can_be_turned_off_in_a_body(tmp_path: Path) -> None:
    request = one(tmp_path, "post: http://h/<<x>>\ntext: <<x>> stays\ntemplate: false")
    assert request.body
    assert request.body.tree == "<<x>> stays"
    assert tree.render(request.url, Values({"x": "y"})) == "http://h/y"


# Environments


def environment(folder: Path, text: str, name: str = "us") -> Path:
    path = folder / "environments" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_an_environment_is_found_beside_and_above_the_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "a" / "collections" / "deep"
    deep.mkdir(parents=True)
    environment(tmp_path / "a", "name: A")
    environment(tmp_path / "here", "name: Here", "local")
    monkeypatch.chdir(tmp_path / "here")
    found = read_environment(["us"], deep)
    assert (found.name, found.id, found.root) == ("A", "us", tmp_path / "a")
    assert read_environment(["local"], deep).name == "Here"
    assert read_environment([str(tmp_path / "a/environments/us.yaml")], deep).name == "A"
    with pytest.raises(InputError) as caught:
        read_environment(["uss"], deep)
    assert caught.value.problems[0].hint == "did you mean `us`?"


def test_bases_overlays_and_several_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment(tmp_path, "variables: {a: base, b: base}\nhosts: [one.example]\nsecrets: {s: {env: BASE}}", "common")
    environment(tmp_path, "base: common.yaml\nvariables: {b: us, c: us}\nhosts: [two.example]\nsecrets: {s: }", "us")
    environment(tmp_path, "variables: {c: mine}\nsecrets: {s: made-up-literal-secret}", "us.local")
    environment(tmp_path, "variables: {a: stage}", "stage")
    found = read_environment(["us", "stage"], tmp_path)
    assert found.id == "us+stage"
    values = {name: variable.value for name, variable in found.all_variables().items()}
    assert values == {"a": "stage", "b": "us", "c": "mine"}
    assert found.hosts == ("one.example", "two.example")
    assert [source.kind for source in found.secrets["s"].sources] == ["literal"]
    assert not found.warnings


def test_a_literal_secret_is_warned_about_and_never_shown(tmp_path: Path) -> None:
    path = environment(tmp_path, "secrets:\n  s: made-up-literal-secret\n")
    found = read_environment([str(path)], tmp_path)
    warning = found.warnings[0]
    assert warning.location
    assert "made-up" not in warning.location.source.line(warning.location.line)
    assert "made-up" not in repr(found)
    assert "made-up" not in str(warning)


@pytest.mark.parametrize(
    "text",
    [
        "- made-up:literal",
        '- "made-up: literal"',
        "'made-up: literal'",
        "-  - made-up:x",
        "[a, made-up:x]",
        "[\n made-up:x]",
    ],
)
def test_a_literal_secret_that_looks_like_a_key_is_not_shown(tmp_path: Path, text: str) -> None:
    path = environment(tmp_path, f"secrets:\n  s:\n    {text}\n")
    try:
        problems = read_environment([str(path)], tmp_path).warnings
    except InputError as error:
        problems = error.problems
    shown = [p.location.source.line(p.location.line) for p in problems if p.location]
    assert shown
    assert all("made" not in line and line.endswith("...") for line in shown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variabels: {a: 1}", "no key `variabels`"),
        ("hosts: ['*']", "not a host"),
        ("hosts: ['*.com']", "top-level"),
        ("hosts: ['https://a.example']", "not a host"),
        ("secrets: {s: {enw: X}}", "no key `enw`"),
        ("secrets: {s: {env: X, file: y}}", "one of env, file, keyring, command, prompt"),
        ("sandbox: salesforce", "one sandbox"),
        ("tls: {client-key: me.key}", "without its certificate"),
        ("base: none.yaml", "no file"),
        ("base: us.yaml", "inherits from itself"),
        ("variables: {s: 1}\nsecrets: {s: {env: X}}", "under `variables` too"),
    ],
)
def test_a_mistake_in_an_environment_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = environment(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_environment([str(path)], tmp_path)
    assert any(message in problem.message for problem in caught.value.problems), caught.value.problems


# One mistake a line: of itself, the reader refuses each, and so does an editor that knows the schema.
ENVIRONMENT_MISTAKES = {
    "hosts: ['*']": "this is not a host",
    "hosts: ['*.com']": "top-level",
    "hosts: ['https://a.example']": "this is not a host",
    "state: keyrng": "in a file or in the keyring",
    "tls: {client-key: me.key}": "without its certificate",
    "secrets: {s: {enw: X}}": "no key `enw`",
    "secrets: {s: {env: X, file: y}}": "one of env, file",
    "secrets: {s: [{env: X}, {}]}": "one of env, file",
    "secrets: {s: [{env: X}, ~]}": "a text or a map",
    "secrets: {s: true}": "a text or a map",
    "secrets: {s: {keyring: ''}}": "`keyring` is empty",
    "secrets: {s: {command: op read x}}": "a list of words",
    "oauth2: {p: 5}": "is a map",
    "oauth2: {p: {preset: zohoo}}": "`preset` has no such word",
    "oauth2: {p: {grnat: password}}": "no key `grnat`",
    "oauth2: {p: {grant: implicit}}": "`grant` has no such word",
    "oauth2: {p: {client-auth: digest}}": "`client-auth` has no such word",
    "oauth2: {p: {refresh-before: soon}}": "`refresh-before` is a duration",
    "oauth2: {p: {dpop: maybe}}": "`dpop` is true or false",
    "oauth2: {p: {scopes: {a: b}}}": "`scopes` is a text, or a list",
    "oauth2: {p: {token-params: [a]}}": "`token-params` is a map",
    "oauth2: {p: {budget: many}}": "`budget` is not a number of tokens",
    "oauth2: {p: {budget: 0 in 10m}}": "`budget` is not a number of tokens",
    "oauth2: {p: {token-url: 5}}": "`token-url` is no address",
    "oauth2: {p: {issuer: 'ftp://x'}}": "`issuer` is no address",
    "oauth2: {p: {client-secret: {env: X}}}": "`client-secret` is a text",
    "oauth2: {p: {algorithm: RS999}}": "`algorithm` has no such word",
    "oauth2: {p: {client-auth: private_key_jwt}}": "`client-auth: private_key_jwt` needs `private-key`",
    "oauth2: {p: {refresh-before: 1..2s}}": "`refresh-before` is a duration",
    "sandbox: zhoo": "there is one sandbox: zoho",
}


@pytest.mark.parametrize("text", ENVIRONMENT_MISTAKES)
def test_a_mistake_in_an_environment_is_one_for_the_schema_too(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_environment([str(environment(tmp_path, text))], tmp_path)
    (problem,) = caught.value.problems
    assert ENVIRONMENT_MISTAKES[text] in problem.message
    assert problem.location is not None
    assert list(Draft202012Validator(schema("environment")).iter_errors(safe_load(text)))


def test_many_mistakes_in_an_environment_are_told_in_one_go(tmp_path: Path) -> None:
    settings = [
        text.removeprefix("oauth2: {p: {").removesuffix("}}") for text in ENVIRONMENT_MISTAKES if "p: {" in text
    ]
    lines = [f"  p{i}: {{token-prefix: p{i}, {text}}}" for i, text in enumerate(settings)]
    sources = ["  s0: {enw: X}", "  s1: {env: X, file: y}", "  s2: true", "  s3: {command: op read x}"]
    text = "\n".join(["hosts: ['*', '*.com']", "state: keyrng", "secrets:", *sources, "oauth2:", *lines])
    with pytest.raises(InputError) as caught:
        read_environment([str(environment(tmp_path, text))], tmp_path)
    told = [(p.location.line, p.location.column) for p in caught.value.problems if p.location]
    assert len(set(told)) == len(told) == 2 + 1 + len(sources) + len(lines)


@pytest.mark.parametrize(
    "text",
    [
        "hosts: ['*.zohoapis.com', 'localhost:8080', a.example]",
        "hosts: a.example",
        "tls: {client-cert: me.pem, client-key: me.key}",
        "secrets: {s: , t: {env: X}, u: [{env: X}, {keyring: a/b}, {command: [op, read, x]}, {prompt: Say}], v: 5}",
        "oauth2: {p: {token-url: 'HTTPS://a.example/t', issuer: <<at>>, budget: 10 in 10m, scopes: [a, b]}}",
        "oauth2: {p: {refresh-before: <<t>>, dpop: <<d>>, preset: <<p>>, algorithm: <<a>>, scopes: <<s>>}}",
        "oauth2: {p: {refresh-before: , dpop: , preset: , algorithm: , grant: , client-auth: , scopes: , budget: }}",
        "oauth2: {p: {client-auth: private_key_jwt, private-key: <<k>>, algorithm: PS512, tenant: 5}}",
        "oauth2: {p: {refresh-before: 5m, dpop: true, token-params: {a: [b, 1]}, token-url: '', budget: }}",
    ],
)
def test_what_the_reader_takes_in_an_environment_the_schema_takes(tmp_path: Path, text: str) -> None:
    read_environment([str(environment(tmp_path, text))], tmp_path)
    assert not list(Draft202012Validator(schema("environment")).iter_errors(safe_load(text)))


@pytest.mark.parametrize(
    ("text", "hint"), [("state: keyrng", "did you mean `keyring`?"), ("sandbox: zhoo", "did you mean `zoho`?")]
)
def test_a_misspelt_word_of_an_environment_is_guessed(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_environment([str(environment(tmp_path, text))], tmp_path)
    assert [problem.hint for problem in caught.value.problems] == [hint]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("5", ["the provider `q` is a map"]),
        ("{token-prefix: [q]}", ["`token-prefix` is a text"]),
        ("{token-prefx: q}", ["the provider `q` has no key `token-prefx`"]),
        ("{grant: implicit}", ["`grant` has no such word", "`p` and `q` would keep their tokens under the same names"]),
        ("", ["`p` and `q` would keep their tokens under the same names"]),
    ],
)
def test_a_provider_that_could_not_be_read_takes_nobodys_names(tmp_path: Path, second: str, told: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read_environment([str(environment(tmp_path, f"oauth2: {{p: {{}}, q: {second}}}"))], tmp_path)
    assert [problem.message for problem in caught.value.problems] == told


@pytest.mark.parametrize("text", ["auth: {basic: x}", "auth: {oauth1: [x]}"])
def test_a_scheme_that_is_no_map_is_one_mistake(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, f"{text}\nrequests: {{a: {{get: 'http://h'}}}}")
    assert problem.message.endswith("is a map")


# Schemas


_DURATION = Draft202012Validator(fields.DURATION)


@given(
    st.one_of(
        st.from_regex(
            r"\s?[0-9.]{1,4}\s?(ms|s|m|min|h|d|D|x|S)?\s?([0-9.]{1,17}\s?(ms|s|Min|h)? ?){0,2}", fullmatch=True
        ),
        st.text("0123456789. smhdMin-\n", max_size=80),
        st.floats(-1, 1e16),
    )
)
def test_a_duration_is_one_for_the_schema_where_it_is_for_the_reader(written: str | float) -> None:
    assert _DURATION.is_valid(written) == (seconds(written) is not None)


@pytest.mark.parametrize("kind", ["collection", "environment"])
def test_the_published_schema_is_the_one_that_the_program_prints(kind: Any) -> None:
    published = json.loads((ROOT / "docs" / "schema" / f"{kind}.json").read_text("utf-8"))
    assert published == schema(kind), f"write it anew: zrun schema {kind} > docs/schema/{kind}.json"
    Draft202012Validator.check_schema(published)


def test_what_the_reader_refuses_the_schema_refuses(tmp_path: Path) -> None:
    validator = Draft202012Validator(schema("collection"))
    refused = {str(error.path[1]) for error in validator.iter_errors(safe_load(MISTAKES)) if len(error.path) > 1}
    assert refused >= {"one", "three", "four", "five", "six", "seven"}


@pytest.mark.parametrize("path", sorted((ROOT / "collections").glob("*.yaml")), ids=lambda p: p.name)
def test_the_sample_collections_fit_their_schema(path: Path) -> None:
    assert not list(Draft202012Validator(schema("collection")).iter_errors(plain(document.load(path))))
    assert safe_load(path.read_text("utf-8"))  # YAML for other programs, too
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../docs/schema/collection.json\n")
    assert read_collection(path).requests


@pytest.mark.parametrize("path", sorted((ROOT / "environments").glob("*.yaml")), ids=lambda p: p.name)
def test_the_sample_environments_fit_their_schema(path: Path) -> None:
    if path.name.endswith(".local.yaml"):
        pytest.skip("a person's own")
    assert not list(Draft202012Validator(schema("environment")).iter_errors(safe_load(path.read_text("utf-8"))))
    found = read_environment([str(path)], path.parent)
    assert not found.warnings
    assert found.sandbox or {"client-id", "client-secret", "grant-token"} <= found.secrets.keys()


def test_every_field_has_words_for_an_editor() -> None:
    for table in (fields.REQUEST, fields.COLLECTION, fields.ENVIRONMENT, fields.CAPTURE, fields.RETRY):
        assert all(words.endswith(".") for _, words in table.values())


# Documentation

_EXAMPLE = re.compile(r"^```yaml( environment)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["docs/format.md", "docs/login.md", "docs/oauth2.md", "docs/secrets.md", "README.md"])
def test_the_examples_of_the_documentation_are_read(tmp_path: Path, page: str) -> None:
    (tmp_path / "common.yaml").write_text("name: common\n", "utf-8")
    examples = _EXAMPLE.findall((ROOT / page).read_text("utf-8"))
    assert len(examples) >= 2
    for number, (kind, text) in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, "utf-8")
        if kind or "requests:" not in text:
            read_environment([str(path)], tmp_path)
        else:
            read_collection(path)
