"""docs/reports.md tells the truth: its commands are read, its table is the table, its CI snippets are YAML that runs zrun."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from runner.cli import report, run
from runner.reporters.documents import forms, targets

PAGE = (Path(__file__).parents[2] / "docs" / "reports.md").read_text("utf-8")
COMMANDS = re.findall(r"^\s*(?:- )?(?:- (?:run|script): )?(?:steps \{ sh ')?(zrun [a-z/]+[^'\n]*)", PAGE, re.MULTILINE)


def test_the_commands_are_read() -> None:
    assert len(COMMANDS) == 7
    for line in COMMANDS:
        words = shlex.split(line)[1:]
        if words[0] == "report":
            chosen = report.parser().read(words[1:])
            assert report._target(chosen.form, chosen.output)
        else:
            chosen = run.parser().read(words)
            assert targets.read(chosen.reports, [Path("/nowhere")])


def test_the_formats_are_those_that_there_are() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`[^|]*) \|", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(forms.FORMS)
    for name, endings in rows:
        for ending in re.findall(r"`(.+?)`", endings):
            assert forms.guessed(f"a{ending}") == name


@pytest.mark.parametrize("snippet", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_snippets_are_yaml(snippet: str) -> None:
    assert "zrun collections/" in str(yaml.safe_load(snippet))
