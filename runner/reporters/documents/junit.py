"""A report as JUnit XML, as CI systems read it: a test suite a collection, a test case a request.

It is valid by Jenkins' schema (xunit-plugin, junit-10.xsd) and, but for `flakyFailure` and `rerunFailure`, which are of Maven
Surefire, by that of Ant (windyroad, JUnit.xsd). A failed expectation is a failure; what kept a request from being judged
(network, credentials, policy, input) is an error. A blocked request counts as skipped: what blocked it is told by its own
test case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import TextIO

from runner.reporters.documents import codec, wording
from runner.reporters.documents.tree import Report, Run, Step

# XML 1.0, 2.2: what no document may hold, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE = {**_TEXT, '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


@dataclass
class _Suite:
    """What a test suite counts; all of it stands before its first test case."""

    collection: str
    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    flaky: int = 0
    attempts: int = 0
    time: float = 0.0
    started: float | None = None

    def add(self, step: Step) -> None:
        failed = step.status == "failed"
        self.tests += 1
        self.failures += failed and wording.kind(step) == "expectation"
        self.errors += failed and wording.kind(step) != "expectation"
        self.skipped += step.status in ("skipped", "blocked")
        self.flaky += wording.flaky(step)
        self.attempts += step.attempts
        self.time += step.duration
        self.started = step.started if self.started is None else min(self.started, step.started)


def write(report: Report, out: TextIO, *, place: Callable[[str], str] | None = None) -> None:
    """Write it. With `place`, each test case tells its file, as GitLab shows it, by that path; no schema knows of that."""
    suites, whole = _count(report.steps)
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n')
    groups = groupby(report.steps, key=lambda step: step.collection) if whole else None
    for index, suite in enumerate(suites.values()):
        out.write(_opened(suite, index, report.run))
        if groups is not None:
            _, steps = next(groups)
        else:
            steps = (step for step in report.steps if step.collection == suite.collection)
        for step in steps:
            out.writelines(_test_case(step, place))
        out.write("    <system-out/>\n    <system-err/>\n  </testsuite>\n")
    out.write("</testsuites>\n")


def _count(steps: Iterable[Step]) -> tuple[dict[str, _Suite], bool]:
    """The suites, in the order of their first steps; and whether the steps of each stand together."""
    suites: dict[str, _Suite] = {}
    whole = True
    for collection, group in groupby(steps, key=lambda step: step.collection):
        whole = whole and collection not in suites
        suite = suites.setdefault(collection, _Suite(collection))
        for step in group:
            suite.add(step)
    return suites, whole


def _opened(suite: _Suite, index: int, run: Run) -> str:
    name = suite.collection if suite.collection.strip() else "zrun"
    # Ant's schema wants a moment without fraction and zone; it is UTC.
    timestamp = codec.moment(suite.started if suite.started is not None else run.started)[:19]
    tests = f'tests="{suite.tests}" failures="{suite.failures}" errors="{suite.errors}" skipped="{suite.skipped}"'
    properties = {
        "environment": run.environment,
        "zrun": run.version,
        "attempts": suite.attempts,
        "flaky": suite.flaky,
        "interrupted": "true" if run.interrupted else None,
    }
    lines = "".join(
        f'      <property name="{key}" value="{_attribute(str(value))}"/>\n'
        for key, value in properties.items()
        if value is not None
    )
    return (
        f'  <testsuite name="{_attribute(name)}" package="{_attribute(_class_name(suite.collection, ""))}" id="{index}" '
        f'{tests} time="{suite.time:.3f}" timestamp="{timestamp}" hostname="localhost">\n'
        f"    <properties>\n{lines}    </properties>\n"
    )


def _test_case(step: Step, place: Callable[[str], str] | None) -> Iterator[str]:
    file = f' file="{_attribute(place(step.location.file))}"' if place else ""
    name, class_name = _attribute(wording.label(step)), _attribute(_class_name(step.collection, step.id))
    yield f'    <testcase name="{name}" classname="{class_name}" time="{step.duration:.3f}"{file}'
    inside = "".join(_inside(step))
    yield f">\n{inside}    </testcase>\n" if inside else "/>\n"


def _inside(step: Step) -> Iterator[str]:
    if step.status in ("skipped", "blocked"):
        why = f"blocked: {step.reason or ''}" if step.status == "blocked" else step.reason or ""
        yield f'      <skipped message="{_attribute(why)}"/>\n'
        return
    if step.status == "failed":
        kind = wording.kind(step)
        element = "failure" if kind == "expectation" else "error"
        text = _text("\n".join(wording.details(step)))
        yield f'      <{element} type="{kind}" message="{_attribute(wording.headline(step))}">{text}</{element}>\n'
    element = "flakyFailure" if step.status == "passed" else "rerunFailure"
    for one in wording.repeated(step):
        message = _attribute(f"{one.method} {one.url}: {wording.outcome(one)}")
        yield f'      <{element} type="{_attribute(one.error or "status")}" message="{message}"/>\n'


def _class_name(collection: str, step_id: str) -> str:
    """`crm.leads` of leads/create in collections/crm.yaml: the same whatever else is run, and wherever."""
    folders = step_id.split("/")[:-1]
    return ".".join([PurePath(collection).stem or "zrun", *folders])


def _clean(text: str) -> str:
    """What XML cannot hold is shown as an escape: `\\x1b`."""
    return _FORBIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _text(text: str) -> str:
    return "".join(_TEXT.get(character, character) for character in _clean(text))


def _attribute(text: str) -> str:
    return "".join(_ATTRIBUTE.get(character, character) for character in _clean(text))
