"""Token requests that a collection writes out itself, where a provider keeps the same tokens: as alone, and as safe."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import environment, write, zrun
from tests.servers import Server

CROWD = 16
ENVIRONMENT = """\
variables: {{url: "{url}"}}
secrets:
  client-secret: {{env: DEMO_SECRET}}
  grant-token: {{env: DEMO_GRANT}}
oauth2:
  demo: {{preset: zoho, accounts-domain: "{url}", client-id: made-up-client-id}}
"""
COLLECTION = """\
defaults:
  renew: {on: {status: 401}, run: refresh}
requests:
  exchange:
    when: <<refresh-token is missing>>
    post: <<url>>/token
    form: {grant_type: authorization_code, code: <<grant-token>>, client_secret: <<client-secret>>}
    capture:
      refresh-token: json $.refresh_token
      access-token: {from: json $.access_token, expires-in: json $.expires_in}
  refresh:
    when: <<access-token is stale>>
    post: <<url>>/token
    form: {grant_type: refresh_token, refresh_token: <<refresh-token>>, client_secret: <<client-secret>>}
    capture:
      refresh-token: json $.refresh_token
      access-token: {from: json $.access_token, expires-in: json $.expires_in}
  use:
    get: <<url>>/echo
    headers: {Authorization: Zoho-oauthtoken <<access-token>>}
"""
SECRETS = {"DEMO_SECRET": "made-up-client-secret", "DEMO_GRANT": "made-up-grant-token"}


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Path:
    return write(tmp_path, c=COLLECTION, demo__env=ENVIRONMENT.format(url=server.url))


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", "-e", "demo"],
        cwd=folder,
        env=environment(**SECRETS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def slow_token(server: Server, seconds: float = 0.3) -> None:
    def hook(_method: str, path: str) -> None:
        if path == "/token":
            time.sleep(seconds)

    server.hook = hook


def used(server: Server) -> set[str]:
    sent = zip(server.seen, server.headers, strict=True)
    return {headers["authorization"] for (_, path), headers in sent if path == "/echo"}


def test_a_crowd_with_a_stale_token_sends_one_refresh(project: Path, server: Server) -> None:
    assert zrun(project, "c.yaml", "-e", "demo", **SECRETS).status == 0
    kept = project / ".zrun" / "state" / "demo.json"
    document = json.loads(kept.read_text("utf-8"))
    document["values"]["access-token"]["expires-at"] = 1
    kept.write_text(json.dumps(document), "utf-8")
    server.seen.clear()
    server.headers.clear()
    slow_token(server)
    processes = [start(project) for _ in range(CROWD)]
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert server.paths().count("/token") == 1
    assert server.paths().count("/echo") == CROWD
    assert used(server) == {"Zoho-oauthtoken made-up-access-token-2"}


def test_a_crowd_whose_token_is_refused_renews_it_once(project: Path, server: Server) -> None:
    assert zrun(project, "c.yaml", "-e", "demo", **SECRETS).status == 0
    server.seen.clear()

    def hook(_method: str, path: str) -> tuple[int, object] | None:
        if path == "/token":
            time.sleep(0.3)
        if path == "/echo" and server.headers[-1]["authorization"].endswith("-1"):
            return 401, {"error": "expired"}
        return None

    server.hook = hook
    processes = [start(project) for _ in range(4)]
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert server.paths().count("/token") == 1


def test_tokens_that_a_misspelt_capture_misses_are_kept_all_the_same(project: Path, server: Server) -> None:
    wrong = COLLECTION.replace("json $.access_token", "json $.acess_token").replace("json $.refresh_token", "json $.rt")
    (project / "c.yaml").write_text(wrong, "utf-8")
    assert zrun(project, "c.yaml", "-e", "demo", "-r", "exchange", **SECRETS).status == 1
    (project / "c.yaml").write_text(COLLECTION, "utf-8")
    done = zrun(project, "c.yaml", "-e", "demo", "--format", "json", DEMO_SECRET="made-up-client-secret")
    assert done.steps() == {"exchange": "skipped", "refresh": "skipped", "use": "passed"}, done.out
    assert server.paths().count("/token") == 1


def came_whole(journal: Path) -> bool:
    """Whether the JSON of an answer stands in the journal to its last brace: head and body come in pieces."""
    try:
        return journal.read_bytes().rstrip(b"\0").endswith(b"}")
    except FileNotFoundError:
        return False


def test_an_exchange_that_is_killed_after_its_answer_came_is_not_lost(project: Path, server: Server) -> None:
    """The grant token works once: the next run must not ask for another."""
    journal = project / ".zrun" / "tokens" / "demo" / "demo.journal"
    held: list[int] = []

    def hook(_method: str, path: str) -> None:
        if path == "/token" and not held:  # from here on the state cannot be written: its lock is ours
            held.append(os.open(project / ".zrun" / "state" / "demo.lock", os.O_RDWR))
            fcntl.flock(held[0], fcntl.LOCK_EX)

    server.hook = hook
    process = start(project)
    deadline = time.monotonic() + 30
    while not came_whole(journal) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    os.close(held[0])
    done = zrun(project, "c.yaml", "-e", "demo", "--format", "json", DEMO_SECRET="made-up-client-secret")
    assert done.steps() == {"exchange": "skipped", "refresh": "skipped", "use": "passed"}, done.out + done.err
    assert server.counts["token"] == 1


def test_what_explicit_requests_ask_for_counts_against_the_budget(project: Path, server: Server) -> None:
    always = COLLECTION.replace("when: <<access-token is stale>>", "when: true")
    (project / "c.yaml").write_text(always, "utf-8")
    statuses = [zrun(project, "c.yaml", "-e", "demo", "-r", "refresh", **SECRETS).status for _ in range(11)]
    assert statuses == [0] * 9 + [4, 4]
    assert server.counts["token"] == 10
