"""Each format as its readers want it: by schemas, by the grammar, and by libraries of another hand."""

from __future__ import annotations

import io
import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from haralyzer import HarParser
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from junitparser import Error, Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt

from runner.reporters.documents import forms, github, junit
from runner.reporters.documents.tree import Report, Step
from runner.reporters.terminal import printable
from tests.reports.trees import ALL, FILE, FLAKY, QUICK, report_of, reports, written
from tests.test_reporters import FAILED, HOSTILE, filled, passed

JUNIT = xmlschema.XMLSchema(str(Path(__file__).parents[1] / "data" / "junit.xsd"))
OURS = sorted(forms.FORMS)


# JUnit


@given(reports)
@settings(QUICK, max_examples=15)
def test_any_report_is_valid_junit_xml(report: Report) -> None:
    JUNIT.validate(written("junit", report))


def test_junit_as_a_whole() -> None:
    root = ElementTree.fromstring(written("junit", report_of(*ALL)))
    (suite,) = root
    assert suite.attrib == {
        "name": FILE,
        "package": "crm",
        "id": "0",
        "tests": "9",
        "failures": "1",
        "errors": "2",
        "skipped": "2",
        "time": "34.596",
        "timestamp": "1970-01-01T00:00:00",
        "hostname": "localhost",
    }
    named = [
        (case.get("classname"), case.get("name"), [inner.tag for inner in case]) for case in suite.iter("testcase")
    ]
    assert named == [
        ("crm", "exchange", []),
        ("crm", "refresh", ["skipped"]),
        ("crm", "contacts", ["flakyFailure", "flakyFailure"]),
        ("crm", "each [Ada]", []),
        ("crm.leads", "leads/create", ["failure"]),
        ("crm.leads", "leads/read", ["skipped"]),
        ("crm", "slow", ["error"]),
        ("crm.leads", "leads/delete", ["error"]),
        ("crm", "flaky [row 3]", ["flakyFailure", "flakyFailure"]),
    ]
    failure = suite.find(".//failure")
    assert failure is not None
    assert failure.attrib == {"type": "expectation", "message": "status: expected 201, actual 202"}
    assert failure.text == (
        "collections/crm.yaml:21:15: status\n  expected  201\n  actual    202\n"
        'collections/crm.yaml:23:15: json $.id\n  expected  "7"\n  actual    missing\n'
        "  note      `$` has data and nothing else\nPOST https://api.example.test/crm/v8/Leads: 202"
    )
    assert [error.get("type") for error in suite.iter("error")] == ["network", "credentials"]
    assert [skipped.get("message") for skipped in suite.iter("skipped")] == [
        ALL[1].reason,
        "blocked: needs lead-id of leads/create, which failed",
    ]
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["environment"] == "us"
    assert (properties["attempts"], properties["flaky"]) == ("12", "2")


def test_a_consumer_of_junit_xml_reads_it() -> None:
    found = JUnitXml.fromstring(written("junit", report_of(*ALL)).encode())
    (suite,) = found
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (9, 1, 2, 2)
    results = {case.name: [type(result) for result in case.result] for case in suite}
    assert results["leads/create"] == [Failure]
    assert results["slow"] == results["leads/delete"] == [Error]
    assert results["refresh"] == results["leads/read"] == [Skipped]
    assert results["exchange"] == []


def test_a_suite_is_a_collection_also_when_their_steps_alternate() -> None:
    run, steps = report_of(*ALL).run, report_of(*ALL).steps
    two = [replace(step, collection=name) for step in steps for name in ("a.yaml", "b.yaml")]
    root = ElementTree.fromstring(written("junit", Report(run, two)))
    assert [(suite.get("name"), suite.get("tests"), len(suite.findall("testcase"))) for suite in root] == [
        ("a.yaml", "9", 9),
        ("b.yaml", "9", 9),
    ]
    JUNIT.validate(written("junit", Report(run, two)))


def test_a_failed_request_that_was_sent_again_tells_each_time() -> None:
    step = replace(FLAKY, status="failed", checks=FAILED.checks, exit_code=1)
    (case,) = ElementTree.fromstring(written("junit", report_of(step))).iter("testcase")
    assert [inner.tag for inner in case] == ["failure", "rerunFailure", "rerunFailure"]
    assert [inner.get("type") for inner in case][1:] == ["status", "timeout"]


def test_gitlab_gets_the_file_of_each_test_case() -> None:
    out = io.StringIO()
    junit.write(report_of(*ALL), out, place=lambda file: f"here/{file}")
    cases = ElementTree.fromstring(out.getvalue()).iter("testcase")
    assert {case.get("file") for case in cases} == {"here/collections/crm.yaml"}


def test_what_xml_cannot_hold_is_shown_as_an_escape() -> None:
    text = written(
        "junit",
        report_of(replace(FAILED, reason="", checks=(), exit_code=3), passed("a\x00\x1b\ud800\uffff<&\"'\n\tb")),
    )
    names = [case.get("name") for case in ElementTree.fromstring(text).iter("testcase")]
    assert names[1] == "a\\x00\\x1b\\ud800\\uffff<&\"'\n\tb"


# Every format


@pytest.mark.parametrize("form", sorted(set(OURS) - {"html"}))  # whose index of the steps grows with them
def test_a_format_goes_through_the_steps_and_keeps_none(form: str) -> None:
    """What ten times as many steps take at most is the same."""
    report = report_of(FAILED)
    (step,) = report.steps

    class Steps:
        def __init__(self, count: int) -> None:
            self.count = count

        def __iter__(self) -> Iterator[Step]:
            for number in range(self.count):
                yield replace(step, id=f"step-{number}")

    write = forms.writer(form)
    peaks = []
    for count in (20, 20, 600):  # the first loads what is loaded once
        tracemalloc.start()
        with Path(os.devnull).open("w") as out:
            write(Report(report.run, Steps(count)), out)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 100_000


@pytest.mark.parametrize("form", OURS)
def test_a_run_of_nothing_makes_a_report(form: str) -> None:
    assert written(form, report_of())


# JSON formats

_TEST = {
    "type": "object",
    "required": ["name", "status", "duration"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
        **{key: {"type": "integer"} for key in ("duration", "start", "stop", "line", "retries")},
        **{key: {"type": "string"} for key in ("rawStatus", "filePath", "message", "trace")},
        "suite": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "flaky": {"type": "boolean"},
        "extra": {"type": "object"},
        "retryAttempts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["attempt", "status"],
                "additionalProperties": False,
                "properties": {
                    "attempt": {"type": "integer", "minimum": 1},
                    "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
                    "duration": {"type": "integer"},
                    "start": {"type": "integer"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_COUNTS = ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop")
# What the format's own schema asks for of the members that we write; it allows no others.
CTRF = Draft202012Validator(
    {
        "type": "object",
        "required": ["results", "reportFormat", "specVersion"],
        "additionalProperties": False,
        "properties": {
            "reportFormat": {"const": "CTRF"},
            "specVersion": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
            "timestamp": {"type": "string"},
            "generatedBy": {"type": "string"},
            "results": {
                "type": "object",
                "required": ["tool", "summary", "tests"],
                "additionalProperties": False,
                "properties": {
                    "tool": {"type": "object", "required": ["name"]},
                    "environment": {"type": "object", "properties": {"testEnvironment": {"type": "string"}}},
                    "summary": {
                        "type": "object",
                        "required": list(_COUNTS),
                        "additionalProperties": False,
                        "properties": {
                            **{key: {"type": "integer"} for key in (*_COUNTS, "flaky", "suites", "duration")},
                            "extra": {"type": "object"},
                        },
                    },
                    "tests": {"type": "array", "items": _TEST},
                },
            },
        },
    }
)


@given(reports)
@settings(QUICK, max_examples=15)
def test_any_report_is_valid_ctrf_and_counts_its_tests(report: Report) -> None:
    document = json.loads(written("ctrf", report))
    CTRF.validate(document)
    summary, tests = document["results"]["summary"], document["results"]["tests"]
    assert summary["tests"] == len(tests)
    assert all(summary[kind] == sum(t["status"] == kind for t in tests) for kind in ("passed", "failed", "skipped"))


def test_ctrf_tells_what_is_flaky_and_where() -> None:
    results = json.loads(written("ctrf", report_of(*ALL)))["results"]
    assert results["tool"]["name"] == "zrun"
    assert results["environment"] == {"testEnvironment": "us"}
    assert (results["summary"]["flaky"], results["summary"]["suites"]) == (2, 2)
    tests = {test["name"]: test for test in results["tests"]}
    flaky = tests["flaky [row 3]"]
    assert (flaky["flaky"], flaky["retries"]) == (True, 2)
    assert [one["message"].rpartition(": ")[2] for one in flaky["retryAttempts"]] == ["503", "no answer (timeout)"]
    failed = tests["leads/create"]
    assert (failed["filePath"], failed["line"], failed["suite"]) == (FILE, 20, [FILE, "leads"])
    assert failed["message"] == "status: expected 201, actual 202"
    assert "collections/crm.yaml:23:15: json $.id" in failed["trace"]
    assert tests["leads/read"]["rawStatus"] == "blocked"


def test_har_is_read_by_a_reader_of_har() -> None:
    text = written("har", report_of(*ALL))
    document = json.loads(text)
    assert document["log"]["creator"]["name"] == "zrun"
    for entry in document["log"]["entries"]:  # a timing that is given adds up
        assert entry["time"] == sum(time for time in entry["timings"].values() if time >= 0)
    found = HarParser(document)
    (page,) = found.pages
    statuses = [entry["response"]["status"] for entry in document["log"]["entries"]]
    assert sorted(entry.response.status for entry in page.entries) == sorted(statuses)
    # The renewal's own request stands before those of the step that it was for; the redirect before what it led to.
    assert statuses == [200, 200, 503, 503, 401, 302, 200, 200, 202, 0, 202, 503, 0, 200]
    hop, last = document["log"]["entries"][5:7]
    assert hop["response"]["redirectURL"] == last["request"]["url"] == "https://other.example.test/x"
    failed = document["log"]["entries"][8]
    assert failed["request"]["method"] == "POST"
    assert failed["response"]["content"] == {
        "size": 44,
        "mimeType": "application/json",
        "text": '{\r\n  "data": [{"code": "DUPLICATE_DATA"}]\r\n}',
    }
    assert document["log"]["entries"][9]["_error"] == "timeout"


# TAP

_POINT = re.compile(r"(ok|not ok) (\d+) - ((?:[^#\\]|\\[#\\])*?)(?: # SKIP(?: (.*))?)?")


def read_tap(text: str) -> tuple[list[tuple[str, str, bool, dict[str, Any]]], str]:
    """A small reader of TAP 14, line by line, and what was left: the plan. It refuses what the grammar does not know."""
    lines = text.split("\n")
    assert lines[0] == "TAP version 14"
    points: list[tuple[str, str, bool, dict[str, Any]]] = []
    at = 1
    while match := _POINT.fullmatch(lines[at]):
        assert int(match[2]) == len(points) + 1
        end = lines.index("  ...", at)
        assert lines[at + 1] == "  ---"
        values = {
            key: json.loads(value) for key, _, value in (line.strip().partition(": ") for line in lines[at + 2 : end])
        }
        points.append((match[1], match[3], " # SKIP" in lines[at], values))
        at = end + 1
    assert lines[-1] == ""
    return points, "\n".join(lines[at:-1])


@given(reports)
@settings(QUICK, max_examples=15)
def test_any_report_is_tap(report: Report) -> None:
    points, rest = read_tap(written("tap", report))
    steps = list(report.steps)
    assert [status == "not ok" for status, *_ in points] == [step.status == "failed" for step in steps]
    assert [skipped for _, _, skipped, _ in points] == [step.status in ("skipped", "blocked") for step in steps]
    assert rest.splitlines()[-1].startswith(f"1..{len(steps)}")
    assert rest.startswith("Bail out!") == report.run.interrupted


def test_tap_tells_why() -> None:
    points, plan = read_tap(written("tap", report_of(*ALL)))
    assert plan == "1..9"
    status, name, _, values = points[4]
    assert (status, name) == ("not ok", "collections/crm.yaml: leads/create")
    assert values["at"] == {"file": FILE, "line": 20, "column": 3}
    assert values["failures"][1] == {
        "at": "collections/crm.yaml:23:15",
        "query": "json $.id",
        "expected": '"7"',
        "actual": "missing",
    }
    assert points[8][3]["flaky"] is True


# Markdown


class _Tags(HTMLParser):
    """Tags and texts of what Markdown came to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.code: list[str] = []
        self.outside = ""
        self._in_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attributes))
        if tag == "code":
            self._in_code = True
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.code[-1] += data
        else:
            self.outside += data


def rendered(text: str) -> _Tags:
    """As GitHub renders it: HTML is let through, tables and bare links are known."""
    return _Tags(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text))


def test_markdown_shows_what_failed() -> None:
    found = rendered(written("markdown", report_of(*ALL)))
    assert {tag for tag, _ in found.tags} <= {
        "h2", "h3", "h4", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "ul", "li",
    }  # fmt: skip
    assert "leads/create" in found.code
    assert "`$` has data and nothing else" in found.code
    assert "log in again: zrun login" in found.code


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "</code><script>alert(1)</script>",
        "| a | b |\n|---|---|\n# x",
        "`<img src=x onerror=y>` **b** [l](javascript:x) ![i](http://evil.test/x) @everyone &amp; $x$ ~~y~~",
        "http://evil.test/ www.evil.test",
        "::error::x ##[error]y",
    ],
)
@pytest.mark.parametrize("form", ["markdown", "github"])
def test_nothing_foreign_is_markdown(form: str, text: str) -> None:
    plain = {tag for tag, _ in rendered(written(form, report_of(filled("x")))).tags}
    source = written(form, report_of(filled(text)))
    found = rendered(source)
    assert {tag for tag, _ in found.tags} == plain
    assert not [attributes for tag, attributes in found.tags if tag not in ("th", "td") and attributes]
    assert "http://" not in source
    assert "www." not in source
    assert "evil" not in found.outside
    assert not [line for line in source.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    shown = printable(text)
    assert shown in found.code


def test_markdown_is_to_be_read_as_it_is_too() -> None:
    """What Markdown leaves alone in its place is no reference."""
    for text in ("json $.data[0].Last_Name", "a > 3 & b", "1 ! #2 (x) {y} C:\\dir", "crm/leads.yaml:3:5"):
        source = written("markdown", report_of(filled(text)))
        assert f"| <code>{text}</code>" in source
        assert text in rendered(source).code
    source = written("markdown", report_of(filled("a|b $x$ \\* _c_ <b> &lt; [l](x) `")))
    assert "| <code>a&#124;b &#36;x&#36; &#92;&#42; &#95;c&#95; &lt;b> &amp;lt; [l&#93;(x) &#96;</code>" in source


def test_a_step_summary_is_no_larger_than_github_takes() -> None:
    steps = [step for number in range(4000) for step in report_of(replace(FAILED, id=f"s{number}")).steps]
    run = report_of(*[FAILED] * 3).run
    text = written("github", Report(run, steps))
    assert github.BOUND - 2000 < len(text.encode()) <= github.BOUND
    assert text.endswith("The whole is in the other reports.\n")
    assert rendered(text).tags
    assert written("github", report_of(*ALL)) == written("markdown", report_of(*ALL))
