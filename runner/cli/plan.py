"""`zrun plan`: what a run would do, in which order and why; nothing is sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from runner import errors, plan, reach
from runner.cli import data, options, providers, screen
from runner.cli.assemble import NOT_STARTED, Assembly, begun
from runner.cli.beforehand import prepare
from runner.cli.given import given
from runner.graph import reads_deeply
from runner.plan import Plan, Step
from runner.reach import Reach
from runner.reporters.terminal import paint, printable
from runner.scope import Scope

_EPILOG = """\
run: it will be sent; skip: its `when` is false; maybe: its `when` asks for what an earlier request captures.
"""
_STYLE = {"run": "green", "skip": "dim", "maybe": "yellow"}


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("plan", "Show what a run would do, in which order and why. Sends nothing.", _EPILOG)
    parser.add_argument("collection", metavar="COLLECTION", help="the file, with or without .yaml")
    options.add_environment(parser)
    options.add_reach(parser)
    options.add_selection(parser)
    data.add_file(parser)
    options.add_color(parser)
    options.add_clock(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    chosen = parser.read(arguments)
    with begun(options.collection_path(chosen.collection), given(chosen), look_only=True) as begun_one:
        assembly = data.declared(begun_one, chosen.data)
        planned = plan.make(assembly.collection, assembly.environment, assembly.scope, options.read_selection(chosen))
        prepare(assembly, planned, chosen.color, looking=True)
        if chosen.format == "json":
            text = json.dumps(_document(planned, assembly), indent=2, ensure_ascii=False)
        else:
            text = "\n".join(_lines(planned, assembly, color=screen.wants_color(chosen.color, sys.stdout)))
        options.out(assembly.redactor.text(text))
    return errors.PASSED


def _lines(planned: Plan, assembly: Assembly, *, color: bool) -> Iterator[str]:
    scope = assembly.scope
    reached = reach.of(planned, scope, providers.tokens(assembly))
    reaches = {one.id: one for one in reached}
    width = max(len(step.request.id) for step in planned.steps)
    for number, step in enumerate(planned.steps, 1):
        reason = printable("; ".join(filter(None, (step.because, step.reason))))
        line = f"{number:>3}  {paint(f'{step.verdict:<5}', _STYLE[step.verdict], color)}  {step.request.id:<{width}}"
        yield f"{line}  {paint(reason, 'dim', color)}".rstrip()
        if step.verdict == "skip":
            continue
        yield from (f"       {line}" for line in _reach_lines(reaches[step.request.id], color=color))
        for name, where in _variables(planned, step, scope):
            yield f"       {name} {paint('from', 'dim', color)} {where}"
        for dependency in step.depends_on:
            if dependency.variable is None:
                yield f"       {paint('after', 'dim', color)} {dependency.id}"
    for one in reached[sum(step.verdict != "skip" for step in planned.steps) :]:
        yield f"     {paint('maybe', 'yellow', color)}  {one.id}  {paint('only when it is needed', 'dim', color)}"
        yield from (f"       {line}" for line in _reach_lines(one, color=color))
    yield from _summary(planned, assembly, reached)
    counts = [f"{sum(step.verdict == kind for step in planned.steps)} {kind}" for kind in ("run", "maybe", "skip")]
    yield f"\n{len(planned.steps)} requests: {', '.join(counts)}; nothing was sent"


def _reach_lines(one: Reach, *, color: bool) -> Iterator[str]:
    """The address, the host with the secrets for it, and files."""
    yield printable(f"{one.method} {one.address}")
    names = f" {paint('with', 'dim', color)} {', '.join(one.secrets)}" if one.secrets else ""
    host = one.host or "a host that an earlier answer names"
    other = "" if one.settled or not one.host else paint(" (an earlier answer may name another)", "dim", color)
    yield f"{paint('to', 'dim', color)} {host}{other}{names}"
    for verb, files in (("reads", one.reads), ("writes", one.writes)):
        yield from (f"{paint(verb, 'dim', color)} {printable(file)}" for file in files)


def _summary(planned: Plan, assembly: Assembly, reached: list[Reach]) -> Iterator[str]:
    """What a person asks of somebody else's file: where do which secrets go, where from, and what is run?"""
    yield ""
    for host in sorted({one.host for one in reached if one.host}):
        names = sorted({name for one in reached if one.host == host for name in one.secrets})
        yield f"contacts {host}" + (f" with {', '.join(names)}" if names else ", with no secret")
    for spec, sources in reach.secrets(planned, reached):
        yield printable(f"secret {spec.name} from {', else '.join(sources) or 'an answer'} ({spec.location})")
    if planned.environment and planned.environment.secrets:
        yield f"secrets may go to {', '.join(sorted(_hosts(assembly))) or 'no host'}"
    if planned.environment and planned.environment.proxy is not None:
        yield printable(f"proxy {planned.environment.proxy}")
    yield from (printable(f"would run {command}") for command in reach.commands(planned, reached))


def _hosts(assembly: Assembly) -> set[str]:
    """The hosts that secrets may go to. That of a sandbox which is not started has no port yet."""
    not_started = f"{urlsplit(NOT_STARTED).hostname}:80"
    sandbox = assembly.environment is not None and assembly.environment.sandbox is not None
    return {
        "the embedded sandbox" if sandbox and str(host) == not_started else str(host) for host in assembly.policy.hosts
    }


def _variables(planned: Plan, step: Step, scope: Scope) -> Iterator[tuple[str, str]]:
    """Each variable that a request reads, and where its value comes from."""
    shared = planned.environment.all_variables() if planned.environment else {}
    view = scope.at(step.request)
    coming = {
        dependency.variable: dependency.id
        for dependency in step.depends_on
        if (source := planned.step(dependency.id)) is not None and source.verdict != "skip"
    }
    for name in dict.fromkeys(name.name for name in reads_deeply(step.request, shared)):
        if name in coming:
            yield name, f"{coming[name]}, which captures it"
        else:
            yield name, origin(name, view)


def origin(name: str, scope: Scope) -> str:
    """Where the value of `name` comes from, in words."""
    found = scope.origin(name)
    if found is None:
        return "nowhere yet"
    words = {
        "captured": f"{found.detail}, in an earlier run",
        "sandbox": "the embedded sandbox",
        "process": f"${found.detail}",
        "argument": "--var",
        "file": found.detail,
        "secret": found.detail or "its source",
        "item": "for-each",
    }
    place = f" ({found.location})" if found.location else ""
    return words.get(found.kind, f"the {found.kind}") + place


def _document(planned: Plan, assembly: Assembly) -> dict[str, object]:
    scope = assembly.scope
    reached = reach.of(planned, scope, providers.tokens(assembly))
    return {
        "collection": planned.collection.name,
        "environment": planned.environment.id if planned.environment else None,
        "requests": [
            {
                "id": step.request.id,
                "verdict": step.verdict,
                "because": step.because,
                "reason": step.reason,
                "method": str(step.request.method),
                "url": str(step.request.url),
                "needs": [{"id": d.id, "variable": d.variable} for d in step.depends_on],
                "variables": dict(_variables(planned, step, scope)),
            }
            for step in planned.steps
        ],
        "reaches": [
            {
                "id": one.id,
                "address": one.address,
                "host": one.host,
                "settled": one.settled,
                "secrets": list(one.secrets),
                "reads": list(one.reads),
                "writes": list(one.writes),
            }
            for one in reached
        ],
        "secrets": {spec.name: list(sources) for spec, sources in reach.secrets(planned, reached)},
        "secrets-may-go-to": sorted({str(host) for host in assembly.policy.hosts}),
        "commands": reach.commands(planned, reached),
    }
