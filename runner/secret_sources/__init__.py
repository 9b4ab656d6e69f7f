"""Where secrets come from: the sources that an environment lists, tried in turn.

literal   the text itself (a private overlay's)
env       a variable of the process environment; an empty one counts as not set
file      a file that holds nothing else, without its final line end
prompt    a person, asked on the terminal; only by `ask`, when all else is known to be good
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runner.environment import SecretSource, SecretSpec
from runner.errors import Cancelled, Problem
from runner.values import Secret

# A key or token is short; a larger file is a wrong path.
LARGEST_FILE = 100_000


def _literal(source: SecretSource) -> str | None:
    return source.argument or None


def _env(source: SecretSource) -> str | None:
    return os.environ.get(source.argument) or None


def _file(source: SecretSource) -> str | None:
    path = source.folder / Path(source.argument).expanduser()
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            return None
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    return text.removesuffix("\n").removesuffix("\r") or None


_SOURCES: dict[str, Callable[[SecretSource], str | None]] = {
    "literal": _literal,
    "env": _env,
    "file": _file,
    "prompt": lambda _: None,  # asked by `ask`, at last
}


def resolve(spec: SecretSpec) -> Secret | None:
    """The secret, from the first of its sources that has it; None when none has. Nobody is asked."""
    for source in spec.sources:
        text = _SOURCES[source.kind](source)
        if text:
            return Secret(text, spec.name)
    return None


def ask(spec: SecretSpec) -> Secret:
    """The secret, from a person at the terminal, who sees no echo. Raises Cancelled at the end of input or Ctrl-C."""
    import getpass  # late: few runs ask

    text = next((source.argument for source in spec.sources if source.kind == "prompt"), "") or spec.name
    try:
        while True:
            answer = getpass.getpass(f"{text}: ").strip()
            if answer:
                return Secret(answer, spec.name)
    except (EOFError, KeyboardInterrupt):
        raise Cancelled(Problem(f"`{spec.name}` was not given", spec.location, "nothing was sent")) from None


def missing_problem(spec: SecretSpec) -> Problem:
    """Why the secret is not there: what was tried, and the next step."""
    if not spec.sources:
        hint = "run the request that captures it, or name a source: {env: NAME}"
        return Problem(f"the secret `{spec.name}` has no value yet, and no source", spec.location, hint)
    steps = [_NEXT[source.kind](source) for source in spec.sources]
    place = spec.sources[0].location
    return Problem(f"the secret `{spec.name}` is not there", place, "; or ".join(dict.fromkeys(steps)))


_NEXT: dict[str, Callable[[SecretSource], str]] = {
    "literal": lambda _: "write it into the private overlay",
    "env": lambda source: f"set {source.argument}",
    "file": lambda source: f"put it into {source.folder / source.argument}, alone, in UTF-8",
    "prompt": lambda _: "run on a terminal, without CI set, to be asked for it",
}
