"""In a replay the clock and chance are those of the recording, whatever a run does with them and however it is divided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner import dynamic
from tests.commands import write, zrun
from tests.servers import Server, free_port
from tests.tapes.playing import cassette, replay, same, twice


def test_every_dynamic_value_is_what_it_was(tmp_path: Path, server: Server) -> None:
    """Each twice: one after the other must differ as they did. The replay compares addresses and bodies."""
    names = dynamic.NAMES
    assert {"uuid", "timestamp", "iso-timestamp", "random-int"} <= set(names)
    text = "".join(f"      {name}: [<<${name}>>, '<<${name}>>']\n" for name in names)
    lines = f"requests:\n  a:\n    post: <<url>>/echo?at=<<$timestamp>>&id=<<$uuid>>\n    json:\n{text}"
    lines += "    retry: {times: 1, delay: 1s, on: [200], unsafe: true}\n"
    lines += f"  b:\n    post: <<url>>/echo?<<$uuid>>\n    json:\n{text}"
    write(tmp_path, c=lines, e__env=f"variables: {{url: '{server.url}'}}\n")
    for more in ((), ("-n", "3", "-j", "4"), ("--seed", "seven"), ("--clock", "+90d")):
        recorded = zrun(tmp_path, "c.yaml", "-e", "e", "--format", "json", *more, "--record", "kept")
        assert recorded.status == 0, recorded.out + recorded.err
        kept = more if more[:1] == ("-n",) else ()
        same(recorded, replay(tmp_path, "c.yaml", "-e", "e", "--format", "json", *kept))
    bodies = [json.loads(body) for body in server.bodies]
    assert bodies[0]["uuid"][0] != bodies[0]["uuid"][1]
    assert len({body["uuid"][0] for body in bodies}) > 4


def test_waits_take_no_time_and_are_counted(tmp_path: Path, server: Server) -> None:
    """`delay`, `retry` and `until` move the clock of the replay as they did that of the run, and `until` gives up as it did."""
    write(
        tmp_path,
        c="requests:\n"
        "  late: {get: '<<url>>/echo?<<$timestamp>>', delay: 2s}\n"
        "  again: {get: '<<url>>/flaky?key=r&fail=2&retry-after=1', retry: {times: 3, delay: 10ms, on: [503]}}\n"
        "  polled: {get: '<<url>>/flaky?key=u&fail=3', until: {status: 200, every: 300ms, timeout: 30s}}\n"
        "  never: {get: '<<url>>/echo?<<$timestamp>>', until: {status: 404, every: 300ms, timeout: 1s}}\n",
        e__env=f"variables: {{url: '{server.url}'}}\n",
    )
    recorded = twice(tmp_path, "c.yaml", "-e", "e", status=1)
    counts = {step["id"]: len(step["exchanges"]) for step in recorded.document["steps"]}
    assert counts["again"] == 3
    assert counts["polled"] == 4
    assert counts["never"] > 1


def test_what_lasts_too_long_is_as_stale_as_it_was(tmp_path: Path, server: Server) -> None:
    """A token that is kept, and its age: the recorded state and clock decide, not those of today."""
    write(
        tmp_path,
        c="requests:\n"
        "  token: {post: <<url>>/token, when: <<token is stale>>, "
        "capture: {token: {from: json $.access_token, expires-in: json $.expires_in}}}\n"
        "  use: {get: '<<url>>/echo?<<$timestamp>>', headers: {Authorization: Bearer <<token>>}}\n",
        e__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{token: }}\n",
    )
    run = ("c.yaml", "-e", "e", "--format", "json")
    for clock, status in ((), "passed"), ((), "skipped"), (("--clock", "+3h"), "passed"):
        recorded = zrun(tmp_path, *run, *clock, "--record", "kept")
        assert recorded.steps() == {"token": status, "use": "passed"}, recorded.out + recorded.err
        same(recorded, replay(tmp_path, *run))


@pytest.mark.parametrize("jobs", ["1", "8"])
def test_rows_of_data(jobs: str, tmp_path: Path, server: Server) -> None:
    """Forty rows, eight requests at once, each of which takes its time: one after the other in the replay."""
    write(
        tmp_path,
        c="requests:\n"
        "  a: {get: '<<url>>/slow?seconds=<<row.wait>>&<<row.name>>&<<$uuid>>', capture: {seen: json $.method}}\n"
        "  b: {post: '<<url>>/echo?<<iteration>>', json: [<<seen>>, <<row.name>>, <<$random-int>>],"
        " expect: {json $.method: <<row.method>>}}\n"
        "  c: {get: '<<url>>/echo?<<row.name>>', needs: b}\n",
        e__env=f"variables: {{url: '{server.url}'}}\n",
    )
    rows = "".join(f"name-{n},{(n * 7 % 5) / 100},{'PUT' if n % 10 == 3 else 'POST'}\n" for n in range(40))
    (tmp_path / "rows.csv").write_text(f"name,wait,method\n{rows}", "utf-8")
    run = ("c.yaml", "-e", "e", "--data", "rows.csv", "-j", jobs)
    recorded = twice(tmp_path, *run, status=1)
    assert recorded.document["summary"] == {"total": 120, "passed": 112, "failed": 4, "skipped": 0, "blocked": 4}
    order = [(exchange["row"], exchange["step"]) for exchange in cassette(tmp_path)["exchanges"]]
    assert order == sorted(order)
    same_rows = replay(tmp_path, *run, "--rows", "3-5,14", "--format", "json")
    assert [same_rows.document["summary"][name] for name in ("total", "passed", "failed")] == [12, 8, 2]
    (tmp_path / "rows.csv").write_text(f"name,wait,method\n{rows.replace('name-7,', 'other,')}", "utf-8")
    other = replay(tmp_path, *run, "--format", "json")
    assert {step["row"] for step in other.document["steps"] if step["problems"]} == {8}
    assert "the address was" in other.out


def test_errors_of_the_network_are_what_they_were(tmp_path: Path, server: Server) -> None:
    port = free_port()
    write(
        tmp_path,
        c="requests:\n"
        f"  refused: {{get: 'http://127.0.0.1:{port}/'}}\n"
        f"  retried: {{get: 'http://127.0.0.1:{port}/', retry: {{times: 2, delay: 1s, on: [network]}}}}\n"
        f"  timeout: {{get: '{server.url}/slow?seconds=20', timeout: 200ms}}\n"
        f"  cut: {{post: '{server.url}/slow?seconds=20', timeout: 200ms, json: 1, retry: {{times: 2, on: [network]}}}}\n"
        f"  tls: {{get: 'https://127.0.0.1:{server.port}/'}}\n"
        f"  fine: {{get: '{server.url}/echo'}}\n",
    )
    recorded = twice(tmp_path, "c.yaml", status=3)
    errors = {step["id"]: step["exchanges"][-1]["error"] for step in recorded.document["steps"]}
    assert None not in [error for name, error in errors.items() if name != "fine"]
    kinds = {exchange["step"]: exchange["error"]["kind"] for exchange in cassette(tmp_path)["exchanges"][:-1]}
    assert kinds == {"refused": "connect", "retried": "connect", "timeout": "timeout", "cut": "timeout", "tls": "tls"}
