"""Zoho as a test needs it: a project whose environment names sandboxes on loopback; and, by a proxy, Zoho's own host names.

`Proxy` takes CONNECT for any name, speaks TLS for it with a certificate of a made-up authority, and passes on to loopback: so
that commands meet accounts.zoho.com and its like, and nothing leaves this machine.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import trustme

from runner import sandbox
from runner.sandbox.server import Running
from tests.commands import Done, zrun

COLLECTION = """\
requests:
  organization: {get: <<api-domain>>/crm/v8/org, auth: {oauth2: zoho}}
  read: {get: "<<api-domain>>/crm/v8/Leads?fields=Last_Name", auth: {oauth2: zoho}}
  create: {post: <<api-domain>>/crm/v8/Leads, auth: {oauth2: zoho}, json: {data: [{Last_Name: Ada}]}}
  search: {get: "<<api-domain>>/crm/v8/Leads/search?word=Ada", auth: {oauth2: zoho}}
"""
_ENVIRONMENT = """\
variables:
  accounts-domain: {accounts}
  api-domain: {api}
{more}
oauth2: {{zoho: {{preset: zoho{settings}}}}}
secrets:
  client-id: {{env: ZOHO_CLIENT_ID}}
  client-secret: {{env: ZOHO_CLIENT_SECRET}}
  grant-token: [{{env: ZOHO_GRANT_TOKEN}}, {{prompt: Grant token}}]
"""


class Project:
    """A folder with the environment `us`, its sandbox, and the credentials that belong to it."""

    def __init__(self, folder: Path, running: Running) -> None:
        self.folder = folder
        self.running = running
        self.variables = {"ZOHO_CLIENT_ID": running.client_id, "ZOHO_CLIENT_SECRET": running.client_secret}
        self.environment()
        (folder / "collections").mkdir()
        (folder / "collections" / "daily.yaml").write_text(COLLECTION, "utf-8")

    def environment(self, accounts: str = "", api: str = "", more: str = "", settings: str = "") -> None:
        """Write the environment anew; addresses that are left out are the sandbox's."""
        url = self.running.url
        text = _ENVIRONMENT.format(accounts=accounts or url, api=api or url, more=more, settings=settings)
        (self.folder / "environments").mkdir(exist_ok=True)
        (self.folder / "environments" / "us.yaml").write_text(text, "utf-8")

    def zrun(self, *arguments: str, **variables: str) -> Done:
        return zrun(self.folder, *arguments, **{**self.variables, **variables})

    def login(self, *arguments: str, scope: str | None = None, **variables: str) -> Done:
        """Log in with a grant token of the sandbox, which must succeed."""
        given = {"ZRUN_SECRET_GRANT_TOKEN": self.running.mint_grant(scope), **variables}
        done = self.zrun("login", "-e", "us", *arguments, **given)
        assert done.status == 0, done.out + done.err
        return done

    def doctor(self, *arguments: str, **variables: str) -> Examined:
        return Examined(self.zrun("doctor", "-e", "us", "--format", "json", *arguments, **variables))

    def ask(self, page: str, **given: object) -> Any:
        """One of the sandbox's pages for operators."""
        return httpx.post(f"{self.running.url}/_sandbox/{page}", json=given).raise_for_status().json()

    def calls(self) -> dict[str, int]:
        """How many tokens the sandbox was asked for, by grant."""
        found: dict[str, int] = httpx.get(f"{self.running.url}/_sandbox/state").json()["token_calls"]
        return found

    def paths(self) -> dict[str, int]:
        """How often each of the sandbox's paths was asked."""
        found: dict[str, int] = httpx.get(f"{self.running.url}/_sandbox/state").json()["paths"]
        return found


class Examined:
    """What `zrun doctor --format json` found."""

    def __init__(self, done: Done) -> None:
        self.done = done
        self.status = done.status
        assert done.out, done.err
        self.checks: list[dict[str, Any]] = done.document["checks"]
        assert done.document["exit"] == done.status

    def found(self, area: str, name: str = "", code: str = "") -> list[dict[str, Any]]:
        """The checks of an area; of one name; with one code."""
        return [
            check
            for check in self.checks
            if check["area"] == area and name in ("", check["name"]) and code in ("", check["code"])
        ]

    def one(self, area: str, name: str = "", code: str = "") -> dict[str, Any]:
        found = self.found(area, name, code)
        assert len(found) == 1, self.done.out
        return found[0]

    @property
    def problems(self) -> list[tuple[str, str, str | None]]:
        """Area, name and code of each problem."""
        return [(c["area"], c["name"], c["code"]) for c in self.checks if c["status"] == "problem"]


@contextmanager
def zoho(folder: Path, data_center: str = "us") -> Iterator[Project]:
    with sandbox.start(folder / f"{data_center}.sqlite", data_center=data_center) as running:
        yield Project(folder, running)


class Proxy:
    """A proxy on loopback; a context manager. `targets` are the loopback ports by the name that is asked for.

    `status` other than 200 refuses every way; with `plain` bytes it answers these, whatever is asked.
    """

    def __init__(
        self,
        targets: Mapping[str, int] | None = None,
        authority: trustme.CA | None = None,
        status: int = 200,
        plain: bytes | None = None,
    ) -> None:
        self._targets = dict(targets or {})
        self._status, self._plain = status, plain
        self.asked: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._context: ssl.SSLContext | None = None
        if authority is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(*self._targets).configure_cert(self._context)

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(4096)
                if not piece:
                    return
                head += piece
            self.asked.append(head.decode("latin-1"))
            if self._plain is not None:
                connection.sendall(self._plain)
                return
            if self._status != 200:
                connection.sendall(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n" % self._status)
                return
            host = head.split(b" ")[1].decode().rpartition(":")[0]
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            assert self._context is not None
            with (
                self._context.wrap_socket(connection, server_side=True) as inner,
                socket.create_connection(("127.0.0.1", self._targets[host])) as outer,
            ):
                threading.Thread(target=_pump, args=(inner, outer), daemon=True).start()
                _pump(outer, inner)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
