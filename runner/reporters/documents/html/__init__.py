"""The report that people look at: one file, complete in itself, that asks nothing of any network.

What it shows is data that others made: a body may hold markup, scripts, marks that turn the direction of writing. So the
data stands in blocks that no browser executes, as ASCII in which nothing can end a block; the script shows it as text alone;
and a Content-Security-Policy allows this style and this script, by their hashes, and nothing else. The summary and the
failures are plain HTML too, and can be read without the script.

Beside stand `shell.html`, the skeleton, `report.css`, and the script in files of one subject each, joined to one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from importlib import resources
from itertools import islice
from typing import TextIO

from runner.reporters.documents.html import index, plain
from runner.reporters.documents.tree import Report, Step

# A browser has to hold every line: of a longer run, so many of the first are there, and so many more that failed.
FIRST = 20_000
FAILED = 5_000

# And it has to keep the text of them all: past so many characters, bodies are left out; those of steps that failed, past twice
# as many.
TEXT = 60_000_000

# The script's files in their order: what runs when the page opens is the last's. One function holds them, so that they share
# names among themselves alone.
SCRIPT = ("elements.js", "data.js", "list.js", "rows.js", "waterfall.js", "detail.js", "body.js", "curl.js", "page.js")

# Lines of the index in one block, so that no block is large.
_LINES = 200


def write(report: Report, out: TextIO) -> None:
    """The report as HTML in ASCII, in pieces: the steps are gone through twice, and none is kept."""
    pieces = re.split(r"\{\{(\w+)\}\}", _asset("shell.html"))
    for literal, name in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        out.write(literal)
        for piece in _filled(name, report) if name else ():
            out.write(piece)


def style() -> str:
    """What stands in the page's style element."""
    return _asset("report.css")


def script() -> str:
    """What stands in the page's one script element that is executed."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPT)) + "})();\n"


def policy(styled: str, scripted: str) -> str:
    """The Content-Security-Policy (W3C, Level 3) under which exactly this style and this script work.

    `data:` images are for the icon, without which a browser would ask a server for one. Trusted Types are forbidden, so
    not even our script can make HTML of a text.
    """
    return (
        f"default-src 'none'; style-src {_hash(styled)}; script-src {_hash(scripted)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _filled(name: str, report: Report) -> Iterator[str]:
    """What stands in the skeleton's place of that name."""
    if name == "policy":
        yield policy(style(), script())
    elif name == "style":
        yield style()
    elif name == "script":
        yield script()
    elif name == "title":
        yield plain.title(report.run)
    elif name == "icon":
        yield escape(plain.icon(report.run))
    elif name == "summary":
        yield from plain.summary(report.run)
    elif name == "overview":
        yield from _overview(report)
    elif name == "steps":
        yield from _details(report)
    else:
        raise AssertionError(name)


def _overview(report: Report) -> Iterator[str]:
    """The index, and of the steps that it lists, those that did not pass as plain HTML."""
    run = report.run
    yield f'<script type="application/json" id="run">{index.run(run)}</script>\n'
    failures: list[str] = []
    lines = iter(_listed(report))
    listed = 0
    while block := list(islice(lines, _LINES)):
        listed += len(block)
        yield '<script type="application/json" class="index">['
        yield ",\n".join(index.line(run, number, step) for number, step in block)
        yield "]</script>\n"
        told = (plain.failure(step) for _, step in block if step.status == "failed")
        failures.extend(islice(told, plain.MOST - len(failures)))
    yield from plain.failures(run, failures)
    yield from plain.left_out(run.summary.total, listed)


def _details(report: Report) -> Iterator[str]:
    """A block for each step that the page holds."""
    written = 0
    for number, step in _listed(report):
        told = index.detail(step, bodies=written < (2 * TEXT if step.status == "failed" else TEXT))
        written += len(told)
        yield f'<script type="application/json" id="step-{number}">{told}</script>\n'


def _listed(report: Report) -> Iterator[tuple[int, Step]]:
    """The steps that the page holds, and their numbers, counted from 0: the same whenever it is asked."""
    failed = 0
    for number, step in enumerate(report.steps):
        if number >= FIRST:
            failed += step.status == "failed"
            if step.status != "failed" or failed > FAILED:
                continue
        yield number, step


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text("utf-8")
