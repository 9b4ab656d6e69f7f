"""Where secrets come from: the sources that an environment lists, tried in turn.

literal   the text itself (a private overlay's)
env       a variable of the process environment; an empty one counts as not set
file      a file that holds nothing else, without its final line end
keyring   an entry of the operating system's keyring (`os_keyring.py`)
command   what a program prints (`command.py`); only of a file that the user has trusted
prompt    a person, asked on the terminal (`prompt.py`); only by `ask`, when all else is known to be good
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.environment import SecretSource, SecretSpec
from runner.errors import InputError, Problem
from runner.scope import SECRET_PREFIX, process_name
from runner.values import Secret

# A key or token is short; a larger file is a wrong path.
LARGEST_FILE = 100_000

# Why a command may not run; None when it may.
Refusal = Callable[[SecretSource], Problem | None]


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


def _keyring(source: SecretSource) -> str | None:
    from runner.secret_sources import os_keyring  # late: an extra, and few environments name it

    return os_keyring.read(source.argument, source.user)


def _command(source: SecretSource) -> str | None:
    from runner.secret_sources import command  # late: few environments run one

    return command.output(source)


_SOURCES: dict[str, Callable[[SecretSource], str | None]] = {
    "literal": _literal,
    "env": _env,
    "file": _file,
    "keyring": _keyring,
    "command": _command,
    "prompt": lambda _: None,  # asked by `ask`, at last
}
# These ask another program, which may ask a person, or count its calls: not for what only looks.
_OUTSIDE = ("keyring", "command")


def _untrusted(source: SecretSource) -> Problem | None:
    return Problem("a command of a file that nobody has trusted does not run", source.location, "zrun trust PATH")


def resolve(spec: SecretSpec, refusal: Refusal = _untrusted) -> Secret | None:
    """The secret, from the first of its sources that has it; None when none has. See `find`."""
    found = find(spec, refusal)
    return found[0] if found else None


def find(
    spec: SecretSpec,
    refusal: Refusal = _untrusted,
    tell: Callable[[SecretSource, Problem], None] = lambda *_: None,
    *,
    look_only: bool = False,
) -> tuple[Secret, SecretSource] | None:
    """The secret, and the first of its sources that has it; None when none has. Nobody is asked.

    `tell` hears why a source that was tried had none, where there is more to say than that it is empty. With `look_only`,
    no command runs and no keyring opens: a stand-in is given for what they would give. Raises InputError at a command
    that `refusal` refuses: no later source hides that.
    """
    for source in spec.sources:
        refused = refusal(source) if source.kind == "command" else None
        if refused is not None:
            raise InputError(refused)
        if look_only and source.kind in _OUTSIDE:
            return Secret(f"given by {described(source)} when a run begins", spec.name), source
        try:
            text = _SOURCES[source.kind](source)
        except InputError as error:
            for problem in error.problems:
                tell(source, problem)
            continue
        if text:
            return Secret(text, spec.name), source
    return None


def ask(spec: SecretSpec) -> Secret:
    """The secret, from a person at the terminal, who sees no echo. Raises Cancelled at the end of input or Ctrl-C."""
    from runner.secret_sources import prompt  # late: few runs ask

    return prompt.ask(spec)


def missing_problem(spec: SecretSpec, told: Mapping[SecretSource, Problem] | None = None) -> Problem:
    """Why the secret is not there: what was tried, and the next step. `told` is what `find` told."""
    if not spec.sources:
        variable = process_name(spec.name, SECRET_PREFIX)
        hint = f"run the request that captures it, name a source: {{env: NAME}}, or set {variable}"
        return Problem(f"the secret `{spec.name}` has no value yet, and no source", spec.location, hint)
    told = told or {}
    steps = [(told[source].hint or "") if source in told else _NEXT[source.kind](source) for source in spec.sources]
    why = [told[source].message for source in spec.sources if source in told]
    place = next((source.location for source in spec.sources if source in told), spec.sources[0].location)
    message = f"the secret `{spec.name}` is not there" + (f": {'; '.join(why)}" if why else "")
    return Problem(message, place, "; or ".join(dict.fromkeys(filter(None, steps))))


_NEXT: dict[str, Callable[[SecretSource], str]] = {
    "literal": lambda _: "write it into the private overlay",
    "env": lambda source: f"set {source.argument}",
    "file": lambda source: f"put it into {source.folder / source.argument}, alone, in UTF-8",
    "keyring": lambda source: f"put it into the keyring: `keyring set {source.argument} {source.user}`",
    "command": lambda source: f"mend the command `{source.argument}`",
    "prompt": lambda _: "run on a terminal, without CI set, to be asked for it",
}


def described(source: SecretSource) -> str:
    """A source in words, for a person. A command's arguments are not shown: one may be a secret."""
    return _WORDS[source.kind](source)


_WORDS: dict[str, Callable[[SecretSource], str]] = {
    "literal": lambda _: "the text in the file",
    "env": lambda source: f"${source.argument}",
    "file": lambda source: f"the file {source.argument}",
    "keyring": lambda source: f"the keyring, {source.argument}/{source.user}",
    "command": lambda _: "a command",
    "prompt": lambda _: "a prompt",
}
