"""`zrun vars`: each variable's value, secrets masked, and where it comes from."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from random import Random

from runner import dynamic, errors, graph
from runner.cli import data, options, screen
from runner.cli.assemble import NOT_STARTED, Assembly, begun
from runner.cli.given import given
from runner.cli.plan import origin
from runner.errors import InputError
from runner.plan import how_it_stands
from runner.reporters.terminal import paint, printable
from runner.values import MISSING, as_text

_LONGEST = 60


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("vars", "Show each variable's value and where it comes from. Secrets are masked.")
    parser.add_argument("collection", metavar="COLLECTION", nargs="?", help="the file, with or without .yaml")
    options.add_environment(parser)
    options.add_reach(parser)
    data.add_file(parser)
    options.add_color(parser)
    options.add_clock(parser)
    parser.add_argument(
        "--dynamic", action="store_true", help="list the dynamic values instead: $uuid, $timestamp, ..."
    )
    chosen = parser.read(arguments)
    if chosen.dynamic:
        options.out("\n".join(_dynamic_lines(options.read_clock(chosen.clock), chosen.seed)))
        return errors.PASSED
    if chosen.collection is None:
        parser.error("name a collection")
    with begun(options.collection_path(chosen.collection), given(chosen), look_only=True) as begun_one:
        assembly = data.declared(begun_one, chosen.data)
        lines = list(_lines(assembly, color=screen.wants_color(chosen.color, sys.stdout)))
        options.out(assembly.redactor.text("\n".join(lines)) if lines else "no variables")
    return errors.PASSED


def _dynamic_lines(ahead: float, seed: str | None) -> Iterator[str]:
    """Each dynamic value as a template calls it, with an example."""
    rng = Random(seed)
    called = {name: name + dynamic.ARGUMENTS.get(name, "") for name in dynamic.NAMES}
    width = max(map(len, called.values()))
    for name, form in called.items():
        yield f"<<${form}>>{' ' * (width - len(form))}  {as_text(dynamic.value(name, rng, time.time() + ahead))}"


def _lines(assembly: Assembly, *, color: bool) -> Iterator[str]:
    shared = assembly.environment.all_variables() if assembly.environment else {}
    read = {name.name for request in assembly.collection for name in graph.reads_deeply(request, shared)}
    folders = {name for request in assembly.collection for layer in request.layers for name in layer}
    names = assembly.scope.names() | read | folders
    found = [_row(name, assembly) for name in sorted(names - _idle(assembly, read))]
    # Every secret has been met by now: what is cut is cut after it was masked.
    rows = [(name, _shown(value, assembly), where) for name, value, where in found]
    first, second = (min(max((len(row[i]) for row in rows), default=0), _LONGEST) for i in (0, 1))
    for name, value, where in rows:
        yield f"{name:<{first}}  {value:<{second}}  {paint(where, 'dim', color)}".rstrip()


def _idle(assembly: Assembly, read: set[str]) -> set[str]:
    """The variables that a provider could keep an ID token in, where it has given none, and nothing reads it."""
    environment = assembly.environment
    ids = {spec.tokens.id for spec in environment.providers.values()} if environment else set()
    return {name for name in ids - read if assembly.scope.get(name) is MISSING}


def _row(name: str, assembly: Assembly) -> tuple[str, str, str]:
    scope = assembly.scope
    for request in assembly.collection:  # a folder's variable is seen from its requests alone
        if any(name in layer for layer in request.layers[1:]):
            scope = scope.at(request)
            break
    try:
        value = scope.get(name)
        where = origin(name, scope)
    except InputError as error:
        return name, "-", error.problems[0].message
    if value is MISSING:
        return name, "-", scope.explain(name) or "no value"
    if value == NOT_STARTED and name in assembly.sources.given:
        where += ", on a port that is chosen when it starts"
    if scope.expires_in(name) is not None:
        where += f", {how_it_stands(name, scope).removeprefix(name + ' is ')}"
    return name, as_text(value), where  # type: ignore[arg-type]  # MISSING is gone


def _shown(text: str, assembly: Assembly) -> str:
    safe = printable(assembly.redactor.excerpt(text, _LONGEST + 1))
    return safe if len(safe) <= _LONGEST else safe[: _LONGEST - 1] + "…"
