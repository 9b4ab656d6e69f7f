"""The peak memory of `zrun` while it downloads, and while it uploads, a file of 2 GB.

Usage: scripts/bench memory [BYTES]

The server is another process. The peak is the child's resident set size as the kernel counted it (getrusage), set beside that
of a run that transfers nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

_COLLECTION = """\
requests:
  nothing:
    get: {url}/0
  download:
    get: {url}/{size}
    timeout: 10m
    response: {{save: got.bin}}
    expect: {{size: {size}}}
  kept:
    get: {url}/{size}
    timeout: 10m
    expect: {{size: {size}}}
  upload:
    post: {url}/
    timeout: 10m
    file: sparse.bin
    expect: {{header X-Received: "{size}"}}
  parts:
    post: {url}/
    timeout: 10m
    multipart: {{big: {{file: sparse.bin}}}}
    expect: 200
"""


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        left = int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(left))
        self.end_headers()
        chunk = bytes(1 << 20)
        while left:
            self.wfile.write(chunk[: min(left, len(chunk))])
            left -= min(left, len(chunk))

    def do_POST(self) -> None:
        length = left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.send_response(200)
        self.send_header("X-Received", str(length))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _serve(tell: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    tell.send(server.server_port)
    server.serve_forever()


def _peak(folder: Path, request: str) -> float:
    """Megabytes."""
    zrun = str(Path(sys.executable).with_name("zrun"))
    process = subprocess.Popen([zrun, "memory.yaml", "-r", request], cwd=folder, stdout=subprocess.PIPE)
    output = process.stdout.read().decode() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{request} failed:\n{output}")
    return usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


def main(size: int) -> None:
    """Print the peaks."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"http://127.0.0.1:{ours.recv()}"
        (folder / "memory.yaml").write_text(_COLLECTION.format(url=url, size=size), "utf-8")
        with (folder / "sparse.bin").open("wb") as file:
            file.truncate(size)
        print(f"{size / 1e9:g} GB; peak resident memory of the zrun process")
        for request in ("nothing", "download", "kept", "upload", "parts"):
            print(f"{request:10} {_peak(folder, request):6.1f} MB")
    server.terminate()


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 2 * 10**9)
