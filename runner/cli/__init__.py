"""The command line: a table of commands, and the one place where errors become text and an exit status.

Importing this loads no command: the chosen one is imported by name, so that a run pays for nothing but itself.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from runner import errors
from runner.cli import outlet
from runner.errors import ZrunError

# name -> (module, what it does); each module has `main(arguments: list[str]) -> int`.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("runner.cli.run", "send the requests of a collection (the default: `zrun FILE` is `zrun run FILE`)"),
    "check": ("runner.cli.check", "find every mistake in collections and environments; send nothing"),
    "plan": ("runner.cli.plan", "show what a run would do, in which order and why; send nothing"),
    "vars": ("runner.cli.variables", "show each variable's value and where it comes from"),
    "env": ("runner.cli.env", "show or forget the values that runs have captured for an environment"),
    "trust": ("runner.cli.trust", "let the commands of an environment's files run, to get secrets"),
    "login": ("runner.cli.login", "log in to an OAuth 2.0 provider: by self client, browser or device"),
    "doctor": ("runner.cli.doctor", "find out whether the credential is alive, and if not, why"),
    "token": ("runner.cli.tokens", "print a fresh access token; status, refresh, revoke, watch: see its --help"),
    "exec": ("runner.cli.execute", "run a command with a fresh access token in its process environment"),
    "report": ("runner.cli.report", "make another report of a run's JSON report"),
    "diff": ("runner.cli.diff", "what differs between two saved reports, or two environments"),
    "schema": ("runner.cli.schema", "print the JSON Schema of a collection, an environment or a report"),
    "init": ("runner.cli.init", "make a new project that runs at once"),
    "sandbox": ("runner.cli.sandbox", "serve the Zoho sandbox until stopped"),
}

_INTRODUCTION = """\
zrun runs HTTP requests that are written in YAML files: it gets the tokens, keeps them fresh, and chains the calls.

  zrun collections/self_client.yaml -e sandbox    run a collection against the embedded Zoho; no account needed
  zrun collections/self_client.yaml -e us         the same, against the real one
  zrun init my-project                            begin a project of your own

commands:
{commands}

`zrun COMMAND --help` tells more of each. `zrun --version` prints the version.

exit status: 0 all passed, 1 an expectation failed or a value is missing, 2 files or arguments (nothing was sent),
3 network, TLS or timeout, 4 credentials refused, 5 a secret would have gone, or went, where it may not, 70 a bug in zrun,
130 interrupted, 141 who read the output has gone before the end
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status; no exception leaves it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # What is loaded now stays: looking for garbage among it costs a twentieth of a start.
    gc.set_threshold(50_000)
    outlet.fill()
    try:
        status = _told(given)
        unwritten = outlet.flush()
        return status if unwritten is None else _unheard(unwritten, status)
    except KeyboardInterrupt:  # while the end was being told
        return errors.INTERRUPTED


def _told(given: list[str]) -> int:
    """Run the command, and tell what ends it; where nobody reads standard error any more, the status alone tells."""
    try:
        return _dispatch(given)
    except ZrunError as error:
        with suppress(OSError):
            _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        with suppress(OSError):
            print("zrun: interrupted", file=sys.stderr)
        return errors.INTERRUPTED
    except MemoryError:
        with suppress(OSError):
            print("zrun: there is not enough memory; fewer requests at once (-j) need less", file=sys.stderr)
        return errors.INTERNAL
    except Exception as error:
        if isinstance(error, OSError) and outlet.is_of_output(error):
            outlet.silence(sys.stdout)
            return _unheard(error, errors.PASSED)
        if errors.is_interrupt(error):
            return errors.INTERRUPTED
        with suppress(OSError):
            return _own_bug(error)
        return errors.INTERNAL


def _unheard(error: OSError, status: int) -> int:
    """Standard output could not be written: the exit status, where the command's own is `status`."""
    if outlet.gone(error):
        return status or outlet.READER_GONE
    from runner.cli import screen  # late: most can

    with suppress(OSError):
        screen.tell([outlet.unwritten(error)])
    return status or errors.BAD_INPUT


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        commands = "\n".join(f"  {name:{width}}  {words}" for name, (_, words) in COMMANDS.items())
        print(_INTRODUCTION.format(commands=commands), end="")
        return errors.PASSED if given else errors.BAD_INPUT
    if given[0] in ("-V", "--version"):
        from runner import __version__  # beside its one use

        print(f"zrun {__version__}")
        return errors.PASSED
    name, rest = (given[0], given[1:]) if given[0] in COMMANDS else ("run", given)
    command = import_module(COMMANDS[name][0])  # late: only the chosen command is loaded
    try:
        status: int = command.main(rest)
    except errors.InputError:
        if rest is given:
            from runner.cli import unknown  # late: of mistakes alone

            meant = unknown.command(given[0])
            if meant is not None:
                raise errors.InputError(meant) from None
        raise
    return status


def _tell(error: ZrunError) -> None:
    from runner.cli import screen  # late: a run without mistakes prints none

    screen.tell(error.problems, redact=error.redact)


def _own_bug(error: Exception) -> int:
    """Say that it is our fault, and where; never the message, which may hold a value."""
    if os.environ.get("ZRUN_DEBUG"):
        raise error
    place = "an unknown place"
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if f"{os.sep}runner{os.sep}" in code.co_filename:
            place = f"runner{code.co_filename.rpartition(f'{os.sep}runner')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    print(
        f"zrun: a bug in zrun itself: {type(error).__name__} at {place}\n"
        "Nothing that you wrote is lost. Please report it with this line; ZRUN_DEBUG=1 shows the whole traceback, which may "
        "hold secrets.",
        file=sys.stderr,
    )
    return errors.INTERNAL
