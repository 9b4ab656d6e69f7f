"""Recording and replaying as a person does, the replay in a process in which no socket can be opened."""

from __future__ import annotations

import json
import shutil
from difflib import unified_diff
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.commands import Done, python, zrun

# A process in which no socket can be opened.
_NO_SOCKETS = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a socket was opened")
class Refused(socket.socket): __init__ = refuse
socket.socket = Refused
socket.create_connection = socket.getaddrinfo = refuse
from runner.cli import main
sys.exit(main(sys.argv[1:]))
"""


def replay(folder: Path, *arguments: str, **variables: str) -> Done:
    """`zrun ARGUMENTS --replay kept`."""
    return python(folder, "-c", _NO_SOCKETS, *arguments, "--replay", "kept", **variables)


def timeless(document: Any) -> Any:
    """A report without what the clock of the process measured."""
    return {name: value for name, value in document.items() if name not in ("started", "duration")}


def same(recorded: Done, replayed: Done) -> None:
    """Line by line, so that a difference is seen."""
    before, now = (json.dumps(timeless(done.document), indent=1).splitlines() for done in (recorded, replayed))
    unlike = "\n".join(unified_diff(before, now, n=8))
    assert not unlike, unlike


def twice(folder: Path, *run: str, status: int = 0, **variables: str) -> Done:
    """Record a run and replay it without the private state and these `variables`: the reports are the same. Gives the first."""
    run = (*run, "--format", "json")
    recorded = zrun(folder, *run, "--record", "kept", **variables)
    assert recorded.status == status, recorded.out + recorded.err
    shutil.rmtree(folder / ".zrun", ignore_errors=True)
    replayed = replay(folder, *run)
    assert replayed.status == status, replayed.out + replayed.err
    same(recorded, replayed)
    assert not (folder / ".zrun").exists()
    return recorded


def cassette(folder: Path, name: str = "c") -> Any:
    """The cassette of NAME.yaml, as JSON."""
    return json.loads(tape(folder, name).read_text("utf-8"))


def tape(folder: Path, name: str = "c") -> Path:
    return folder / "kept" / f"{name}.yaml.json"


class Answering:
    """A server that gives one answer, byte for byte; a context manager that gives its address."""

    def __init__(self, kind: str, content: bytes, *headers: tuple[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(200)
                for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), *headers):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
