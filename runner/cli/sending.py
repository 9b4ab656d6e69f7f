"""The network of a command: what sends its calls, by way of policy and redaction, and by which proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from runner import tree
from runner.cli.assemble import Assembly
from runner.environment import Tls
from runner.exchange import Call, Response, Unreadable
from runner.policy import check_proxy
from runner.values import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Pace

Send = Callable[[Call], Response]


@contextmanager
def network(
    assembly: Assembly,
    progress: Callable[[str, int, int | None], None] | None = None,
    timeout: float | None = None,
    pace: Pace | None = None,
) -> Iterator[Send]:
    """What sends a call and gives its response. Each secret in it is known to the redactor before it leaves.

    `timeout` is over what files say; `progress` hears of bodies that are saved to files; `pace` keeps all requests to a rate.
    """
    from runner.transport import Transport  # late: it loads the HTTP library, and a run with a mistake never gets here

    def send(call: Call) -> Response:
        if timeout is not None:
            call = replace(call, timeout=timeout)
        for secret in call.secrets:
            assembly.redactor.add(secret)
        with pace.turn() if pace else nullcontext():
            response = transport.send(call)
        learn_tokens(assembly, response)
        return response

    with Transport(
        tls=assembly.environment.tls if assembly.environment else Tls(),
        proxy=proxy(assembly),
        may_send=lambda url, call: assembly.policy.may_send(url, call),
        trusts=lambda url: assembly.policy.trusts(url),
        progress=progress,
    ) as transport:
        yield send


def proxy(assembly: Assembly) -> str | None:
    """The address of the environment's proxy, with the credentials that it may hold."""
    environment = assembly.environment
    if environment is None or environment.proxy is None:
        return None
    text = tree.render_text(environment.proxy, assembly.scope)
    check_proxy(environment, text)
    return text.reveal() if isinstance(text, Secret) else text


def learn_tokens(assembly: Assembly, response: Response) -> None:
    """Mask the tokens of a token endpoint's answer even where no capture takes them."""
    from runner.captures import TOKENS  # beside its one use

    if not isinstance(response.content, bytes) or b"_token" not in response.content:
        return
    try:
        body = response.json
    except Unreadable:
        return
    if isinstance(body, dict):
        for key in TOKENS:
            text = body.get(key)
            if isinstance(text, str) and text:
                assembly.redactor.add(Secret(text, key.replace("_", "-")))
