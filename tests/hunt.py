"""A run to hunt leaks in: a collection with many random secrets, and a server that gives everything back in many encodings.

Each request carries three secrets: in a header, in the query and in the body. The server answers with each of them spelled
in ENCODINGS, in the body and in header fields; captures, expectations that fail, loops and redirects show what came.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, quote, urlsplit

from tests.commands import Done, environment
from tests.spelled import SPELLINGS

ENCODINGS = (
    "raw",
    "percent",
    "percent, some",
    "percent, twice",
    "form",
    "json",
    "json in json",
    "html, decimal",
    "base64, second alignment",
    "base64url",
    "hex",
    "repr",
)
# What a header field may hold of them.
_IN_HEADERS = ("percent", "json", "base64, second alignment", "HEX", "html, hexadecimal", "latin-1")

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_SIGNS = "-_.~+/=%%%\"\"''<>&\\`{}[]()|;:,!?*#@$^"
_BEYOND = "äöüßéñçøåĐžπλжякשא漢字かな한글€–“”😀🔑𝒜\u00a0\u2028"


def secret(rng: Random, carrier: str) -> str:
    """A random text of 8 to 4096 bytes that `carrier` (header, query, body) can hold."""
    size = round(8 * (512 ** rng.random()))
    alphabet = rng.choice((_LETTERS, _LETTERS + _SIGNS, _LETTERS + _SIGNS + _BEYOND, _SIGNS + _BEYOND))
    if carrier != "header" and rng.random() < 0.4:
        alphabet += "\n\r\t"
    text = ""
    while len(text.encode()) < size or len(text.strip()) < 8:
        text += rng.choice(alphabet)
    while len(text.encode()) > 4096:
        text = text[:-1]
    return text if text == text.strip() else secret(rng, carrier)


def secrets(count: int, seed: int) -> dict[str, str]:
    """That many, by name: `h0`, `q0`, `b0`, `h1`, ..."""
    rng = Random(seed)
    kinds = ("header", "query", "body")
    return {f"{kinds[i % 3][0]}{i // 3}": secret(rng, kinds[i % 3]) for i in range(count)}


def write(folder: Path, url: str, known: dict[str, str]) -> None:
    """The collection `hunt.yaml` and the environment `hunt`, whose secrets come from HUNT_NAME."""
    (folder / "environments").mkdir(exist_ok=True)
    sources = "".join(f"  {name}: {{env: HUNT_{name.upper()}}}\n" for name in known)
    (folder / "environments" / "hunt.yaml").write_text(f"variables: {{url: '{url}'}}\nsecrets:\n{sources}", "utf-8")
    requests = "".join(_request(number) for number in range(len(known) // 3))
    (folder / "hunt.yaml").write_text(f"requests:\n{requests}", "utf-8")


def process_environment(known: dict[str, str]) -> dict[str, str]:
    return {f"HUNT_{name.upper()}": text for name, text in known.items()}


def run(folder: Path, known: dict[str, str], *arguments: str) -> Done:
    """`zrun hunt.yaml -e hunt ARGUMENTS`, as a process."""
    done = subprocess.run(
        [sys.executable, "-m", "runner", "hunt.yaml", "-e", "hunt", *arguments],
        cwd=folder,
        env=environment(**process_environment(known)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _request(i: int) -> str:
    body = (
        f"text: 'before <<b{i}>> after'",
        f"form: {{a: <<b{i}>>, c: d}}",
        f"json: {{a: [<<b{i}>>], c: 'x<<b{i}>>'}}",
        f"multipart: {{a: <<b{i}>>}}",
    )[i % 4]
    before = f", was: <<header-{i - 1}>>" if i else ""
    method = f"""post: <<url>>/{"text" if i % 5 == 4 else "json"}/{i}
    query: {{q: <<q{i}>>{before}}}
    headers: {{X-Secret: <<h{i}>>, Authorization: Token <<h{i} | b64encode>>}}
    {body}"""
    # Each kind of request for every secret would say the same again and again.
    again = f"""\
  again{i}:
    get: <<url>>/again/<<header-{i} | urlencode>>
    query: {{cut: <<cut-{i}>>}}
    headers: {{X-Piece: "<<piece-{i} | hash>>"}}
    for-each: <<[all-{i}, cut-{i}]>>
    expect: {{status: 200, json $.cut: other}}
"""
    moved = f"""\
  moved{i}:
    get: <<url>>/move/{i}
    query: {{q: <<q{i}>>}}
    expect: {{url: other, redirects: 0}}
"""
    return f"""\
  keep{i}:
    {method}
    when: <<h{i} != 'x'>>
    capture:
      header-{i}: {{from: header X-Echo-{i % 6}, default: none}}
      piece-{i}: {{from: 'regex raw.{{5}}(.{{5,60}})', default: none}}
      all-{i}: {{from: json $.body, default: [<<b{i}>>]}}
      cut-{i}: {{from: json $.query.raw, filter: "<<value[2:-2] | upper>>", default: none}}
  fail{i}:
    {method}
    expect:
      status: 201
      json $.query.raw: {{eq: nothing like it}}
      json $.header: {{like: {{raw: no, base64url: <<h{i}>>}}}}
      json $.query: {{each: {{matches: 'x+'}}, length: {{gt: 1}}}}
      json $.nothing.there: <<q{i}>>
      text: {{contains: absent}}
      bytes: {{starts-with: 'zz'}}
      header X-Echo-0: <<[h{i}, q{i}]>>
      header X-Echo-1: absent
      header X-Echo-5: absent
      cookie echo: absent
      'regex (.{{40,90}})': absent
{again if i % 4 == 0 else ""}{moved if i % 4 == 1 else ""}"""


# What an API answers, without any secret.
_ORDINARY = json.dumps(
    [
        {"id": number * 7919, "name": "a person of the world", "url": f"https://example.com/{number}"}
        for number in range(60)
    ]
).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
        if self.path.startswith("/ordinary"):
            return self._answer(200, _ORDINARY, {"Content-Type": "application/json"})
        header = self._secret_header()
        query = self._query("q")
        document = {
            place: {name: SPELLINGS[name](text) for name in ENCODINGS}
            for place, text in (("query", query), ("header", header), ("body", body))
        }
        fields = {f"X-Echo-{i}": SPELLINGS[name](header) for i, name in enumerate(_IN_HEADERS)}
        fields["Set-Cookie"] = f"echo={quote(header, safe='')}; Path=/"
        if urlsplit(self.path).path.startswith("/text"):
            lines = [f"{place} {name}: {text}" for place, of in document.items() for name, text in of.items()]
            self._answer(200, "\n".join(lines).encode(), {"Content-Type": "text/plain", **fields})
        else:
            self._answer(200, json.dumps(document).encode(), {"Content-Type": "application/json", **fields})
        return None

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/move"):
            leads_to = f"/again/x?cut={quote(self._query('q'), safe='')}&plain={quote(self._query('q'))}"
            self._answer(302, b"", {"Location": leads_to})
        else:
            self._answer(200, json.dumps({"cut": self._query("cut"), "path": path}).encode(), {})

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True).get(name, [""])[0]

    def _secret_header(self) -> str:
        return self.headers.get("X-Secret", "").encode("latin-1").decode("utf-8")

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status, "OK")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class _Slow(_Handler):
    seconds = 0.0

    def do_GET(self) -> None:
        time.sleep(self.seconds)
        self._answer(200, b"{}", {})


def slow_server(seconds: float) -> AbstractContextManager[str]:
    """The address of a server that lets a client wait."""
    return server(type("Slow", (_Slow,), {"seconds": seconds}))


@contextmanager
def server(handler: type[BaseHTTPRequestHandler] = _Handler) -> Iterator[str]:
    """The address of the server that gives everything back."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
