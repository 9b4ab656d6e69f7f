"""A report as Markdown, for a pull request or a chat: a summary, and what failed in detail.

What comes from elsewhere stands in code alone, as references where it must: no text of a server makes a link, a heading, a
cell of a table, a tag or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TextIO

from runner.quantities import show_seconds
from runner.reporters.documents import wording
from runner.reporters.documents.tree import Report, Step
from runner.reporters.terminal import printable

# What Markdown, as GitHub reads it, would take for its own inside of a tag (CommonMark 0.31, 2.4, 2.5, 6; GFM 6.5, 6.9): an
# underline within a word, a bracket that begins no link, a lone ampersand it leaves alone. `$` is GitHub's, for formulas.
_MEANT = re.compile(
    r"[`*~<$]|\\(?=[!-/:-@\[-`{-~]|\Z)|(?<![^\W_])_|_(?![^\W_])|\](?=\()|&(?=[#A-Za-z])|@(?=\w)|:(?=//)|(?<=www)\."
)
_NAMED = {"<": "&lt;", "&": "&amp;"}
_MARKS = {"passed": "✅", "failed": "❌", "skipped": "⏭️", "blocked": "⛔"}


def write(report: Report, out: TextIO) -> None:
    """Write it; of the steps, those that failed or were flaky."""
    out.writelines(pieces(report))


def pieces(report: Report) -> Iterator[str]:
    """The text, piece by piece; each can be the last."""
    run = report.run
    names = ", ".join(code(named.name) for named in run.collections)
    where = f" with {code(run.environment)}" if run.environment else ""
    yield f"## zrun: {'interrupted' if run.interrupted else 'passed' if run.exit_code == 0 else 'failed'}\n\n"
    yield f"{names or 'A run'}{where}\n\n"
    summary = run.summary
    yield "| | passed | failed | skipped | blocked | total | time |\n|---|---|---|---|---|---|---|\n"
    yield f"| {_MARKS['passed' if run.exit_code == 0 else 'failed']} | {summary.passed} | {summary.failed} "
    yield f"| {summary.skipped} | {summary.blocked} | {summary.total} | {show_seconds(run.duration)} |\n"
    for trouble in run.problems:
        where = f"{code(wording.at(trouble.location))} " if trouble.location else ""
        yield f"\n{where}{code(trouble.message)}\n"
    if summary.failed:
        yield "\n### Failed\n"
        for step in report.steps:
            if step.status == "failed":
                yield _failure(step)
    yield from _flaky(report)


def _failure(step: Step) -> str:
    last = step.exchanges[-1] if step.exchanges else None
    request = f"\n{code(f'{last.method} {last.url}')}: {wording.outcome(last)}\n" if last else ""
    lines = [f"\n#### {_MARKS['failed']} {code(wording.label(step))}\n", request]
    failures = wording.failures(step)
    if failures:
        lines.append("\n| where | what | expected | actual |\n|---|---|---|---|\n")
        for check in failures:
            cells = (wording.at(check.location), check.query, check.expected, check.actual)
            note = f" {_cell(check.note, alone=False)}" if check.note else ""
            lines.append(f"| {' | '.join(map(_cell, cells))}{note} |\n")
    for trouble in step.problems:
        where = f"{code(wording.at(trouble.location))} " if trouble.location else ""
        hint = f" (hint: {code(trouble.hint)})" if trouble.hint else ""
        lines.append(f"\n{where}{code(trouble.message)}{hint}\n")
    return "".join(lines)


def _flaky(report: Report) -> Iterator[str]:
    told = False
    for step in report.steps:
        if wording.flaky(step):
            if not told:
                yield "\n### Passed only when sent again\n\n"
                told = True
            before = ", ".join(wording.outcome(one) for one in wording.repeated(step))
            yield f"- {code(wording.label(step))}: {before}\n"


def code(text: str) -> str:
    """`text` on one line, in a code span that nothing in it can end."""
    return f"<code>{_MEANT.sub(lambda match: _spelled(match[0]), printable(text))}</code>"


def _cell(text: str, *, alone: bool = True) -> str:
    """As `code`, in a table, where a bar would end the cell; one `$` makes no formula where the text is `alone` in it."""
    lone = alone and text.count("$") == 1
    made = code(text).replace("|", _spelled("|"))
    return made.replace(_spelled("$"), "$") if lone else made


def _spelled(character: str) -> str:
    return _NAMED.get(character, f"&#{ord(character)};")
