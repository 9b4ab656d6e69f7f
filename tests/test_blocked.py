"""A request that cannot be sent, since a value is missing: no other step tells of it, so the run does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import write, zrun
from tests.servers import Server


@pytest.mark.parametrize(
    ("requests", "counted"),
    [
        ("  a: {skip: true, get: 'URL', capture: {x: json $.method}}\n  b: {get: 'URL/?<<x>>'}\n", "1 skipped, 1 blocked"),
        ("  a: {get: \"URL/echo?<<row['Compny']>>\"}\n", "1 blocked"),
    ],
)  # fmt: skip
def test_a_missing_value_is_no_success(tmp_path: Path, server: Server, requests: str, counted: str) -> None:
    write(tmp_path, c="requests:\n" + requests.replace("URL", server.url))
    (tmp_path / "rows.csv").write_text("Company\nAcme\n", "utf-8")
    done = zrun(tmp_path, "c.yaml", "--data", "rows.csv", "-q")
    assert done.status == 1
    assert counted in done.out
    assert "exit 1: a value is missing" in done.out
    assert "blocked" in done.out.splitlines()[0], "also -q says which"
    assert server.seen == []


def test_what_a_failed_step_blocks_adds_nothing(tmp_path: Path, server: Server) -> None:
    first = f"a: {{get: '{server.url}/status/401', expect: {{status: 200}}, capture: {{x: json $.method}}}}"
    write(tmp_path, c=f"requests:\n  {first}\n  b: {{get: '{server.url}/echo?<<x>>'}}\n")
    done = zrun(tmp_path, "c.yaml", "-q", "--format", "json")
    assert [step["status"] for step in done.document["steps"]] == ["failed", "blocked"]
    assert done.status == done.document["steps"][0]["exit-code"]


def test_a_moved_clock_is_for_sandboxes(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo'}}\n")
    write(
        tmp_path,
        us__env="name: us\nvariables: {api: 'https://api.invalid'}\n",
        here__env=f"variables: {{api: '{server.url}'}}\n",
    )
    done = zrun(tmp_path, "c.yaml", "-e", "us", "--clock", "+56m")
    assert done.status == 2
    assert "--clock moves the clock of zrun alone, and us names api.invalid" in done.err
    assert server.seen == []
    assert zrun(tmp_path, "c.yaml", "-e", "us", "--clock", "+56m", "--dry-run").status == 0
    assert zrun(tmp_path, "c.yaml", "-e", "here", "--clock", "+56m").status == 0
