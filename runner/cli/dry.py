"""What a run would send, as far as it can be known before it starts; secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from runner import auth, render
from runner.collection import RequestSpec
from runner.errors import InputError, PolicyError
from runner.exchange import Call
from runner.lookup import NoValue
from runner.plan import Plan, Step, captured_by
from runner.redact import Redactor
from runner.reporters import wire
from runner.reporters.terminal import printable
from runner.scope import Scope
from runner.template import Template
from runner.values import Secret

# Each captured variable, with the ids of the requests that capture it.
Captures: TypeAlias = Mapping[str, tuple[str, ...]]

# What signs only with what a server has said, or given, first.
_LATER = {
    "digest": "answers the server's challenge, so nothing is known of it yet",
    "ntlm": "is a handshake on the connection, so nothing is known of it yet",
    "oauth2": "adds the provider's token when the request is sent",
}


def show(plan: Plan, scope: Scope, redactor: Redactor) -> str:
    """A block for each request of the plan: its method, address, headers and body. What is not known yet is its template."""
    captured = captured_by(plan.collection)
    lines = [line for step in plan.steps for line in _step(step, scope.at(step.request), captured, redactor)]
    return redactor.text("\n".join(lines)) + "\n\nnothing was sent (--dry-run)\n"


def _step(step: Step, scope: Scope, captured: Captures, redactor: Redactor) -> Iterator[str]:
    request = step.request
    yield f"{request.id}{f'  ({step.verdict}: {step.reason})' if step.reason else ''}"
    if step.verdict == "skip":
        return
    try:
        call, awaited = _call(request, scope)
    except NoValue as error:
        yield f"  {request.method} {request.url}"
        yield f"  (not all is known yet: {_coming(error, captured)})"
        return
    except (InputError, PolicyError) as error:
        yield f"  {error.problems[0].message}"
        return
    redactor.add_all(call.secrets)  # a run would have made them known when it sent the call
    yield from (f"  {printable(line)}" for line in wire.request(call, redactor.text))
    if awaited:
        yield f"  (not known yet: {'; '.join(_coming(error, captured) for error in awaited)})"
    if request.auth and request.auth.scheme in _LATER:
        yield f"  (auth: {request.auth.scheme} {_LATER[request.auth.scheme]})"


def _call(request: RequestSpec, scope: Scope) -> tuple[Call, tuple[NoValue, ...]]:
    """The call with `<<name>>` left in for each value that is not there yet, and what was said of the absence of each.

    Raises NoValue for one that something is made of, so that its name cannot stand for it (`<<lead.id>>`).
    """
    awaited: dict[str, NoValue] = {}
    while True:
        try:
            call = render.call(request, scope)
            if request.auth and request.auth.scheme not in _LATER:
                call = auth.make(request.auth, scope).sign(call)
        except NoValue as error:
            if error.name in awaited:
                raise
            awaited[error.name] = error
            scope = scope.with_item(error.name, _stand_in(error.name, request))
        except InputError:
            if awaited:  # what was made of a stand-in may be what is wrong
                raise next(iter(awaited.values())) from None
            raise
        else:
            return call, tuple(awaited.values())


def _stand_in(name: str, request: RequestSpec) -> Secret:
    """What a call can be made with in place of a value that is not known: masked by its name; at the URL's head an address."""
    import hashlib  # late: of the few requests that wait for a value

    text = hashlib.sha256(f"awaited: {name}".encode()).hexdigest()
    begins = isinstance(request.url, Template) and re.match(r"<<\s*" + re.escape(name) + r"\s*>>", str(request.url))
    return Secret(f"https://{text}.invalid" if begins else text, name)


def _coming(error: NoValue, captured: Captures) -> str:
    """Where the value will come from: the request that captures it, or what a person can do."""
    ids = captured.get(error.name)
    if ids:
        return f"{error.name}, which {' or '.join(ids)} captures"
    hint = error.problems[0].hint
    return error.name + (f": {hint}" if hint else "")
