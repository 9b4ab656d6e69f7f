"""The parts of the benchmark against other tools that decide: counting, ratios, and catching who does less."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers import declared, report, rounds, scripted
from benchmarks.peers.peer import Peer
from benchmarks.peers.report import Measured
from benchmarks.peers.rounds import Run, Server, Spread, Wrong
from benchmarks.peers.work import Scenario, canonical, difference, expected, scenarios

_SMALL = {one.name: replace(one, latency=one.latency / 10) for one in scenarios(requests=5, rows=6, jobs=3)}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with rounds.serving(Path(sys.executable)) as found:
        yield found


def _command(peer: Peer, scenario: Scenario, server: Server, folder: Path) -> list[str]:
    arguments = peer.write(scenario, server.url, folder)
    return [*peer.get(), *arguments]


@pytest.mark.parametrize("name", list(_SMALL))
@pytest.mark.parametrize("peer", [declared.peers()[0], scripted.peers()[0]], ids=lambda peer: peer.name)
def test_zrun_and_bare_httpx_do_all_of_the_work_and_look_at_the_answers(
    peer: Peer, name: str, server: Server, tmp_path: Path
) -> None:
    scenario = _SMALL[name]
    assert rounds.check(scenario, _command(peer, scenario, server, tmp_path), tmp_path, server) == ""


def test_work_that_was_not_done_is_no_result(server: Server, tmp_path: Path) -> None:
    scenario = _SMALL["parallel"]
    peer = scripted.peers()[0]
    less = replace(scenario, rows=scenario.rows[:-1])
    command = _command(peer, less, server, tmp_path)
    with pytest.raises(Wrong, match="4 requests came, 5 were wanted; missing GET /things/4"):
        rounds.measure(scenario, {"lazy": command}, {"lazy": tmp_path}, server, 1)


def test_who_does_not_look_at_the_answers_is_found_out(server: Server, tmp_path: Path) -> None:
    scenario = _SMALL["start"]
    script = f"import urllib.request as r\nr.urlopen({server.url!r} + '/things/0').read()"
    told = rounds.check(scenario, [sys.executable, "-c", script], tmp_path, server)
    assert told == "it passes though every answer holds a wrong name"


def test_each_peer_is_measured_as_often_as_there_are_rounds(server: Server, tmp_path: Path) -> None:
    scenario = _SMALL["start"]
    command = _command(scripted.peers()[0], scenario, server, tmp_path)
    runs = rounds.measure(scenario, {"a": command, "b": command}, {"a": tmp_path, "b": tmp_path}, server, 2)
    assert {name: len(own) for name, own in runs.items()} == {"a": 2, "b": 2}
    assert all(run.wall > 0 and run.cpu > 0 and run.peak > 1 for own in runs.values() for run in own)


def test_bodies_count_as_what_they_mean_and_a_request_twice_is_one_too_many() -> None:
    spaced = Counter({("POST", "/people", '{ "b": 1,  "a": 2 }', ""): 1})
    tight = Counter({("POST", "/people", '{"a":2,"b":1}', ""): 1})
    assert difference(canonical(spaced), canonical(tight)) == ""
    twice = canonical(tight) + canonical(tight)
    assert (
        difference(twice, canonical(tight))
        == '2 requests came, 1 were wanted; not wanted POST /people {"a": 2, "b": 1}'
    )


def test_captured_values_are_part_of_what_is_wanted() -> None:
    paths = [path for _, path, _, _ in expected(_SMALL["sequential"])]
    assert len(set(paths)) == 5
    assert not any("{" in path for path in paths)


def test_ratios_are_of_each_round() -> None:
    # The machine was twice as slow in the second round, for both: the ratio is the same.
    assert rounds.ratios([1.0, 2.0, 1.0], [3.0, 6.0, 3.0]) == Spread(3.0, 3.0, 3.0)
    assert rounds.ratios([1.0, 1.0, 1.0], [1.0, 2.0, 4.0]) == Spread(1.5, 2.0, 3.0)
    assert rounds.ratios([2.0], [1.0]) == Spread(0.5, 0.5, 0.5)


def test_the_table_has_the_fastest_first_and_says_who_cannot() -> None:
    runs = {"zrun": [Run(1.0, 0.5, 30)], "bare httpx": [Run(0.5, 0.25, 20)]}
    table = report.table(Measured(_SMALL["start"], runs, {"other": "cannot: it is lame"})).splitlines()
    assert (
        table[4]
        == "| bare httpx | 0.50 (0.50 to 0.50) | 1.00 (1.00 to 1.00) | 0.50 (0.50 to 0.50) | 0.50 | 0.25 | 20 |"
    )
    assert table[5].startswith("| **zrun** | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) |")
    assert table[6] == "| other | cannot: it is lame | | | | | |"
