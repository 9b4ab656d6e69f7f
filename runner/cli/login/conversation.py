"""What a login says to a person and asks of one: on standard error, and only on a terminal does it wait for an answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from runner import secret_sources
from runner.cli import screen
from runner.environment import SecretSource, SecretSpec
from runner.errors import Cancelled, InputError, Location, Problem
from runner.reporters.terminal import fit, printable
from runner.values import Secret

# A code is some seventy characters; what is longer than this is a wrong file.
_LARGEST = 10_000

Say = Callable[[str], None]


def say(text: str) -> None:
    """A line for whoever sits there, fit for a terminal."""
    sys.stderr.write(fit(printable(text), sys.stderr) + "\n")
    sys.stderr.flush()


def agrees(question: str) -> bool:
    """Whether a person says yes. Raises Cancelled at the end of input."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise Cancelled(Problem("there was no answer", None, "nothing was sent"))
    return answer.strip().lower() in ("y", "yes")


def ask(name: str, question: str, place: Location) -> Secret:
    """A secret from a person, who sees no echo. Raises Cancelled."""
    return secret_sources.ask(SecretSpec(name, place, (SecretSource("prompt", place, question),)))


def read_secret(written: str, name: str) -> Secret:
    """The secret that a file holds alone; `-` is standard input. Raises InputError; the text is never repeated."""
    where = "standard input" if written == "-" else written
    try:
        text = sys.stdin.read(_LARGEST + 1) if written == "-" else _text(Path(written))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            Problem(f"{where} cannot be read: {why}", None, "name a file that holds the code alone")
        ) from None
    text = text.strip()
    if not text or len(text) > _LARGEST or len(text.split()) > 1:
        what = "is empty" if not text else "holds more than a code"
        raise InputError(Problem(f"{where} {what}", None, "it must hold the code and nothing else"))
    return Secret(text, name)


def _text(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        return file.read(_LARGEST + 1)


def can_ask() -> bool:
    """Whether a person sits there: on a terminal, and never in CI."""
    return screen.can_ask()
