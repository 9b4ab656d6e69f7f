"""zrun, bare httpx and other public tools at the same work, in turns; writes benchmarks/RESULTS.md.

Usage: scripts/bench peers [--rounds N] [--only SCENARIO,...] [--peers NAME,...] [--requests N] [--rows N] [-o FILE]

The tools are installed into benchmarks/.tools when they are first needed. Before it is measured, each has to do the work once
(the server has counted every request with its body), and to fail when all answers hold a wrong name. The first round is thrown
away; the figures are the median of the ratios of each round, with the quartiles.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import declared, report, rounds, scripted, tools
from benchmarks.peers.peer import Cannot, Command, Peer
from benchmarks.peers.report import Measured
from benchmarks.peers.rounds import Server
from benchmarks.peers.work import Scenario, scenarios

_RESULTS = Path(__file__).parent.parent / "RESULTS.md"
_TEXT = Path(__file__).with_name("results.md.txt")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _had(peers: list[Peer]) -> tuple[dict[str, tuple[Peer, list[str], str]], dict[str, str]]:
    """Each peer's command and version; and why others cannot be had."""
    had, missing = {}, {}
    for peer in peers:
        try:
            command = peer.get()
            had[peer.name] = (peer, command, tools.version(peer.telling(command)))
        except tools.Missing as why:
            missing[peer.name] = str(why)
        _tell(f"{peer.name}: {had[peer.name][2] if peer.name in had else missing[peer.name]}")
    return had, missing


def _capacity(server: Server) -> float | None:
    """Requests a second that the server gives to wrk, 16 connections in two seconds; None without wrk."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    server.begin()
    command = [wrk, "-t1", "-c16", "-d2s", f"{server.url}/things/1"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next(float(line.split(":")[1]) for line in told.splitlines() if line.startswith("Requests/sec"))


def _measure(
    scenario: Scenario, had: dict[str, tuple[Peer, list[str], str]], server: Server, count: int, top: Path
) -> Measured:
    commands: dict[str, Command] = {}
    folders: dict[str, Path] = {}
    without: dict[str, str] = {}
    for name, (peer, command, _) in had.items():
        folder = top / scenario.name / name.replace(" ", "-")
        folder.mkdir(parents=True)
        try:
            arguments = peer.write(scenario, server.url, folder)
        except Cannot as why:
            without[name] = f"cannot: {why}"
            continue
        wrong = rounds.check(scenario, [*command, *arguments], folder, server)
        if wrong:
            _tell(f"{name}, {scenario.name}: {wrong}")
            without[name] = f"no result: {wrong.partition('; it said')[0][:300]}"
            continue
        commands[name], folders[name] = [*command, *arguments], folder
    return Measured(scenario, rounds.measure(scenario, commands, folders, server, count), without)


def _document(
    measured: list[Measured], had: dict[str, tuple[Peer, list[str], str]], missing: dict[str, str], facts: str
) -> str:
    versions = [f"| {name} | {version} | {peer.note} |" for name, (peer, _, version) in had.items()]
    versions += [f"| {name} | | not measured: {why} |" for name, why in missing.items()]
    return _TEXT.read_text("utf-8").format(
        facts=facts, versions="\n".join(versions), tables="\n".join(map(report.table, measured))
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="scripts/bench peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="SCENARIO,...")
    parser.add_argument("--peers", default="", metavar="NAME,...")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("-o", type=Path, default=_RESULTS, metavar="FILE")
    chosen = parser.parse_args()
    only, names = chosen.only.split(",") if chosen.only else [], chosen.peers.split(",") if chosen.peers else []
    peers = [p for p in [*declared.peers(), *scripted.peers()] if not names or p.name in names]
    had, missing = _had(peers)
    load = os.getloadavg()[0]
    measured = []
    with (
        rounds.serving(tools.python("server", "uvloop") / "python") as server,
        tempfile.TemporaryDirectory() as top,
    ):
        capacities = [_capacity(server)]
        for scenario in scenarios(chosen.requests, chosen.rows):
            if not only or scenario.name in only:
                measured.append(_measure(scenario, had, server, chosen.rounds, Path(top)))
                _tell(report.table(measured[-1]))
        capacities.append(_capacity(server))
    name, where, rate = report.fastest(measured)
    told = f"the fastest client, {name} in `{where}`, took {rate:,.0f} requests a second"
    if None not in capacities:
        least = min(c for c in capacities if c is not None)
        told = (
            f"the server ({server.loop}) gives wrk {least:,.0f} requests a second; {told}: 1/{least / rate:.1f} of it"
        )
    else:
        told += "; what the server can give is unknown: wrk is not here"
    facts = [
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}; {tools.machine()}; Python {sys.version.split()[0]}",
        f"{chosen.rounds} rounds in turns, after one that is thrown away",
        f"load of the machine (1 minute): {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end",
        told,
    ]
    document = _document(measured, had, missing, "\n".join(f"- {fact}" for fact in facts))
    chosen.o.write_text(document, "utf-8")
    _tell("\n".join(facts))
    _tell(f"written: {chosen.o}")


if __name__ == "__main__":
    try:
        main()
    except (rounds.Wrong, tools.Missing) as error:
        sys.exit(str(error))
