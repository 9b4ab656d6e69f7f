"""The sandbox on a loopback port: a uvicorn server in a thread, and the one place that knows a web framework."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runner.errors import InputError, Problem
from runner.sandbox import accounts, console, crm, times, tokens
from runner.sandbox.messages import Answer, Asked
from runner.sandbox.store import Store, Turn

LARGEST_BODY = 10_000_000  # bytes
Handler: TypeAlias = Callable[[Turn, Asked], Answer]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Running:
    """A server that accepts connections. Stop it with `stop`, or use it as a context manager."""

    def __init__(self, data: Path, *, port: int, clock_offset: float, data_center: str, host: str) -> None:
        """As `runner.sandbox.start`. Raises InputError."""
        if host not in _LOOPBACK:
            message = "the sandbox serves loopback addresses only"
            raise InputError(Problem(message, None, f"use one of {', '.join(_LOOPBACK)}"))
        self._socket = _listen(host, port)
        try:
            self._store = Store(data, clock_offset, data_center)
        except InputError:
            self._socket.close()
            raise
        bound = self._socket.getsockname()[1]
        self.url = self._store.url = f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"
        self._server = _Server(_App(self._store))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="sandbox", daemon=True)
        self._thread.start()

    @property
    def accounts_domain(self) -> str:
        return self.url

    @property
    def api_domain(self) -> str:
        return self.url

    @property
    def client_id(self) -> str:
        """Of the store's default self client."""
        return self._client().id

    @property
    def client_secret(self) -> str:
        return self._client().secret

    def _client(self) -> tokens.Client:
        with self._store.turn() as turn:
            return tokens.default_client(turn)

    def mint_grant(self, scope: str | None = None, lifetime_minutes: int = 10) -> str:
        """A grant code for the default self client. Raises InputError: a bad scope, or too many codes in 10 minutes."""
        try:
            with self._store.turn() as turn:
                client = tokens.default_client(turn)
                return tokens.mint_code(turn, client, scope or tokens.DEFAULT_SCOPE, lifetime_minutes * 60)
        except tokens.Refused as refused:
            hint = (
                "wait, or advance the sandbox's clock"
                if str(refused) == "access_denied"
                else "check the scopes' spelling"
            )
            message = f"the sandbox gives no grant code: {refused}"
            raise InputError(Problem(message, None, hint)) from None

    def now(self) -> float:
        """The sandbox's clock, in seconds since the epoch."""
        with self._store.turn() as turn:
            return turn.now

    def stop(self) -> None:
        """Stop serving and close the file; data and tokens last. More than once does no harm."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join()
        self._socket.close()
        self._store.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket: who connects before the server is up is served as soon as it is. Raises InputError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off; without, each answer waits some 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        message = f"the sandbox cannot listen on {host} port {port}: {error}"
        raise InputError(Problem(message, None, "choose another port; 0 takes any free one")) from None
    return listening


class _Server(uvicorn.Server):
    """uvicorn, without the ticks of a tenth of a second by which it would notice that it should stop."""

    def __init__(self, app: _App) -> None:
        super().__init__(
            uvicorn.Config(
                app, loop="asyncio", http="h11", ws="none", lifespan="off", log_config=None, log_level="error",
                access_log=False, server_header=False, date_header=False,
            )
        )  # fmt: skip
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # lets the connections close

    def stop(self) -> None:
        """From another thread: end the server once it is up."""
        self._ready.wait()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)


class _App:
    """The ASGI application: one transaction a request, on the event loop's own thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls = 0  # API calls under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    await Response(status_code=413)(scope, receive, send)
                    return
        except ClientDisconnect:
            return
        asked = Asked(request.method, request.url.path, dict(request.query_params), dict(request.headers), bytes(body))
        answer = await self._limited(asked) if asked.path.startswith("/crm/") else self._one(asked, _answer)
        response = Response(answer.content, answer.status, media_type=None if answer.body is None else answer.media)
        for name, value in answer.headers:
            response.headers[name] = value
        await response(scope, receive, send)

    async def _limited(self, asked: Asked) -> Answer:
        """An API call: slowed down and limited in number as the operator has switched."""
        with self._store.turn() as turn:
            limit, delay = turn.setting("concurrency"), turn.number("delay")
        if isinstance(limit, int) and self._calls >= limit:
            return self._one(asked, lambda _turn, _asked: crm.too_many())
        self._calls += 1
        try:
            if delay:
                await asyncio.sleep(delay)
            return self._one(asked, _answer)
        finally:
            self._calls -= 1

    def _one(self, asked: Asked, handler: Handler) -> Answer:
        with self._store.turn() as turn:
            answer = handler(turn, asked)
            if asked.path != "/" and not asked.path.startswith("/_sandbox"):
                turn.log(asked.method, asked.path, answer.status)
            # The time by the sandbox's own clock (RFC 9110, 6.6.1), so that a skewed one can be played.
            return replace(answer, headers=(("Date", times.http_date(turn.now)), *answer.headers))


def _answer(turn: Turn, asked: Asked) -> Answer:
    if asked.path == "/" or asked.path.startswith("/_sandbox"):
        return console.answer(turn, asked)
    if asked.path.startswith("/crm/"):
        return crm.answer(turn, asked)
    return accounts.answer(turn, asked) or Answer(404, {"error": "not found"})
