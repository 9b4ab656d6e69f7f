"""The line on the terminal: seen on a real one (a pseudo-terminal), gone before results, and free of charge elsewhere."""

from __future__ import annotations

import io
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pytest

from runner.errors import Location, Source
from runner.reporters import Begun, Reporter
from runner.reporters.live import Live
from runner.reporters.text import Text
from runner.results import Ran, RunResult, StepResult, Tally

pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX's")

STEP = StepResult("leads/create", "leads/create", "passed", Location(Source("x.yaml"), 1, 1), 0.0, 0.2)
RUN = RunResult((Ran("x", "x.yaml"),), None, Tally({"passed": 1}), 0.0, 0.2)
SHOW_CURSOR = "\x1b[?25h"


@dataclass
class Screen:
    """A terminal of 60 columns: what was drawn on it so far."""

    master: int
    stream: TextIO
    drawn: str = field(default="")

    def read(self, until: str | None = None) -> str:
        """What is drawn until `until` is seen (ten seconds at most), or all that is there now."""
        deadline = time.monotonic() + 10
        while until is None or until not in self.drawn:
            wait = 0.0 if until is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.master], [], [], wait)[0]:
                break
            self.drawn += os.read(self.master, 65536).decode()
        return self.drawn


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    import fcntl  # POSIX only, as this whole file
    import struct
    import termios

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield Screen(master, stream)
    os.close(master)


def on(screen: Screen, patience: float = 0.0) -> Live:
    inner: Reporter = Text(screen.stream, mask)
    return Live(inner, screen.stream, mask, patience=patience)


def mask(text: str, length: int | None = None, /) -> str:
    return text.replace("made-up-secret", "<<s>>")[:length]


def without_codes(drawn: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)


def test_a_slow_request_is_seen_and_its_line_cleared_before_the_result(screen: Screen) -> None:
    with on(screen) as live:
        live.started(Begun("leads/create", "leads/create", 3, 9))
        assert re.search(r"3 of 9 +\d+ ms  leads/create", without_codes(screen.read(until="leads/create")))
        live.finished(STEP)
        live.ended(RUN)
    drawn = screen.read(until="passed · 200 ms\r\n")
    last = drawn[drawn.rindex(SHOW_CURSOR) :]
    assert "\x1b[2K" in last, "the line is erased"
    assert last[last.rindex("\x1b[2K") + 4 :] == (
        "✓ ---   200 ms  leads/create\r\n\r\n1 request: 1 passed · 200 ms\r\n"
    )


def test_a_download_tells_how_far_it_is(screen: Screen) -> None:
    with on(screen) as live:
        live.started(Begun("export", "export", 1, 1))
        live.progress("out.csv", 1_500_000, 3_000_000)
        assert "out.csv 1.5 MB of 3.0 MB" in screen.read(until="3.0 MB")
        live.progress("out.csv", 2_500_000, None)
        assert "out.csv 2.5 MB" in screen.read(until="2.5 MB")


def test_a_hostile_title_stays_on_one_line_within_the_screen(screen: Screen) -> None:
    with on(screen) as live:
        live.started(Begun("x", "made-up-secret \x1b[2J\n[bold red]" + "wide日本" * 40, 1, 1))
        drawn = screen.read(until="wide")
    assert "\\x1b[2J\\n[bold red]wide" in drawn
    assert "<<s>>" in drawn
    assert "made-up-secret" not in drawn
    assert "\x1b[2J" not in drawn
    assert all(line.count("wide") < 8 for line in re.split(r"[\r\n]", drawn))


def test_the_cursor_is_back_when_a_run_breaks_off(screen: Screen) -> None:
    def break_off() -> None:
        with on(screen) as live:
            live.started(Begun("x", "the one that hangs", 1, 1))
            screen.read(until="the one that hangs")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    drawn = screen.read(until=SHOW_CURSOR)
    assert drawn.rindex(SHOW_CURSOR) > drawn.rindex("the one that hangs")


def test_many_requests_in_a_row_leave_nothing_behind(screen: Screen) -> None:
    out = io.StringIO()
    with Live(Text(out, mask), screen.stream, mask, patience=0.0) as live:
        for index in range(50):
            live.started(Begun("x", f"request-{index}", index + 1, 50))
            screen.read()
            live.stopped(Begun("x", f"request-{index}", index + 1, 50))
            live.finished(STEP)
        live.ended(RUN)
    drawn = screen.read()
    assert drawn.count("\x1b[?25l") == drawn.count(SHOW_CURSOR), "as many cursors shown as hidden"
    assert out.getvalue().count("leads/create") == 50


def test_a_timer_that_comes_late_for_its_request_draws_nothing(screen: Screen) -> None:
    with on(screen, patience=60) as live:
        live.started(Begun("next", "next", 2, 2))
        live._draw()  # as the timer of the request before does when loading rich took it long
        live.finished(STEP)
    assert "next" not in screen.read(until="leads/create\r\n")


def test_rich_is_not_loaded_while_nobody_waits() -> None:
    code = """
import sys
from runner.errors import Location, Source
from runner.reporters import Begun
from runner.reporters.live import Live
from runner.reporters.text import Text
from runner.results import Ran, RunResult, StepResult, Tally
step = StepResult("a", "a", "passed", Location(Source("x"), 1, 1), 0.0)
with Live(Text(sys.stdout, str), sys.stderr, str, patience=60) as live:
    live.started(Begun("a", "a", 1, 1))
    live.finished(step)
    live.ended(RunResult((Ran("x", "x.yaml"),), None, Tally({step.status: 1}), 0.0, 0.0))
print([name for name in sys.modules if name.partition(".")[0] in ("rich", "httpx", "jinja2", "yaml")])
"""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
