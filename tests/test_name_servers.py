"""A name server that never answers: the time of a request holds for the name, too, and a signal ends the wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import environment, need_namespaces, write

# In namespaces of its own: a machine whose one name server is a socket on loopback that says nothing.
_SILENT = """
mount --bind resolv.conf /etc/resolv.conf && mount --bind nsswitch.conf /etc/nsswitch.conf && ip link set lo up || exit 99
exec "$@"
"""
_LISTEN = """
import os, socket, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
os.set_inheritable(silent.fileno(), True)
os.execv(sys.executable, [sys.executable, "-m", "runner", *sys.argv[1:]])
"""
_APART = ["unshare", "-rmn", "sh", "-c", _SILENT, "sh"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n", "utf-8")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n", "utf-8")
    need_namespaces(_APART, tmp_path)
    return write(tmp_path, c="requests:\n  a: {get: 'http://api.example.com/', timeout: 1s}\n")


def begun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_APART, sys.executable, "-c", _LISTEN, *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("path", ["/", "/a/../"], ids=["straight", "by the library"])
def test_the_time_of_a_request_holds_for_its_name(folder: Path, path: str) -> None:
    """The resolver would wait for 150 s."""
    write(folder, c=f"requests:\n  a: {{get: 'http://api.example.com{path}', timeout: 1s}}\n")
    process = begun(folder, "c.yaml")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert "no name server answers for api.example.com within 1 s" in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_signal_ends_the_wait_for_a_name(folder: Path, jobs: str) -> None:
    write(folder, c="requests:\n  a: {get: 'http://api.example.com/', timeout: 100s}\n")
    process = begun(folder, "c.yaml", "-j", jobs)
    children = Path(f"/proc/{process.pid}/net/udp")
    until = time.monotonic() + 30
    while children.read_text().count(":0035 ") < 2:  # who listens there, and who asks it
        assert time.monotonic() < until, "nobody asks"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, out + err
    assert "Traceback" not in err
