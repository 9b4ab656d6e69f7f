"""What redaction costs: the same run with the redactor in place, and with one that lets everything through.

Usage: scripts/bench redact [ROUNDS] [SECRETS]

Whole processes, in turns, by the clock and by the processor's time of each, which tells more on a machine that others use.
The server is a process of its own. There are two: `ordinary` answers with JSON that holds no secret, as most do; `echo` gives
every secret back in twelve encodings, so that nearly all that is shown must be masked.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tests import hunt

_PASS = """
import sys
from runner.redact import Redactor
Redactor.add = lambda self, secret: None
from runner.cli import main
sys.exit(main(sys.argv[1:]))
"""
_MASK = """
import sys
from runner.cli import main
sys.exit(main(sys.argv[1:]))
"""
_ORDINARY = """\
  r{i}:
    post: <<url>>/ordinary
    query: {{q: <<q{i}>>}}
    headers: {{X-Secret: <<h{i}>>}}
    json: {{a: <<b{i}>>}}
    expect: {{status: 200, json $[0].name: a person of the world}}
    capture: {{id-{i}: json $[1].id}}
"""


def _serve(tell: Connection) -> None:
    with hunt.server() as url:
        tell.send(url)
        tell.recv()


class _Taken(NamedTuple):
    """Seconds of one process: by the clock, and of the processor, the system's part among them."""

    clock: float
    processor: float


def _time(script: str, name: str, arguments: list[str], folder: Path, known: dict[str, str]) -> _Taken:
    environment = {**os.environ, "PYTHONUTF8": "1", **hunt.process_environment(known)}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", script, name, "-e", "hunt", *arguments], cwd=folder, env=environment, capture_output=True
    )
    clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(f"the run failed: {done.stderr.decode()[-2000:]}")
    # The server is a child too, but counts when it has ended.
    return _Taken(clock, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _ratio(pairs: list[tuple[float, float]]) -> str:
    ratios = [masked / passed for masked, passed in pairs]
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main(rounds: int, count: int) -> None:
    """Print the ratios, masked to let through: the median of those of each round, with the quartiles."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    known = hunt.secrets(count, 20_261_124)
    print(f"{count} secrets, {rounds} rounds in turns; Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hunt.write(folder, ours.recv(), known)
        requests = "".join(_ORDINARY.format(i=i) for i in range(count // 3))
        (folder / "ordinary.yaml").write_text(f"requests:\n{requests}", "utf-8")
        for collection in ("ordinary.yaml", "hunt.yaml"):
            for arguments in ([], ["-vv"], ["--format", "json"]):
                taken: list[tuple[_Taken, _Taken]] = []
                for turn in range(rounds + 1):
                    masked = _time(_MASK, collection, arguments, folder, known)
                    passed = _time(_PASS, collection, arguments, folder, known)
                    if turn:  # the first fills the caches
                        taken.append((masked, passed))
                kind = "ordinary" if collection == "ordinary.yaml" else "echo"
                what = " ".join(arguments) or "text"
                processor = _ratio([(masked.processor, passed.processor) for masked, passed in taken])
                clock = _ratio([(masked.clock, passed.clock) for masked, passed in taken])
                print(f"{kind:9} {what:14} processor {processor}   clock {clock}", flush=True)
    ours.send(None)
    server.join(5)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, int(sys.argv[2]) if len(sys.argv) > 2 else 300)
