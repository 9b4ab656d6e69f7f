"""What a run would send, as far as it can be known before it starts; secrets masked."""

from __future__ import annotations

from collections.abc import Iterator

from runner import auth, render
from runner.errors import InputError, PolicyError
from runner.lookup import NoValue
from runner.plan import Plan, Step
from runner.redact import Redactor
from runner.reporters import wire
from runner.reporters.terminal import printable
from runner.scope import Scope

# What signs only with what a server has said, or given, first.
_LATER = {
    "digest": "answers the server's challenge, so nothing is known of it yet",
    "ntlm": "is a handshake on the connection, so nothing is known of it yet",
    "oauth2": "adds the provider's token when the request is sent",
}


def show(plan: Plan, scope: Scope, redactor: Redactor) -> str:
    """A block for each request of the plan: its method, address, headers and body, or why it is not known yet."""
    lines = [line for step in plan.steps for line in _step(step, scope.at(step.request), redactor)]
    return redactor.text("\n".join(lines)) + "\n\nnothing was sent (--dry-run)\n"


def _step(step: Step, scope: Scope, redactor: Redactor) -> Iterator[str]:
    request = step.request
    yield f"{request.id}{f'  ({step.verdict}: {step.reason})' if step.reason else ''}"
    if step.verdict == "skip":
        return
    try:
        call = render.call(request, scope)
        if request.auth and request.auth.scheme not in _LATER:
            call = auth.make(request.auth, scope).sign(call)
    except NoValue as error:
        yield f"  {request.method} {request.url}"
        yield f"  {error.problems[0].message} yet: {error.problems[0].hint}"
        return
    except (InputError, PolicyError) as error:
        yield f"  {error.problems[0].message}"
        return
    redactor.add_all(call.secrets)  # a run would have made them known when it sent the call
    yield from (f"  {printable(line)}" for line in wire.request(call, redactor.text))
    if request.auth and request.auth.scheme in _LATER:
        yield f"  (auth: {request.auth.scheme} {_LATER[request.auth.scheme]})"
