"""How near `-j 8` comes to the critical path: 12 requests in chains three deep, 50 ms of latency each.

Usage: scripts/bench path [ROUNDS]

The critical path is the longest chain of requests that need each other. Beside the time of the run, by its own clock, stand
three latencies, and the longest chain of the times that the requests took as they were measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import declared
from benchmarks.peers.rounds import Spread, serving
from benchmarks.peers.work import scenarios


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    (scenario,) = (one for one in scenarios() if one.name == "realistic-parallel")
    path = len(scenario.chain) * scenario.latency
    peer = next(one for one in declared.peers() if one.name == "zrun")
    with tempfile.TemporaryDirectory(prefix="zrun-path-") as top, serving(Path(sys.executable)) as server:
        folder = Path(top)
        arguments = peer.write(scenario, server.url, folder)
        latency, chain = [], []
        for number in range(rounds + 1):
            server.begin(latency=scenario.latency)
            command = [*peer.get(), *arguments, "-q", "--report", "json=r.json"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            report = json.loads((folder / "r.json").read_text("utf-8"))
            if number:  # the first is thrown away
                latency.append(report["duration"] / path)
                chain.append(report["duration"] / _longest(report["steps"], len(scenario.chain)))
    print(f"{rounds} rounds; the run, by its own clock")
    for words, found in ((f"/ {path * 1000:.0f} ms of latency", latency), ("/ longest chain of its requests", chain)):
        spread = Spread.of(found)
        print(f"  {words:34} {spread.middle:.2f}  (quartiles {spread.low:.2f} to {spread.high:.2f})")


def _longest(steps: list[dict[str, float]], depth: int) -> float:
    """The seconds that the slowest chain took; a chain's steps follow each other in the report."""
    took = [step["duration"] for step in steps]
    return max(sum(took[at : at + depth]) for at in range(0, len(took), depth))


if __name__ == "__main__":
    main()
