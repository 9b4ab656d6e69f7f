"""The commands that the documentation shows are commands: each is read by the options that it would be read by."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from runner.cli import doctor, login

ROOT = Path(__file__).parent.parent
_PARSERS = {"login": login.parser, "doctor": doctor.parser}
_LINE = re.compile(r"^\s*(zrun (?:login|doctor) [^#<\n]*?)(?:  +\S.*|\s*#.*|<.*)?$", re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/login.md", "docs/doctor.md", "docs/login", "docs/doctor"])
def test_the_commands_of_the_documentation_are_read(page: str) -> None:
    texts = {"docs/login": login._EPILOG, "docs/doctor": doctor._EPILOG}
    text = texts[page] if page in texts else (ROOT / page).read_text("utf-8")
    found = _LINE.findall(text)
    assert len(found) >= 3
    for line in found:
        _, command, *arguments = shlex.split(line)
        chosen = _PARSERS[command]().read(arguments)
        assert chosen.environments, line


def test_the_codes_of_the_documentation_are_told() -> None:
    """Each word of the table stands in the code, as a code."""
    table = (ROOT / "docs" / "doctor.md").read_text("utf-8").partition("## What it tells apart")[2]
    words = [
        word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`([a-z-]+)`", row)
    ]
    assert len(words) >= 12
    folder = ROOT / "runner"
    code = "".join(path.read_text("utf-8") for path in (folder / "cli" / "doctor").glob("*.py"))
    code += (folder / "transport" / "probe.py").read_text("utf-8")
    assert [word for word in words if f'"{word}"' not in code] == []
