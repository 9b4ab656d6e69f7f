"""What ends a process from outside: its terminal is closed, who reads has gone, a signal while the sandbox serves."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from tests.commands import environment, write
from tests.servers import Server

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals and signals are those of POSIX")

# A process that leads a session, on a terminal of its own; what it says on standard error goes to a file, if one is named.
_ON_A_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if sys.argv[1] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT), 2)
os.execv(sys.executable, [sys.executable, "-m", "runner", *sys.argv[2:]])
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.01)


def quiet(text: str) -> None:
    for noise in ("Traceback", "Exception ignored", "a bug in zrun"):
        assert noise not in text, text


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize("jobs", ["1", "4"])
@pytest.mark.parametrize("how", ["plain", "nohup"])
def test_a_terminal_that_is_closed_ends_the_run_which_is_reported(
    tmp_path: Path, server: Server, jobs: str, how: str
) -> None:
    """SIGHUP comes, and each write fails (EIO). Who said `nohup` goes on to the end."""
    requests = "".join(
        f"  r{i}: {{get: '{server.url}/slow?seconds=0.1&{i}', capture: {{v: status}}}}\n" for i in range(30)
    )
    write(tmp_path, c=f"requests:\n{requests}", us__env="name: us\nvariables: {v: 1}\n")
    terminal, theirs = pty.openpty()
    arguments = ["c.yaml", "-e", "us", "-j", jobs, "--report", "junit=r.xml", "--report", "json=r.json"]
    process = subprocess.Popen(
        [sys.executable, "-c", _ON_A_TERMINAL, how, *arguments],
        cwd=tmp_path,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    until(lambda: len(server.seen) > 3)
    os.close(terminal)
    left = children(process)
    status = process.wait(timeout=60)
    quiet((tmp_path / "said").read_text("utf-8"))
    count = len(ElementTree.parse(tmp_path / "r.xml").findall(".//testcase"))
    assert len(json.loads((tmp_path / "r.json").read_text("utf-8"))["steps"]) == count
    kept = json.loads((tmp_path / ".zrun" / "state" / "us.json").read_text("utf-8"))
    assert kept["values"]["v"]["value"] == 200
    if how == "nohup":
        assert (status, count) == (0, 30)
    else:
        assert status == 129
        assert 1 <= count < 30
    assert not [child for child in left if child.is_running()]


_LOUD = {
    "run": "c.yaml",
    "list": "c.yaml --list",
    "plan": "plan c.yaml",
    "vars": "vars c.yaml",
    "report": "report r.json --to json",
    "schema": "schema collection",
    "help": "run --help",
    "check": "check c.yaml nowhere.yaml",
}


@pytest.mark.parametrize("what", _LOUD)
def test_who_reads_may_go_early(tmp_path: Path, server: Server, what: str) -> None:
    """`| head -1` of much, and of a pipe that nobody reads at all."""
    requests = "".join(f"  r{i}: {{get: '{server.url}/echo?{'x' * 300}{i}'}}\n" for i in range(400))
    variables = "".join(f"  v{i}: {'x' * 300}\n" for i in range(400))
    write(
        tmp_path,
        c=f"variables:\n{variables}requests:\n{requests}",
        small="requests: {a: {get: 'http://127.0.0.1:1/'}}\n",
    )
    zrun = f"{sys.executable} -m runner"
    if what == "report":
        subprocess.run(
            [sys.executable, "-m", "runner", "c.yaml", "--report", "json=r.json"],
            cwd=tmp_path, env=environment(), capture_output=True, check=True, timeout=60,
        )  # fmt: skip
    for reader in ("head -1", "true"):
        done = subprocess.run(
            ["bash", "-c", f"{zrun} {_LOUD[what]} | {reader} > /dev/null; echo ${{PIPESTATUS[0]}}"],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        quiet(done.stderr)
        assert int(done.stdout) in ((2,) if what == "check" else (0, 141)), done


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_sandbox(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "sandbox", "--port", "0"],
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: [signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGHUP)] and None,
    )
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
    assert found
    port = int(found[1])
    with socket.create_connection(("127.0.0.1", port), 30):  # one that stays open
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    quiet(err)
    assert process.returncode == (0 if number == signal.SIGINT else 128 + number)
    socket.create_server(("127.0.0.1", port)).close()
    left = [one.name for one in (tmp_path / ".zrun" / "sandbox").iterdir()]
    assert left == ["zoho.sqlite"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_a_sandbox_of_its_own(tmp_path: Path, server: Server, number: signal.Signals) -> None:
    requests = "".join(f"  r{i}: {{get: '{server.url}/slow?seconds=0.2&{i}'}}\n" for i in range(50))
    write(tmp_path, c=f"requests:\n{requests}", zoho__env="name: zoho\nsandbox: zoho\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", "-e", "zoho", "--report", "junit=r.xml"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    until(lambda: len(server.seen) > 2)
    ports = [one.laddr.port for one in psutil.Process(process.pid).net_connections() if one.status == "LISTEN"]
    assert ports
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    quiet(out + err)
    assert process.returncode == 128 + number
    assert 1 <= len(ElementTree.parse(tmp_path / "r.xml").findall(".//testcase")) < 50
    socket.create_server(("127.0.0.1", ports[0])).close()
    assert not [one.name for one in tmp_path.rglob("*.sqlite-*")]
