"""`zrun diff A B`: what differs between two saved reports, or between two environments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from runner import differences, errors, jsonpath
from runner.cli import options
from runner.differences import Difference
from runner.environment import Environment
from runner.errors import InputError, Problem
from runner.exchange import Unreadable
from runner.files import reader
from runner.reporters.terminal import printable
from runner.reporters.wire import safe_url
from runner.scope import sounds_secret
from runner.template import Template
from runner.tree import Entries, Items, Tree
from runner.values import Missing, Value, as_text

_EPILOG = """\
examples:
  zrun diff before.json after.json                      two reports: what ended otherwise, checks, captures
  zrun diff before.json after.json --slower 2           and requests that took twice as long, or half
  zrun diff us eu --ignore '$.variables'                two environments; of a secret its sources, never its value

exit status: 0 nothing differs, 1 something does, 2 files or arguments
"""
_REPORTS = (".json", ".jsonl")
_SHOWN = 200
# Shorter requests are slower and faster by chance (seconds).
_SHORT = 0.05


def parser() -> options.Parser:
    """The options of `zrun diff`."""
    made = options.Parser("diff", "Tell what differs between two saved reports, or two environments.", _EPILOG)
    made.add_argument("left", metavar="A", help="a report (`zrun run --report json=A`), or an environment")
    made.add_argument("right", metavar="B", help="another one")
    made.add_argument(
        "--ignore", action="append", default=[], metavar="JSONPATH", help="leave out what it selects; may be repeated"
    )
    made.add_argument("--slower", metavar="FACTOR", help="durations too, where one is so many times the other")
    made.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    return made


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    chosen = parser().read(arguments)
    kinds = {Path(name).suffix in _REPORTS for name in (chosen.left, chosen.right)}
    if len(kinds) > 1:
        raise InputError(Problem("a report and an environment cannot be compared", None, "give two of one kind"))
    factor = _factor(chosen.slower)
    if kinds == {True}:
        left, right = _report(chosen.left), _report(chosen.right)
        _durations(left, right, factor)
    elif factor is not None:
        raise InputError(Problem("--slower is about reports", None, "leave it out"))
    else:
        left, right = _environment(chosen.left), _environment(chosen.right)
    found = list(_left(differences.between(left, right), chosen.ignore, (left, right)))
    show = _json if chosen.format == "json" else _text
    options.out(show(found, chosen.left, chosen.right))
    return errors.FAILED if found else errors.PASSED


def _factor(written: str | None) -> float | None:
    if written is None:
        return None
    try:
        factor = float(written)
    except ValueError:
        factor = 0.0
    if not 1 < factor < 1e9:
        raise InputError(Problem("--slower is no factor", None, "write a number over 1: --slower 2"))
    return factor


def _report(name: str) -> dict[str, Value]:
    """What of a report is worth comparing: how each request ended, its checks, captures and problems."""
    from runner.reporters.documents import saved  # late: of reports alone
    from runner.reporters.documents.spool import Spool  # late: of reports alone

    steps: dict[str, Value] = {}
    try:
        with Spool() as spool, Path(name).open(encoding="utf-8") as file:
            report = saved.read(file, name, spool)
            for step in report.steps:
                words = [step.id, *([f"row {step.row}"] if step.row is not None else []), *filter(None, [step.item])]
                key = base = (
                    " ".join(words) if len(report.run.collections) < 2 else f"{step.collection} {' '.join(words)}"
                )
                number = 1
                while key in steps:
                    number += 1
                    key = f"{base} ({number})"
                sent = step.exchanges[-1] if step.exchanges else None
                checks: dict[str, Value] = {}
                for check in step.checks:
                    place = f"{check.query} {check.predicate} {check.expected}"
                    checks[place] = {"passed": check.passed, "actual": check.actual}
                steps[key] = {
                    "status": step.status,
                    "answer": sent.status if sent else None,
                    "checks": checks,
                    "captures": {taken.name: taken.captured for taken in step.captures},
                    "problems": [trouble.message for trouble in step.problems],
                    "duration": step.duration,
                }
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        hint = "give what `zrun run --report json=PATH` wrote"
        raise InputError(Problem(f"{name} cannot be read: {why}", None, hint)) from None
    return {"environment": report.run.environment, "exit-code": report.run.exit_code, "steps": steps}


def _durations(left: dict[str, Value], right: dict[str, Value], factor: float | None) -> None:
    """Leave durations where one is `factor` times the other; take away the others."""
    one, other = left["steps"], right["steps"]
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    for key in {**one, **other}:
        pair = [side[key] for side in (one, other) if isinstance(side.get(key), dict)]
        took = [step.get("duration") for step in pair if isinstance(step, dict)]
        times = [float(seconds) for seconds in took if isinstance(seconds, (int, float))]
        apart = factor is not None and len(times) == 2 and max(times) >= max(_SHORT, factor * min(times))
        for step in pair:
            if isinstance(step, dict) and not apart:
                step.pop("duration", None)


def _environment(name: str) -> dict[str, Value]:
    """What an environment says, as written. Of a secret there are its sources, in words."""
    found = reader.read_environment((name,), Path.cwd() / "collections")
    variables = found.all_variables()
    return {
        "name": found.name,
        "variables": {key: _hidden(key, one.value) for key, one in variables.items() if key not in found.secrets},
        "hosts": [*sorted(found.hosts)],
        "secrets": {key: _sources(found, key) for key in found.secrets},
        "oauth2": {
            key: {name: _hidden(name, one.value) for name, one in spec.settings.items()}
            for key, spec in found.providers.items()
        },
        "proxy": _plain(found.proxy),
        "sandbox": found.sandbox,
        "state": found.state,
        "tls": {"verify": found.tls.verify},
    }


def _sources(environment: Environment, name: str) -> list[Value]:
    from runner import secret_sources  # late: of environments alone

    return [secret_sources.described(source) for source in environment.secrets[name].sources]


def _hidden(name: str, value: Tree) -> Value:
    """A value as written; of what is a secret by its name, and no template, the name alone."""
    return f"<<{name}>>" if sounds_secret(name) and not isinstance(value, Template) else _plain(value)


def _plain(value: Tree) -> Value:
    if isinstance(value, Template):
        return safe_url(value.text)
    if isinstance(value, Items):
        return [_plain(item.value) for item in value.items]
    if isinstance(value, Entries):
        return {str(_plain(entry.key)): _hidden(str(_plain(entry.key)), entry.value) for entry in value.entries}
    return safe_url(value) if isinstance(value, str) else value


def _left(found: Iterator[Difference], ignored: list[str], documents: tuple[Value, Value]) -> Iterator[Difference]:
    """The differences that are at no ignored place, nor inside of one. Raises InputError for what is no JSONPath."""
    closed: set[str] = set()
    for written in ignored:
        try:
            select = jsonpath.places(written)
            for document in documents:
                closed.update(_path(place) for place in select(document))
        except (ValueError, Unreadable) as error:
            message = f"--ignore: `{written}` is no JSONPath: {error}"
            raise InputError(Problem(message, None, "write it as RFC 9535 has it: $.steps['leads/read']")) from None
    for one in found:
        inside = any(one.path.startswith(path) and one.path[len(path) :][:1] in ("", ".", "[") for path in closed)
        if not inside:
            yield one


def _path(place: tuple[str | int, ...]) -> str:
    path = "$"
    for step in place:
        path = differences.child(path, step)
    return path


def _text(found: list[Difference], left: str, right: str) -> str:
    if not found:
        return "nothing differs"
    lines = [f"--- {left}", f"+++ {right}"]
    for one in found:
        lines.append(one.path)
        lines += [
            f"  {sign} {_shown(side)}"
            for sign, side in (("-", one.left), ("+", one.right))
            if not isinstance(side, Missing)
        ]
    return "\n".join(printable(line) for line in lines)


def _json(found: list[Difference], left: str, right: str) -> str:
    shown = []
    for one in found:
        sides = {"left": one.left, "right": one.right}
        shown.append({"path": one.path, **{k: side for k, side in sides.items() if not isinstance(side, Missing)}})
    return json.dumps({"left": left, "right": right, "differences": shown}, indent=2)


def _shown(value: Value | Missing) -> str:
    text = "nothing" if isinstance(value, Missing) else as_text(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
