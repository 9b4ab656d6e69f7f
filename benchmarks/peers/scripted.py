"""Peers whose work is a program: bare httpx, locust, k6. Each checks status and name, and takes what it needs later."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers import tools
from benchmarks.peers.peer import Command, Peer
from benchmarks.peers.work import Request, Scenario, fill

_CHAIN = """
import csv
from concurrent.futures import ThreadPoolExecutor

import httpx

{rows}

with httpx.Client() as client:
    def chain(row):
        values = dict(row)
{steps}
    if {jobs} == 1:
        for row in rows:
            chain(row)
    else:
        with ThreadPoolExecutor({jobs}) as pool:
            list(pool.map(chain, rows))
"""
_STEP = """\
        answer = client.request({method!r}, f{path!r}{more})
        got = answer.json()
        assert answer.status_code == {status} and got["name"] == f{name!r}, got
"""
_CSV = "with open('rows.csv', newline='') as file:\n    rows = list(csv.DictReader(file))"


def _expression(text: str) -> str:
    """The text of a Python f-string whose `{name}` are values of the row or captured."""
    return fill(text, lambda name: f'{{values["{name}"]}}')


def _rows(scenario: Scenario, folder: Path) -> str:
    (folder / "rows.csv").write_text(scenario.csv, "utf-8")
    return _CSV if scenario.data else f"rows = {[dict(row) for row in scenario.rows]!r}"


def _steps(chain: Sequence[Request], url: str, step: str) -> str:
    made = []
    for one in chain:
        more = ""
        if one.body:
            pairs = ", ".join(f"{key!r}: f{_expression(value)!r}" for key, value in one.body.items())
            more += f", json={{{pairs}}}"
        if one.bearer:
            more += f', headers={{"Authorization": f{"Bearer " + _expression(one.bearer)!r}}}'
        made.append(
            step.format(
                method=one.method,
                path=url + _expression(one.path),
                more=more,
                status=one.status,
                name=_expression(one.name),
            )
        )
        if one.capture:
            made.append(f"        values[{one.capture[0]!r}] = got[{one.capture[1]!r}]\n")
    return "".join(made)


def _httpx(scenario: Scenario, url: str, folder: Path) -> Command:
    steps = _steps(scenario.chain, url, _STEP)
    script = _CHAIN.format(rows=_rows(scenario, folder), steps=steps, jobs=scenario.jobs)
    (folder / "work.py").write_text(script, "utf-8")
    return ["work.py"]


_LOCUST = """
import csv

import gevent
from locust import FastHttpUser, task
from locust.exception import StopUser

{rows}

left = iter(rows)
running = [0]


class Client(FastHttpUser):
    host = {url!r}

    @task
    def chain(self):
        client, row = self.client, next(left, None)
        if row is None:
            if not running[0]:
                running[0] = -1  # the last one: said once
                gevent.spawn(self.environment.runner.quit)
            raise StopUser
        running[0] += 1
        try:
            self._chain(client, dict(row))
        finally:
            running[0] -= 1

    def _chain(self, client, values):
{steps}
"""
_LOCUST_STEP = """\
        with client.request({method!r}, f{path!r}, name="work", catch_response=True{more}) as answer:
            got = answer.json()
            if answer.status_code != {status} or got["name"] != f{name!r}:
                answer.failure("not as expected")
"""


def _locust(scenario: Scenario, url: str, folder: Path) -> Command:
    steps = _steps(scenario.chain, url, _LOCUST_STEP)
    (folder / "work.py").write_text(_LOCUST.format(rows=_rows(scenario, folder), url=url, steps=steps), "utf-8")
    users = str(min(scenario.jobs, len(scenario.rows)))
    return ["-f", "work.py", "--headless", "-u", users, "-r", users, "--only-summary"]


_K6 = """
import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
IMPORT
const chain = CHAIN;
const rows = ROWS;
export const options = {
  scenarios: { work: { executor: 'shared-iterations', vus: VUS, iterations: ITERATIONS, maxDuration: '10m' } },
  thresholds: { checks: ['rate==1'] },
};
function put(text, values) { return text.replace(/{(\\w+)}/g, (_, name) => values[name]); }
export default function () {
  const values = Object.assign({}, rows[exec.scenario.iterationInTest]);
  for (const one of chain) {
    const headers = {};
    if (one.bearer) headers['Authorization'] = 'Bearer ' + put(one.bearer, values);
    let body = null;
    if (Object.keys(one.body).length) {
      headers['Content-Type'] = 'application/json';
      body = {};
      for (const key in one.body) body[key] = put(one.body[key], values);
      body = JSON.stringify(body);
    }
    const answer = http.request(one.method, 'URL' + put(one.path, values), body, { headers });
    const got = answer.json();
    check(answer, { 'as expected': () => answer.status === one.status && got.name === put(one.name, values) });
    if (one.capture) values[one.capture[0]] = got[one.capture[1]];
  }
}
"""


def _k6(scenario: Scenario, url: str, folder: Path) -> Command:
    (folder / "rows.csv").write_text(scenario.csv, "utf-8")
    loaded = "import { open as openFile } from 'k6/experimental/fs';\nimport csv from 'k6/experimental/csv';"
    rows = "await csv.parse(await openFile('rows.csv'), { asObjects: true })"
    values = {
        "IMPORT": loaded if scenario.data else "",
        "CHAIN": json.dumps([asdict(one) for one in scenario.chain]),
        "ROWS": rows if scenario.data else json.dumps(scenario.rows),
        "VUS": str(min(scenario.jobs, len(scenario.rows))),
        "ITERATIONS": str(len(scenario.rows)),
        "URL": url,
    }
    script = _K6
    for word, text in values.items():
        script = script.replace(word, text, 1)
    (folder / "work.js").write_text(script, "utf-8")
    return ["run", "--quiet", "--no-usage-report", "work.js"]


def peers() -> list[Peer]:
    """All of them, bare httpx first."""
    version = ["-c", "import httpx; print(httpx.__version__)"]
    return [
        Peer(
            "bare httpx", lambda: [sys.executable], version, _httpx, "A Python script; threads where several at once."
        ),
        Peer(
            "locust",
            lambda: [str(tools.python("locust", "locust") / "locust")],
            ["--version"],
            _locust,
            "Its faster client; as many users as chains at once, which end when there are no rows left.",
        ),
        Peer(
            "k6",
            lambda: [str(tools.python("k6", "k6") / "k6")],
            ["version"],
            _k6,
            "A shared-iterations scenario, as many virtual users as chains at once.",
        ),
    ]
