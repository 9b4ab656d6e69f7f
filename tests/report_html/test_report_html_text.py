"""The HTML report as a text: what a browser is allowed, what nothing in it can do, and what can be read without a script."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from runner.reporters.documents import html
from runner.reporters.documents.tree import Report, Step
from tests import report_trees as trees
from tests.report_html.hostile import HOSTILE, hostile

ROOT = Path(__file__).parents[2]
ASSETS = ("shell.html", "report.css", *html.SCRIPT)


class Parsed(HTMLParser):
    """What a parser of HTML makes of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.blocks: dict[str, str] = {}  # the text in each script element that is data and has an id
        self.index: list[Any] = []
        self.code: list[str] = []
        self.style = ""
        self.text = ""
        self._in: dict[str, str | None] | None = None
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            self._in, self._inside = {"": tag, **dict(attrs)}, ""

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("script", "style") or self._in is None:
            return
        if tag == "style":
            self.style = self._inside
        elif self._in.get("type") is None:
            self.code.append(self._inside)
        elif self._in.get("class") == "index":
            self.index += json.loads(self._inside)
        else:
            self.blocks[self._in["id"] or ""] = self._inside
        self._in = None

    def handle_data(self, data: str) -> None:
        if self._in is None:
            self.text += data
        else:
            self._inside += data


def document(report: Report) -> str:
    out = io.StringIO()
    html.write(report, out)
    return out.getvalue()


def hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_this_style_and_this_script_and_nothing_else() -> None:
    text = document(trees.shop())
    parsed = Parsed(text)
    [policy] = [
        value for tag, name, value in parsed.attributes if tag == "meta" and name == "content" and "src" in value
    ]
    directives = dict(directive.strip().partition(" ")[::2] for directive in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "style-src": hashed(parsed.style),
        "script-src": hashed(parsed.code[0]),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert len(parsed.code) == 1
    # What comes before the policy is not subject to it.
    assert text.index("Content-Security-Policy") < text.index("<title>") < text.index("<style>") < text.index("<script")
    allowed = {("link", "href"), ("meta", "content"), ("meta", "http-equiv")}
    outside = [
        (tag, name)
        for tag, name, value in parsed.attributes
        if name in ("src", "href", "action", "srcset", "http-equiv")
    ]
    assert [found for found in outside if found not in allowed] == [("a", "href")]
    assert not [name for _, name, _ in parsed.attributes if name == "style" or name.startswith("on")]


def test_our_files_name_no_address_and_make_no_markup_of_texts() -> None:
    folder = ROOT / "runner/reporters/documents/html"
    assert {path.name for path in folder.iterdir() if path.suffix in (".js", ".css", ".html")} == set(ASSETS)
    for name in ASSETS:
        text = (folder / name).read_text("ascii")
        assert "url(" not in text or name.endswith(".js"), name
        assert not re.search(r"https?://|@import", text), name
        assert not re.search(
            r"\b(inner|outer)HTML|insertAdjacentHTML|document\.write|createContextualFragment", text
        ), name
        assert not re.search(
            r"\beval\b|\bFunction\(|DOMParser|srcdoc|\bimport\(|fetch\(|XMLHttp|WebSocket|sendBeacon", text
        ), name
        assert not re.search(r"[\"']style[\"']|\bcssText\b|localStorage|document\.cookie", text), name
    assert "</script" not in html.script().lower()
    assert "<!--" not in html.script()
    assert "</style" not in html.style().lower()


def test_nothing_hostile_gets_out_of_its_place() -> None:
    text = document(hostile())
    assert text.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    tame = Parsed(document(trees.report(trees.step("x", "x", trees.sending(), status="failed"))))
    parsed = Parsed(text)
    assert set(parsed.elements) - {"dl", "dt", "dd", "br"} <= set(tame.elements) | {"small"}
    assert parsed.elements["script"] == 5  # the run, one block of the index, the code, two steps
    assert parsed.elements["img"] == parsed.elements["iframe"] == 0
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]
    # Nothing is lost either: JSON gives every text back as it was.
    told = json.loads(parsed.blocks["step-0"])
    assert told["name"] == " ".join(HOSTILE)
    assert [sent["response"]["body"]["text"] for sent in told["exchanges"][:-1]] == [
        each for each in HOSTILE for _ in range(3)
    ]


def test_every_step_is_in_the_index_and_whole() -> None:
    report = trees.shop()
    parsed = Parsed(document(report))
    steps = list(report.steps)
    assert [line[0] for line in parsed.index] == list(range(len(steps)))
    assert [(line[3], line[4], line[6]) for line in parsed.index] == [(one.id, one.name, one.status) for one in steps]
    for number, one in enumerate(steps):
        told = json.loads(parsed.blocks[f"step-{number}"])
        assert told["id"] == one.id
        assert len(told.get("exchanges", ())) == len(one.exchanges)
        assert [(c["expected"], c["actual"]) for c in told.get("checks", ())] == [
            (c.expected, c.actual) for c in one.checks
        ]
    retried = parsed.index[1]
    assert [bar[2:4] for bar in retried[13]] == [[None, 503], ["retry", 201]]
    renewed = next(line for line in parsed.index if len(line[13]) == 3)
    assert [bar[2] for bar in renewed[13]] == ["renew", None, "renewed"]
    # No answer: it lasted as long as the step.
    timeout = next(line for line in parsed.index if line[3] == "webhook")
    assert timeout[13] == [[1300, 900, None, "timeout", 0]]


def test_without_a_script_the_summary_and_the_failures_can_be_read() -> None:
    text = " ".join(Parsed(document(trees.shop())).text.split())
    assert "2 of 16 failed" in text
    assert "environment staging" in text
    assert "2026-03-05 09:00:00 UTC" in text
    assert "Read it back" in text
    assert "Zürich Möbel" in text
    assert "Zürich Moebel" in text
    assert "no answer from hooks.example.test within 900 ms collections/crm.yaml:58:5" in text
    assert "raise `timeout`, or look whether the host is up" in text


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "All 1 passed"),
        ({"interrupted": True, "exit_code": 130}, "Interrupted"),
        ({"exit_code": 2}, "Did not pass"),
        ({"summary": replace(trees.run_of(()).summary, total=1200, failed=1100)}, "1,100 of 1,200 failed"),
        ({"summary": trees.run_of(()).summary}, "Nothing was sent"),
    ],
)
def test_the_verdict(change: dict[str, Any], verdict: str) -> None:
    made = trees.report(trees.step("a", "A", trees.sending()))
    parsed = Parsed(document(replace(made, run=replace(made.run, **change))))
    assert verdict in parsed.text


def test_a_run_of_no_steps_is_a_page_too() -> None:
    parsed = Parsed(document(trees.report()))
    assert parsed.index == []
    assert "Nothing was sent" in parsed.text


class Same:
    """One step, again and again; the last ones fail."""

    def __init__(self, count: int, failed: int) -> None:
        self.passes = 0
        self._count, self._failed = count, failed
        self._one = trees.step("a", "A", trees.sending())

    def __iter__(self) -> Iterator[Step]:
        self.passes += 1
        bad = replace(self._one, status="failed", reason="why")
        for number in range(self._count):
            yield self._one if number < self._count - self._failed else bad


def test_of_a_run_too_long_for_a_page_the_first_and_the_failed_are_there() -> None:
    steps = Same(html.FIRST + 40, 7)
    run = trees.run_of(())
    run = replace(run, summary=replace(run.summary, total=html.FIRST + 40, passed=html.FIRST + 33, failed=7))
    parsed = Parsed(document(Report(run, steps)))
    assert len(parsed.index) == html.FIRST + 7
    assert [line[0] for line in parsed.index[-7:]] == list(range(html.FIRST + 33, html.FIRST + 40))
    assert f"step-{html.FIRST + 39}" in parsed.blocks
    assert f"step-{html.FIRST}" not in parsed.blocks
    assert "The run has 20,040 steps; 20,007 are here" in parsed.text
    assert steps.passes == 2


def test_a_very_long_report_leaves_bodies_out_and_those_of_failures_last(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a long body " * 100
    passed = trees.step("a", "A", trees.sending(came=trees.body(text, "text/plain")))
    failed = replace(passed, status="failed")
    monkeypatch.setattr(html, "TEXT", 5_000)
    parsed = Parsed(document(trees.report(*[passed] * 5, *[failed] * 5)))
    told = [json.loads(parsed.blocks[f"step-{n}"])["exchanges"][0]["response"]["body"] for n in range(10)]
    held = ["text" in body for body in told]
    assert held == [True] * 3 + [False] * 2 + [True] * 2 + [False] * 3
    assert all(body["size"] == len(text) and body["media_type"] == "text/plain" for body in told)


class Nowhere(io.StringIO):
    """Counts what is written, and keeps nothing."""

    written = 0

    def write(self, text: str) -> int:
        self.written += len(text)
        return len(text)


def test_steps_are_never_held() -> None:
    def peak(count: int) -> tuple[int, int]:
        out = Nowhere()
        tracemalloc.start()
        html.write(trees.long_report(count), out)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, out.written

    peak(10)  # what is loaded and kept by the first use
    (few, short), (many, long) = peak(500), peak(2000)
    assert long > 3 * short
    assert many < 1.5 * few


def test_what_a_step_adds_is_little_more_than_what_it_says() -> None:
    def length(*steps: Step) -> int:
        return len(document(trees.report(*steps)))

    one = trees.step("a", "A", trees.sending(came=trees.body("x" * 10_000, "text/plain")))
    assert length(*[one] * 20) - length(*[one] * 10) < 10 * 12_000


def test_the_wheel_holds_the_files_beside(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    path = next(iter(wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])))
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    assert {f"runner/reporters/documents/html/{name}" for name in ASSETS} <= names
