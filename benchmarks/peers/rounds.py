"""Rounds in turns: every peer once, then every peer again; what each took, and whether it did the work."""

from __future__ import annotations

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from benchmarks.peers.peer import Command
from benchmarks.peers.server import Seen
from benchmarks.peers.work import Scenario, canonical, difference, expected

_LONGEST = 120.0
# With it Python would compile what it loads at every start, as no user's does.
_UNCACHED = "PYTHONDONTWRITEBYTECODE"
# What the tools would tell others, or look up: there is nobody here to hear it.
_QUIET = {"STEPCI_DISABLE_ANALYTICS": "1", "K6_NO_USAGE_REPORT": "true", "NO_UPDATE_NOTIFIER": "1", "PYTHONUTF8": "1"}


class Wrong(Exception):
    """A peer that did not do the work it was measured with: no result."""


@dataclass(frozen=True)
class Run:
    """One process: seconds on the clock, seconds of processor (user and system, children too), megabytes at its peak (the
    largest of its processes)."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    low: float
    middle: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Of one value, that value; of several, the quartiles of what was measured (`inclusive`)."""
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return Spread(low, middle, high)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Theirs by ours, round by round: a drift of the machine meets both of a round."""
    return Spread.of([b / a for a, b in zip(ours, theirs, strict=True)])


class Server:
    """The server in its process, and the words with it."""

    def __init__(self, port: int, loop: str) -> None:
        self.port, self.loop = port, loop
        self.url = f"http://127.0.0.1:{port}"

    def begin(self, latency: float = 0.0, *, wrong: bool = False) -> None:
        """Count anew."""
        self._ask(f"/_begin?latency={latency}&wrong={int(wrong)}")

    def seen(self) -> Seen:
        """What came since."""
        return canonical(Counter({(m, p, b, a): count for m, p, b, a, count in json.loads(self._ask("/_seen"))}))

    def _ask(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        found = connection.getresponse().read()
        connection.close()
        return found


@contextmanager
def serving(python: Path) -> Iterator[Server]:
    """The server, run by `python`, until this is left."""
    command = [str(python), str(Path(__file__).with_name("server.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        port, loop = process.stdout.readline().split()
        yield Server(int(port), loop)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def take(command: Command, folder: Path) -> tuple[Run, int, str]:
    """Run it: what it took, its exit status, and the end of what it printed."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={name: value for name, value in {**os.environ, **_QUIET}.items() if name != _UNCACHED},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        late = Timer(_LONGEST, lambda: os.killpg(process.pid, signal.SIGKILL))
        late.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        late.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        told = output.read().decode("utf-8", "replace")[-2000:]
    peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak), process.returncode, told


def check(scenario: Scenario, command: Command, folder: Path, server: Server) -> str:
    """Whether a peer does the work, and looks at what it gets: the reason why it is out; empty when it does."""
    server.begin(scenario.latency)
    run, status, told = take(command, folder)
    wrong = difference(server.seen(), expected(scenario))
    if run.wall >= _LONGEST:
        return f"took more than {_LONGEST:.0f} s"
    if status or wrong:
        return f"exit status {status}; {wrong or 'all requests came'}; it said: {told[-600:]}"
    server.begin(wrong=True)
    _, status, _ = take(command, folder)
    return "" if status else "it passes though every answer holds a wrong name"


def measure(
    scenario: Scenario, commands: Mapping[str, Command], folders: Mapping[str, Path], server: Server, rounds: int
) -> dict[str, list[Run]]:
    """Every peer's runs, after a round that is thrown away. Raises Wrong when one of them did not do the work."""
    wanted = expected(scenario)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            server.begin(scenario.latency)
            run, status, told = take(command, folders[name])
            wrong = difference(server.seen(), wanted)
            if status or wrong:
                raise Wrong(f"{name}, {scenario.name}: exit status {status}; {wrong}; it said: {told[-600:]}")
            if turn:
                runs[name].append(run)
    return runs
