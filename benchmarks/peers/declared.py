"""Peers whose work is written as a document: zrun, newman, bru, httpyac, stepci, tavern, hurl."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.peers import tools
from benchmarks.peers.peer import Cannot, Command, Peer, one_at_a_time
from benchmarks.peers.work import Request, Scenario, fill


def _braces(text: str) -> str:
    return fill(text, lambda name: f"{{{{{name}}}}}")


def _zrun(scenario: Scenario, url: str, folder: Path) -> Command:
    def spelled(text: str) -> str:
        return fill(text, lambda name: f"<<{name}>>")

    chains = [scenario.chain] if scenario.data else scenario.chains()
    requests = {}
    for number, chain in enumerate(chains):
        for place, one in enumerate(chain):
            request: dict[str, object] = {one.method.lower(): url + spelled(one.path)}
            if one.method != "GET" and scenario.jobs > 1:
                request["independent"] = True  # else what changes things keeps the file's order
            if one.body:
                request["json"] = {key: spelled(value) for key, value in one.body.items()}
            if one.bearer:
                request["headers"] = {"Authorization": f"Bearer {spelled(one.bearer)}"}
            request["expect"] = {"status": one.status, "json $.name": spelled(one.name)}
            if one.capture:
                request["capture"] = {one.capture[0]: f"json $.{one.capture[1]}"}
            requests[f"r{number}-{place}"] = request
    # As a person would write it: JSON is YAML, but a slower one to read.
    from yaml import dump

    (folder / "work.yaml").write_text(dump({"requests": requests}, sort_keys=False), "utf-8")
    (folder / "rows.csv").write_text(scenario.csv, "utf-8")
    data = ["--data", "rows.csv"] if scenario.data else []
    jobs = ["-j", str(scenario.jobs)] if scenario.jobs > 1 else []
    return ["work.yaml", *data, *jobs]


def _newman(scenario: Scenario, url: str, folder: Path) -> Command:
    one_at_a_time(scenario)
    items = []
    for chain in [scenario.chain] if scenario.data else scenario.chains():
        for one in chain:
            request: dict[str, object] = {"method": one.method, "url": url + _braces(one.path), "header": []}
            headers = [{"key": "Authorization", "value": f"Bearer {_braces(one.bearer)}"}] if one.bearer else []
            if one.body:
                headers.append({"key": "Content-Type", "value": "application/json"})
                request["body"] = {"mode": "raw", "raw": _braces(json.dumps(one.body))}
            request["header"] = headers
            script = [
                "const got = pm.response.json();",
                f"pm.test('status', () => pm.response.to.have.status({one.status}));",
                f"pm.test('name', () => pm.expect(got.name).to.eql({_newman_text(one.name)}));",
            ]
            if one.capture:
                script.append(f"pm.collectionVariables.set('{one.capture[0]}', got.{one.capture[1]});")
            event = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
            items.append({"name": one.path, "request": request, "event": [event]})
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    (folder / "work.json").write_text(json.dumps({"info": {"name": "work", "schema": schema}, "item": items}), "utf-8")
    (folder / "rows.csv").write_text(scenario.csv, "utf-8")
    return ["run", "work.json", *(["-d", "rows.csv"] if scenario.data else [])]


def _newman_text(text: str) -> str:
    return f"pm.variables.replaceIn({json.dumps(_braces(text))})" if "{" in text else json.dumps(text)


# 200 rows at once take it 40 s, a thousand more than the two minutes that a run may take.
_MOST_AT_ONCE = 200


def _bru(scenario: Scenario, url: str, folder: Path) -> Command:
    rows = scenario.data or scenario.jobs > 1
    if scenario.jobs > 1 and len(scenario.chain) > 1:
        raise Cannot("its parallel rows share captured values: one row's order goes out with another's token")
    if scenario.jobs > 1 and len(scenario.rows) > _MOST_AT_ONCE:
        raise Cannot(f"takes more than two minutes for {len(scenario.rows)} rows at once")
    (folder / "bruno.json").write_text('{"version": "1", "name": "work", "type": "collection"}', "utf-8")
    number = 0
    for chain in [scenario.chain] if rows else scenario.chains():
        for one in chain:
            number += 1
            (folder / f"r{number:04}.bru").write_text(_bru_request(one, url, number, rows=rows), "utf-8")
    (folder / "rows.csv").write_text(scenario.csv, "utf-8")
    return [
        "run",
        *(["--csv-file-path", "rows.csv"] if rows else []),
        *(["--parallel"] if scenario.jobs > 1 else []),
    ]


def _bru_request(one: Request, url: str, number: int, *, rows: bool) -> str:
    parts = [f"meta {{\n  name: r{number:04}\n  type: http\n  seq: {number}\n}}"]
    body = "json" if one.body else "none"
    parts.append(f"{one.method.lower()} {{\n  url: {url}{_braces(one.path)}\n  body: {body}\n  auth: none\n}}")
    if one.bearer:
        parts.append(f"headers {{\n  Authorization: Bearer {_braces(one.bearer)}\n}}")
    if one.body:
        parts.append(f"body:json {{\n  {_braces(json.dumps(one.body))}\n}}")
    if one.capture:
        parts.append(f"vars:post-response {{\n  {one.capture[0]}: res.body.{one.capture[1]}\n}}")
    if number == 1:
        # Without a script that is waited for, the first assertion may come before what evaluates it is loaded (4.1.0).
        parts.append("script:pre-request {\n  const ready = true;\n}")
    if rows and "{" in one.name:  # an assertion does not know the row's values, a test does
        wanted = fill(json.dumps(one.name), lambda name: f'" + bru.runner.iterationData.get("{name}") + "')
        test = f"expect(res.getStatus()).to.equal({one.status}); expect(res.getBody().name).to.equal({wanted});"
        parts.append(f'tests {{\n  test("as wanted", function () {{ {test} }});\n}}')
    else:
        parts.append(f"assert {{\n  res.status: eq {one.status}\n  res.body.name: eq {_braces(one.name)}\n}}")
    return "\n\n".join(parts) + "\n"


_HTTPYAC_ROWS = """\
{{
  const lines = require('fs').readFileSync('rows.csv', 'utf-8').trim().split('\\n').map(line => line.split(','));
  exports.rows = lines.slice(1).map(line => Object.fromEntries(line.map((value, i) => [lines[0][i], value])));
}}
"""


def _httpyac(scenario: Scenario, url: str, folder: Path) -> Command:
    if scenario.jobs > 1 and (scenario.data or len(scenario.chain) > 1):
        raise Cannot("its parallel requests are those of a file, without order and without rows")
    parts = []
    for chain in [scenario.chain] if scenario.data else scenario.chains():
        for one in chain:
            spell = (lambda name: f"{{{{row.{name}}}}}") if scenario.data else (lambda name: f"{{{{$global.{name}}}}}")
            lines = ["# @loop for row of rows"] if scenario.data else []
            lines.append(f"{one.method} {url}{fill(one.path, spell)}")
            if one.bearer:
                lines.append(f"Authorization: Bearer {fill(one.bearer, spell)}")
            if one.body:
                lines += ["Content-Type: application/json", "", fill(json.dumps(one.body), spell)]
            lines += ["", f"?? status == {one.status}", f"?? js response.parsedBody.name == {fill(one.name, spell)}"]
            if one.capture:
                lines += ["{{", f"  $global.{one.capture[0]} = response.parsedBody.{one.capture[1]};", "}}"]
            parts.append("\n".join(lines) + "\n")
    (folder / "rows.csv").write_text(scenario.csv, "utf-8")
    # A first region with nothing but a script counts for all.
    text = "\n###\n".join([_HTTPYAC_ROWS, *parts] if scenario.data else parts)
    (folder / "work.http").write_text(text, "utf-8")
    jobs = ["--parallel", str(scenario.jobs)] if scenario.jobs > 1 else []
    return ["send", "work.http", "--all", "--output", "none", *jobs]


def _stepci(scenario: Scenario, url: str, folder: Path) -> Command:
    if scenario.data:
        raise Cannot("takes one row of a CSV file, by chance")

    def spelled(text: str) -> str:
        return fill(text, lambda name: f"${{{{captures.{name}}}}}")

    # Chains are its tests: with one at a time they are steps of one test, since tests of their own are no slower and no surer.
    tests = {}
    for number, chain in enumerate(scenario.chains()):
        steps = []
        for one in chain:
            headers = {"Authorization": f"Bearer {spelled(one.bearer)}"} if one.bearer else {}
            http: dict[str, object] = {"url": url + spelled(one.path), "method": one.method, "headers": headers}
            if one.body:
                http["json"] = {key: spelled(value) for key, value in one.body.items()}
            if one.capture:
                http["captures"] = {one.capture[0]: {"jsonpath": f"$.{one.capture[1]}"}}
            http["check"] = {"status": one.status, "jsonpath": {"$.name": one.name}}
            steps.append({"name": one.path, "http": http})
        tests[f"t{number}"] = {"steps": steps}
    (folder / "work.yml").write_text(json.dumps({"version": "1.1", "name": "work", "tests": tests}), "utf-8")
    return ["run", "work.yml", f"--concurrency={scenario.jobs}"]


def _tavern(scenario: Scenario, url: str, folder: Path) -> Command:
    one_at_a_time(scenario)

    def spelled(text: str) -> str:
        return fill(text, lambda name: f"{{{name}}}")

    tests: list[str] = []
    for chain in [scenario.chain] if scenario.data else scenario.chains():
        stages = []
        for one in chain:
            request: dict[str, object] = {"url": url + spelled(one.path), "method": one.method}
            if one.bearer:
                request["headers"] = {"Authorization": f"Bearer {spelled(one.bearer)}"}
            if one.body:
                request["json"] = {key: spelled(value) for key, value in one.body.items()}
            response: dict[str, object] = {"status_code": one.status, "json": {"name": spelled(one.name)}}
            if one.capture:
                response["save"] = {"json": {one.capture[0]: one.capture[1]}}
            stages.append({"name": one.path, "request": request, "response": response})
        test: dict[str, object] = {"test_name": f"t{len(tests)}", "strict": ["json:off"], "stages": stages}
        if scenario.data:
            rows = [list(row.values()) for row in scenario.rows]
            test["marks"] = [{"parametrize": {"key": list(scenario.rows[0]), "vals": rows}}]
        tests.append(json.dumps(test))
    (folder / "test_work.tavern.yaml").write_text("\n---\n".join(tests), "utf-8")
    return ["-q", "-p", "no:cacheprovider", "test_work.tavern.yaml"]


def _hurl(scenario: Scenario, url: str, folder: Path) -> Command:
    if scenario.data:
        raise Cannot("knows no rows")
    chains = scenario.chains()
    files = [[chain] for chain in chains] if scenario.jobs > 1 else [chains]
    names = []
    for number, held in enumerate(files):
        names.append(f"f{number}.hurl")
        text = "\n".join(_hurl_request(one, url) for chain in held for one in chain)
        (folder / names[-1]).write_text(text, "utf-8")
    return ["--test", "--jobs", str(scenario.jobs), *names]


def _hurl_request(one: Request, url: str) -> str:
    lines = [f"{one.method} {url}{_braces(one.path)}"]
    if one.bearer:
        lines.append(f"Authorization: Bearer {_braces(one.bearer)}")
    if one.body:
        lines.append(_braces(json.dumps(one.body)))
    lines.append(f"HTTP {one.status}")
    if one.capture:
        lines += ["[Captures]", f'{one.capture[0]}: jsonpath "$.{one.capture[1]}"']
    lines += ["[Asserts]", f'jsonpath "$.name" == "{_braces(one.name)}"']
    return "\n".join(lines) + "\n"


def peers() -> list[Peer]:
    """All of them, zrun first."""
    zrun = str(Path(sys.executable).with_name("zrun"))
    return [
        Peer("zrun", lambda: [zrun], ["--version"], _zrun),
        Peer("newman", lambda: [str(tools.node("newman", "newman") / "newman")], ["--version"], _newman),
        Peer(
            "bru",
            lambda: [str(tools.node("bru", "@usebruno/cli") / "bru")],
            ["--version"],
            _bru,
            "Its parallel runs are rows of a CSV file, all at once: requests of a parallel scenario are given to it as rows.",
        ),
        Peer(
            "httpyac",
            lambda: [str(tools.node("httpyac", "httpyac") / "httpyac")],
            ["--version"],
            _httpyac,
            "It reads no CSV: a script in its file does.",
        ),
        Peer("stepci", lambda: [str(tools.node("stepci", "stepci") / "stepci")], ["--version"], _stepci),
        Peer(
            "tavern",
            lambda: [str(tools.python("tavern", "tavern", "pytest<9") / "pytest")],
            ["-c", "import importlib.metadata as m; print(m.version('tavern'))"],
            _tavern,
            "It reads no CSV: the rows stand in its file as parameters. With a pytest before 9, which it does not load with.",
        ),
        Peer("hurl", tools.hurl, ["--version"], _hurl),
    ]
