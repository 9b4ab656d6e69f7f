"""What redaction costs: the same run with the redactor in place, and with one that lets everything through.

Usage: scripts/bench redact [ROUNDS] [SECRETS]

Whole processes, in turns, against a server in a process of its own. Two servers: `ordinary` answers with JSON that holds no
secret, as most do; `echo` gives every secret back in twelve encodings, so that nearly all that is shown must be masked.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

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


def _time(script: str, name: str, arguments: list[str], folder: Path, known: dict[str, str]) -> float:
    environment = {**os.environ, "PYTHONUTF8": "1", **hunt.process_environment(known)}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, name, "-e", "hunt", *arguments], cwd=folder, env=environment, capture_output=True
    )
    taken = time.perf_counter() - start
    if done.returncode not in (0, 1):
        sys.exit(f"the run failed: {done.stderr.decode()[-2000:]}")
    return taken


def main(rounds: int, count: int) -> None:
    """Print the ratios: median of the ratios of each round, with the quartiles."""
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
                ratios = []
                for turn in range(rounds + 1):
                    masked = _time(_MASK, collection, arguments, folder, known)
                    passed = _time(_PASS, collection, arguments, folder, known)
                    if turn:  # the first fills the caches
                        ratios.append(masked / passed)
                low, middle, high = statistics.quantiles(ratios, n=4)
                kind = "ordinary" if collection == "ordinary.yaml" else "echo"
                what = " ".join(arguments) or "text"
                print(f"{kind:9} {what:14} masked / let through  {middle:.2f}  (quartiles {low:.2f} to {high:.2f})")
    ours.send(None)
    server.join(5)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, int(sys.argv[2]) if len(sys.argv) > 2 else 300)
