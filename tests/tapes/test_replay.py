"""What was recorded is replayed: the same report, without a network, a secret or private state."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests import hunt
from tests.commands import write, zrun
from tests.leak_scanner import Scanner
from tests.servers import Server
from tests.tapes.playing import replay, timeless

ROOT = Path(__file__).parents[2]
TOKEN = "made-up-token-of-a-recording"
CHAIN = """\
variables: {token: none}
requests:
  token:
    post: <<url>>/token
    form: {client_secret: <<client-secret>>, id: <<$uuid>>}
    expect: {status: 200}
    capture: {access: json $.access_token}
  echo:
    post: <<url>>/echo?at=<<$timestamp>>&id=<<$uuid>>
    headers: {Authorization: Bearer <<access>>}
    json: {secret: <<client-secret>>, token: <<access>>, n: <<$randomInt>>}
    expect: {status: 200, json $.method: POST}
    capture: {seen: json $.method}
  each:
    get: <<url>>/echo?item=<<item>>&seen=<<seen>>
    for-each: [a, b, c]
    expect: {json $.method: GET}
  moved:
    get: <<url>>/redirect/302?to=/echo
    expect: {redirects: 1}
  binary:
    get: <<url>>/bytes/3000
    expect: {bytes: {length: 6000}}  # in hexadecimal
  packed: {get: <<url>>/gzip}
  flaky:
    get: <<url>>/flaky?key=<<$uuid>>&fail=2
    retry: {times: 3, delay: 1s, on: [503]}
  wrong:
    get: <<url>>/status/418
    expect: {status: 200}
"""


def chain(folder: Path, url: str) -> Path:
    return write(folder, c=CHAIN, e__env=f"variables: {{url: '{url}'}}\nsecrets: {{client-secret: {{env: S}}}}\n")


@pytest.mark.parametrize("more", [(), ("-j", "8"), ("-n", "3"), ("-n", "3", "-j", "8")], ids=" ".join)
def test_a_replay_gives_the_same_report(more: tuple[str, ...], tmp_path: Path) -> None:
    with Server() as server:
        chain(tmp_path, server.url)
        run = ("c.yaml", "-e", "e", "--format", "json", *more)
        recorded = zrun(tmp_path, *run, "--record", "kept", S=TOKEN)
    assert recorded.status == 1, recorded.err
    assert recorded.steps()["wrong"] == "failed"
    assert [name for name, status in recorded.steps().items() if status != "passed"] == ["wrong"], recorded.out
    shutil.rmtree(tmp_path / ".zrun")  # neither state nor secret is there
    replayed = replay(tmp_path, *run)
    assert replayed.status == 1, replayed.err
    assert timeless(replayed.document) == timeless(recorded.document)
    assert not (tmp_path / ".zrun").exists()
    assert TOKEN not in (tmp_path / "kept" / "c.yaml.json").read_text("utf-8")


def test_what_does_not_match_is_told(tmp_path: Path) -> None:
    with Server() as server:
        chain(tmp_path, server.url)
        zrun(tmp_path, "c.yaml", "-e", "e", "-r", "each", "--record", "kept", S=TOKEN)
    text = (tmp_path / "c.yaml").read_text("utf-8")
    (tmp_path / "c.yaml").write_text(text.replace("?item=", "?other="), "utf-8")
    done = replay(tmp_path, "c.yaml", "-e", "e", "-r", "each")
    assert done.status == 1
    assert "the address was" in done.out + done.err
    done = replay(tmp_path, "c.yaml", "-e", "e", "-r", "binary")
    assert done.status == 1
    assert "holds no request of `binary`" in done.out + done.err


@pytest.mark.parametrize("content", [None, "{", "{}", '{"zrun-cassette": 9}'])
def test_a_cassette_that_cannot_be_read_is_a_mistake(content: str | None, tmp_path: Path) -> None:
    chain(tmp_path, "http://127.0.0.1:1")
    if content is not None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "c.yaml.json").write_text(content)
    done = replay(tmp_path, "c.yaml", "-e", "e")
    assert done.status == 2
    assert "kept" in done.err


def test_the_main_job_replays_without_the_sandbox(tmp_path: Path) -> None:
    for name in ("collections", "environments"):
        shutil.copytree(ROOT / name, tmp_path / name)
    run = ("collections/self_client.yaml", "-e", "sandbox", "--format", "json")
    recorded = zrun(tmp_path, *run, "--record", "kept")
    assert recorded.status == 0, recorded.err
    shutil.rmtree(tmp_path / ".zrun")
    replayed = replay(tmp_path, *run)
    assert replayed.status == 0, replayed.out + replayed.err
    assert timeless(replayed.document) == timeless(recorded.document)
    assert not (tmp_path / ".zrun").exists()


def test_a_renewal_replays(tmp_path: Path) -> None:
    """The main job with a token that the server takes no more: it is renewed in whichever step came first."""
    for name in ("collections", "environments"):
        shutil.copytree(ROOT / name, tmp_path / name)
    run = ("collections/self_client.yaml", "-e", "sandbox", "--format", "json", "-j", "4")
    assert zrun(tmp_path, *run[:-2]).status == 0
    state = tmp_path / ".zrun" / "state" / "sandbox.json"
    kept = json.loads(state.read_text("utf-8"))
    kept["values"]["access-token"]["value"] = "1000.made-up-token-that-is-not-taken.0000"
    state.write_text(json.dumps(kept), "utf-8")
    recorded = zrun(tmp_path, *run, "--record", "kept")
    assert recorded.status in (0, 1), recorded.err  # of requests at once one may find what another deletes
    assert any(step["renewed"] for step in recorded.document["steps"])
    shutil.rmtree(tmp_path / ".zrun")
    replayed = replay(tmp_path, *run)
    assert replayed.status == recorded.status, replayed.out + replayed.err
    assert timeless(replayed.document) == timeless(recorded.document)


def test_a_providers_token_requests_replay(tmp_path: Path) -> None:
    with Server() as server:
        write(
            tmp_path,
            c="auth: {oauth2: p}\nrequests:\n  a: {get: <<url>>/echo}\n  b: {get: <<url>>/echo?b=1}\n",
            e__env=f"""\
variables: {{url: '{server.url}', client-id: someone}}
secrets: {{client-secret: {{env: S}}}}
oauth2: {{p: {{preset: generic, token-url: '{server.url}/token', grant: client_credentials}}}}
""",
        )
        run = ("c.yaml", "-e", "e", "--format", "json", "-j", "2")
        recorded = zrun(tmp_path, *run, "--record", "kept", S=TOKEN)
    assert recorded.status == 0, recorded.out + recorded.err
    assert "/token" in server.paths()
    shutil.rmtree(tmp_path / ".zrun")
    replayed = replay(tmp_path, *run)
    assert replayed.status == 0, replayed.out + replayed.err
    assert timeless(replayed.document) == timeless(recorded.document)


def test_no_piece_of_a_secret_is_in_a_cassette(tmp_path: Path) -> None:
    secrets = hunt.secrets(120, 20_261_125)
    scanner = Scanner(secrets)
    with hunt.server() as url:
        hunt.write(tmp_path, url, secrets)
        done = hunt.run(tmp_path, secrets, "-q", "--record", "kept")
    assert done.status == 1, done.err
    text = (tmp_path / "kept" / "hunt.yaml.json").read_text("utf-8")
    assert len(text) > 100_000
    found: set[str] = set()
    for start in range(0, len(text), 40_000):
        found |= scanner.names_in(text[max(0, start - 2_000) : start + 40_000])
    assert not found


def test_a_secret_too_short_to_be_found_keeps_the_cassette_from_being_written(tmp_path: Path) -> None:
    with Server() as server:
        chain(tmp_path, server.url)
        done = zrun(tmp_path, "c.yaml", "-e", "e", "-r", "token", "--record", "kept", S="abc")
    assert done.status == 2
    assert "too short to be found" in done.err
    assert not (tmp_path / "kept" / "c.yaml.json").exists()


@pytest.mark.parametrize("other", ["--replay=x", "--resume"])
def test_what_excludes_each_other(other: str, tmp_path: Path) -> None:
    chain(tmp_path, "http://127.0.0.1:1")
    done = zrun(tmp_path, "c.yaml", "-e", "e", "--record", "kept", other)
    assert done.status == 2
    assert "exclude each other" in done.err


def test_several_collections_have_a_cassette_each(tmp_path: Path) -> None:
    """What one captures for all, the other uses; a collection that was not recorded is a mistake."""
    with Server() as server:
        write(
            tmp_path,
            a="requests:\n  one: {get: <<url>>/echo?a=1, capture: {seen: json $.method}}\n",
            b="requests:\n  one: {get: <<url>>/echo?b=2}\n",
            e__env=f"variables: {{url: '{server.url}'}}\n",
        )
        run = ("a.yaml", "b.yaml", "-e", "e", "--format", "json", "-j", "2")
        recorded = zrun(tmp_path, *run, "--record", "kept")
    assert recorded.status == 0, recorded.err
    replayed = replay(tmp_path, *run)
    assert replayed.status == 0, replayed.err
    assert timeless(replayed.document) == timeless(recorded.document)
    (tmp_path / "kept" / "b.yaml.json").unlink()
    assert replay(tmp_path, *run).status == 2
