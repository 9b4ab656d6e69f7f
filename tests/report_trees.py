"""Reports made by hand, as a run would give them: for tests of the formats, and to be looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from runner.reporters.documents.tree import (
    Body,
    Check,
    Message,
    Named,
    Place,
    Redirect,
    Report,
    Run,
    Sending,
    Step,
    Summary,
    Taken,
    Trouble,
)

# Seconds since the epoch: 2026-03-05, 09:00 UTC.
BEGAN = 1772701200.0
LEADS = "collections/leads.yaml"
HOST = "https://api.example.test"


def place(line: int = 3, column: int = 5, file: str = LEADS) -> Place:
    return Place(file, line, column)


def check(
    query: str, expected: str, actual: str | None = None, *, predicate: str = "eq", note: str | None = None
) -> Check:
    """One that holds when nothing is said of what came."""
    return Check(query, predicate, actual is None, expected, expected if actual is None else actual, note, place(9, 7))


def body(value: object, media_type: str = "application/json") -> Body:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Body(media_type, len(text.encode("utf-8", "replace")), text)


def sending(
    method: str = "GET",
    path: str = "/leads",
    *,
    at: float = 0.0,
    took: float = 0.1,
    status: int | None = 200,
    sent: Body | None = None,
    came: Body | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    reason: str | None = None,
    error: str | None = None,
    redirects: tuple[Redirect, ...] = (),
) -> Sending:
    answered = status is not None
    words = {200: "OK", 201: "Created", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 429: "Too Many Requests"}
    fields = (("Accept", "application/json"), ("Authorization", "Bearer <<access_token>>"), *headers)
    answer = Message(
        (("Content-Type", "application/json;charset=UTF-8"), ("X-Request-Id", f"r-{path[1:]}-{at:g}")), came
    )
    return Sending(
        method,
        path if "://" in path else HOST + path,
        reason,
        BEGAN + at,
        status,
        words.get(status or 0, "Service Unavailable") if answered else None,
        took if answered else None,
        (came.size if came else 0) if answered else None,
        came.media_type if came and answered else None,
        "1.1" if answered else None,
        redirects,
        error,
        Message((*fields, *((("Content-Type", sent.media_type),) if sent and sent.media_type else ())), sent),
        answer if answered else None,
    )


def step(
    id: str = "leads",  # noqa: A002 - the tree's own word
    name: str = "List leads",
    *exchanges: Sending,
    status: str = "passed",
    took: float | None = None,
    at: float = 0.0,
    collection: str = LEADS,
) -> Step:
    """A step that has sent `exchanges`; the rest of it by dataclasses.replace."""
    started = exchanges[0].started if exchanges else BEGAN + at
    last = exchanges[-1] if exchanges else None
    lasted = took if took is not None else (last.started + (last.duration or 0.2) - started if last else 0.0)
    return Step(
        collection=collection,
        row=None,
        id=id,
        name=name,
        item=None,
        status=status,  # type: ignore[arg-type]
        reason=None,
        location=place(2, 3, collection),
        started=started,
        duration=lasted,
        exit_code=1 if status == "failed" else 0,
        attempts=len(exchanges),
        saved=None,
        exchanges=exchanges,
        renewed=(),
        checks=(),
        captures=(),
        problems=(),
    )


@dataclass(frozen=True)
class Lazy:
    """Steps that are made anew each time they are gone through."""

    count: int

    def __iter__(self) -> Iterator[Step]:
        return many(self.count)


def report(*steps: Step, collections: tuple[Named, ...] = (Named("Leads", LEADS),)) -> Report:
    return Report(run_of(steps, collections), steps)


def run_of(steps: tuple[Step, ...], collections: tuple[Named, ...] = (Named("Leads", LEADS),)) -> Run:
    counts = {s: sum(one.status == s for one in steps) for s in ("passed", "failed", "skipped", "blocked")}
    lasted = max((one.started + one.duration - BEGAN for one in steps), default=0.0)
    failed = 1 if counts["failed"] else 0
    summary = Summary(len(steps), **counts)
    return Run("0.9.0", collections, "staging", BEGAN, lasted, False, failed, summary, None, 0, ())


def long_report(count: int) -> Report:
    """A run of so many steps: four at a time, every 97th fails."""
    failed = len(range(96, count, 97))
    summary = Summary(count, count - failed, failed, 0, 0)
    run = replace(run_of(()), summary=summary, exit_code=1 if failed else 0, duration=count * 0.03 + 1, rows=count)
    return Report(run, Lazy(count))


def many(count: int) -> Iterator[Step]:
    random = Random(7)
    for n in range(count):
        took = 0.02 + random.random() ** 3 * 0.4
        data = {
            "data": [
                {"id": f"58431{n:08}{k}", "Last_Name": f"Lead {n}.{k}", "Score": k * 7.5, "Won": k % 2 == 0}
                for k in range(6)
            ]
        }
        fails = n % 97 == 96
        one = sending(
            "POST" if n % 3 else "GET",
            f"/leads/{n}",
            at=n * 0.03,
            took=took,
            status=429 if fails else 200,
            sent=body({"n": n}) if n % 3 else None,
            came=body(data),
        )
        made = step("upsert", "Upsert a lead", one, status="failed" if fails else "passed")
        checks = (check("status", "200", "429" if fails else None), check("json $.data[0].Won", "true"))
        yield replace(made, row=n + 1, checks=checks)


def shop() -> Report:
    """A run with something of everything, to be looked at."""
    crm, search = "collections/crm.yaml", "collections/search.yaml"
    token = step(
        "token",
        "Access token",
        sending(
            "POST",
            "https://accounts.example.test/oauth/v2/token",
            at=0.02,
            took=0.24,
            sent=body("grant_type=refresh_token&refresh_token=<<refresh_token>>", "application/x-www-form-urlencoded"),
            came=body({"access_token": "<<access_token>>", "expires_in": 3600}),
        ),
        collection=crm,
    )
    token = replace(
        token, checks=(check("status", "200"),), captures=(Taken("access_token", True, True, True, place(14, 9, crm)),)
    )
    lead = {
        "data": [
            {
                "code": "SUCCESS",
                "details": {
                    "id": "5843104000002",
                    "Created_Time": "2026-03-05T09:00:01Z",
                    "Modified_By": {"name": "Integration", "id": "58431"},
                },
                "message": "record added",
                "status": "success",
            }
        ]
    }
    create = step(
        "create-lead",
        "Create a lead",
        sending(
            "POST",
            "/crm/v8/Leads",
            at=0.3,
            took=0.09,
            status=503,
            came=body({"code": "INTERNAL_ERROR"}),
            sent=body({"data": [{"Last_Name": "O'Hara", "Company": "Zürich Möbel"}]}),
        ),
        sending(
            "POST",
            "/crm/v8/Leads",
            at=0.72,
            took=0.31,
            status=201,
            reason="retry",
            came=body(lead),
            sent=body({"data": [{"Last_Name": "O'Hara", "Company": "Zürich Möbel"}]}),
        ),
        collection=crm,
    )
    create = replace(
        create,
        checks=(
            check("status", "201"),
            check("json $.data[0].code", "SUCCESS"),
            check("duration", "2 s", predicate="lt"),
        ),
        captures=(Taken("lead_id", True, False, False, place(31, 11, crm)),),
    )
    read = step(
        "read-lead",
        "Read it back",
        sending(
            "GET",
            "/crm/v8/Leads/5843104000002",
            at=1.06,
            took=0.18,
            came=body(
                {
                    "data": [
                        {
                            "id": "5843104000002",
                            "Last_Name": "O'Hara",
                            "Company": "Zürich Moebel",
                            "Score": 12,
                            "Tags": [],
                            "Owner": {"name": "Integration", "id": "58431"},
                        }
                    ]
                }
            ),
        ),
        status="failed",
        collection=crm,
    )
    read = replace(
        read,
        checks=(
            check("status", "200"),
            check("json $.data[0].Company", "Zürich Möbel", "Zürich Moebel"),
            check("json $.data[0].Score", "50", "12", predicate="ge", note="a number, as expected"),
            check("header content-type", "application/json", predicate="starts-with"),
        ),
    )
    blocked = replace(
        step("convert", "Convert to a deal", status="blocked", at=1.25, collection=crm),
        reason="read-lead failed",
        exit_code=0,
    )
    hops = (Redirect(302, HOST + "/files/7", "https://cdn.example.test/f/7?sig=<<signature>>", ("Authorization",)),)
    attach = step(
        "attachment",
        "Download the attachment",
        sending("GET", "/files/7", at=1.06, took=0.52, redirects=hops, came=Body("application/pdf", 48_213, None)),
        collection=crm,
    )
    attach = replace(
        attach, saved="out/offer.pdf", checks=(check("status", "200"), check("size", "10 KB", predicate="gt"))
    )
    slow = step(
        "webhook",
        "Register the webhook",
        sending(
            "POST",
            "https://hooks.example.test/in",
            at=1.3,
            status=None,
            error="timeout",
            sent=body({"url": "https://example.test/?a=1&b=<x>"}),
        ),
        status="failed",
        took=0.9,
        collection=crm,
    )
    slow = replace(
        slow,
        exit_code=3,
        problems=(
            Trouble(
                "no answer from hooks.example.test within 900 ms",
                "raise `timeout`, or look whether the host is up",
                False,
                place(58, 5, crm),
            ),
        ),
    )
    skipped = replace(
        step("cleanup", "Delete the lead", status="skipped", at=2.2, collection=crm), reason="when: cleanup is false"
    )
    found = [
        step(
            "search",
            "Search by e-mail",
            sending(
                "GET",
                f"/crm/v8/Leads/search?email=a%2Bb{n}@example.test",
                at=0.3 + 0.12 * n,
                took=0.2 + 0.07 * (n % 3),
                came=body({"data": [{"id": str(n)}], "info": {"count": 1}}),
            ),
            collection=search,
        )
        for n in range(9)
    ]
    found = [
        replace(one, item=f"a+b{n}@example.test", checks=(check("status", "200"), check("json $.info.count", "1")))
        for n, one in enumerate(found)
    ]
    found[4] = replace(
        found[4],
        renewed=(token,),
        exchanges=(
            replace(found[4].exchanges[0], status=401, status_text="Unauthorized", duration=0.06),
            replace(found[4].exchanges[0], reason="renewed", started=BEGAN + 1.1),
        ),
        attempts=2,
        duration=0.59,
    )
    steps = (token, create, read, blocked, attach, slow, skipped, *found)
    made = run_of(steps, (Named("CRM smoke test", crm), Named("Search", search)))
    warned = Trouble(
        "`exempt-hosts` names a host that nothing is sent to",
        "take it away",
        True,
        place(4, 3, "environments/staging.yaml"),
    )
    return Report(replace(made, exit_code=3, problems=(warned,)), steps)
