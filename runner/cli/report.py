"""`zrun report`: another report of a run, made later, of its JSON or JSON Lines report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from runner import errors
from runner.cli import options
from runner.errors import InputError, Problem, did_you_mean
from runner.reporters.documents import forms, saved, targets
from runner.reporters.documents.spool import Spool
from runner.reporters.documents.targets import Target

_EPILOG = """\
examples:
  zrun report result.json --to junit -o junit.xml    what --report junit=junit.xml would have written
  zrun report result.jsonl -o report.html            also of a run that was killed; the path tells the format
  zrun report result.json --to markdown              to standard output

A report holds no secret: what was masked stays masked.
"""


def parser() -> options.Parser:
    """The options of `zrun report`."""
    made = options.Parser("report", "Make another report of a run, of its JSON or JSON Lines report.", _EPILOG)
    made.add_argument(
        "result", metavar="RESULT", help="what --report json=RESULT or jsonl=RESULT wrote; - is standard input"
    )
    made.add_argument("--to", dest="form", metavar="FORMAT", help=", ".join(forms.FORMS))
    made.add_argument("-o", "--output", metavar="PATH", help="the file to write (default: standard output)")
    return made


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    chosen = parser().read(arguments)
    target = _target(chosen.form, chosen.output)
    write = forms.writer(target.form)
    with Spool() as spool, _opened(chosen.result) as file:
        try:
            report = saved.read(file, chosen.result, spool)
        except OSError as error:
            raise InputError(Problem(f"{chosen.result} cannot be read: {error.strerror}", None, None)) from None
        try:
            with targets.opened(target, sys.stdout) as out:
                write(report, out)
        except BrokenPipeError:
            raise
        except OSError as error:
            message = f"{target.path or 'standard output'} could not be written: {error.strerror}"
            raise InputError(Problem(message, None, "make room, or name another path")) from None
    return errors.PASSED


def _target(form: str | None, output: str | None) -> Target:
    path = None if output in (None, targets.STANDARD_OUTPUT) else Path(output or "")
    if form is None:
        form = forms.guessed(str(path)) if path else None
        if form is None:
            raise InputError(
                Problem("no format is named", None, f"give --to; the formats are {', '.join(forms.FORMS)}")
            )
    forms.known(form, "--to")
    if path is not None:
        targets.check(path, [Path.cwd().resolve()], "--output")
    return Target(form, path)


@contextmanager
def _opened(written: str) -> Iterator[TextIO]:
    if written == targets.STANDARD_OUTPUT:
        yield sys.stdin
        return
    try:
        file = Path(written).open(encoding="utf-8")  # noqa: SIM115  # what is done with it is not to be caught here
    except OSError as error:
        near = [str(path) for path in Path(written).parent.glob("*.json*")] if Path(written).parent.is_dir() else []
        hint = did_you_mean(written, near, "give what `zrun run --report json=PATH` wrote")
        raise InputError(Problem(f"{written} cannot be read: {error.strerror}", None, hint)) from None
    with file:
        yield file
