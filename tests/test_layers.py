"""Imports point down, heavy libraries have one home, and every import inside a function says why it is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUNNER = ROOT / "runner"

# Lower layers never import higher ones; modules of one layer may build on each other as long as no circle arises.
LAYERS: dict[str, int] = {
    "errors": 0,
    "records": 0,
    "values": 0,
    "quantities": 0,
    "origins": 0,
    "project": 0,
    "exchange": 1,
    "redact": 1,
    "pace": 1,
    "template": 1,
    "expressions": 1,
    "lookup": 1,
    "paths": 1,
    "dynamic": 1,
    "tree": 1,
    "differences": 1,
    "jsonpath": 1,
    "json_schema": 1,
    "schema_documents": 1,
    "schema_growth": 1,
    "markup": 1,
    "certificates": 1,
    "queries": 1,
    "predicates": 2,
    "comparisons": 2,
    "judgement": 2,
    "collection": 2,
    "rows": 2,
    "environment": 2,
    "seeds": 2,
    "scope": 2,
    "graph": 3,
    "selection": 3,
    "plan": 3,
    "order": 3,
    "shards": 3,
    "inspection": 3,
    "preflight": 3,
    "reach": 3,
    "render": 3,
    "policy": 3,
    "data_centres": 3,
    "braces": 3,
    "diagnosis": 3,
    "results": 3,
    "snapshots": 3,
    "snapshot_changes": 3,
    "credentials": 3,
    "cassettes": 3,
    "leaks": 3,
    "redirects": 3,
    "replacing": 3,
    "bodies": 3,
    "attempts": 4,
    "parallel": 4,
    "captures": 4,
    "session": 4,
}
EDGES = ("transport", "files", "secret_sources", "auth", "reporters", "sandbox")
SHELL = ("cli", "__main__")
HOMES = {
    "cryptography": "auth",
    "h11": "transport",
    "httpx": "transport",
    "idna": "origins",
    "cssselect": "markup",
    "jinja2": "expressions",
    "jsonschema_rs": "json_schema",
    "keyring": "secret_sources.os_keyring",
    "lxml": "markup",
    "yaml": "files.document",
    "rich": "reporters.live",
    "spnego": "auth.ntlm",
    "starlette": "sandbox",
    "uvicorn": "sandbox",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(RUNNER.rglob("*.py")):
        name = ".".join(path.relative_to(RUNNER).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            base = node.module or ""
            for alias in node.names:
                yield f"{base}.{alias.name}", node


def room(module: str) -> str:
    """The first part of a module's name inside the package."""
    return module.removeprefix("runner.").partition(".")[0]


@pytest.mark.parametrize(("name", "path"), [pytest.param(*m, id=m[0]) for m in modules() if m[0] != "__init__"])
def test_imports_point_down(name: str, path: Path) -> None:
    own = room(name)
    assert own in LAYERS or own in EDGES or own in SHELL, f"{own} has no place in the house: give it one here"
    for imported, node in imports(path):
        if not imported.startswith("runner.") or imported == "runner.__version__":
            continue
        other = room(imported)
        where = f"{path.relative_to(ROOT)}:{node.lineno}: {name} imports {imported}"
        if own in SHELL:
            continue
        if own in EDGES:
            assert other == own or LAYERS.get(other, 9) <= 3, where
        else:
            assert LAYERS.get(other, 9) <= LAYERS[own], where


@pytest.mark.parametrize(("library", "home"), HOMES.items())
def test_a_heavy_library_has_one_home(library: str, home: str) -> None:
    homes = {name for name, path in modules() for imported, _ in imports(path) if imported.partition(".")[0] == library}
    assert homes, f"nothing imports {library}"
    assert all(found == home or found.startswith(home + ".") for found in homes), homes


def test_a_late_import_says_why() -> None:
    silent = []
    for _, path in modules():
        lines = path.read_text("utf-8").splitlines()
        late = [
            inner
            for node in ast.walk(ast.parse("\n".join(lines)))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for inner in ast.walk(node)
            if isinstance(inner, (ast.Import, ast.ImportFrom))
        ]
        for node in late:
            near = lines[max(0, node.lineno - 4) : node.end_lineno]
            if not any("#" in line or '"""' in line for line in near):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not silent, f"say why these are imported late: {silent}"


# Where a secret is unmasked, and how often: where it is used, kept, compared or masked. One more place is a decision.
REVEALED = {
    "auth.aws_sigv4": 4,
    "auth.basic": 2,
    "auth.digest": 4,
    "auth.ntlm": 4,
    "auth.oauth1": 3,
    "auth.oauth2.assertions": 4,
    "auth.oauth2.authorization_code": 1,
    "auth.oauth2.client_authentication": 1,
    "auth.oauth2.dpop": 1,
    "auth.oauth2.provider": 1,
    "auth.oauth2.token_request": 1,
    "auth.rsa": 1,
    "auth.signed": 4,
    "cli.sending": 1,
    "cli.tokens.forms": 6,
    "expressions.evaluation": 1,
    "files.refresh_tokens": 3,
    "files.state": 1,
    "json_schema": 1,
    "judgement": 1,
    "paths": 1,
    "redact": 1,
    "redirects": 3,
    "render": 9,
    "seeds": 1,
    "template": 1,
    "values": 7,
}


def test_secrets_are_revealed_where_they_are_used_and_nowhere_else() -> None:
    found = {name: len(re.findall(r"\breveal\(", path.read_text("utf-8"))) for name, path in modules()}
    assert {name: count for name, count in found.items() if count} == REVEALED
