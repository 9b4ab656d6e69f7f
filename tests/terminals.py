"""Running zrun on a terminal of its own, with somebody who answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.commands import environment

# A process that has a terminal of its own, as a shell's child has: where getpass asks.
_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "runner", *sys.argv[1:]])
"""


def at_a_terminal(folder: Path, arguments: list[str], answers: dict[str, str], **variables: str) -> tuple[int, str]:
    """The exit status and the screen of `zrun ARGUMENTS` on a terminal where each question gets its answer.

    An answer that is a control character is typed as it is (Ctrl-C is \\x03); any other is ended with Return.
    """
    terminal, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _OWN_TERMINAL, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen, pending, deadline = "", dict(answers), time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    chunk = os.read(terminal, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                screen += chunk.decode("utf-8", "replace")
            for question in [q for q in pending if q in screen]:
                answer = pending.pop(question)
                os.write(terminal, (answer if answer in ("\x03", "\x04") else answer + "\n").encode())
        status = child.wait(timeout=30)
    finally:
        os.close(terminal)
    return status, screen
