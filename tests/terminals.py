"""Running zrun on a terminal of its own, with somebody who answers."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.commands import environment

# A process that has a terminal of its own, as a shell's child has: where getpass asks.
_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "runner", *sys.argv[1:]])
"""
# What to type: a text, or what makes one of the screen so far.
Answer = str | Callable[[str], str]


def at_a_terminal(folder: Path, arguments: list[str], answers: dict[str, str], **variables: str) -> tuple[int, str]:
    """The exit status and the screen of `zrun ARGUMENTS` on a terminal where each question gets its answer.

    An answer that is a control character is typed as it is (Ctrl-C is \\x03); any other is ended with Return.
    """
    pending = dict(answers)

    def typed(screen: str) -> Iterator[str]:
        for question in [q for q in pending if q in screen]:
            yield pending.pop(question)

    return _run(folder, arguments, typed, variables)


def in_turn(
    folder: Path, arguments: list[str], answers: Iterable[tuple[str, Answer]], **variables: str
) -> tuple[int, str]:
    """As at_a_terminal, for questions that come again: each answer is given once its question has come, in this order."""
    pending, seen = list(answers), 0

    def typed(screen: str) -> Iterator[str]:
        nonlocal seen
        if pending and (found := screen.find(pending[0][0], seen)) >= 0:
            question, answer = pending.pop(0)
            seen = found + len(question)
            yield answer if isinstance(answer, str) else answer(screen)

    return _run(folder, arguments, typed, variables)


def _run(
    folder: Path, arguments: list[str], typed: Callable[[str], Iterator[str]], variables: dict[str, str]
) -> tuple[int, str]:
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
    screen, deadline = "", time.monotonic() + 60
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
            for answer in typed(screen):
                os.write(terminal, (answer if answer in ("\x03", "\x04") else answer + "\n").encode())
        status = child.wait(timeout=30)
    finally:
        os.close(terminal)
    return status, screen
