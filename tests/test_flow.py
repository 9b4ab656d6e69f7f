"""Flow: what runs, in which order, again or not at all; over a real server, by whole commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import Done, environment, write, zrun
from tests.servers import Server, raw_server


def run(folder: Path, server: Server, requests: str, *arguments: str, **variables: str) -> Done:
    text = f"variables: {{url: {server.url}}}\nrequests:\n" + "".join(f"  {line}\n" for line in requests.splitlines())
    return zrun(write(folder, c=text), "c.yaml", "--format", "json", *arguments, **variables)


def test_a_failure_blocks_those_that_depend_on_it_and_no_others(tmp_path: Path, server: Server) -> None:
    requests = """\
a: {get: <<url>>/status/500, capture: {x: json $.status}}
b: {get: <<url>>/echo?x=<<x>>, capture: {y: json $.path}}
c: {get: <<url>>/echo?y=<<y>>}
d: {get: <<url>>/echo?free}
e: {get: <<url>>/echo?e, needs: [a]}
"""
    done = run(tmp_path, server, requests)
    assert done.status == 1
    assert done.steps() == {"a": "failed", "b": "blocked", "c": "blocked", "d": "passed", "e": "blocked"}
    assert server.paths() == ["/status/500", "/echo?free"]
    server.seen.clear()
    fast = run(tmp_path, server, requests, "--fail-fast")
    assert set(fast.steps().values()) == {"failed", "skipped"}
    assert server.paths() == ["/status/500"]


def test_needs_and_variables_order_the_run(tmp_path: Path, server: Server) -> None:
    requests = "a: {get: <<url>>/status/200, needs: [c]}\nb: {get: <<url>>/status/201}\nc: {get: <<url>>/status/202}\n"
    assert list(run(tmp_path, server, requests).steps()) == ["c", "a", "b"]
    circle = run(tmp_path, server, "a: {get: <<url>>/, needs: [b]}\nb: {get: <<url>>/, needs: [a]}\n")
    assert circle.status == 2
    assert "a -> b -> a" in circle.err


def test_retry_honours_what_the_server_asks(tmp_path: Path, server: Server) -> None:
    requests = """\
get: {get: "<<url>>/flaky?key=a&fail=2", retry: {times: 3, delay: 10ms}}
asked: {get: "<<url>>/flaky?key=b&fail=1&status=429&retry-after=1", retry: {times: 1, delay: 1ms}}
post: {post: "<<url>>/flaky?key=c&fail=1&status=502", retry: {times: 3, delay: 1ms}}
told: {post: "<<url>>/flaky?key=d&fail=1&status=503", retry: {times: 3, delay: 1ms}}
unsafe: {post: "<<url>>/flaky?key=e&fail=1&status=502", retry: {times: 3, delay: 1ms, unsafe: true}}
"""
    done = run(tmp_path, server, requests)
    assert done.steps() == {"get": "passed", "asked": "passed", "post": "failed", "told": "passed", "unsafe": "passed"}
    assert dict(server.counts) == {"a": 3, "b": 2, "c": 1, "d": 2, "e": 2}
    asked = done.document["steps"][1]
    assert asked["duration"] >= 1


def test_until_sends_again_until_it_holds(tmp_path: Path, server: Server) -> None:
    requests = """\
a: {get: "<<url>>/flaky?key=a&fail=2&status=200", until: {json $.try: {ge: 3}, every: 10ms, timeout: 5s}}
b: {get: "<<url>>/status/404", until: {status: 200, every: 10ms, timeout: 50ms}}
"""
    done = run(tmp_path, server, requests)
    assert done.steps() == {"a": "passed", "b": "failed"}
    assert server.counts["a"] == 3


def test_for_each_sends_once_for_each_item(tmp_path: Path, server: Server) -> None:
    requests = """\
a: {for-each: [1, two, {x: 3}], as: it, get: "<<url>>/echo?it=<<it>>"}
b: {for-each: "<<[]>>", get: <<url>>/echo}
"""
    done = run(tmp_path, server, requests)
    assert done.status == 0
    assert [(step["id"], step["status"]) for step in done.document["steps"]] == [
        ("a", "passed"), ("a", "passed"), ("a", "passed"), ("b", "skipped"),
    ]  # fmt: skip
    assert server.paths() == ["/echo?it=1", "/echo?it=two", "/echo?it={%22x%22:3}"]


def test_renew_runs_once_whatever_its_when(tmp_path: Path, server: Server) -> None:
    requests = """\
login: {when: "<<token is missing>>", post: <<url>>/token, capture: {token: json $.access_token}}
use: {get: <<url>>/echo, headers: {Authorization: Bearer <<token>>}, renew: {on: {status: 401}, run: login}}
"""
    server.hook = lambda _method, path: (
        (401, {"code": "INVALID_TOKEN"})
        if path == "/echo" and server.headers[-1]["authorization"].endswith("-1")
        else None
    )
    assert run(tmp_path, server, requests).status == 0
    assert server.paths() == ["/token", "/echo", "/token", "/echo"]
    server.seen.clear()
    server.hook = lambda _method, path: (401, {"code": "INVALID_TOKEN"}) if path == "/echo" else None
    assert run(tmp_path, server, requests).status == 4
    assert server.paths() == ["/token", "/echo", "/token", "/echo"]


def test_captures_default_filter_and_expire(tmp_path: Path, server: Server) -> None:
    requests = """\
a:
  get: <<url>>/token
  capture:
    other: {from: json $.none, default: dflt}
    up: {from: json $.scope, filter: "<<value | upper>>"}
    short: {from: json $.access_token, expires-in: 1s}
b: {when: "<<short is stale>>", get: "<<url>>/echo?<<other>>&<<up>>"}
c: {get: <<url>>/echo, capture: {x: json $.nothing}}
"""
    done = run(tmp_path, server, requests)
    assert done.steps() == {"a": "passed", "b": "passed", "c": "failed"}
    assert server.paths()[1] == "/echo?dflt&READ"


def test_what_is_declared_is_kept_and_what_is_not_is_not(tmp_path: Path, server: Server) -> None:
    write(tmp_path, us__env=f"variables: {{url: {server.url}, kept: }}\nsecrets: {{token: }}\n")
    collection = """\
requests:
  a:
    when: <<token is missing>>
    get: <<url>>/token
    capture: {token: json $.access_token, kept: json $.expires_in, gone: json $.expires_in, never: json $.expires_in}
  b: {get: "<<url>>/echo?<<gone | default('none')>>&<<kept>>"}
"""
    write(tmp_path, c=collection)
    assert zrun(tmp_path, "c.yaml", "-e", "us").status == 0
    assert zrun(tmp_path, "c.yaml", "-e", "us").status == 0
    assert server.paths() == ["/token", "/echo?3600&3600", "/echo?none&3600"]
    shown = zrun(tmp_path, "env", "us")
    assert "token" in shown.out
    assert "made-up" not in shown.out
    assert zrun(tmp_path, "env", "us", "--forget", "tokn").status == 2
    assert zrun(tmp_path, "env", "us", "--forget", "token").status == 0
    assert "token  not captured yet" in zrun(tmp_path, "env", "us").out
    assert zrun(tmp_path, "c.yaml", "-e", "us", "--no-save", "--var", "kept=1").status == 0
    assert "token  not captured yet" in zrun(tmp_path, "env", "us").out


def test_a_response_is_saved_and_a_query_sees_it(tmp_path: Path, server: Server) -> None:
    done = run(
        tmp_path, server, "a: {get: <<url>>/bytes/2500000, response: {save: out/f.bin}, expect: {size: 2500000}}\n"
    )
    assert done.status == 0
    assert (tmp_path / "out" / "f.bin").stat().st_size == 2_500_000


def test_selection(tmp_path: Path, server: Server) -> None:
    requests = (
        "a: {get: <<url>>/status/200}\nf: {requests: {b: {get: <<url>>/status/200}, c: {get: <<url>>/status/200}}}\n"
    )
    for pattern, ids in (("a", ["a"]), ("f", ["f/b", "f/c"]), ("*b", ["f/b"]), ("f/*", ["f/b", "f/c"])):
        assert list(run(tmp_path, server, requests, "-r", pattern).steps()) == ids
    unknown = run(tmp_path, server, requests, "-r", "f/d")
    assert unknown.status == 2
    assert "did you mean `f/b`" in unknown.err or "did you mean `f/c`" in unknown.err


@pytest.mark.parametrize(
    ("requests", "status"),
    [
        ("a: {get: <<url>>/status/200}", 0),
        ("a: {get: <<url>>/status/404}", 1),
        ("a: {get: <<url>>/status/404, expect: 404}", 0),
        ("a: {get: <<unknown>>}", 2),
        ("a: {get: 'http://127.0.0.1:1/'}", 3),
        ("a: {get: <<url>>/slow?seconds=3, timeout: 200ms}", 3),
        ("a: {get: <<url>>/status/401}", 4),
    ],
)
def test_exit_statuses(tmp_path: Path, server: Server, requests: str, status: int) -> None:
    assert run(tmp_path, server, requests).status == status


def test_a_secret_goes_only_where_the_environment_says(tmp_path: Path, server: Server) -> None:
    with Server() as other:
        write(tmp_path, us__env=f"variables: {{url: {server.url}}}\nsecrets: {{key: {{env: KEY}}}}\n")
        write(
            tmp_path,
            c=f"requests:\n  a: {{get: {other.url}/echo, headers: {{X-Key: <<key>>}}}}\n"
            "  b: {get: <<url>>/echo, headers: {X-Key: <<key>>}}\n",
        )
        done = zrun(tmp_path, "c.yaml", "-e", "us", KEY="made-up-key-of-a-test")
        assert done.status == 5
        assert not other.seen
        assert not server.seen
        assert f'hosts: ["127.0.0.1:{other.port}"]' in done.err
        overridden = zrun(
            tmp_path, "c.yaml", "-e", "us", "-r", "b", "--var", f"url={other.url}", KEY="made-up-key-of-a-test"
        )
        assert overridden.status == 5
        assert not other.seen
        assert "made-up-key" not in done.out + done.err + overridden.out + overridden.err


def test_a_secret_that_a_server_gives_back_stays_one(tmp_path: Path, server: Server) -> None:
    with Server() as other:
        write(tmp_path, us__env=f"variables: {{url: {server.url}}}\nsecrets: {{key: {{env: KEY}}}}\n")
        text = "requests:\n  a: {post: <<url>>/reflect, text: <<key>>, capture: {echoed: text}}\n"
        write(tmp_path, c=f"{text}  b: {{get: '{other.url}/echo/<<echoed>>'}}\n")
        assert zrun(tmp_path, "c.yaml", "-e", "us", KEY="made-up-key-of-a-test").status == 5
        assert not other.seen


def test_secrets_never_show_whatever_the_server_echoes(tmp_path: Path, server: Server) -> None:
    secret = "made-up/secret+of a test?&=%"
    write(tmp_path, us__env=f"variables: {{url: {server.url}}}\nsecrets: {{key: {{env: KEY}}}}\n")
    write(
        tmp_path,
        c="""\
requests:
  a:
    post: <<url>>/echo
    path: {}
    query: {q: <<key>>}
    headers: {X-Key: <<key>>, X-Basic: "Basic <<('me:' ~ key) | b64encode>>"}
    form: {code: <<key>>}
    expect: {json $.body: nothing, text: {contains: none}}
    capture: {echoed: json $.body, up: {from: json $.body, filter: "<<value | urlencode>>"}}
  b: {post: <<url>>/echo, json: {k: <<key>>, hex: "<<key | hash('sha256')>>"}, expect: {json $.size: 1}}
""",
    )
    outputs = []
    for arguments in ((), ("-q",), ("-v",), ("-vv",), ("--format", "json"), ("--dry-run",)):
        done = zrun(tmp_path, "c.yaml", "-e", "us", *arguments, KEY=secret)
        outputs.append(done.out + done.err)
    for command in ("plan", "vars"):
        outputs.append(zrun(tmp_path, command, "c.yaml", "-e", "us", KEY=secret).out)
    import base64
    from urllib.parse import quote, quote_plus

    for output in outputs:
        for form in (
            secret,
            quote(secret, safe=""),
            quote_plus(secret),
            base64.b64encode(b"me:" + secret.encode()).decode(),
        ):
            assert form not in output, output
    assert "<<key>>" in outputs[3]


def test_interruption_ends_with_130_and_a_summary(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: {server.url}/status/200}}\n  b: {{get: {server.url}/slow?seconds=20}}\n")
    process = started(tmp_path, "c.yaml")
    deadline = time.monotonic() + 20
    while len(server.seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for what runs
        process.wait(timeout=1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "1 request" in out
    assert "Traceback" not in err


def test_interrupted_once_a_run_finishes_the_request_that_runs(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  a: {{get: {server.url}/status/200}}
  b: {{get: "{server.url}/slow?seconds=3"}}
  c: {{get: {server.url}/status/200}}
"""
    process = started(write(tmp_path, c=text), "c.yaml", "--format", "json")
    deadline = time.monotonic() + 20
    while len(server.seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    document = json.loads(out)
    assert {step["id"]: step["status"] for step in document["steps"]} == {"a": "passed", "b": "passed"}
    assert document["interrupted"] is True
    assert err == ""


@pytest.mark.parametrize(
    "waits", ["delay: 20s", "until: {status: 404, every: 20s}", "retry: {times: 2, on: [200], delay: 20s}"]
)
def test_interrupted_a_run_does_not_wait_for_what_it_would_only_do_later(
    tmp_path: Path, server: Server, waits: str
) -> None:
    text = f"requests:\n  a: {{get: {server.url}/status/200}}\n  b: {{get: {server.url}/status/200, {waits}}}\n"
    process = started(write(tmp_path, c=text), "c.yaml", "--format", "json")
    deadline = time.monotonic() + 20
    while len(server.seen) < 1 + (not waits.startswith("delay")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 130
    ended = "skipped" if waits.startswith("delay") else "failed"  # what was never sent is not run
    assert [step["status"] for step in json.loads(out)["steps"]] in (["passed", ended], ["passed"])


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`zrun ARGUMENTS` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "runner", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


HOSTILE = {
    "a body that is no JSON": "json: {a: '<<1e308 * 10>>'}",
    "half a character": "form: {a: '<<half>>'}\n    query: {b: '<<half>>'}\n    headers: {C: '<<half>>'}",
    "a folder to save to": "response: {save: .}",
    "a path out of a name": "response: {save: ''}",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_cannot_be_sent_or_saved_is_no_bug_of_ours(tmp_path: Path, server: Server, what: str) -> None:
    server.hook = lambda _method, path: (200, {"half": "\ud800"}) if path == "/half" else None
    text = f"""\
variables: {{url: {server.url}}}
requests:
  first: {{get: <<url>>/half, capture: {{half: json $.half}}}}
  second:
    post: <<url>>/echo
    {HOSTILE[what]}
"""
    done = zrun(write(tmp_path, c=text), "c.yaml")
    assert done.status in (0, 1, 2), done.err


@pytest.mark.parametrize("location", [b"http://[::1", b"\xff\xfe", b"//", b"", b"http://", b"/x y\x01"])
def test_a_redirect_to_nowhere_is_no_bug_of_ours(tmp_path: Path, location: bytes) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    with raw_server(answer) as url:
        done = zrun(write(tmp_path, c=f"requests: {{a: {{get: '{url}/', timeout: 5s}}}}\n"), "c.yaml")
    assert done.status in (0, 1, 3, 5), done.err
    assert done.err == ""


PLANTED = """\
variables: {url: SERVER, a: <<b>>, b: <<a>>}
requests:
  one: {get: <<url>>/<<tokn>>, expect: 200}
  two: {get: <<url>>/<<later>>, query: {x: <<count-1>>}}
  three: {get: <<url>>/, capture: {later: json $.id, token: json $.t, count: json $.c}}
  four: {post: <<url>>/, file: nowhere.bin}
  six: {gett: <<url>>/, expect: {statsu: 200, json $.a.: 1}, capture: {x: jsn $.a}}
  seven: {get: <<url>>/<<x>>, post: <<url>>/, needs: [eigth], timeout: soon, json: {}, text: x}
  eight: {get: <<url>>/<<a |>>, expect: {status: {gte: 1}}}
  five: {get: <<nothing | default(url)>>/<<row.x>>, when: <<tken is missing>>}
"""


def test_check_tells_every_mistake_and_the_server_sees_nothing(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=PLANTED.replace("SERVER", server.url))
    done = zrun(tmp_path, "check", "c.yaml")
    assert done.status == 2
    for place, message in (
        ("3:24", "`tokn` is not known"),
        ("4:24", "`later` is read before `three` captures it"),
        ("4:46", "did you mean `count - 1`?"),
        ("6:32", "the file `nowhere.bin` is not there"),
        ("7:9", "did you mean `get`?"),
        ("7:34", "did you mean `status`?"),
        ("7:52", "not a JSONPath"),
        ("7:75", "did you mean `json`?"),
        ("8:37", "two addresses"),
        ("8:55", "did you mean `eight`?"),
        ("8:72", "is a duration"),
        ("8:94", "one body"),
        ("9:28", "is not an expression"),
        ("9:51", "did you mean `ge`?"),
        ("10:61", "did you mean `token`?"),
    ):
        assert f"c.yaml:{place}" in done.err, done.err
        assert message in done.err
    assert "14 errors, 1 warning" in done.err
    assert "c.yaml:10:44" not in done.err, "rows may come by --data"
    assert zrun(tmp_path, "c.yaml").status == 2
    assert not server.seen
