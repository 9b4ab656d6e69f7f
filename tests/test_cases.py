"""Golden runs: `tests/cases/NAME/` holds files, `command` lines, and `expected`: what each prints, and its exit status.

`http://SERVER` in the files stands for a server on loopback (tests/servers.py). Times and ports are not compared.
`scripts/test --rewrite-cases tests/test_cases.py` writes what zrun does now, for a person to read in the diff.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.commands import zrun
from tests.servers import Server

CASES = Path(__file__).parent / "cases"
_TIME = re.compile(r" *\b\d+(?:\.\d+)? (?:ms|s)\b(?: \d+ s)?")

_LEFT = re.compile(r"good for \d+ [a-z]+(?: \d+ [a-z]+)?\b")


def normal(text: str, server: Server) -> str:
    """`text` without what differs from run to run; a time keeps its column by the words after it."""
    text = _LEFT.sub("good for TIME", text)
    return _TIME.sub(" TIME", text.replace(server.url, "http://SERVER").replace(f"127.0.0.1:{server.port}", "SERVER"))


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_a_golden_run(name: str, tmp_path: Path, server: Server, request: pytest.FixtureRequest) -> None:
    case = CASES / name
    for path in sorted(case.rglob("*.yaml")):
        target = tmp_path / path.relative_to(case)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text("utf-8").replace("http://SERVER", server.url), "utf-8")
    told: list[str] = []
    for line in (case / "command").read_text("utf-8").splitlines():
        done = zrun(tmp_path, *shlex.split(line), DEMO_KEY="made-up-key-of-a-case")
        errors = f"--- err\n{done.err}" if done.err else ""
        told.append(f"$ zrun {line}\n{done.out}{errors}--- exit {done.status}\n")
        assert "made-up-key" not in done.out + done.err
    found = normal("\n".join(told), server)
    expected = case / "expected"
    if request.config.getoption("--rewrite-cases"):
        expected.write_text(found, "utf-8")
    assert found == expected.read_text("utf-8")
    shutil.rmtree(tmp_path / ".zrun", ignore_errors=True)
