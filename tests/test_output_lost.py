"""Nobody reads, the disk is full, there is no home, there are no more threads: what can be done is done, the rest is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands import environment, python, write
from tests.servers import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is done to the process is Linux's")

# zrun, after something was done to its own process that no caller can do for it.
_WITHIN = """
import os, resource, sys
from runner.cli import main
{}
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    requests = "".join(
        f"  r{i}: {{get: '{server.url}/slow?seconds=0.1&{i}', capture: {{v: status}}}}\n" for i in range(8)
    )
    return write(tmp_path, c=f"requests:\n{requests}", us__env="name: us\nvariables: {v: 1}\n")


def shell(folder: Path, script: str) -> tuple[int, str]:
    """The status that the script prints last, and what it put on its standard error."""
    done = subprocess.run(
        ["bash", "-c", script.replace("ZRUN", f"{sys.executable} -m runner")],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    for noise in ("Traceback", "Exception ignored", "a bug in zrun"):
        assert noise not in done.stderr + done.stdout, done.stderr
    return int(done.stdout.splitlines()[-1]), done.stderr


def within(folder: Path, setting: str, *arguments: str, **variables: str) -> tuple[int, str]:
    done = python(folder, "-c", _WITHIN.format(setting), *arguments, **variables)
    return done.status, done.out + done.err


def cases(folder: Path) -> int:
    return len(ElementTree.parse(folder / "r.xml").findall(".//testcase"))


@pytest.mark.parametrize("pipe", ["|", "2>&1 |"])
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_reader_that_goes_ends_the_run_which_is_reported(folder: Path, server: Server, pipe: str, jobs: str) -> None:
    run = f"ZRUN c.yaml -e us -j {jobs} --report junit=r.xml {pipe} head -1; echo ${{PIPESTATUS[0]}}"
    status, _ = shell(folder, run)
    assert status == 141
    assert 1 <= cases(folder) == len(server.seen) < 8
    assert json.loads((folder / ".zrun" / "state" / "us.json").read_text("utf-8"))["values"]["v"]["value"] == 200


def test_a_reader_that_goes_ends_other_commands_too(folder: Path) -> None:
    assert shell(folder, "ZRUN plan c.yaml | true; echo ${PIPESTATUS[0]}")[0] in (0, 141)
    assert shell(folder, "(sleep 1; ZRUN plan c.yaml; echo $? >&2) | true; echo 0")[1] == "141\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_streams_that_are_closed_are_not_missed(folder: Path, server: Server, closed: str) -> None:
    status, _ = shell(folder, f"ZRUN c.yaml -e us --report junit=r.xml {closed}; echo $?")
    assert (status, cases(folder), len(server.seen)) == (0, 8, 8)
    assert shell(folder, f"ZRUN nowhere.yaml {closed}; echo $?")[0] == 2


def test_a_full_standard_output_is_told(folder: Path, server: Server) -> None:
    status, err = shell(folder, "ZRUN c.yaml --report junit=r.xml > /dev/full; echo $?")
    assert status == 2
    assert "standard output cannot be written: No space left on device" in err
    assert cases(folder) == len(server.seen) == 1
    for command in ("plan c.yaml", "c.yaml --format json", "c.yaml --report json=-", "--help"):
        assert shell(folder, f"ZRUN {command} > /dev/full; echo $?")[0] == 2


@pytest.mark.parametrize("size", [0, 100, 4096])
@pytest.mark.parametrize(
    "arguments", [("-e", "us"), ("-n", "3"), ("--report", "junit=r.xml"), ("--format", "json"), ("-n", "60", "-j", "8")]
)
def test_files_that_cannot_grow_are_told_and_left_as_they_were(
    folder: Path, size: int, arguments: tuple[str, ...]
) -> None:
    text = (folder / "c.yaml").read_text("utf-8").replace("seconds=0.1", "seconds=0")
    (folder / "c.yaml").write_text(text, "utf-8")
    (folder / "r.xml").write_text("old", "utf-8")
    setting = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    status, told = within(folder, setting, "c.yaml", *arguments)
    assert status in (0, 2)
    if status == 2:
        assert "ulimit -f" in told or "free some space" in told
        assert (folder / "r.xml").read_text("utf-8") == "old"
    elif "--report" in arguments:
        assert cases(folder) == 8
    left = [p.name for p in folder.rglob(".*") if p.is_file() and p.name != ".gitignore"]
    assert left == []


def test_a_download_that_the_disk_has_no_room_for(tmp_path: Path, server: Server) -> None:
    (tmp_path / "big").write_text("old", "utf-8")
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/bytes/2000000', response: {{save: big}}}}\n")
    status, told = within(tmp_path, "resource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999))", "c.yaml")
    assert status != 0
    assert "the body cannot be written to big: File too large" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == [".zrun", "big", "c.yaml"]
    assert (tmp_path / "big").read_text("utf-8") == "old"


def test_without_a_folder_for_temporary_files(folder: Path) -> None:
    """None of those that Python tries can be written to: no file may grow by a byte."""
    setting = "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    status, told = within(folder, setting, "c.yaml", "--format", "json", TMPDIR="/nowhere")
    assert status == 0, told
    assert len(json.loads(told)["steps"]) == 8


@pytest.mark.parametrize("most", [20, 40, 200])
def test_with_few_open_files_fewer_requests_run_at_once(folder: Path, server: Server, most: int) -> None:
    setting = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({most}, {most}))"
    status, told = within(folder, setting, "c.yaml", "-e", "us", "-j", "64", "-n", "3", "--report", "junit=r.xml")
    assert status == 0, told
    assert len(server.seen) == cases(folder) == 24


def test_out_of_threads_fewer_requests_run_at_once(folder: Path, server: Server) -> None:
    """Each thread wants 512 MB for its stack, and there is room for two of them."""
    setting = (
        "import threading; threading.stack_size(1 << 29); resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))"
    )
    status, told = within(folder, setting, "c.yaml", "-j", "64", "--report", "junit=r.xml")
    assert status == 0, told
    assert len(server.seen) == cases(folder) == 8
    setting = (
        "import threading; threading.stack_size(1 << 30); resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))"
    )
    status, told = within(folder, setting, "c.yaml", "-j", "64")
    assert status == 0, told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that nobody knows")
def test_without_a_home(folder: Path) -> None:
    """HOME is not set, and the user is a number alone: so it is in many a container."""
    os.rename(folder / "c.yaml", folder / "d.yaml")  # noqa: PTH104
    (folder / "collections").mkdir()
    (folder / "d.yaml").rename(folder / "collections" / "c.yaml")
    status, told = within(
        folder, "os.environ.pop('HOME', None); os.setresuid(54321, 0, 0)", "collections/c.yaml", "--list"
    )
    assert (status, told.count("\n")) == (0, 8), told


def test_the_working_directory_goes_while_it_runs(folder: Path, server: Server) -> None:
    gone = folder / "gone"
    gone.mkdir()
    script = f"cd gone && ZRUN {folder}/c.yaml -n 2 & while ! ls {folder}/.zrun/runs >&2; do sleep 0.05; done; "
    status, _ = shell(folder, f"{script} rmdir {gone}; wait $!; echo $?")
    assert (status, len(server.seen)) == (0, 16)
