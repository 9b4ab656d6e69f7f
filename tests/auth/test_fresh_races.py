"""One token for everybody: races of processes, kills while the lock is held, a rotating server and kill -9 at any moment."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from urllib.parse import parse_qs

import psutil
import pytest

from tests.commands import environment, write, zrun
from tests.servers import Server

CROWD = 16
KILLS = 200


@contextmanager
def token_server() -> Iterator[RotatingServer]:
    server = RotatingServer()
    try:
        yield server
    finally:
        server.close()


class RotatingServer:
    """A strict authorization server: a refresh token is good once, and each answer holds the next (RFC 6749, 10.4).

    It sees whether a client had read an answer when its connection ended: with all of it read the kernel sends FIN, with
    anything left unread RST (RFC 2525, 2.17). A token whose answer was never read is nobody's loss but the network's: the
    server then takes the one before it.
    """

    def __init__(self) -> None:
        self.number = 0  # of the live refresh token
        self.calls = 0
        self.unread = 0
        self.lost = 0
        self.delay = 0.0
        self.hold = threading.Event()
        self.hold.set()
        self.answered = threading.Event()
        self.peer: tuple[str, int] | None = None
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self._listener.close()

    def settle(self) -> None:
        """Wait until it is known how the connections of dead clients ended."""
        while self._threads:
            self._threads.pop().join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, peer = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection, peer), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _serve(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        came = b""
        previous: int | None = None  # the token before the answer that was sent last on this connection
        with connection:
            while True:
                reset = False
                try:
                    piece = connection.recv(65536)
                except ConnectionResetError:
                    piece, reset = b"", True
                if not piece:
                    # A client that died just before the answer came has sent FIN, and then RST at the answer.
                    if previous is not None and (reset or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                        self.unread += 1
                        self.number = previous
                    return
                previous = None
                came += piece
                head, end, body = came.partition(b"\r\n\r\n")
                length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
                if not end or len(body) < length:
                    continue
                came = b""
                self.peer = peer
                previous = self._answer(connection, parse_qs(body.decode())["refresh_token"][0])
                self.answered.set()

    def _answer(self, connection: socket.socket, given: str) -> int | None:
        self.calls += 1
        self.hold.wait()
        time.sleep(self.delay)
        before = self.number
        with suppress(BlockingIOError):  # a client that is gone gets no token
            if connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                return None
        document: dict[str, object]
        if given != f"made-up-refresh-token-{before}":
            self.lost += 1
            document, status = {"error": "invalid_grant"}, "400 Bad Request"
        else:
            self.number += 1
            document, status = tokens(self.number), "200 OK"
        text = json.dumps(document)
        answer = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        try:
            connection.sendall(answer.encode())
        except OSError:
            self.number = before
            return None
        return before


def tokens(number: int) -> dict[str, object]:
    return {
        "access_token": f"made-up-access-token-{number}",
        "refresh_token": f"made-up-refresh-token-{number}",
        "token_type": "Bearer",
        "expires_in": 3600,
    }


def project(folder: Path, token_url: str, api: str = "http://127.0.0.1:1") -> Path:
    """A project whose kept access token has expired, and whose refresh token is number 0."""
    write(
        folder,
        c=f"auth: {{oauth2: strict}}\nrequests:\n  a: {{get: {api}/echo}}\n",
        us__env=f"""\
variables: {{api: "{api}"}}
secrets:
  client-id: {{env: DEMO_ID}}
  client-secret: {{env: DEMO_SECRET}}
oauth2:
  strict: {{token-url: "{token_url}/token", grant: authorization_code}}
""",
    )
    state = folder / ".zrun" / "state"
    state.mkdir(parents=True, mode=0o700)
    (folder / ".zrun").chmod(0o700)
    kept = {
        "access-token": {"value": "made-up-access-token-0", "by": "oauth2/strict", "at": 1.0, "secret": True, "expires-at": 2},
        "refresh-token": {"value": "made-up-refresh-token-0", "by": "oauth2/strict", "at": 1.0, "secret": True},
    }  # fmt: skip
    (state / "us.json").write_text(json.dumps({"zrun-state": 1, "values": kept}), "utf-8")
    (state / "us.json").chmod(0o600)
    return folder


SECRETS = {"DEMO_ID": "made-up-client-id", "DEMO_SECRET": "made-up-client-secret"}


@contextmanager
def crowd(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Runs of the collection that start at once."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "runner", "c.yaml", "-e", "us"],
            cwd=folder,
            env=environment(**SECRETS),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(CROWD)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def sent_tokens(server: Server) -> Counter[str]:
    return Counter(headers["authorization"] for headers in server.headers)


def test_processes_that_start_at_once_ask_for_one_token_and_all_use_it(tmp_path: Path, server: Server) -> None:
    with token_server() as strict, crowd(project(tmp_path, strict.url, server.url)) as processes:
        strict.delay = 0.3  # long enough for all of them to come while the first is asking
        for process in processes:
            said, _ = process.communicate(timeout=60)
            assert process.returncode == 0, said
        assert strict.calls == 1
        assert sent_tokens(server) == {"Bearer made-up-access-token-1": CROWD}


def test_one_that_is_killed_while_it_holds_the_lock_blocks_no_one(tmp_path: Path, server: Server) -> None:
    with token_server() as strict, crowd(project(tmp_path, strict.url, server.url)) as processes:
        strict.hold.clear()
        deadline = time.monotonic() + 60
        while strict.peer is None and time.monotonic() < deadline:
            time.sleep(0.01)
        holder = next(p for p in processes if strict.peer in addresses(p.pid))
        time.sleep(0.5)  # the others queue for the lock
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        strict.hold.set()
        for process in processes:
            said, _ = process.communicate(timeout=60)
            assert process.returncode == (-signal.SIGKILL if process is holder else 0), said
        assert strict.calls == 2, "that of the killed one, and one more for all others"
        assert len(sent_tokens(server)) == 1
        assert sum(sent_tokens(server).values()) == CROWD - 1


def addresses(pid: int) -> list[tuple[str, int]]:
    """The local ends of a process's connections."""
    with suppress(psutil.NoSuchProcess):
        return [(c.laddr.ip, c.laddr.port) for c in psutil.Process(pid).net_connections("tcp") if c.laddr]
    return []


# A process that has loaded everything, and forks a child for each line: the child refreshes without end until it is killed.
_NURSERY = """
import os, sys
from runner.auth.oauth2.provider import Provider
from runner.cli import assemble, providers, sending
from runner.cli.given import Given
import runner.transport, runner.auth.oauth2.fresh, runner.files.flights, runner.auth.oauth2.recovery

def refresh():
    with assemble.opened(Given(environments=["us"])) as assembly:
        spec = assembly.environment.providers["strict"]
        with sending.network(assembly) as send:
            keeper = providers.keeper(assembly, Provider(spec, assembly.scope), send, lambda _: None)
            while True:
                kept = assembly.sources.captured.get("access-token")
                keeper.access(refused=kept.value if kept else None)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            refresh()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\\n")
        finally:
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_rotated_refresh_token_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    chance = Random(9)
    with token_server() as strict:
        folder = project(tmp_path, strict.url)
        said = tmp_path / "errors"
        journal = folder / ".zrun" / "tokens" / "us" / "strict.journal"
        with (
            said.open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-c", _NURSERY],
                cwd=folder,
                env=environment(**SECRETS),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as nursery,
        ):
            assert nursery.stdin
            assert nursery.stdout
            found = 0
            for turn in range(KILLS):
                strict.answered.clear()
                nursery.stdin.write("go\n")
                nursery.stdin.flush()
                child = int(nursery.stdout.readline())
                if turn % 2:  # at any moment of its life, or just after an answer has left: where a token could be lost
                    time.sleep(chance.uniform(0, 0.06))
                else:
                    strict.answered.wait(10)
                    time.sleep(chance.uniform(0, 0.004))
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                assert int(nursery.stdout.readline()) == -signal.SIGKILL, said.read_text("utf-8")
                strict.settle()
                found += journal.exists() and journal.read_bytes().startswith(b"HTTP")
            nursery.stdin.close()
        time.sleep(0.1)
        assert strict.lost == 0, f"a live refresh token was lost ({strict.calls} calls, {strict.unread} never read)"
        assert strict.calls > KILLS / 4
        print(f"{strict.calls} calls, {strict.unread} answers never read, {found} journals found")
        assert found, "no kill hit the moment between the arrival of an answer and its keeping"


@pytest.mark.parametrize("refused", [False, True])
def test_a_journal_that_a_dead_process_left_gives_its_token_to_the_next_run(
    tmp_path: Path, server: Server, *, refused: bool
) -> None:
    with token_server() as strict:
        folder = project(tmp_path, strict.url, server.url)
        strict.number = 7
        text = json.dumps({"error": "invalid_grant"} if refused else tokens(7))
        journal = folder / ".zrun" / "tokens" / "us" / "strict.journal"
        journal.parent.mkdir(parents=True, mode=0o700)
        journal.write_bytes(
            b"HTTP/1.1 200 Connection established\r\n\r\n"
            + f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        )
        done = zrun(folder, "c.yaml", "-e", "us", **SECRETS)
        if refused:
            assert done.status == 4, done.out
        else:
            assert done.status == 0, done.out
            assert strict.calls == 0
            assert sent_tokens(server) == {"Bearer made-up-access-token-7": 1}
        assert not journal.exists()
