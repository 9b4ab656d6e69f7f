"""Several requests at once: the outcome is that of the file's order, whatever runs beside what."""

from __future__ import annotations

import contextlib
import io
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.parallel import Load
from tests.commands import Done, write, zrun
from tests.servers import Server


def run(folder: Path, server: Server, requests: str, *arguments: str, **variables: str) -> Done:
    text = f"variables: {{url: {server.url}}}\nrequests:\n" + "".join(f"  {line}\n" for line in requests.splitlines())
    return zrun(write(folder, c=text), "c.yaml", "--format", "json", *arguments, **variables)


@contextmanager
def gate(server: Server, count: int) -> Iterator[list[int]]:
    """Each request waits until `count` of them are there, or a second has gone. Gives how many were there at once, the most."""
    inside, most = 0, [0]
    changed = threading.Condition()

    def hook(_method: str, _path: str) -> None:
        nonlocal inside
        with changed:
            inside += 1
            most[0] = max(most[0], inside)
            changed.notify_all()
            changed.wait_for(lambda: most[0] >= count, timeout=1)
        time.sleep(0.02)
        with changed:
            inside -= 1

    server.hook = hook
    yield most
    server.hook = lambda _method, _path: None


def test_requests_that_do_not_depend_on_each_other_run_at_once(tmp_path: Path, server: Server) -> None:
    requests = "".join(f"r{i}: {{get: <<url>>/echo?{i}}}\n" for i in range(6))
    with gate(server, 3) as most:
        done = run(tmp_path, server, requests, "-j", "3")
    assert done.status == 0, done.err
    assert most == [3]
    assert list(done.steps()) == [f"r{i}" for i in range(6)]


def test_without_jobs_one_at_a_time(tmp_path: Path, server: Server) -> None:
    requests = "".join(f"r{i}: {{get: <<url>>/echo?{i}}}\n" for i in range(3))
    with gate(server, 1) as most:
        assert run(tmp_path, server, requests).status == 0
    assert most == [1]


def test_who_reads_waits_for_who_captures_and_who_captures_again_for_who_reads(tmp_path: Path, server: Server) -> None:
    requests = """\
slow: {get: "<<url>>/slow?seconds=0.3", capture: {x: json $.method}}
reads: {get: "<<url>>/echo?x=<<x>>"}
again: {get: <<url>>/echo?two, capture: {x: "json $['raw-query']"}}
later: {get: "<<url>>/echo?x=<<x>>"}
"""
    done = run(tmp_path, server, requests, "-j", "8")
    assert done.status == 0, done.out
    assert server.paths().index("/echo?x=GET") < server.paths().index("/echo?two")
    assert server.paths()[-1] == "/echo?x=two"


def test_requests_that_change_things_keep_their_order_unless_they_are_independent(
    tmp_path: Path, server: Server
) -> None:
    changing = "".join(f"p{i}: {{post: <<url>>/echo?{i}, json: {{}}}}\n" for i in range(4))
    with gate(server, 2) as most:
        assert run(tmp_path, server, changing, "-j", "4").status == 0
    assert most == [1]
    assert server.paths() == [f"/echo?{i}" for i in range(4)]
    free = "".join(f"p{i}: {{post: <<url>>/echo?{i}, json: {{}}, independent: true}}\n" for i in range(4))
    with gate(server, 4) as most:
        assert run(tmp_path, server, free, "-j", "4").status == 0
    assert most == [4]


def test_needs_orders_what_no_variable_shows(tmp_path: Path, server: Server) -> None:
    requests = 'a: {get: "<<url>>/slow?seconds=0.3"}\nb: {get: <<url>>/echo, needs: [a]}\n'
    assert run(tmp_path, server, requests, "-j", "2").status == 0
    assert server.paths() == ["/slow?seconds=0.3", "/echo"]


def test_a_failure_blocks_those_that_depend_on_it_and_no_others(tmp_path: Path, server: Server) -> None:
    requests = """\
a: {get: <<url>>/status/500, capture: {x: json $.status}}
b: {get: "<<url>>/echo?x=<<x>>", capture: {y: json $.path}}
c: {get: "<<url>>/echo?y=<<y>>"}
d: {get: <<url>>/echo?free}
"""
    done = run(tmp_path, server, requests, "-j", "4")
    assert done.steps() == {"a": "failed", "b": "blocked", "c": "blocked", "d": "passed"}


def comparable(done: Done) -> Any:
    """The document without what differs from run to run: moments, times, ports."""

    def plain(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: plain(value) for key, value in node.items() if key not in ("started", "duration")}
        return [plain(item) for item in node] if isinstance(node, list) else node

    return plain(done.document)


CHAIN = """\
login: {post: <<url>>/echo, json: {n: "<<$random-int>>"}, capture: {token: json $.body}}
one: {get: "<<url>>/echo?t=<<token | hash('sha256')>>", capture: {one: json $.path}}
two: {get: "<<url>>/echo?u=<<$uuid>>", capture: {two: json $.path}}
both: {get: "<<url>>/echo?<<one | length>>-<<two | length>>-<<iteration>>"}
fails: {get: <<url>>/status/404}
blocked: {get: <<url>>/echo, needs: [fails]}
each: {get: "<<url>>/echo?<<item>>", for-each: [1, 2, 3]}
"""


def test_the_results_are_the_same_whatever_runs_at_once(tmp_path: Path, server: Server) -> None:
    expected = comparable(run(tmp_path, server, CHAIN, "--seed", "x", "-n", "5"))
    assert len(expected["steps"]) == 45
    for jobs in ("2", "3", "8", "auto"):
        assert comparable(run(tmp_path, server, CHAIN, "--seed", "x", "-n", "5", "-j", jobs)) == expected


def test_repeats_run_at_once_and_what_lasts_is_captured_once(tmp_path: Path, server: Server) -> None:
    """The first of them gets the token; the others wait for it, as they would one after the other."""
    environment = f"variables: {{url: {server.url}}}\nsecrets: {{token: }}\n"
    collection = """\
requests:
  login: {post: <<url>>/slow?seconds=0.2, when: <<token is missing>>, json: {}, capture: {token: json $.method}}
  use: {get: "<<url>>/echo?<<iteration>>", headers: {X-Token: <<token>>}}
"""
    folder = write(tmp_path, c=collection)
    (folder / "environments").mkdir()
    (folder / "environments" / "e.yaml").write_text(environment, "utf-8")
    with gate(server, 3) as most:
        done = zrun(folder, "c.yaml", "-e", "e", "-n", "6", "-j", "3", "--format", "json")
    assert done.status == 0, done.out + done.err
    assert most == [3]
    assert [step["status"] for step in done.document["steps"]] == ["passed", "passed", *["skipped", "passed"] * 5]
    assert sum("/slow" in path for path in server.paths()) == 1


def test_a_refused_token_is_renewed_once_for_all_that_run(tmp_path: Path, server: Server) -> None:
    def hook(_method: str, path: str) -> tuple[int, object] | None:
        if path.startswith("/renew"):
            return 200, {"token": "made-up-new"}
        if path.startswith("/use"):
            return (200, {}) if "made-up-new" in path else (401, {})
        return None

    server.hook = hook
    requests = "renew: {post: <<url>>/renew, tags: [never], capture: {token: json $.token}}\n" + "".join(
        f'r{i}: {{get: "<<url>>/use?{i}&<<token>>", renew: {{on: {{status: 401}}, run: renew}}}}\n' for i in range(6)
    )
    text = f"variables: {{url: {server.url}, token: old}}\nrequests:\n" + "".join(
        f"  {line}\n" for line in requests.splitlines()
    )
    done = zrun(write(tmp_path, c=text), "c.yaml", "--format", "json", "-j", "6")
    assert done.status == 0, done.out
    assert server.paths().count("/renew") == 1


def test_after_a_failure_with_fail_fast_nothing_begins(tmp_path: Path, server: Server) -> None:
    requests = "a: {get: <<url>>/status/500}\n" + "".join(
        f"r{i}: {{get: <<url>>/echo, needs: [a]}}\n" for i in range(3)
    )
    requests += "".join(f's{i}: {{get: "<<url>>/slow?seconds=0.2"}}\n' for i in range(20))
    done = run(tmp_path, server, requests, "-j", "2", "--fail-fast")
    assert done.status == 1
    statuses = list(done.steps().values())
    assert statuses[0] == "failed"
    assert statuses.count("skipped") >= 20
    assert len(done.document["steps"]) == 24


def test_several_collections_run_in_order_or_at_once_and_keep_to_themselves(tmp_path: Path, server: Server) -> None:
    one = f'requests:\n  a: {{get: "{server.url}/slow?seconds=0.3", capture: {{x: status}}}}\n'
    two = f'requests:\n  b: {{get: "{server.url}/echo?<<x | default(0)>>"}}\n'
    folder = write(tmp_path, one=one, two=two)
    for jobs in ("1", "4"):
        server.seen.clear()
        done = zrun(folder, "one.yaml", "two.yaml", "--format", "json", "-j", jobs)
        assert done.status == 0, done.err
        assert list(done.steps()) == ["a", "b"]
        assert "/echo?0" in server.paths(), "what one captures for the run is not the other's"


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1.5", "1000"])
def test_jobs_must_be_a_number(tmp_path: Path, server: Server, jobs: str) -> None:
    done = run(tmp_path, server, "a: {get: <<url>>/echo}\n", f"--jobs={jobs}")
    assert done.status == 2
    assert "-j is not a number from 1 to 256" in done.err


def test_a_rate_holds_over_all_that_run_at_once(tmp_path: Path, server: Server) -> None:
    requests = "".join(f"r{i}: {{get: <<url>>/echo?{i}}}\n" for i in range(6))
    begun = time.monotonic()
    assert run(tmp_path, server, requests, "-j", "6", "--rate", "10/s").status == 0
    assert time.monotonic() - begun >= 0.5, "the last of six waits for five pauses"
    done = run(tmp_path, server, requests, "--rate", "fast")
    assert done.status == 2
    assert "10/s" in done.err


def test_an_environment_bounds_what_is_sent_at_once(tmp_path: Path, server: Server) -> None:
    requests = "".join(f'  r{i}: {{get: "<<url>>/echo?{i}"}}\n' for i in range(6))
    folder = write(
        tmp_path, c=f"requests:\n{requests}", e__env=f"variables: {{url: {server.url}}}\nconcurrency: 2\nrate: 1000/s\n"
    )
    with gate(server, 3) as most:
        assert zrun(folder, "c.yaml", "-e", "e", "-j", "6").status == 0
    assert most == [2]
    for wrong in ("concurrency: 0", "concurrency: many", "rate: 10", "rate: 0/s"):
        (folder / "environments" / "e.yaml").write_text(f"variables: {{url: {server.url}}}\n{wrong}\n", "utf-8")
        done = zrun(folder, "c.yaml", "-e", "e")
        assert done.status == 2
        assert "e.yaml:2:" in done.err


class _Graph:
    """A random collection: who captures, reads, needs, fails, changes things."""

    def __init__(self, draw: random.Random) -> None:
        self.lines: list[str] = []
        names: list[str] = []
        for i in range(draw.randint(2, 9)):
            method = draw.choice(("get", "get", "post", "put"))
            read = draw.sample(names, min(len(names), draw.randint(0, 2)))
            query = "&".join([str(i), *(f"<<{name} | default('none')>>" for name in read)])
            route = "/status/404" if draw.random() < 0.15 else "/slow"
            parts = [f'{method}: "<<url>>{route}?seconds={draw.choice((0, 0, 0.01))}&{query}"']
            if draw.random() < 0.5:
                name = draw.choice([*names, f"v{i}"])
                parts.append(
                    f"capture: {{{name}: json $.method}}" if route == "/slow" else f"capture: {{{name}: status}}"
                )
                names.append(name)
            if i and draw.random() < 0.2:
                parts.append(f"needs: [r{draw.randrange(i)}]")
            if method != "get" and draw.random() < 0.3:
                parts.append("independent: true")
            if names and draw.random() < 0.2:
                parts.append(f"when: <<{draw.choice(names)} is missing>>")
            self.lines.append(f"r{i}: {{{', '.join(parts)}}}")


def test_two_hundred_random_graphs_have_the_same_outcome_whatever_runs_at_once(tmp_path: Path, server: Server) -> None:
    draw = random.Random(20_261_124)
    for number in range(200):
        lines = _Graph(draw).lines
        text = f"variables: {{url: {server.url}}}\nrequests:\n" + "".join(f"  {line}\n" for line in lines)
        (tmp_path / "c.yaml").write_text(text, "utf-8")
        told, sent = [], []
        for jobs in ("1", "8"):
            server.seen.clear()
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.chdir(tmp_path):
                main(["c.yaml", "--format", "json", "-j", jobs])
            told.append(comparable(Done(0, said.getvalue(), "")))
            sent.append(sorted(server.seen))
        assert told[0] == told[1], (number, text)
        assert sent[0] == sent[1], (number, text)


def test_where_the_processor_is_what_requests_wait_for_fewer_run_at_once() -> None:
    load = Load(8)
    end = time.monotonic() + 30
    while load.useful > 1 and time.monotonic() < end:
        sum(range(1000))  # all of a processor
        load.look()
    assert load.useful == 1
    while load.useful < 8 and time.monotonic() < end:
        time.sleep(0.02)  # next to nothing of it
        load.look()
    assert load.useful == 8


def test_rows_that_wait_for_a_slow_one_are_followed_by_the_rest(tmp_path: Path, server: Server) -> None:
    """So many have ended and wait to be given out that there is no room for more: then they all are, at once."""
    server.hook = lambda _method, path: time.sleep(0.7) if path.endswith("n=1") else None
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo?n=<<iteration>>'}}\n")
    done = zrun(tmp_path, "c.yaml", "-n", "300", "-j", "2", "--format", "json")
    assert done.status == 0
    assert [step["row"] for step in done.document["steps"]] == list(range(1, 301))
    assert len(server.seen) == 300
