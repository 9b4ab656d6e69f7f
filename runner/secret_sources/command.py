"""A secret that a program prints: run without a shell, without input, and ended in time with all that it started."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path

from runner.environment import SecretSource
from runner.errors import InputError, Problem

# Bytes: a key or token is short, so a program that prints more is the wrong one.
MOST_OUTPUT = 100_000
# Seconds between two looks at whether the program has ended, where its pipes say nothing.
_TICK = 0.02


def output(source: SecretSource) -> str:
    """What the program prints on standard output, less one line end. Raises InputError, which says why there is nothing.

    Standard error is counted and thrown away: it may hold the secret.
    """
    if os.name != "posix":
        raise _nothing(
            source, "cannot be run here: processes are ended as groups, which needs POSIX", "use {env: NAME}"
        )
    process = _started(source)
    good = False
    try:
        printed, said = _read(process, source, time.monotonic() + source.timeout)
        status = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        if status is None or status.si_code != os.CLD_EXITED or status.si_status:
            raise _nothing(source, _ending(status), said)
        text = _text(printed, source, said)
        good = True
        return text
    finally:
        # Its leader is not waited for yet, so the number of the group cannot be another's by now. After a success, what it
        # left running is left alone: programs such as `op` and gpg begin an agent.
        if not good:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _started(source: SecretSource) -> subprocess.Popen[bytes]:
    """The program, in a session of its own: it has no terminal to ask at, and can be ended with its children."""
    program = _program(source)
    # What was given to zrun for other secrets is none of this program's business.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ZRUN_SECRET_")}
    try:
        return subprocess.Popen(  # noqa: S603  (its file was trusted by the user; no shell)
            source.argv,
            executable=program,
            cwd=source.folder.absolute(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise _nothing(source, f"cannot be run: {error.strerror}", "check the program") from None


def _program(source: SecretSource) -> str:
    """The path of the program: beside the file when it has a slash, else from PATH, of which only absolute folders count.

    The program runs in the project's folder, so `.` in PATH would let the project bring its own `op`.
    """
    name = source.argv[0]
    if "/" in name:
        return str((source.folder / Path(name).expanduser()).absolute())
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)]  # noqa: PTH117
    found = shutil.which(name, path=os.pathsep.join(folders)) if folders else None
    if found is None:
        raise _nothing(source, "is not found in PATH", f"install `{name}`, or write its path")
    return found


def _read(process: subprocess.Popen[bytes], source: SecretSource, deadline: float) -> tuple[bytes, str]:
    """Its output until it has ended, and what to say of its standard error."""
    assert process.stdout
    assert process.stderr
    printed = bytearray()
    lines, unfinished = 0, False
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ)
        while True:
            ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
            ready = selector.select(0 if ended else _TICK)
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    printed += chunk
                else:
                    lines += chunk.count(b"\n")
                    unfinished = not chunk.endswith(b"\n")
            said = _said(lines + unfinished)
            if len(printed) > MOST_OUTPUT:
                raise _nothing(source, f"printed more than {MOST_OUTPUT // 1000} kB, which is no secret", said)
            if ended and not ready:
                return bytes(printed), said  # a child that lives on may hold the pipes: nobody waits for it
            if time.monotonic() > deadline:
                raise _nothing(source, f"did not end within {source.timeout:g} seconds", said, timed_out=True)


def _said(lines: int) -> str:
    return f"it said {lines} line{'s' * (lines != 1)} on standard error: " if lines else ""


def _ending(status: os.waitid_result | None) -> str:
    if status is None or status.si_code == os.CLD_EXITED:
        return f"ended with status {status.si_status if status else '?'}"
    return f"was ended by signal {status.si_status}"


def _text(printed: bytes, source: SecretSource, said: str) -> str:
    """UTF-8, less one line end at the end."""
    try:
        text = printed.decode("utf-8")
    except UnicodeDecodeError:
        raise _nothing(source, "printed something that is not UTF-8", said) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _nothing(source, "printed nothing on standard output", said)
    return text


def _nothing(source: SecretSource, what: str, hint: str = "", *, timed_out: bool = False) -> InputError:
    """Why there is no secret. The program is named by its first word: another may be a secret."""
    if not hint or hint.endswith(": "):
        hint += "run it by hand to see"
    if timed_out:
        hint += ", or give it a longer `timeout`; it cannot ask at the terminal: sign in before"
    return InputError(Problem(f"the command `{source.argv[0]}` {what}", source.location, hint))
