"""The formats of reports: a table. A format's module is loaded when a report is written in it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import TextIO, TypeAlias

from runner.errors import InputError, Problem, did_you_mean
from runner.reporters.documents.tree import Report

Write: TypeAlias = Callable[[Report, TextIO], None]

# name -> (module, the end of a file's name by which it is guessed, what it is). Each module has `write(report, out)`.
FORMS: dict[str, tuple[str, str, str]] = {
    "junit": ("junit", ".xml", "JUnit XML, for CI systems"),
    "json": ("json_file", ".json", "everything, as one JSON document (`zrun schema report`)"),
    "jsonl": ("json_lines", ".jsonl", "everything, a line a request, written while the run goes on"),
    "html": ("html", ".html", "one page for a browser"),
    "tap": ("tap", ".tap", "Test Anything Protocol 14"),
    "ctrf": ("ctrf", ".ctrf.json", "Common Test Report Format"),
    "markdown": ("markdown", ".md", "a summary, and what failed"),
    "github": ("github", ".github.md", "the same, as large as a step summary of GitHub Actions may be"),
    "har": ("har", ".har", "HTTP Archive 1.2: every request and response"),
}


def writer(form: str) -> Write:
    """What writes a report in a format."""
    module = import_module(f"runner.reporters.documents.{FORMS[form][0]}")  # late: only what is asked for is loaded
    write: Write = module.write
    return write


def guessed(path: str) -> str | None:
    """The format that the end of a file's name tells."""
    name = PurePath(path).name.lower()
    endings = {".htm": "html", ".markdown": "markdown"} | {ending: form for form, (_, ending, _) in FORMS.items()}
    return next((endings[end] for end in sorted(endings, key=len, reverse=True) if name.endswith(end)), None)


def known(form: str, option: str) -> str:
    """`form`, if it is one. Raises InputError."""
    if form not in FORMS:
        hint = did_you_mean(form, FORMS, f"the formats are {', '.join(FORMS)}")
        raise InputError(Problem(f"{option}: there is no format `{form}`", None, hint))
    return form
