"""`zrun token watch`: keep an access token fresh until stopped, for programs that read a file or are run with it."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from runner import errors
from runner.auth.oauth2 import watch
from runner.auth.oauth2.watch import Effects, Event, Wake
from runner.cli import options, screen
from runner.cli.tokens import forms, holding, notify
from runner.cli.tokens.holding import Holding
from runner.errors import InputError, Problem
from runner.files.token_file import TokenFile
from runner.quantities import show_seconds
from runner.scope import Captured
from runner.values import Secret

_EPILOG = """\
examples:
  zrun token watch -e us                                          a fresh token in zrun's private state, always
  zrun token watch -e us --write /run/user/1000/zoho --format header
  zrun token watch -e us -- systemctl --user reload my-service    run a command at each new token

The command gets what `zrun exec` gives; one that still runs when the next token comes is stopped first. SIGHUP gets a new
token now; SIGTERM and Ctrl-C end it. docs/tokens.md has a unit for systemd.

exit status: 0 stopped by SIGTERM, 130 by Ctrl-C, 2 files or arguments, 4 the provider refuses, so that a person is needed
"""
# Seconds that a command has to end in, once it is asked to.
_GRACE = 3.0


class _Stopped(BaseException):
    """SIGTERM or Ctrl-C has come: what is under way ends here, as it would by a kill, and what came is in the journal."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


def main(arguments: list[str]) -> int:
    """Run the command until it is stopped. Returns the exit status."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    parser = options.Parser("token watch", "Keep an access token fresh until stopped. Prints no token.", _EPILOG)
    parser.usage = "zrun token watch [OPTION]... [-- COMMAND [ARGUMENT]...]"
    holding.add_options(parser)
    parser.add_argument("--every", metavar="TIME", help="get a new one this often, whatever its expiry")
    parser.add_argument(
        "--write", metavar="PATH", type=Path, help="write the token there at once, for you alone (0600)"
    )
    parser.add_argument("--keep", action="store_true", help="leave that file when stopped")
    parser.add_argument("--format", choices=forms.FORMATS, default="raw", help="what to write (default: raw)")
    chosen = parser.read(arguments[:at])
    command = arguments[at + 1 :]
    if command and shutil.which(command[0]) is None:
        raise InputError(Problem(f"there is no command {command[0]}", None, "check its spelling, and PATH"))
    every = holding.duration("--every", chosen.every)
    try:
        signals = _Signals()
        with holding.holding(chosen, patience=0.0) as held:
            _Watching(held, chosen, command, signals).run(every)
    except _Stopped as stopped:
        return stopped.status
    except KeyboardInterrupt:  # before the signals were ours
        return errors.INTERRUPTED
    return errors.PASSED


def _steady() -> float:
    """Seconds on a clock that nobody sets; where the system has one, it goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class _Signals:
    """SIGTERM and Ctrl-C end, SIGHUP asks for a new token; each ends a sleep."""

    def __init__(self) -> None:
        self._refresh = self._waiting = False
        self._stop: _Stopped | None = None
        if hasattr(signal, "set_wakeup_fd") and os.name == "posix":
            self._read, write = os.pipe()
            for end in (self._read, write):
                os.set_blocking(end, False)
            signal.set_wakeup_fd(write, warn_on_full_buffer=False)
            signal.signal(signal.SIGHUP, self._hang_up)
        signal.signal(signal.SIGTERM, self._end)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as in the background
            signal.signal(signal.SIGINT, self._end)

    def _hang_up(self, _: int, __: FrameType | None) -> None:
        self._refresh = True

    def _end(self, number: int, _: FrameType | None) -> None:
        if self._stop is None:  # a second one does not interrupt the clearing up
            self._stop = _Stopped(errors.INTERRUPTED if number == signal.SIGINT else errors.PASSED)
            if not self._waiting:
                raise self._stop

    @contextmanager
    def later(self) -> Iterator[None]:
        """What ends the watch does so after this, and after what this stands in.

        Else a command that is being started would be left behind; and whoever is asked about one has a lock, which an exception
        that comes just when it has been taken leaves taken for ever.
        """
        before, self._waiting = self._waiting, True
        try:
            yield
        finally:
            self._waiting = before
        if self._stop is not None and not before:
            raise self._stop

    def sleep(self, seconds: float) -> Wake:
        if os.name == "posix":
            select.select([self._read], [], [], 0 if self._refresh else seconds)
            with suppress(BlockingIOError):
                while os.read(self._read, 64):
                    pass
        else:
            time.sleep(seconds)
        if self._stop is not None:  # it came where nothing can be raised
            raise self._stop
        wake: Wake = "refresh" if self._refresh else "time"
        self._refresh = False
        return wake


class _Watching:
    """What the watch does in this process: files, commands, lines, systemd."""

    def __init__(self, held: Holding, chosen: Namespace, command: list[str], signals: _Signals) -> None:
        self._held = held
        self._form: str = chosen.format
        self._keep: bool = chosen.keep
        self._file = TokenFile(chosen.write) if chosen.write else None
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._signals = signals
        self._sign_of_life = notify.watchdog()

    def run(self, every: float | None) -> None:
        pace = watch.pace(self._held.provider, every)
        effects = Effects(
            now=self._held.assembly.now,
            steady=_steady,
            sleep=self._sleep,
            fresh=self._fresh,
            kept=self._kept,
            tell=self._tell,
            chance=random.random,
        )
        try:
            watch.watch(pace, effects)
        finally:
            notify.notify("STOPPING=1")
            with self._signals.later():
                self._end_command()
                if self._file is not None and not self._keep:
                    self._file.remove()

    def _sleep(self, seconds: float) -> Wake:
        if self._sign_of_life is not None:
            notify.notify("WATCHDOG=1")
            seconds = min(seconds, self._sign_of_life / 3)
        wake = self._signals.sleep(seconds)
        with self._signals.later():
            if self._child is not None and self._child.poll() is not None:
                status, self._child = self._child.returncode, None
                if status:
                    self._say(f"{self._command[0]} ended with {status}")
        return wake

    def _fresh(self, held: Secret | None) -> Captured:
        return self._held.keeper.access(refused=held)

    def _kept(self) -> Captured | None:
        """What is kept now; the keeper learns of it, too."""
        state = self._held.assembly.state
        assert state is not None, "an environment has a state"
        name = self._held.provider.tokens.access
        try:
            found = state.read().get(name)
        except InputError:
            return None  # told when the next token is asked for
        known = self._held.access()
        if found is not None and (known is None or found.value != known.value):
            self._held.assembly.scope.capture(name, found)
        return found

    def _tell(self, event: Event) -> None:
        if event.kind == "token":
            assert event.token is not None, "it is what the event is about"
            with self._signals.later():
                self._new(event.token)
            return
        name = self._held.provider.tokens.access
        if event.kind == "without":
            self._say(f"{name} has expired, and there is no other yet")
            return
        assert event.error is not None, "it is what the event is about"
        left = f"; {name} is {forms.lifetime(event.token, self._held.assembly.now())}" if event.token else ""
        screen.tell(event.error.problems, redact=self._held.assembly.redactor.text)
        self._say(f"trying again in {show_seconds(event.pause)}{left}")

    def _new(self, token: Captured) -> None:
        """The file first: whoever hears of the token finds it there."""
        if self._file is not None:
            self._file.write(forms.text(self._form, self._held, token))
        if self._command:
            self._end_command()
            self._start_command(token)
        now, name = self._held.assembly.now(), self._held.provider.tokens.access
        until = f", until {forms.moment(token.expires_at)}" if token.expires_at is not None else ""
        line = f"{forms.moment(now)}  {name}: {forms.lifetime(token, now)}{until}"
        options.out(line)
        notify.notify(f"READY=1\nSTATUS={name}: {forms.lifetime(token, now)}{until}")

    def _say(self, text: str) -> None:
        now = forms.moment(self._held.assembly.now())
        print(f"{now}  {self._held.assembly.redactor.text(text)}", file=sys.stderr, flush=True)

    def _start_command(self, token: Captured) -> None:
        process = forms.without_secrets(self._held, os.environ)
        process = {name: value for name, value in process.items() if name not in notify.OURS}
        process |= forms.process_variables(self._held, token)
        try:
            self._child = subprocess.Popen(self._command, env=process, stdin=subprocess.DEVNULL)  # noqa: S603 (the user's own)
        except OSError as error:
            self._say(f"{self._command[0]} cannot be run: {error.strerror}")

    def _end_command(self) -> None:
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
