"""The browser way: a consent page, and its answer to a server on this machine (RFC 8252), or pasted by a person."""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

from runner.auth.oauth2 import authorization_code, loopback
from runner.auth.oauth2.authorization_code import Begun
from runner.auth.oauth2.loopback import Callback
from runner.auth.oauth2.provider import Provider
from runner.cli.doctor import credential
from runner.cli.doctor.credential import Patient
from runner.cli.login import conversation
from runner.cli.login.conversation import say
from runner.errors import Cancelled, InputError, Problem
from runner.records import record
from runner.scope import Captured

_TICK = 0.2  # seconds between two looks, while a person may paste


@record
class Choices:
    """How to reach the browser: whether to open one, the port to listen on (None: any), how many seconds to wait."""

    opens: bool = True
    port: int | None = None
    patience: float = 300.0


def redirect_uri(provider: Provider, port: int | None) -> str | None:
    """Where the answer is to come to; None: any port of loopback. Raises InputError."""
    written = provider.redirect_uri
    if port is None:
        return written
    if not 0 < port < 65536:
        raise InputError(Problem("--port is not a port", None, "give a number from 1 to 65535"))
    if written is not None:
        raise provider.wrong("`redirect-uri` and --port both say where to listen", "write the port into `redirect-uri`")
    return f"http://127.0.0.1:{port}{loopback.PATH}"


def log_in(patient: Patient, choices: Choices) -> Captured:
    """The access token that a consent gives; kept with its refresh token when this returns.

    Raises CredentialsError, NetworkError, PolicyError, InputError, Cancelled.
    """
    provider = patient.provider
    uri = redirect_uri(provider, choices.port)
    if not loopback.serves(uri):
        begun = authorization_code.begin(provider, uri, patient.assembly.now())
        _show(begun, choices)
        return _exchanged(patient, begun, _pasted(provider))
    with Callback(uri, provider.location) as callback:
        begun = authorization_code.begin(provider, callback.redirect_uri, patient.assembly.now())
        _show(begun, choices)
        say(f"waiting for the answer at {callback.redirect_uri}")
        pasting = not choices.opens and conversation.can_ask() and os.name == "posix"
        answer = _either(callback, begun, choices) if pasting else callback.wait(choices.patience, begun.state)
        return _exchanged(patient, begun, answer)


def _exchanged(patient: Patient, begun: Begun, answer: Mapping[str, str]) -> Captured:
    return authorization_code.exchange(credential.keeper(patient), begun, answer)


def _show(begun: Begun, choices: Choices) -> None:
    """Open the consent page, and say where it is."""
    if choices.opens and _has_browser():
        # Some browsers end with their window, and opening waits for that.
        threading.Thread(target=_open, args=(begun.url,), daemon=True).start()
        say("a browser opens: log in there, and consent; if it does not, open this address:")
    else:
        say("open this address in a browser, log in there, and consent:")
    say(f"  {begun.url}")


def _has_browser() -> bool:
    """Whether a browser with a window of its own can be there; one of the terminal would take that over."""
    windows = os.name == "nt" or sys.platform == "darwin"
    return windows or any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _open(url: str) -> None:
    import webbrowser  # late: of this one way

    with suppress(webbrowser.Error):
        webbrowser.open(url)


def _pasted(provider: Provider) -> dict[str, str]:
    """The answer in an address that a person copies. Raises InputError when nobody is there, Cancelled at the end of input."""
    if not conversation.can_ask():
        hint = "run on a terminal, or register http://127.0.0.1 as redirect URI"
        raise provider.wrong("nobody can listen at `redirect-uri`, and nobody can be asked for the address", hint)
    say("then paste the whole address that the browser is sent to:")
    return _parsed(sys.stdin.readline())


def _parsed(line: str) -> dict[str, str]:
    if not line:
        raise Cancelled(Problem("no address was given", None, "nothing was exchanged"))
    return authorization_code.pasted(line)


def _either(callback: Callback, begun: Begun, choices: Choices) -> dict[str, str]:
    """The answer that comes first: to the server here, or pasted by a person whose browser is on another machine."""
    say("or, if the browser is on another machine, paste the whole address that it is sent to:")
    arrived: queue.Queue[dict[str, str] | BaseException] = queue.Queue()

    def listen() -> None:
        try:
            arrived.put(callback.wait(choices.patience, begun.state))
        except BaseException as error:
            arrived.put(error)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        try:
            answer = arrived.get_nowait()
        except queue.Empty:
            readable, _, _ = select.select([sys.stdin], [], [], _TICK)
            if readable:
                found = _parsed(sys.stdin.readline())
                if {"code", "error"} & found.keys():
                    return found
                say("this is not the address: it holds `code=` or `error=`")
            continue
        if isinstance(answer, BaseException):
            raise answer
        return answer
