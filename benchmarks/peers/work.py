"""The work, told without a tool: what is asked, in what order, what must hold of the answers, and what is taken from them.

`{name}` in a text is a column of the row, or what an earlier request of the chain has captured. A scenario is a chain of
requests, gone through once for each row; chains do not need each other, the requests of a chain go in their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.peers.server import Seen, answer


@dataclass(frozen=True)
class Request:
    """One request: the status and the `name` in its JSON answer must be these; `capture`: variable, key of the answer."""

    method: str
    path: str
    status: int
    name: str
    body: Mapping[str, str] = field(default_factory=dict)
    bearer: str = ""
    capture: tuple[str, str] | None = None


@dataclass(frozen=True)
class Scenario:
    """`jobs`: so many chains at once, at most. `data`: the rows come from a file; else
    they are written out, where that can be."""

    name: str
    title: str
    chain: Sequence[Request]
    rows: Sequence[Mapping[str, str]] = ({},)
    jobs: int = 1
    latency: float = 0.0
    data: bool = False

    @property
    def size(self) -> int:
        """How many requests it is."""
        return len(self.rows) * len(self.chain)

    @property
    def csv(self) -> str:
        """The rows as a CSV file."""
        return "".join(",".join(line) + "\n" for line in ([*self.rows[0]], *([*row.values()] for row in self.rows)))

    def chains(self) -> list[list[Request]]:
        """Each row's chain, the row's values filled in, and its captures in variables of its own."""
        made = []
        for number, row in enumerate(self.rows):
            own = (
                {c.capture[0]: f"{{{c.capture[0]}x{number}}}" for c in self.chain if c.capture}
                if self.data or len(self.rows) > 1
                else {}
            )
            made.append([_filled(request, {**own, **row}) for request in self.chain])
        return made


def fill(text: str, spell: Callable[[str], str]) -> str:
    """`text` with each `{name}` as a tool spells it."""
    return re.sub(r"\{(\w+)\}", lambda found: spell(found[1]), text)


def _filled(request: Request, values: Mapping[str, str]) -> Request:
    def put(text: str) -> str:
        return fill(text, lambda name: values.get(name, f"{{{name}}}"))

    capture = request.capture and (put(f"{{{request.capture[0]}}}").strip("{}"), request.capture[1])
    body = {key: put(value) for key, value in request.body.items()}
    return Request(
        request.method, put(request.path), request.status, put(request.name), body, put(request.bearer), capture
    )


def expected(scenario: Scenario) -> Seen:
    """What the server has to have seen when the work has been done: no request less, none more, none different."""
    seen = Seen()
    for row in scenario.rows:
        values = dict(row)
        for request in scenario.chain:
            one = _filled(request, values)
            body = json.dumps(one.body) if one.body else ""
            key = (one.method, one.path, body, f"Bearer {one.bearer}" if one.bearer else "")
            seen[key] += 1
            status, got = answer(*key)
            assert (status, got["name"]) == (one.status, one.name), f"{key} is answered with {status} {got}"
            if request.capture:
                values[request.capture[0]] = str(got[request.capture[1]])
    return canonical(seen)


def canonical(seen: Seen) -> Seen:
    """The same, whatever blanks and order of keys the bodies were written with."""
    made = Seen()
    for (method, path, body, authorization), count in seen.items():
        made[method, path, json.dumps(json.loads(body), sort_keys=True) if body else "", authorization] += count
    return made


def difference(seen: Seen, wanted: Seen) -> str:
    """What is wrong with what the server saw; empty when nothing is."""
    if seen == wanted:
        return ""
    less, more = wanted - seen, seen - wanted
    told = [f"{seen.total()} requests came, {wanted.total()} were wanted"]
    told += [f"missing {' '.join(key).strip()}" for key in list(less)[:2]]
    told += [f"not wanted {' '.join(key).strip()}" for key in list(more)[:2]]
    return "; ".join(told)


# Requests of the parallel scenario: for a thousand, some tools take more than the two minutes that a run may take.
_TOGETHER = 200


def scenarios(requests: int = 200, rows: int = 1000, jobs: int = 16) -> list[Scenario]:
    """All of them."""
    get = Request("GET", "/things/{n}", 200, "thing {n}")
    links = [
        Request("GET", f"/chain/{{t{i}}}" if i else "/chain/start", 200, "link", capture=(f"t{i + 1}", "next"))
        for i in range(requests)
    ]
    person = Request("POST", "/people", 201, "{first}", {"email": "{email}", "first": "{first}", "seats": "{seats}"})
    order = [
        Request("POST", "/tokens", 201, "token", {"client": "{client}"}, capture=("token", "token")),
        Request("POST", "/orders", 201, "order", {"article": "tea"}, bearer="{token}", capture=("id", "id")),
        Request("GET", "/orders/{id}", 200, "order", bearer="{token}"),
    ]
    together = min(requests, _TOGETHER)
    things = [{"n": str(n)} for n in range(together)]
    people = [{"email": f"p{n}@example.com", "first": f"Person {n}", "seats": str(n % 7)} for n in range(rows)]
    clients = [{"client": f"c{n}"} for n in range(4)]
    real = "12 requests in chains three deep, 50 ms of latency each"
    return [
        Scenario("start", "start-up: one GET", [get], [{"n": "0"}]),
        Scenario("sequential", f"sequential: {requests} requests, each needs what the one before has captured", links),
        Scenario("parallel", f"parallel: {together} GETs, {jobs} at once", [get], things, jobs),
        Scenario("data", f"data: {rows} rows of a CSV file, one after the other", [person], people, data=True),
        Scenario(
            "data-parallel", f"data: {rows} rows of a CSV file, {jobs} at once", [person], people, jobs, data=True
        ),
        Scenario("realistic", f"realistic: {real}, one at a time", order, clients, latency=0.05),
        Scenario("realistic-parallel", f"realistic: {real}, 8 at once", order, clients, 8, latency=0.05),
    ]
