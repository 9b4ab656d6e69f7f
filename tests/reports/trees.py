"""Trees to make reports of: from result trees made by hand, and of any shape."""

from __future__ import annotations

import io
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from runner.errors import NetworkError, Problem
from runner.exchange import Exchange
from runner.reporters import unmasked
from runner.reporters.documents import forms, masked
from runner.reporters.documents.tree import Report, Run, Step
from runner.results import StepResult
from tests.test_reporters import (
    BLOCKED,
    FAILED,
    REPEATED,
    SKIPPED,
    UNANSWERED,
    answer,
    at,
    call,
    exchange,
    passed,
    run_of,
)

FILE = "collections/crm.yaml"
# A tree is large: to look for a smaller one that fails too takes minutes.
QUICK = settings(deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=(HealthCheck.too_slow,))
REFUSED = replace(
    FAILED,
    id="leads/delete",
    checks=(),
    exit_code=4,
    problems=(Problem("the credentials were refused", at(50), "log in again: zrun login"),),
)
FLAKY = passed("flaky", exchange(503), Exchange(call(), 0.0, answer()), duration=0.5)
FLAKY = replace(
    FLAKY,
    exchanges=(
        exchange(503),
        Exchange(call(), 1.0, error=NetworkError(Problem("no"), kind="timeout"), reason="retry"),
        Exchange(call(), 2.0, answer(), reason="retry"),
    ),
)
ALL = (
    passed("exchange"),
    SKIPPED,
    REPEATED,
    replace(passed("each"), item="Ada"),
    FAILED,
    BLOCKED,
    UNANSWERED,
    REFUSED,
    replace(FLAKY, row=3),
)


def report_of(*steps: StepResult, **more: Any) -> Report:
    """The report of a run of one collection."""
    run = masked.run(run_of(*steps, **more), unmasked)
    return Report(run, tuple(masked.step(replace(step, collection=FILE), unmasked) for step in steps))


def written(form: str, report: Report) -> str:
    out = io.StringIO()
    forms.writer(form)(report, out)
    return out.getvalue()


def _any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type, as reports can hold it."""
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return any_tree(hint)  # type: ignore[arg-type]  # a type
    if origin is tuple:
        if inner[1] is not Ellipsis:
            return st.tuples(*map(_any_of, inner))
        return st.just(()) if inner[0] is Step else st.lists(_any_of(inner[0]), max_size=2).map(tuple)
    if origin is Literal:
        return st.sampled_from(inner)
    if type(None) in inner:
        return st.none() | _any_of(next(one for one in inner if one is not type(None)))
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=12) | st.text(st.characters(), max_size=6),  # the second with halves of characters
        bool: st.booleans(),
        int: st.integers(0, 10**9),
        float: st.integers(0, 10**9).map(lambda micros: micros / 10**6),
    }
    return simple[hint]


def any_tree(kind: type) -> st.SearchStrategy[Any]:
    """Any value of a dataclass of the tree, but for steps that hold steps. Moments are milliseconds."""
    hints = get_type_hints(kind)
    moments = st.integers(0, 4 * 10**12).map(lambda millis: millis / 1000)
    members = {f.name: moments if f.name == "started" else _any_of(hints[f.name]) for f in fields(kind)}
    return st.builds(kind, **members)


steps = any_tree(Step).flatmap(
    lambda step: st.lists(any_tree(Step), max_size=1).map(lambda renewed: replace(step, renewed=tuple(renewed)))
)
runs: st.SearchStrategy[Run] = any_tree(Run)
reports = st.builds(Report, runs, st.lists(steps, max_size=4).map(tuple))
