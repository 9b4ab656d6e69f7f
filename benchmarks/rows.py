"""A run over many rows of a CSV file, killed at random moments and resumed: what the server saw, and the memory it took.

Usage: scripts/bench rows [ROWS] [KILLS] [--jobs N]

Each row has to be seen once; more often only where `--resume` has told that it had begun when zrun was killed. The memory is
the resident set, looked at twenty times a second: of each process, from a second after its start, the median of the first tenth
of its life beside that of the last. Ends with 1 when a row is missing, or was sent again without a word.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

_COLLECTION = """\
variables: {{url: "{url}"}}
requests:
  row:
    get: <<url>>/<<n>>
    expect: {{status: 200, json $.ok: true}}
    capture: {{seen: json $.id}}
"""
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"ok": true, "id": 17}'
_STARTING = 20  # looks
_TOLD = re.compile(r"rows? ([\d, ]+?)(?: and \d+ more)? had begun when the run was interrupted")


def _serve(rows: int, there: Connection, count: Synchronized[int]) -> None:
    """Count each row, until `there` is closed; then send the counts, a byte for each row."""
    seen = bytearray(rows + 1)

    class Session(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self._transport = transport
            self._left = b""

        def data_received(self, data: bytes) -> None:
            *heads, self._left = (self._left + data).split(b"\r\n\r\n")
            for head in heads:
                row = int(head[5 : head.index(b" ", 5)])
                seen[row] = min(seen[row] + 1, 255)
                count.value += 1
                self._transport.write(_ANSWER)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0)
        there.send(server.sockets[0].getsockname()[1])
        while not there.poll():
            await asyncio.sleep(0.1)
        there.send(bytes(seen))

    asyncio.run(main())


def _resident(process: int) -> int:
    """The resident set in bytes; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _run(command: list[str], folder: Path, count: Synchronized[int], until: int | None) -> tuple[str, list[int]]:
    """What it said, and its memory while it ran. `until`: kill it when the server has seen so many rows."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    memory = []
    while process.poll() is None:
        if until is not None and count.value >= until:
            process.kill()
            break
        memory.append(_resident(process.pid))
        time.sleep(0.05)
    said = process.communicate()[0]
    if process.returncode != (0 if until is None else -signal.SIGKILL):
        sys.exit(f"zrun ended with {process.returncode}: {said[-2000:]}")
    return said, [one for one in memory if one]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench rows")
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("kills", nargs="?", type=int, default=1)
    parser.add_argument("--jobs", default="1")
    chosen = parser.parse_args()
    here, there = multiprocessing.Pipe()
    count: Synchronized[int] = multiprocessing.Value("q", 0)
    server = multiprocessing.Process(target=_serve, args=(chosen.rows, there, count), daemon=True)
    server.start()
    told: set[int] = set()
    with tempfile.TemporaryDirectory(prefix="zrun-rows-") as top:
        folder = Path(top)
        (folder / "c.yaml").write_text(_COLLECTION.format(url=f"http://127.0.0.1:{here.recv()}"), "utf-8")
        with (folder / "rows.csv").open("w", encoding="ascii") as file:
            file.write("name,n\n")
            file.writelines(f"person {number},{number}\n" for number in range(1, chosen.rows + 1))
        command = [sys.executable, "-m", "runner", "c.yaml", "--data", "rows.csv", "-q", "-j", chosen.jobs]
        moments = sorted(random.randrange(1, chosen.rows) for _ in range(chosen.kills))
        for number, moment in enumerate([*moments, None]):
            until = moment and max(moment, count.value + chosen.rows // 100)  # not before it has begun
            began = time.perf_counter()
            said, memory = _run([*command, *(["--resume"] if number else [])], folder, count, until)
            lost = _TOLD.search(said)
            told |= {int(row) for row in lost[1].split(", ")} if lost else set()
            memory = memory[_STARTING:] or memory
            tenth = max(1, len(memory) // 10)
            first, last = statistics.median(memory[:tenth]), statistics.median(memory[-tenth:])
            print(
                f"{'killed' if until else 'whole'} after {count.value} rows seen, {time.perf_counter() - began:.1f} s; "
                f"resident {first / 1e6:.1f} MB in the first tenth, {last / 1e6:.1f} MB in the last ({last / first:.3f})",
                flush=True,
            )
            if not until:
                print(said.strip())
    here.send("enough")
    seen = here.recv()
    missing = sum(1 for times in seen[1:] if times == 0)
    again = {row for row, times in enumerate(seen) if row and times > 1}
    print(f"{chosen.rows} rows: {missing} not seen, {len(again)} seen twice, of which {len(again & told)} were told")
    print(f"told: {sorted(told)}")
    sys.exit(1 if missing or again - told else 0)


if __name__ == "__main__":
    main()
