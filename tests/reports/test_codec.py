"""The tree as JSON: there and back, by a schema, read strictly."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from runner.errors import InputError
from runner.reporters.documents import codec, json_file, json_lines, saved
from runner.reporters.documents.spool import Spool
from runner.reporters.documents.tree import Report, Run, Step
from tests.commands import zrun
from tests.reports.trees import ALL, QUICK, report_of, reports, runs, steps, written

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "report.json"
VALIDATOR = Draft202012Validator(codec.schema())


@given(steps)
@settings(QUICK, max_examples=30)
def test_a_step_survives_json(step: Step) -> None:
    document = json.loads(codec.dumps(codec.step(step)))
    assert codec.step_of(document) == step


@given(runs)
@settings(QUICK, max_examples=30)
def test_a_run_survives_json(run: Run) -> None:
    assert codec.run_of(json.loads(codec.dumps(codec.document(run)))) == run


@pytest.mark.parametrize("form", ["json", "jsonl"])
@given(report=reports)
@settings(QUICK, max_examples=15)
def test_a_saved_report_is_the_report(form: str, report: Report) -> None:
    with Spool() as spool:
        found = saved.read(io.StringIO(written(form, report)), "x", spool)
        assert found.run == report.run
        assert tuple(found.steps) == tuple(report.steps)
        assert written(form, found) == written(form, report)


@given(reports)
@settings(QUICK, max_examples=15)
def test_every_document_is_valid_by_the_schema(report: Report) -> None:
    VALIDATOR.validate(json.loads(written("json", report)))
    out = io.StringIO()
    json_file.write(report, out, messages=False)
    VALIDATOR.validate(json.loads(out.getvalue()))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"started": 5}, "started"),
        ({"summary": {}}, "summary"),
        ({"zrun-report": 2}, "version"),
        ({"steps": [{"id": "x"}]}, "step"),
    ],
)
def test_the_schema_refuses_what_the_reader_does(change: dict[str, Any], part: str) -> None:
    document = json.loads(written("json", report_of(*ALL))) | change
    assert not VALIDATOR.is_valid(document), part
    with pytest.raises(InputError), Spool() as spool:
        saved.read(io.StringIO(json.dumps(document)), "x", spool)


def test_the_schema_is_published_and_printed(tmp_path: Path) -> None:
    published = json.loads(SCHEMA.read_text("utf-8"))
    assert published == codec.schema(), "write it anew: zrun schema report > docs/schema/report.json"
    Draft202012Validator.check_schema(published)
    assert zrun(tmp_path, "schema", "report").document == published


def test_what_is_known_to_no_reader_is_ignored() -> None:
    """Within one version members are only added."""
    document = json.loads(written("json", report_of(*ALL)))
    document["later"] = document["steps"][0]["later"] = {"a": [1]}
    with Spool() as spool:
        assert len(list(saved.read(io.StringIO(json.dumps(document)), "x", spool).steps)) == len(ALL)


REPORT = written("json", report_of(*ALL))
LINES = written("jsonl", report_of(*ALL))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "x:1:1: this is no report of zrun's: `{` is wanted"),
        ("[1]", "x:1:1: this is no report of zrun's: `{` is wanted"),
        ("{}", "x cannot be read at `zrun-report`: this is no report of zrun's"),
        ('{"a": 1}', "x cannot be read at `zrun-report`: this is no report of zrun's"),
        ('{"steps": []}', "x cannot be read at `zrun-report`: this is no report of zrun's"),
        (REPORT + "x", ": this is no report of zrun's: something stands after the document"),
        (REPORT[:-10], "this is no report of zrun's: "),
        (REPORT.replace('"attempts": 1', '"attempts": NaN', 1), "it is no JSON that can be read"),
        (REPORT.replace('"zrun-report": 1', '"zrun-report": 2'), "at `zrun-report`: a newer zrun wrote this report"),
        (REPORT.replace('"zrun-report": 1', '"zrun-report": true'), "at `zrun-report`: the version is no number"),
        (
            REPORT.replace('"attempts": 1', '"attempts": "1"', 1),
            "x cannot be read at `steps[0].attempts`: a whole number is wanted",
        ),
        (REPORT.replace('"passed": true', '"passed": 1', 1), "at `steps[4].checks[1].passed`: true or false is wanted"),
        (
            REPORT.replace('"status": "failed"', '"status": "fail"', 1),
            "at `steps[4].status`: one of passed, failed, skipped, blocked is wanted",
        ),
        (REPORT.replace('"location": {', '"place": {', 1), "at `steps[0]`: `location` is missing"),
        (REPORT.replace('"started": "2025', '"started": "20x5', 1), "at `started`: a moment is wanted"),
        (LINES.replace('"zrun-report": 1', '"zrun-report": 2'), "a newer zrun wrote this report"),
        (LINES.replace('"kind": "step"', '"kind": "stop"', 1), "at `line 2`: this line is of no report"),
        (LINES.replace('{"kind": "step"', '"kind": "step"', 1), "x:2:1: this line is no JSON that can be read"),
        (LINES + LINES, "this line is of no report"),
    ],
)
def test_what_is_no_report_is_refused_with_the_place(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught, Spool() as spool:
        saved.read(io.StringIO(text), "x", spool)
    (problem,) = caught.value.problems
    assert told in str(problem)
    assert problem.hint


@pytest.mark.parametrize("blocks", [1, 2, 7, 1000])
def test_a_document_is_read_in_pieces_of_any_size(blocks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "_BLOCK", blocks)
    compact = json.dumps(json.loads(REPORT), separators=(",", ":"))
    for text in (REPORT, compact):
        with Spool() as spool:
            assert written("json", saved.read(io.StringIO(text), "x", spool)) == REPORT


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_json_lines_of_a_killed_run_are_read_as_an_interrupted_one(cut: int) -> None:
    lines = LINES.splitlines(keepends=True)
    killed = "".join(lines[:4]) + lines[4][:cut]
    with Spool() as spool:
        found = saved.read(io.StringIO(killed), "x", spool)
        assert [step.id for step in found.steps] == [step.id for step in ALL[:3]]
    assert found.run.interrupted
    assert found.run.exit_code == 130
    assert (found.run.summary.total, found.run.summary.passed, found.run.summary.skipped) == (3, 2, 1)


def test_a_spool_is_gone_through_by_several_at_once() -> None:
    report = report_of(*ALL)
    with Spool() as spool:
        for step in report.steps:
            spool.add(step)
        pairs = list(zip(spool, spool, strict=True))
        assert [one for one, _ in pairs] == [other for _, other in pairs] == list(report.steps)


def test_the_lines_are_written_as_the_run_goes_on_or_at_once() -> None:
    report = report_of(*ALL)
    run = report.run
    pieces = [json_lines.head(run.version, run.collections, run.environment, run.started)]
    pieces += map(json_lines.line, report.steps)
    assert "".join([*pieces, json_lines.end(run)]) == LINES


def test_no_text_in_json_commands_a_log_reader() -> None:
    text = codec.dumps({"a": "##[error]x ##vso[task.complete]"}, indent=2)
    assert "##" not in text
    assert json.loads(text) == {"a": "##[error]x ##vso[task.complete]"}
