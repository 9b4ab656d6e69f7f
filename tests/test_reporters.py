"""What people and machines read of a run: whole outputs, from result trees made by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from runner import __version__
from runner.errors import Location, NetworkError, Problem, Source
from runner.exchange import Call, Exchange, Headers, Hop, Part, Response
from runner.judgement import CheckResult
from runner.reporters import Begun, Redact, Reporter, terminal, text, wire
from runner.reporters.json_report import Json
from runner.reporters.text import NORMAL, QUIET, VERBOSE, WIRE, Text
from runner.results import CaptureResult, Ran, RunResult, StepResult, Tally

FILE = Source("collections/crm.yaml")
URL = "https://api.example.test/crm/v8/Leads"
JSON_TYPE: Headers = (("Content-Type", "application/json"),)


def at(line: int, column: int = 3) -> Location:
    return Location(FILE, line, column)


def plain(given: str, length: int | None = None, /) -> str:
    return given[:length]


def replacing(secret: str, mask: str) -> Redact:
    return lambda given, length=None, /: given.replace(secret, mask)[:length]


def call(method: str = "GET", url: str = URL, **more: Any) -> Call:
    return Call(method, url, masked_url=url, **more)


def answer(status: int = 200, body: bytes | Path = b"{}", headers: Headers = JSON_TYPE, **more: Any) -> Response:
    size = more.pop("size", len(body) if isinstance(body, bytes) else 0)
    return Response(status, more.pop("reason", "OK"), headers, body, size, URL, "1.1", 0.118, **more)


def exchange(status: int = 200, reason: str = "", **more: Any) -> Exchange:
    return Exchange(call(), 0.0, answer(status, **more), reason=reason)


def passed(name: str, *exchanges: Exchange, duration: float = 0.118, **more: Any) -> StepResult:
    return StepResult(name, name, "passed", at(9), 1764000000.5, duration, exchanges=exchanges or (exchange(),), **more)


SKIPPED = StepResult(
    "refresh",
    "refresh",
    "skipped",
    at(5),
    0.0,
    reason="<<access-token is stale>> is false: access-token is good for 54 m",
)
BLOCKED = StepResult(
    "leads/read", "leads/read", "blocked", at(30), 0.0, reason="needs lead-id of leads/create, which failed"
)
FAILED = StepResult(
    "leads/create",
    "Create a lead",
    "failed",
    at(20),
    1764000001.0,
    0.23,
    exchanges=(Exchange(call("POST"), 1764000001.0, answer(202, b'{\r\n  "data": [{"code": "DUPLICATE_DATA"}]\r\n}')),),
    checks=(
        CheckResult("status", "eq", False, "201", "202", at(21, 15)),
        CheckResult("json $.data", "length", True, "1", "1", at(22, 15)),
        CheckResult("json $.id", "eq", False, '"7"', "missing", at(23, 15), "`$` has data and nothing else"),
    ),
    exit_code=1,
)
REFRESHED = passed(
    "refresh",
    duration=0.088,
    captures=(
        CaptureResult("access-token", at(6), secret=True, kept=True),
        CaptureResult("api-domain", at(7), secret=False, kept=True),
        CaptureResult("lead-id", at(8), secret=False, kept=False),
    ),
)
REPEATED = passed(
    "contacts",
    exchange(503),
    exchange(503, "retry"),
    exchange(401, "retry"),
    exchange(200, "renewed", hops=(Hop(302, URL, "https://other.example.test/x", ("Authorization",)),)),
    duration=3.4,
    renewed=(REFRESHED,),
    saved="out.csv",
)
UNANSWERED = StepResult(
    "slow",
    "slow",
    "failed",
    at(40),
    0.0,
    30.0,
    exchanges=(Exchange(call(), 0.0, error=NetworkError(Problem("no answer within 30 s"), kind="timeout")),),
    problems=(Problem("no answer within 30 s", at(41), "raise `timeout`, or look at the server"),),
    exit_code=3,
)


def run_of(*steps: StepResult, **more: Any) -> RunResult:
    return RunResult((Ran("Zoho CRM", "crm.yaml"),), "us", tally_of(*steps), 1764000000.25, 1.24, **more)


def tally_of(*steps: StepResult) -> Tally:
    tally = Tally()
    for step in steps:
        tally.add(step)
    return tally


def document_of(*steps: StepResult, redact: Redact = plain, **more: Any) -> dict[str, Any]:
    """What the JSON reporter prints."""
    stream = io.StringIO()
    reporter = Json(stream, redact)
    for step in steps:
        reporter.finished(step)
    reporter.ended(replace(run_of(*steps), **more))
    document: dict[str, Any] = json.loads(stream.getvalue())
    return document


def told(*steps: StepResult, verbosity: int = NORMAL, color: bool = False, redact: Redact = plain, **more: Any) -> str:
    stream = io.StringIO()
    reporter = Text(stream, redact, color=color, verbosity=verbosity)
    for step in steps:
        reporter.finished(step)
    reporter.ended(run_of(*steps, **more))
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


# Lines for a person


def test_a_run_that_passes() -> None:
    assert told(passed("exchange"), SKIPPED, passed("organization", duration=2.409)) == dedent("""\
        ✓ 200   118 ms  exchange
        - skipped       refresh · <<access-token is stale>> is false: access-token is good for 54 m
        ✓ 200   2.41 s  organization

        3 requests: 2 passed, 1 skipped · 1.24 s
        """)


def test_failures_stand_below_their_line_and_the_exit_status_is_explained() -> None:
    assert told(FAILED, BLOCKED, UNANSWERED) == dedent("""\
        ✗ 202   230 ms  Create a lead (leads/create)
            POST https://api.example.test/crm/v8/Leads
            collections/crm.yaml:21:15: status
              expected  201
              actual    202
            collections/crm.yaml:23:15: json $.id
              expected  "7"
              actual    missing
              note      `$` has data and nothing else
            answer  { "data": [{"code": "DUPLICATE_DATA"}] }
        ○ blocked       leads/read · needs lead-id of leads/create, which failed
        ✗ ---  30.00 s  slow
            GET https://api.example.test/crm/v8/Leads
            collections/crm.yaml:41:3: no answer within 30 s
              hint  raise `timeout`, or look at the server

        3 requests: 2 failed, 1 blocked · 1.24 s
        exit 3: a request got no answer
        """)


def test_quiet_tells_failures_and_the_summary() -> None:
    lines = told(passed("one"), SKIPPED, FAILED, BLOCKED, verbosity=QUIET).splitlines()
    assert lines[0] == "✗ 202   230 ms  Create a lead (leads/create)"
    assert lines[-3:] == [
        "",
        "4 requests: 1 passed, 1 failed, 1 skipped, 1 blocked · 1.24 s",
        "exit 1: an expectation failed",
    ]
    assert told(passed("one"), verbosity=QUIET) == "1 request: 1 passed · 1.24 s\n"
    assert told() == "0 requests · 1.24 s\n"


def test_what_was_sent_again_says_why() -> None:
    assert told(REPEATED) == dedent("""\
        ✓ 200   3.40 s  contacts
            503 → sent again 2 times
            401 → renewed by refresh, sent once more
            saved out.csv (2 B)

        1 request: 1 passed · 1.24 s
        """)


def test_verbose_adds_addresses_redirects_and_the_names_of_captures() -> None:
    assert told(REPEATED, verbosity=VERBOSE) == dedent("""\
        ✓ 200   3.40 s  contacts
            503 → sent again 2 times
            401 → renewed by refresh, sent once more
            ✓ 200    88 ms  refresh
                GET https://api.example.test/crm/v8/Leads
                captured access-token (secret, kept), api-domain (kept), lead-id
            GET https://api.example.test/crm/v8/Leads
            302 → https://other.example.test/x without Authorization
            saved out.csv (2 B)

        1 request: 1 passed · 1.24 s
        """)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (passed("job", exchange(202), exchange(200, "until")), "    202 → not yet, sent again"),
        (
            passed("job", exchange(202), exchange(202, "until"), exchange(200, "until")),
            "    202 → not yet, sent again 2 times",
        ),
        (passed("get", UNANSWERED.exchanges[0], exchange(200, "retry")), "    timeout → sent again"),
        (replace(FAILED, renewed=(replace(FAILED, id="refresh"),)), "    not renewed: refresh failed"),
        (replace(UNANSWERED, exchanges=(), renewed=(REFRESHED,)), "    renewed by refresh"),
        (replace(UNANSWERED, exchanges=(exchange(503), *UNANSWERED.exchanges)), "✗ ---  30.00 s  slow"),
        (replace(passed("each"), item="Ada"), "✓ 200   118 ms  each [Ada]"),
    ],
)
def test_one_line_of_a_step(step: StepResult, line: str) -> None:
    assert line in told(step).splitlines()


def test_a_capture_that_found_nothing_is_told_once_with_its_hint() -> None:
    lost = Problem("`lead-id` was not captured", at(8), "mend the query, or give it a `default`")
    step = replace(
        FAILED,
        checks=(),
        problems=(lost,),
        captures=(CaptureResult("lead-id", at(8), secret=False, kept=False, problem=lost),),
    )
    out = told(step, verbosity=VERBOSE)
    assert out.count("was not captured") == 1
    assert "    captured lead-id (missing)\n" in out


def test_colour_marks_what_matters_and_changes_no_character() -> None:
    painted = told(FAILED, SKIPPED, color=True)
    assert painted.startswith(
        "\x1b[31m✗\x1b[0m \x1b[31m202\x1b[0m \x1b[2m  230 ms\x1b[0m  Create a lead \x1b[2m(leads/create)\x1b[0m\n"
    )
    assert '      expected  \x1b[32m"7"\x1b[0m\n      actual    \x1b[31mmissing\x1b[0m\n' in painted
    assert unpainted(painted) == told(FAILED, SKIPPED)


def unpainted(painted: str) -> str:
    for code in ("0", "1", "2", "31", "32", "33", "36"):
        painted = painted.replace(f"\x1b[{code}m", "")
    return painted


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "expectation"), (3, "no answer"), (4, "credentials"), (5, "secret"), (70, "bug"), (130, "interrupted")],
)
def test_every_exit_status_is_explained(code: int, words: str) -> None:
    last = told(replace(FAILED, exit_code=code)).splitlines()[-1]
    assert last.startswith(f"exit {code}: ")
    assert words in last


def test_an_interrupted_run_says_so() -> None:
    assert told(passed("one"), interrupted=True).splitlines()[-1] == "exit 130: interrupted"


@pytest.mark.parametrize(("encoding", "term"), [("ascii", "xterm"), ("cp1252", "xterm"), ("utf-8", "dumb")])
def test_streams_that_lack_the_marks_get_plain_ones(encoding: str, term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    reporter = Text(stream, plain)
    for step in (passed("straße 日本"), REPEATED, FAILED, SKIPPED, BLOCKED):
        reporter.finished(step)
    lines = raw.getvalue().decode(encoding).splitlines()
    assert lines[0].startswith("+ 200   118 ms  stra")
    assert lines[3] == "    401 -> renewed by refresh, sent once more"
    assert lines[5].startswith("x 202")
    assert lines[-2].startswith("- skipped       refresh | <<access-token is stale>>")
    assert lines[-1].startswith("o blocked")


@pytest.mark.parametrize(
    ("body", "headers", "shown"),
    [
        (b"", (), "(empty)"),
        (b"x" * 400, (), "x" * 300 + "..."),
        (b"a\x1b[2Jb\x07", (), "a\\x1b[2Jb\\x07"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", (("Content-Type", "image/png"),), "image/png, 16 B"),
        ("straße".encode("latin-1"), (("Content-Type", "text/plain; charset=latin-1"),), "straße"),
        (b'{"access_token": "made-up-one", "n": 1}', JSON_TYPE, '{"access_token": "...", "n": 1}'),
        (b'{"access_token":"<<access-token>>"}', JSON_TYPE, '{"access_token":"<<access-token>>"}'),
        (b"refresh_token=made-up-one&n=1", (), "refresh_token=...&n=1"),
    ],
)
def test_the_excerpt_of_an_answer(body: bytes, headers: Headers, shown: str) -> None:
    assert wire.excerpt(answer(body=body, headers=headers), plain, 300) == shown


def test_a_secret_across_the_cut_is_masked_whole() -> None:
    body = b"x" * 295 + b"made-up-secret"
    shown = wire.excerpt(answer(body=body), replacing("made-up-secret", "<<s>>"), 300)
    assert shown == "x" * 295 + "<<s>>"


# What is hostile, and what is secret

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\n✓ 200 forged\u202e\u2028\x9b1A\ud800\t\u200b"
SECRET = "made-up-secret-value"


def filled(value: str) -> StepResult:
    """A failed step with `value` in every text that it can hold."""
    place = Location(Source(value, value), 1, 1)
    problem = Problem(value, place, value)
    request = Call(
        value,
        f"https://{value}/{value}",
        ((value, value), ("Authorization", value), ("Content-Type", value)),
        value.encode("utf-8", "replace"),
        masked_url=f"https://{value}/{value}?client_secret={value}",
        save=Path(value.replace("\0", "")),
    )
    hops = (Hop(302, value, value, (value,)),)
    came = Response(
        200, value, ((value, value), ("Set-Cookie", value), ("Content-Type", value)), value.encode("utf-8", "replace"),
        20, value, value, 0.1, hops,
    )  # fmt: skip
    exchanges = (
        Exchange(request, 0.0, came),
        Exchange(replace(request, content=Path(value)), 0.0, replace(came, content=Path(value)), reason="retry"),
        Exchange(
            replace(request, content=(Part(value, b"x", value, value), Part(value, Path(value)))),
            0.0,
            came,
            reason="renewed",
        ),
        Exchange(request, 0.0, error=NetworkError(problem, kind="tls"), reason="until"),
    )
    renewal = StepResult(value, value, "failed", place, 0.0, problems=(problem,), reason=value)
    return StepResult(
        value,
        value + " title",
        "failed",
        place,
        0.0,
        reason=value,
        item=value,
        exchanges=exchanges,
        checks=(CheckResult(value, "eq", False, value, value, place, value),),
        captures=(CaptureResult(value, place, secret=True, kept=True),),
        problems=(problem,),
        renewed=(renewal, renewal),
        saved=value,
    )


@pytest.mark.parametrize("verbosity", [QUIET, NORMAL, VERBOSE, WIRE])
def test_nothing_foreign_breaks_a_line_or_reaches_the_terminal(verbosity: int) -> None:
    out = told(filled(HOSTILE), verbosity=verbosity)
    assert not [character for character in out if character != "\n" and terminal.shown(character) != character]
    assert not [line for line in out.splitlines() if line.strip().startswith("✓ 200 forged")]


def masking(given: str, length: int | None = None, /) -> str:
    return given.replace(SECRET, "<<made-up>>")[:length]


@pytest.mark.parametrize("verbosity", [QUIET, NORMAL, VERBOSE, WIRE])
def test_a_secret_leaves_no_field_in_text(verbosity: int) -> None:
    out = told(filled(SECRET), verbosity=verbosity, redact=masking)
    assert "<<made-up>>" in out
    assert SECRET not in out


def test_a_secret_leaves_no_field_in_json() -> None:
    document = json.dumps(
        document_of(filled(SECRET), redact=masking, collections=(Ran(SECRET, SECRET),), environment=SECRET)
    )
    assert "<<made-up>>" in document
    assert SECRET not in document


# The wire


def on_the_wire(one: Exchange, redact: Redact = plain) -> str:
    return "\n".join(wire.lines(one, redact, color=False)) + "\n"


def test_an_exchange_as_on_the_wire() -> None:
    request = call(
        "POST",
        "https://me:made-up@accounts.example.test/oauth/v2/token?x=1#part",
        headers=(("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Basic bWFkZTp1cA==")),
        content=b"grant_type=refresh_token&client_secret=made-up&refresh_token=<<refresh-token>>",
    )
    came = answer(
        body=b'{"access_token":"made-up","id":12345678901234567890,"f":1.0,"e":[],"o":{"a":[1,{}]},"s":"[,]"}',
        headers=(*JSON_TYPE, ("Set-Cookie", "sid=made-up; Path=/")),
    )
    assert on_the_wire(Exchange(request, 0.0, came)) == dedent("""\
        > POST /oauth/v2/token?x=1
        > Host: accounts.example.test
        > Content-Type: application/x-www-form-urlencoded
        > Authorization: Basic ...
        >
        > grant_type=refresh_token&client_secret=...&refresh_token=<<refresh-token>>
        < 200 OK (HTTP/1.1, 118 ms)
        < Content-Type: application/json
        < Set-Cookie: sid=...
        <
        < {
        <   "access_token": "...",
        <   "id": 12345678901234567890,
        <   "f": 1.0,
        <   "e": [],
        <   "o": {
        <     "a": [
        <       1,
        <       {}
        <     ]
        <   },
        <   "s": "[,]"
        < }
        """)


def test_a_body_that_would_grow_without_bound_is_cut_while_it_is_laid_out() -> None:
    body = b"[" * 400 + b"1," * 400_000 + b"1" + b"]" * 400
    shown = on_the_wire(Exchange(call(), 0.0, answer(body=body)))
    assert len(shown) < 2 * wire.BOUND
    assert shown.endswith("< (cut here; the whole body has 800801 characters)\n")


def test_a_token_in_a_redirect_is_not_shown() -> None:
    came = answer(302, b"", (("Location", "https://me:made-up@example.test/#access_token=made-up&state=1"),), reason="")
    assert "< 302 (HTTP/1.1, 118 ms)\n< Location: https://...@example.test/#access_token=...&state=1\n" in on_the_wire(
        Exchange(call(), 0.0, came)
    )


def test_a_masked_credential_is_shown_with_its_mask() -> None:
    request = call(headers=(("Authorization", "Zoho-oauthtoken made-up-token"),))
    shown = on_the_wire(Exchange(request, 0.0), replacing("made-up-token", "<<access-token>>"))
    assert "> Authorization: Zoho-oauthtoken <<access-token>>\n" in shown


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"one\r\ntwo\n", ["one", "two"]),
        (b"not {json", ["not {json"]),
        (b'{"cut": ', ['{"cut":']),
        (b"[" * 5000, ["[" * 5000]),
        (b"\0\1\2", ["(application/json, 3 B)"]),
        (b"y" * 10_001, ["y" * 10_000, "(cut here; the whole body has 10001 characters)"]),
    ],
)
def test_a_body_on_the_wire(body: bytes, lines: list[str]) -> None:
    shown = on_the_wire(Exchange(call(), 0.0, answer(body=body))).splitlines()
    assert shown[shown.index("<") + 1 :] == [f"< {line}" for line in lines]


def test_files_and_parts_are_described(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(b"x" * 3400)
    rows = tmp_path / "leads.csv"
    streamed = call("PUT", content=rows)
    parts = call(
        content=(Part("file", rows, "rows.csv", "text/csv"), Part("note", b"hello"), Part("gone", tmp_path / "no"))
    )
    assert f"> (the file {rows}, 3.4 KB)\n" in on_the_wire(Exchange(streamed, 0.0))
    shown = on_the_wire(Exchange(parts, 0.0))
    assert (
        f"> (part file: the file {rows}, 3.4 KB, as rows.csv)\n> (part note: 5 B)\n> (part gone: the file {tmp_path / 'no'})\n"
        in shown
    )
    large = answer(body=rows, headers=(("Content-Type", "text/csv"),), size=2_000_000)
    assert on_the_wire(Exchange(call(), 0.0, large)).endswith("<\n< (text/csv, 2.0 MB)\n")
    saved = on_the_wire(Exchange(call(save=Path("out.csv")), 0.0, large))
    assert saved.endswith("<\n< (text/csv, 2.0 MB, saved to out.csv)\n")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer made-up-token", "Bearer ..."),
        ("Authorization", "made-up-token", "..."),
        ("Authorization", 'Digest username="known", response="00ff"', "Digest ..."),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=known/x, Signature=00ff", "AWS4-HMAC-SHA256 ..."),
        ("Authorization", "Bearer known", "Bearer <<k>>"),
        ("X-Api-Key", "made-up=key", "..."),
        ("X-Amz-Security-Token", "made-up=token==", "..."),
        ("Cookie", "session=made-up", "session=..."),
        ("X-Other", "a=b", "a=b"),
    ],
)
def test_of_credentials_that_nobody_knows_the_kind_is_shown(name: str, value: str, shown: str) -> None:
    one = Exchange(call(headers=((name, value),)), 0.0, answer())
    lines = wire.lines(one, replacing("known", "<<k>>"), color=False)
    assert f"> {name}: {shown}" in lines


def test_signatures_in_an_address_are_not_shown() -> None:
    url = "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=00ff&oauth_signature=a%3D&b=c"
    assert wire.safe_url(url) == "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=...&oauth_signature=...&b=c"


def test_redirects_and_errors_on_the_wire() -> None:
    assert "< 302 (redirected to https://other.example.test/x, without Authorization)\n" in on_the_wire(
        REPEATED.exchanges[-1]
    )
    assert on_the_wire(UNANSWERED.exchanges[0]).endswith("< no answer (timeout)\n")


def test_two_vs_show_the_wire_instead_of_the_excerpt() -> None:
    out = told(FAILED, verbosity=WIRE)
    assert "    > POST /crm/v8/Leads\n    > Host: api.example.test\n    < 202 OK (HTTP/1.1, 118 ms)\n" in out
    assert "answer" not in out


# The document for machines


def test_the_document() -> None:
    document = document_of(REPEATED, FAILED, SKIPPED)
    steps = document.pop("steps")
    assert list(document.items()) == [
        ("zrun-report", 1),
        ("version", __version__),
        ("collection", "Zoho CRM"),
        ("collections", [{"name": "Zoho CRM", "file": "crm.yaml"}]),
        ("environment", "us"),
        ("started", "2025-11-24T16:00:00.250Z"),
        ("duration", 1.24),
        ("interrupted", False),
        ("exit-code", 1),
        ("summary", {"total": 3, "passed": 1, "failed": 1, "skipped": 1, "blocked": 0}),
        ("rows", None),
        ("earlier", 0),
        ("problems", []),
        ("repeats", False),
    ]
    repeated, failed, skipped = steps
    assert [step["id"] for step in steps] == ["contacts", "leads/create", "refresh"]
    assert {tuple(step) for step in steps} == {tuple(repeated)}, "every step has the same keys in the same order"
    assert repeated["attempts"] == 4
    assert [one["status"] for one in repeated["exchanges"]] == [503, 503, 401, 200]
    assert [one["reason"] for one in repeated["exchanges"]] == [None, "retry", "retry", "renewed"]
    assert repeated["exchanges"][3]["redirects"] == [
        {"status": 302, "url": URL, "target": "https://other.example.test/x", "dropped": ["Authorization"]}
    ]
    assert repeated["renewed"][0]["captures"][0] == {
        "name": "access-token",
        "captured": True,
        "secret": True,
        "kept": True,
        "location": {"file": "collections/crm.yaml", "line": 6, "column": 3},
    }
    assert failed["started"] == "2025-11-24T16:00:01.000Z"
    assert failed["checks"][2] == {
        "query": "json $.id",
        "predicate": "eq",
        "passed": False,
        "expected": '"7"',
        "actual": "missing",
        "note": "`$` has data and nothing else",
        "location": {"file": "collections/crm.yaml", "line": 23, "column": 15},
    }
    assert skipped["reason"] == SKIPPED.reason
    assert skipped["exchanges"] == []


def test_an_unanswered_request_in_the_document() -> None:
    (step,) = document_of(UNANSWERED)["steps"]
    (one,) = step["exchanges"]
    assert (one["status"], one["size"], one["error"], step["exit-code"]) == (None, None, "timeout", 3)
    assert step["problems"] == [
        {
            "message": "no answer within 30 s",
            "hint": "raise `timeout`, or look at the server",
            "warning": False,
            "location": {"file": "collections/crm.yaml", "line": 41, "column": 3},
        }
    ]


def test_an_address_in_the_document_holds_no_password() -> None:
    step = passed("one", Exchange(call(url="https://me:made-up@example.test/?access_token=made-up"), 0.0, answer()))
    assert document_of(step)["steps"][0]["exchanges"][0]["url"] == "https://...@example.test/?access_token=..."


def test_the_document_is_printed_once_and_alone() -> None:
    raw = io.BytesIO()
    reporter: Reporter = Json(io.TextIOWrapper(raw, encoding="ascii"), plain)
    step = passed("straße 日本 \ud800")
    reporter.started(Begun("one", "one", 1, 1))
    reporter.progress("one", 1, None)
    reporter.finished(step)
    assert raw.getvalue() == b""
    reporter.ended(run_of(step))
    assert json.loads(raw.getvalue()) == document_of(step)


def test_verbosities_are_in_order() -> None:
    assert QUIET < NORMAL < VERBOSE < WIRE
    assert text.NORMAL == 0
