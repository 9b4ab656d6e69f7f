"""Disks that are full, and file systems that are read-only: real ones, mounted in a namespace of the test's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.reporters.documents import forms
from tests.commands import Done, environment, need_namespaces, write
from tests.servers import Server

_MOUNTED = """
{}
"$@"
status=$?
rm -f {}/ballast
cp -a {}/. seen/
exit $status
"""


@pytest.fixture(autouse=True)
def _namespaces(tmp_path: Path) -> None:
    need_namespaces(["unshare", "-rm"], tmp_path)


def mounted(folder: Path, mounts: str, *arguments: str, seen: str = "out", **variables: str) -> Done:
    """`zrun ARGUMENTS` after `mounts`, a script that mounts what it likes; nobody else sees it.

    What is in the folder `seen` at the end is in `seen/` then.
    """
    (folder / "seen").mkdir()
    script = _MOUNTED.format(mounts, seen, seen)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, "-m", "runner", *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    for noise in ("Traceback", "Exception ignored", "a bug in zrun", "cannot access"):
        assert noise not in done.stderr + done.stdout, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def full(folder: str, free: int = 0) -> str:
    """Mount a disk of 256 kB at `folder`, with what is in it, and leave `free` kB of it."""
    return f"""
cp -a {folder} copied
mount -t tmpfs -o size=256k,mode=0700 none {folder} || exit 99
cp -a copied/. {folder}/
rm -r copied
head -c {free}k /dev/zero > {folder}/room
head -c 1M /dev/zero > {folder}/ballast 2> /dev/null
rm {folder}/room
"""


def read_only(folder: str) -> str:
    return f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} || exit 99"


def left_over(folder: Path) -> list[str]:
    """Files that are beside those which somebody asked for."""
    return [one.name for one in folder.rglob(".*") if one.is_file() and one.name != ".gitignore"]


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    write(
        tmp_path,
        c=f"requests:\n  a: {{get: '{server.url}/echo', capture: {{v: json $.method}}}}\n"
        f"  b: {{get: '{server.url}/bytes/2000000'}}\n"
        f"  c: {{get: '{server.url}/bytes/600000', response: {{save: out/big}}}}\n",
        us__env="name: us\nvariables: {v: null}\n",
    )
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.mark.parametrize("free", [0, 4])
@pytest.mark.parametrize("kind", forms.FORMS)
def test_a_report_that_the_disk_has_no_room_for_is_told(folder: Path, kind: str, free: int) -> None:
    (folder / "out" / "r").write_text("old", "utf-8")
    done = mounted(folder, full("out", free), "c.yaml", "-r", "a", "-n", "300", "--report", f"{kind}=out/r")
    if done.status == 0 and kind in ("markdown", "github"):  # they tell of failures alone, and fit in
        return
    assert done.status == 2, done.out + done.err
    assert done.err.count("No space left on device") == 1
    assert "free some space" in done.err
    if kind != "jsonl" or not free:  # it is written as it comes: what there was room for is in it
        assert (folder / "seen" / "r").read_text("utf-8") == "old"
    assert left_over(folder / "seen") == []


def test_a_state_that_the_disk_has_no_room_for_is_told_before_anything_is_sent(folder: Path, server: Server) -> None:
    (folder / ".zrun").mkdir(mode=0o700)
    done = mounted(folder, full(".zrun"), "c.yaml", "-e", "us", "-r", "a", seen=".zrun")
    assert done.status == 2, done.out + done.err
    assert "No space left on device" in done.err
    assert "free some space" in done.err
    assert server.seen == []
    assert left_over(folder / "seen") == []


@pytest.mark.parametrize("what", ["download", "temporary", "recording", "snapshot"])
def test_what_the_disk_has_no_room_for_is_told(folder: Path, what: str) -> None:
    arguments = {
        "download": ["-r", "c"],
        "temporary": ["-r", "b"],
        "recording": ["-r", "a", "-n", "300", "--record", "out/kept"],
        "snapshot": ["-r", "a", "--snapshot"],
    }[what]
    place = "out"
    if what == "snapshot":
        place = "snapshots"
        (folder / place).mkdir()
    (folder / place / "big").write_text("old", "utf-8")
    done = mounted(
        folder,
        full(place, 4 if what == "temporary" else 0),
        "c.yaml",
        *arguments,
        seen=place,
        TMPDIR=str(folder / place),
    )
    assert done.status not in (0, 70), done.out + done.err
    assert "No space left on device" in done.out + done.err
    assert "free some space" in done.out + done.err
    assert [one.name for one in (folder / "seen").rglob("*") if one.is_file()] == ["big"]
    assert (folder / "seen" / "big").read_text("utf-8") == "old"


_PROVIDER = """
variables: {{refresh-token: made-up-refresh-token-0}}
oauth2:
  p: {{client-id: x, client-secret: made-up-client-secret, token-url: {}/token, grant: client_credentials}}
"""


@pytest.mark.parametrize("free", range(0, 100, 4))
def test_a_token_that_the_disk_has_no_room_for_is_not_lost(tmp_path: Path, server: Server, free: int) -> None:
    """It is asked for only when there is room for its answer; and one that came is in the state, or in the journal."""
    write(
        tmp_path,
        e__env=_PROVIDER.format(server.url),
        c=f"auth: {{oauth2: p}}\nrequests: {{a: {{get: '{server.url}/echo'}}}}\n",
    )
    (tmp_path / ".zrun").mkdir(mode=0o700)
    done = mounted(tmp_path, full(".zrun", free), "c.yaml", "-e", "e", seen=".zrun")
    assert done.status in (0, 1, 2), done.out + done.err
    kept = [
        one for one in (tmp_path / "seen").rglob("*") if one.is_file() and b"made-up-access-token-1" in one.read_bytes()
    ]
    assert bool(kept) is ("/token" in server.paths()), done.out + done.err
    assert "made-up-access-token-1" not in done.out + done.err
    assert "made-up-refresh-token-1" not in done.out + done.err
    if done.status:
        assert "No space left on device" in done.out + done.err
        assert "free some space" in done.out + done.err
    if kept and kept[0].suffix == ".journal":
        assert "the tokens are safe in" in done.out + done.err
    assert left_over(tmp_path / "seen") == []


@pytest.mark.parametrize("place", [".", ".zrun", "out", "tmp", "home"])
def test_what_is_read_only_is_told_or_not_missed(folder: Path, server: Server, place: str) -> None:
    """A run that need not write there passes; one that must says so before anything is sent."""
    for name in (".zrun", "tmp", "home"):
        (folder / name).mkdir(mode=0o700)
    mounts = (
        read_only(place) if place != "." else f"mount --bind seen {folder}/seen; " + read_only(".") + f"; cd {folder}"
    )
    variables = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    arguments = ["-r", "a", "-e", "us", "--report", "junit=out/r.xml"]
    done = mounted(folder, mounts, "c.yaml", *arguments, seen=place if place != "." else "out", **variables)
    if place in (".", ".zrun", "out"):
        assert done.status == 2, done.out + done.err
        assert "read-only" in done.err or "out cannot be written to" in done.err
        assert server.seen == []
    else:
        assert done.status == 0, done.out + done.err
    assert left_over(folder / "seen") == []


@pytest.mark.parametrize("place", [".zrun", "tmp", "home"])
def test_a_run_that_keeps_nothing_needs_no_place_to_write_to(folder: Path, place: str) -> None:
    for name in (".zrun", "tmp", "home"):
        (folder / name).mkdir(mode=0o700)
    variables = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    done = mounted(folder, read_only(place), "c.yaml", "-r", "a", "-e", "us", "--no-save", **variables)
    assert done.status == 0, done.out + done.err
