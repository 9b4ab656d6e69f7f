"""`zrun exec`: run a command with a fresh access token in its process environment, never on its command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.cli import options, screen
from runner.cli.tokens import forms, holding
from runner.cli.tokens.show import note
from runner.errors import InputError, Problem

_EPILOG = """\
examples:
  zrun exec -e us -- ./nightly.sh                  with ZRUN_ACCESS_TOKEN, ZRUN_API_DOMAIN, ...
  zrun exec -e us --min-ttl 30m -- python job.py

The command gets the token, its expiry, and the environment's variables that are no secrets, as ZRUN_NAME. Client secret and
refresh token are withheld, also where zrun itself was given them as variables, unless --with asks for them.

exit status: the command's own; 126 it cannot be run, 127 it is not found; before it runs, zrun's
"""
# What a shell answers with (POSIX, 2.8.2).
NOT_RUNNABLE, NOT_FOUND = 126, 127
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGWINCH")


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status; on POSIX the command takes this process's place, and nothing returns."""
    own, command = _split(arguments)
    parser = options.Parser("exec", "Run a command with a fresh access token in its process environment.", _EPILOG)
    parser.usage = "zrun exec [OPTION]... -- COMMAND [ARGUMENT]..."
    holding.add_options(parser)
    parser.add_argument("--min-ttl", metavar="TIME", help="at least so long the token is to be good (`10m`)")
    parser.add_argument(
        "--with",
        dest="extra",
        action="append",
        default=[],
        metavar="NAME",
        help="give this value too, though it is a secret: client-secret, refresh-token",
    )
    chosen = parser.read(own, None if command else _not_behind)
    if not command:
        parser.error("there is no command: write it behind `--`")
    least = holding.duration("--min-ttl", chosen.min_ttl)
    program = shutil.which(command[0])
    if program is None:  # told before a token is asked for
        return _no_program(command[0])
    with holding.holding(chosen) as held:
        token = held.keeper.access(least)
        note(token, least)
        process = {
            **forms.without_secrets(held, os.environ, chosen.extra),
            **forms.process_variables(held, token, chosen.extra),
        }
        environment = held.assembly.environment
        # A sandbox lives as long as this process.
        stays = os.name == "nt" or (environment is not None and environment.sandbox is not None)
        status = _beside(program, command, process) if stays else None
    if status is None:
        return _become(program, command, process)
    if status < 0:  # a signal ended it, so let the same one end this process
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
        return 128 - status
    return status


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _not_behind(word: str, chosen: Namespace) -> Problem:
    """For a command without the `--` before it."""
    environments = " ".join(f"-e {name}" for name in chosen.environments) or "-e ENV"
    message = f"the command `{word}` does not stand behind `--`"
    return Problem(
        message, None, f"write zrun's own options, then `--`, then the command: zrun exec {environments} -- {word}"
    )


def _no_program(name: str) -> int:
    if Path(name).exists() and os.sep in name:
        screen.tell([Problem(f"{name} cannot be run", None, "is it a program, and executable?")])
        return NOT_RUNNABLE
    screen.tell([Problem(f"there is no command {name}", None, "check its spelling, and PATH")])
    return NOT_FOUND


def _become(program: str, command: Sequence[str], process: Mapping[str, str]) -> int:
    """Let the command take this process's place; returns only when that fails."""
    sys.stdout.flush()
    sys.stderr.flush()
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and what is ignored stays so in the command
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execve(program, list(command), dict(process))  # noqa: S606 (the command is the user's own)
    except OSError as error:
        hint = "does it begin with #! and an interpreter that is there?"
        screen.tell([Problem(f"{command[0]} cannot be run: {error.strerror}", None, hint)])
        return NOT_RUNNABLE


def _beside(program: str, command: Sequence[str], process: Mapping[str, str]) -> int:
    """Run the command as a child and pass signals on; its exit status, or the signal that ended it, negative."""
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def passed_on(number: int, _: object) -> None:
        if children:
            children[0].send_signal(number)
        else:
            early.append(number)

    def at_the_keyboard(_: int, __: object) -> None:
        """The terminal sends it to the command as well."""

    for name in _FORWARDED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), passed_on)
    signal.signal(signal.SIGINT, at_the_keyboard)
    try:
        children.append(subprocess.Popen(command, executable=program, env=dict(process)))  # noqa: S603 (the user's own)
    except OSError as error:
        raise InputError(Problem(f"{command[0]} cannot be run: {error.strerror}", None, "is it a program?")) from None
    for number in early:
        children[0].send_signal(number)
    return children[0].wait()
