"""--watch: a run after each save, until stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import environment, write, zrun
from tests.servers import Server


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", *arguments, "--watch"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait(server: Server, path: str) -> None:
    deadline = time.monotonic() + 30
    while path not in server.paths() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path in server.paths()


def save(path: Path, text: str) -> None:
    """As editors do: a new file takes the place of the old one."""
    new = path.with_name(f"{path.name}~")
    new.write_text(text, "utf-8")
    new.replace(path)


def test_a_save_runs_it_again_and_a_mistake_is_told_and_waited_for(tmp_path: Path, server: Server) -> None:
    collection = "requests:\n  a: {get: <<url>>/echo?NUMBER}\n"
    folder = write(tmp_path, c=collection.replace("NUMBER", "1"), e__env=f"variables: {{url: {server.url}}}\n")
    with watching(folder, "c.yaml", "-e", "e") as process:
        wait(server, "/echo?1")
        assert process.stderr is not None
        assert any("waiting for a file to be saved; Ctrl-C stops" in line for line in iter(process.stderr.readline, ""))
        save(folder / "c.yaml", collection.replace("NUMBER", "2"))
        wait(server, "/echo?2")
        assert "c.yaml changed" in next(line for line in iter(process.stderr.readline, "") if "changed" in line)
        save(folder / "c.yaml", "requests: [")
        lines = iter(process.stderr.readline, "")
        assert any("c.yaml:2:1" in line for line in lines), "the mistake is told"
        save(folder / "c.yaml", collection.replace("NUMBER", "3"))
        wait(server, "/echo?3")
        save(folder / "environments" / "e.yaml", f"variables: {{url: {server.url}/echo?x=}}\n")
        wait(server, "/echo?x=/echo?3")
        write(folder, e__env=f"variables: {{url: {server.url}}}\n")
        (folder / "environments" / "e.local.yaml").write_text(f"variables: {{url: {server.url}/echo?own=}}\n", "utf-8")
        wait(server, "/echo?own=/echo?3")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_the_files_that_a_request_reads_are_watched(tmp_path: Path, server: Server) -> None:
    folder = write(
        tmp_path, c=f'data: rows.csv\nrequests:\n  a: {{post: "{server.url}/echo?<<row.n>>", file: body.txt}}\n'
    )
    (folder / "rows.csv").write_text("n\n1\n", "utf-8")
    (folder / "body.txt").write_text("one", "utf-8")
    with watching(folder, "c.yaml"):
        wait(server, "/echo?1")
        save(folder / "rows.csv", "n\n2\n")
        wait(server, "/echo?2")
        count = len(server.seen)
        save(folder / "body.txt", "another")
        deadline = time.monotonic() + 30
        while len(server.seen) == count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.bodies[-1] == b"another"


def test_what_cannot_be_done_again_is_refused(tmp_path: Path, server: Server) -> None:
    folder = write(tmp_path, c=f"requests:\n  a: {{get: {server.url}/echo}}\n")
    for more in (("--data", "-"), ("--resume", "-n", "3")):
        done = zrun(folder, "c.yaml", "--watch", *more)
        assert done.status == 2
        assert "--watch runs again" in done.err
    assert server.seen == []
