"""`zrun token watch` as a process: seconds-long tokens, signals, kills, a server that goes away."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from runner import sandbox
from tests.auth.sandboxed import Project
from tests.auth.sandboxed import project as made
from tests.commands import environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
# A budget that tokens of seconds do not use up; the sandbox itself gives ten, which lasts for ten seconds at least.
QUICK = ", refresh-before: 1s, budget: '1000 in 10m'"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[sandbox.Running]:
    with sandbox.start(tmp_path / "zoho.sqlite") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, running: sandbox.Running) -> Project:
    found = made(tmp_path / "project", running, QUICK)
    found.switch(token_lifetime=2)
    return found


class Watch:
    """A running watch, and what it says, line by line."""

    def __init__(self, project: Project, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runner", "token", "watch", "-e", "us", *arguments],
            cwd=project.folder,
            env=environment(**{**project.variables, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.errors: queue.Queue[str] = queue.Queue()
        self.said = ""
        self._threads = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: object, into: queue.Queue[str]) -> None:
        for line in stream:  # type: ignore[attr-defined]
            self.said += line
            into.put(line)
        into.put("")

    def line(self) -> str:
        """The next line that it prints."""
        line = self.lines.get(timeout=30)
        assert line, self.said
        return line

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        assert "Traceback" not in self.said, self.said
        return status


@contextmanager
def watching(project: Project, *arguments: str, **variables: str) -> Iterator[Watch]:
    watch = Watch(project, *arguments, **variables)
    try:
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.end(signal.SIGKILL)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_file_always_holds_a_token_that_the_api_takes(project: Project) -> None:
    path = project.folder / "token"
    environment_file = project.folder / "environments" / "us.yaml"
    environment_file.write_text(environment_file.read_text().replace("refresh-before: 1s", "refresh-before: 4s"))
    project.switch(token_lifetime=8)
    with watching(project, "--write", "token") as watch:
        assert "access-token: good for" in watch.line()
        seen: set[str] = set()
        deadline = time.monotonic() + 60
        while len(seen) < 4:
            assert time.monotonic() < deadline
            token = path.read_text().strip()
            assert project.accepted(token)
            seen.add(token)
            time.sleep(0.1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        cmdline = Path(f"/proc/{watch.process.pid}/cmdline").read_bytes().decode()
        assert watch.end(signal.SIGTERM) == 0
    assert not path.exists()
    assert not list(project.folder.glob(".token*"))
    for token in seen:
        assert token not in watch.said + cmdline
    assert all(token.startswith("1000.") for token in seen)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_and_the_file_may_stay(project: Project, number: int, status: int) -> None:
    project.switch(token_lifetime=3600)
    with watching(project, "--write", "token", "--keep", "--format", "header") as watch:
        watch.line()
        assert watch.end(number) == status
    assert (project.folder / "token").read_text() == f"Authorization: Zoho-oauthtoken {project.kept('access-token')}\n"


@pytest.mark.parametrize("half", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"])
def test_a_signal_ends_it_while_a_server_leaves_it_waiting(project: Project, half: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        path = project.folder / "environments" / "us.yaml"
        path.write_text(path.read_text().replace(project.running.url, f"http://127.0.0.1:{listener.getsockname()[1]}"))
        for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
            with watching(project) as watch:
                connection, _ = listener.accept()
                with connection:
                    assert connection.recv(65536)
                    connection.sendall(half)
                    time.sleep(0.2)
                    started = time.monotonic()
                    assert watch.end(number) == status, watch.said
                    assert time.monotonic() - started < 10  # a request may take thirty
            assert "bug" not in watch.said


def test_a_hang_up_gets_a_new_token_at_once(project: Project) -> None:
    project.switch(token_lifetime=3600)
    with watching(project) as watch:
        watch.line()
        first = project.kept("access-token")
        watch.process.send_signal(signal.SIGHUP)
        watch.line()
        assert project.kept("access-token") != first
        assert watch.end(signal.SIGTERM) == 0
    assert project.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_every_gets_one_as_often_as_that(project: Project) -> None:
    project.switch(token_lifetime=3600)
    with watching(project, "--every", "1s") as watch:
        for _ in range(3):
            watch.line()
        assert watch.end(signal.SIGTERM) == 0


def test_a_killed_one_leaves_nothing_that_the_next_one_minds(project: Project) -> None:
    for _ in range(4):
        with watching(project, "--write", "token") as watch:
            watch.line()
            time.sleep(0.4)
            assert watch.end(signal.SIGKILL) == -signal.SIGKILL
    with watching(project, "--write", "token") as watch:
        watch.line()
        assert project.accepted((project.folder / "token").read_text().strip())
        assert watch.end(signal.SIGTERM) == 0


def test_an_outage_is_told_and_survived(project: Project, tmp_path: Path) -> None:
    port = urlsplit(project.running.url).port or 0
    with watching(project) as watch:
        watch.line()
        project.running.stop()
        told = watch.errors.get(timeout=30)
        while "trying again in" not in told:
            told = watch.errors.get(timeout=30)
        while "has expired, and there is no other yet" not in told:
            told = watch.errors.get(timeout=30)
        with sandbox.start(tmp_path / "zoho.sqlite", port=port):
            while not watch.lines.empty():
                watch.lines.get()
            watch.line()
            assert project.accepted(str(project.kept("access-token")))
        assert watch.end(signal.SIGTERM) == 0


def test_without_a_network_at_first_it_waits_for_one(project: Project, tmp_path: Path) -> None:
    port = urlsplit(project.running.url).port or 0
    project.running.stop()
    with watching(project) as watch:
        while "trying again in" not in watch.errors.get(timeout=30):
            pass
        with sandbox.start(tmp_path / "zoho.sqlite", port=port):
            watch.line()
        assert watch.end(signal.SIGTERM) == 0


def test_a_dead_refresh_token_ends_it_at_once_with_the_next_step(project: Project) -> None:
    with watching(project, "--write", "token") as watch:
        watch.line()
        body = {"token": str(project.kept("refresh-token"))}
        httpx.post(f"{project.running.url}/oauth/v2/token/revoke", data=body).raise_for_status()
        before = project.calls()
        assert watch.end() == 4
    assert "invalid_code: the refresh token is not accepted" in watch.said
    assert project.calls()["refresh_token"] <= before.get("refresh_token", 0) + 2
    assert not (project.folder / "token").exists()


def test_a_wrong_secret_ends_it_at_once(project: Project) -> None:
    assert project.zrun("token", "-e", "us").status == 0
    with watching(project, MADE_UP_SECRET="made-up-wrong-secret") as watch:
        assert watch.end() == 4
    assert "invalid_client_secret" in watch.said
    assert "made-up-wrong-secret" not in watch.said


def test_the_budget_is_waited_for(project: Project, tmp_path: Path) -> None:
    path = project.folder / "environments" / "us.yaml"
    path.write_text(path.read_text().replace("1000 in 10m", "3 in 4s"))
    with watching(project) as watch:
        moments = []
        for _ in range(8):
            watch.line()
            moments.append(time.monotonic())
        assert watch.end(signal.SIGTERM) == 0
    calls = sum(project.calls().values())
    assert calls >= 8
    assert all(later - earlier > 3.5 for earlier, later in zip(moments, moments[3:], strict=False))


def test_a_command_runs_at_each_new_token_with_it_and_without_other_secrets(project: Project) -> None:
    code = "import json, os; open('got', 'a').write(json.dumps(dict(os.environ)) + '\\n'); print('ran', flush=True)"
    with watching(project, "--", sys.executable, "-c", code, NOTIFY_SOCKET="@made-up") as watch:
        until(lambda: (project.folder / "got").exists() and (project.folder / "got").read_text().count("\n") >= 3)
        assert watch.end(signal.SIGTERM) == 0
    got = (project.folder / "got").read_text()
    assert got.count('"ZRUN_ACCESS_TOKEN"') >= 3
    assert len({line.partition('"ZRUN_ACCESS_TOKEN": "')[2][:75] for line in got.splitlines()}) >= 3
    assert project.running.client_secret not in got
    assert "NOTIFY_SOCKET" not in got


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_is_not_left_behind_by_a_signal_at_any_moment(project: Project, number: int) -> None:
    """The signal comes while commands are started one after the other, and somewhere in the middle of it."""
    project.switch(token_lifetime=3600)
    pids = project.folder / "pids"
    for i in range(6):
        with watching(project, "--", "sh", "-c", "echo $$ >> pids; exec sleep 60") as watch:
            until(lambda: "good for" in watch.said)
            watch.process.send_signal(signal.SIGHUP)
            time.sleep(0.004 * i)
            assert watch.end(number) == (130 if number == signal.SIGINT else 0), watch.said
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_command_that_still_runs_is_ended_before_the_next_and_at_the_end(project: Project) -> None:
    code = "echo $$ >> pids; exec sleep 60"
    with watching(project, "--", "sh", "-c", code) as watch:
        pids = project.folder / "pids"
        until(lambda: pids.exists() and pids.read_text().count("\n") >= 3)
        assert watch.end(signal.SIGTERM) == 0
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_token_of_another_process_is_taken_over(project: Project) -> None:
    """At the next wake: within half a minute, or when it is told to look."""
    project.switch(token_lifetime=3600)
    with watching(project, "--write", "token", WATCHDOG_USEC="600000") as watch:
        watch.line()
        assert project.zrun("token", "refresh", "-e", "us").status == 0
        watch.line()
        assert (project.folder / "token").read_text().strip() == project.kept("access-token")
        assert watch.end(signal.SIGTERM) == 0
    assert project.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_systemd_is_told_that_it_is_up_and_alive(project: Project) -> None:
    project.switch(token_lifetime=3600)
    address = project.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(30)
        with watching(project, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="300000") as watch:
            said = [listener.recv(4096).decode() for _ in range(4)]
            assert watch.end(signal.SIGTERM) == 0
            while (last := listener.recv(4096).decode()) == "WATCHDOG=1":
                pass
    assert said[0].startswith("READY=1\nSTATUS=access-token: good for")
    assert said[1:] == ["WATCHDOG=1"] * 3
    assert last == "STOPPING=1"
    assert "1000.facade" not in "".join(said)


def test_a_file_that_cannot_be_written_ends_it(project: Project) -> None:
    with watching(project, "--write", "no/such/folder/token") as watch:
        assert watch.end() == 2
    assert "the token cannot be written to no/such/folder/token" in watch.said


def test_a_link_in_the_files_place_is_replaced_and_not_followed(project: Project) -> None:
    elsewhere = project.folder / "elsewhere"
    elsewhere.write_text("made up\n")
    (project.folder / "token").symlink_to(elsewhere)
    with watching(project, "--write", "token") as watch:
        watch.line()
        assert not (project.folder / "token").is_symlink()
        assert watch.end(signal.SIGTERM) == 0
    assert elsewhere.read_text() == "made up\n"


def test_the_units_of_the_documentation_are_valid(tmp_path: Path) -> None:
    """systemd's own judgement, where it is installed."""
    analyze = shutil.which("systemd-analyze")
    text = (Path(__file__).parent.parent.parent / "docs" / "tokens.md").read_text("utf-8")
    units = {}
    for block in text.split("```ini\n# ")[1:]:
        name, _, rest = block.partition("\n")
        units[Path(name).name] = rest.partition("```")[0]
    assert set(units) >= {"zrun-token.service", "zrun-token@.service"}
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "zrun"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, unit in units.items():
        path = tmp_path / name.replace("@.", "@us.")
        path.write_text(unit.replace("/usr/local/bin/zrun", str(program)).replace("%h/.local/bin/zrun", str(program)))
        kind = "--user" if name == "zrun-token.service" else "--system"
        done = subprocess.run(
            [analyze, "verify", kind, "--man=no", "--generators=no", str(path)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"},
        )
        mine = [line for line in done.stderr.splitlines() if "zrun" in line]
        assert not mine, done.stderr
        assert done.returncode == 0, done.stderr
