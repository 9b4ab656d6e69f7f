"""What a run may load: the weight of a start is a promise. Modules are counted, not milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Server

_LOADED = """
import json, sys
from runner.cli import main
status = main(json.loads(sys.argv[1]))
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""
# Each is large, and has a door that opens only when it is needed.
HEAVY = {
    "asyncio",
    "click",
    "cssselect",
    "difflib",
    "getpass",
    "jinja2",
    "jsonpath",
    "jsonschema",
    "jsonschema_rs",
    "logging.handlers",
    "lxml",
    "pygments",
    "regex",
    "rich",
    "sqlite3",
    "starlette",
    "uvicorn",
}


def loaded(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    """The exit status of `zrun ARGUMENTS`, and the top-level modules that were loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, json.dumps(arguments)], cwd=folder, capture_output=True, text=True, check=True
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    return status, set(modules)


def heavy(modules: set[str]) -> set[str]:
    return HEAVY & {name.partition(".")[0] for name in modules}


def project(folder: Path, server: Server, **changes: str) -> None:
    text = {
        "name": "a",
        "query": "json $.method",
        "is": "GET",
        "url": server.url,
        **changes,
    }
    (folder / "c.yaml").write_text(
        f"""\
variables: {{name: {text["name"]}}}
requests:
  one:
    get: {text["url"]}/echo?name=<<name>>
    expect: {{status: 200, {text["query"]}: {text["is"]}}}
    capture: {{seen: json $.method}}
  two:
    post: {text["url"]}/echo
    when: <<seen is defined>>
    json: {{seen: <<seen>>}}
""",
        "utf-8",
    )


def test_help_loads_no_command(tmp_path: Path) -> None:
    status, modules = loaded(tmp_path, "--help")
    assert status == 0
    assert not heavy(modules)
    assert not {"httpx", "yaml", "argparse", "json.decoder"} & modules - {"json.decoder"}
    assert {m for m in modules if m.startswith("runner")} == {
        "runner",
        "runner.cli",
        "runner.cli.outlet",
        "runner.errors",
        "runner.records",
    }


def test_a_plain_run_loads_yaml_and_what_frames_http(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    status, modules = loaded(tmp_path, "c.yaml")
    assert status == 0
    assert {"h11", "yaml"} <= modules
    assert not {"httpx", "httpcore", "ssl", "http.client", "http.cookiejar", "urllib.request", "email.parser"} & modules
    assert not heavy(modules)
    assert not {"runner.certificates", "runner.files.schemas", "runner.json_schema", "runner.markup"} & modules
    assert not {name for name in modules if name.startswith(("runner.reporters.documents", "runner.reporters.ci"))}
    assert not {"runner.cli.reports", "runner.cli.ci"} & modules
    of_snapshots = {"runner.cli.snapshots", "runner.differences", "runner.files.snapshots", "runner.snapshots"}
    assert not of_snapshots & modules
    status, modules = loaded(tmp_path, "c.yaml", "--snapshot", "-r", "two", "--alone", "--var", "seen=1")
    assert status == 0
    assert of_snapshots <= modules
    assert not heavy(modules)


@pytest.mark.parametrize(
    ("change", "library"),
    [
        ({"name": "<<'A' | lower>>"}, "jinja2"),
        ({"name": "<<$uuid>>"}, "runner.dynamic"),
        ({"query": "json $..method", "is": "[GET]"}, "jsonpath"),
        ({"query": "regex GET", "is": "GET"}, "regex"),
        ({"query": "schema", "is": "{type: object}"}, "jsonschema_rs"),
        ({"query": "cert subject", "is": "{exists: false}"}, "runner.certificates"),
    ],
)
def test_each_feature_loads_its_own(tmp_path: Path, server: Server, change: dict[str, str], library: str) -> None:
    project(tmp_path, server, **change)
    status, modules = loaded(tmp_path, "c.yaml")
    assert status == 0
    assert library in modules
    assert heavy(modules) <= {library, *({"regex"} if library == "jsonpath" else ())}


def test_a_report_loads_its_own_format(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    status, modules = loaded(tmp_path, "c.yaml", "--report", "r.xml")
    assert status == 0
    forms = {"codec", "ctrf", "github", "har", "html", "json_file", "junit", "markdown", "saved", "tap"}
    found = {name.rpartition(".")[2] for name in modules if name.startswith("runner.reporters.documents.")}
    assert found & forms == {"codec", "junit"}
    assert not {name for name in modules if name.startswith("runner.reporters.ci.")}
    assert not heavy(modules)


def test_a_mistake_is_told_without_the_http_library(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server, query="json $.method.", **{"is": "GET"})
    status, modules = loaded(tmp_path, "c.yaml")
    assert status == 2
    assert "httpx" not in modules
    assert not {"jinja2", "rich", "starlette"} & heavy(modules)


def test_a_query_of_markup_loads_its_libraries_and_no_other(tmp_path: Path, server: Server) -> None:
    for query, libraries in (("xpath //a", {"lxml"}), ("css a", {"lxml", "cssselect"})):
        project(tmp_path, server, query=query, **{"is": "x"})
        status, modules = loaded(tmp_path, "check", "c.yaml")
        assert status == 0
        assert heavy(modules) == libraries


def test_check_loads_no_http_library(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    status, modules = loaded(tmp_path, "check", "c.yaml")
    assert status == 0
    assert "httpx" not in modules
    assert not heavy(modules)


@pytest.mark.parametrize(
    ("auth", "schemes"),
    [
        (None, set()),
        ("none", set()),
        ("{bearer: made-up-token}", {"header"}),
        ("{basic: {username: a, password: b}}", {"header", "basic"}),
        ("{digest: {username: a, password: b}}", {"digest", "challenges", "components"}),
    ],
)
def test_authentication_loads_the_scheme_that_is_used(
    tmp_path: Path, server: Server, auth: str | None, schemes: set[str]
) -> None:
    written = "" if auth is None else f", auth: {auth}"
    (tmp_path / "c.yaml").write_text(f'requests:\n  one: {{get: "{server.url}/echo"{written}}}\n', "utf-8")
    status, modules = loaded(tmp_path, "c.yaml")
    assert status == 0
    found = {name for name in modules if name.startswith("runner.auth")}
    shared = {"runner.auth", "runner.auth.settings", "runner.auth.signed"} if schemes else set()
    assert found == shared | {f"runner.auth.{name}" for name in schemes}
    assert not heavy(modules)
    assert not {"cryptography", "spnego"} & modules


def test_a_token_that_is_kept_loads_nothing_that_asking_needs(tmp_path: Path, server: Server) -> None:
    """Neither does a declared provider that no request uses."""
    environment = f"""\
variables: {{api: "{server.url}/echo"}}
oauth2: {{p: {{client-id: x, client-secret: made-up, grant: client_credentials, token-url: "{server.url}/token"}}}}
"""
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "e.yaml").write_text(environment, "utf-8")
    (tmp_path / "with.yaml").write_text("auth: {oauth2: p}\nrequests:\n  a: {get: <<api>>}\n", "utf-8")
    (tmp_path / "without.yaml").write_text("requests:\n  a: {get: <<api>>}\n", "utf-8")
    mine = "runner.auth.oauth2."
    asking = {f"{mine}{name}" for name in ("token_request", "tokens", "grants", "client_authentication", "budget")}
    status, modules = loaded(tmp_path, "with.yaml", "-e", "e")
    assert status == 0
    assert asking <= modules
    assert not {"cryptography", "http.server", f"{mine}recovery", f"{mine}refusals", f"{mine}assertions"} & modules
    status, modules = loaded(tmp_path, "with.yaml", "-e", "e")
    assert status == 0
    assert not asking & modules
    assert not heavy(modules)
    status, modules = loaded(tmp_path, "without.yaml", "-e", "e")
    assert status == 0
    assert {name for name in modules if name.startswith(mine)} == {f"{mine}hosts", f"{mine}presets"}
