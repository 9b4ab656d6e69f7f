"""RESULTS.md: what was measured, as tables; and what stands in the way of reading too much into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.peers.rounds import Run, Spread, ratios
from benchmarks.peers.work import Scenario


@dataclass(frozen=True)
class Measured:
    """A scenario's runs by peer, and why others have none."""

    scenario: Scenario
    runs: Mapping[str, Sequence[Run]]
    without: Mapping[str, str]


def table(measured: Measured) -> str:
    """A row a peer: wall and processor time by zrun's and by bare httpx's, round by round; then what it took in itself."""
    runs = measured.runs
    lines = [
        f"### {measured.scenario.title}",
        "",
        "| | wall / zrun | wall / bare httpx | CPU / zrun | wall, s | CPU, s | peak, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, own in sorted(runs.items(), key=lambda item: Spread.of([run.wall for run in item[1]]).middle):
        wall = [run.wall for run in own]
        cpu = [run.cpu for run in own]
        by = [
            _ratio([run.wall for run in runs["zrun"]] if "zrun" in runs else None, wall),
            _ratio([run.wall for run in runs["bare httpx"]] if "bare httpx" in runs else None, wall),
            _ratio([run.cpu for run in runs["zrun"]] if "zrun" in runs else None, cpu),
        ]
        peak = Spread.of([run.peak for run in own]).middle
        took = [f"{Spread.of(wall).middle:.2f}", f"{Spread.of(cpu).middle:.2f}", f"{peak:.0f}"]
        lines.append(f"| {'**zrun**' if name == 'zrun' else name} | {' | '.join([*by, *took])} |")
    lines += [f"| {name} | {reason} | | | | | |" for name, reason in measured.without.items()]
    return "\n".join(lines) + "\n"


def _ratio(ours: Sequence[float] | None, theirs: Sequence[float]) -> str:
    if ours is None:
        return ""
    spread = ratios(ours, theirs)
    return f"{spread.middle:.2f} ({spread.low:.2f} to {spread.high:.2f})"


def fastest(measured: Sequence[Measured]) -> tuple[str, str, float]:
    """The highest rate that a client had of the server, its start-up counted: peer, scenario, requests a second."""
    found = [
        (name, one.scenario.name, one.scenario.size / min(run.wall for run in runs))
        for one in measured
        for name, runs in one.runs.items()
    ]
    return max(found, key=lambda item: item[2])
