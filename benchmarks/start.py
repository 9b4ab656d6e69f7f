"""How much longer `zrun` takes than a bare httpx script for the same chain of three requests, start-up included.

Whole processes, in turns (A B C A B C ...), so that a drift of the machine meets all alike. Three scripts are the measure:

- `httpx`        imports httpx, opens a Client, sends the three requests, checks and passes on the token
- `httpx lean`   the same with all that can be left out: no command line of httpx's (click, rich), no TLS context

Usage: scripts/bench start [ROUNDS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_BARE = """
import httpx
with httpx.Client({options}) as client:
    token = client.post("{url}/token", data={{"grant_type": "client_credentials"}}).json()["access_token"]
    headers = {{"Authorization": "Bearer " + token}}
    made = client.post("{url}/things", json={{"name": "a"}}, headers=headers)
    assert made.status_code == 201, made
    read = client.get("{url}/things/" + made.json()["id"], headers=headers)
    assert read.status_code == 200 and read.json()["name"] == "a", read
"""
_LEAN = "import sys\nsys.modules['click'] = None\n" + _BARE

_PLAIN = """\
name: chain
variables: {{url: "{url}"}}
requests:
  token:
    post: <<url>>/token
    form: {{grant_type: client_credentials}}
    expect: 200
    capture: {{token: json $.access_token}}
  make:
    post: <<url>>/things
    headers: {{Authorization: Bearer <<token>>}}
    json: {{name: a}}
    expect: 201
    capture: {{id: json $.id}}
  read:
    get: <<url>>/things/<<id>>
    headers: {{Authorization: Bearer <<token>>}}
    expect: {{status: 200, json $.name: a}}
"""


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/token":
            self._answer(200, {"access_token": "made-up-token-of-the-benchmark", "expires_in": 3600})
        else:
            self._answer(201, {"id": "7"})

    def do_GET(self) -> None:
        self._answer(200, {"id": "7", "name": "a"})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


def _time(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{command[:3]} failed: {done.stderr.decode()[-2000:]}{done.stdout.decode()[-2000:]}")
    return taken


def main(rounds: int) -> None:
    """Print the ratios: median of the ratios of each round, with the quartiles."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    python, zrun = sys.executable, str(Path(sys.executable).with_name("zrun"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plain.yaml").write_text(_PLAIN.format(url=url), "utf-8")
        (folder / "expression.yaml").write_text(
            _PLAIN.format(url=url).replace("{name: a}", "{name: <<'A' | lower>>}"), "utf-8"
        )
        (folder / "bare.py").write_text(_BARE.format(url=url, options=""), "utf-8")
        (folder / "lean.py").write_text(_LEAN.format(url=url, options="verify=False"), "utf-8")
        commands = {
            "httpx": [python, "bare.py"],
            "httpx lean": [python, "lean.py"],
            "zrun, names only": [zrun, "plain.yaml"],
            "zrun, an expression": [zrun, "expression.yaml"],
        }
        times: dict[str, list[float]] = {key: [] for key in commands}
        for turn in range(rounds + 2):
            for key, command in commands.items():
                taken = _time(command, folder)
                if turn >= 2:  # the first two fill the caches
                    times[key].append(taken)
    print(f"{rounds} rounds, whole processes in turns; Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    for base in ("httpx", "httpx lean"):
        for key in ("zrun, names only", "zrun, an expression"):
            ratios = [a / b for a, b in zip(times[key], times[base], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"{key:20} / {base:10}  {middle:.2f}  (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
