"""What a run would reach, as far as it can be known before it starts: hosts and the secrets for them, files, commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from runner import graph, render
from runner.collection import AuthSpec, RequestSpec, Variables
from runner.environment import SecretSource, SecretSpec
from runner.errors import InputError, PolicyError
from runner.exchange import Call
from runner.origins import PORTS, split
from runner.plan import Plan
from runner.records import record
from runner.scope import Scope
from runner.template import Part, Template
from runner.tree import Tree
from runner.values import Secret, to_text


@record
class Reach:
    """What one request would reach; `id` is the request's, or for a token request that a provider makes `oauth2 NAME`.

    `address` may be shown; it holds `<<...>>` where a value is secret, or known only when an earlier request has run.
    `host` has its port where that is not the usual one; None: not known yet. It is `settled` unless an earlier answer may
    name another. `secrets` are the names of those that would
    go there. `reads` and `writes` are file names. `renews` is a request that is sent only when an answer asks for it.
    """

    id: str
    method: str
    address: str
    host: str | None
    settled: bool
    secrets: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    renews: str | None = None


# Of an authentication: the name of what gives its tokens, the address that it asks, the names of the secrets for that
# address, and of the token that a request gets.
Tokens: TypeAlias = tuple[str, str, tuple[str, ...], str]


def of(planned: Plan, scope: Scope, tokens: Callable[[AuthSpec, Scope], Tokens | None]) -> list[Reach]:
    """What each request of the plan that may run would reach; and at the end what runs only when it is needed.

    These are the requests that only `renew` would run, and those for a token.
    """
    shared = planned.environment.all_variables() if planned.environment else {}
    declared = planned.environment.secrets.keys() if planned.environment else frozenset[str]()
    steps = [step.request for step in planned.steps if step.verdict != "skip"]
    captured = {capture.name for request in steps for capture in request.capture}

    asked: dict[str, Tokens] = {}

    def one(request: RequestSpec) -> Reach:
        view = scope.at(request)
        looked = planned.looked_into[request.id]
        given = tokens(request.auth, view) if request.auth else None
        names = {s.name for name in looked for s in view.secrets_of(name)} | (looked & declared)
        if given is not None:
            asked[given[0]] = given
            names.add(given[3])
        # What a request of the plan captures anew may be another address than the one of now.
        return _reach(request, _call(request, view), names, settled=not _names_of_host(request, shared) & captured)

    found = [one(request) for request in steps]
    shown = {reach.id for reach in found}
    for request in [planned.collection.get(reach.renews) for reach in found if reach.renews]:
        if request is not None and request.id not in shown:
            shown.add(request.id)
            found.append(one(request))
    for name, address, secrets, _ in asked.values():
        found.append(
            Reach(f"oauth2 {name}", "POST", address, _host(Call("POST", address)), True, tuple(sorted(secrets)))
        )
    return found


def _names_of_host(request: RequestSpec, shared: Variables) -> frozenset[str]:
    """The variables that the host depends on, through their definitions too."""
    head = _head(request)
    names = [name for part in head if not isinstance(part, str) for name in part.names]
    return graph.deeply(names, request, shared)


def _head(request: RequestSpec) -> list[Part]:
    """The parts of the URL up to its path."""
    if not isinstance(request.url, Template):
        return [request.url]
    head: list[Part] = []
    for part in request.url.parts:
        if isinstance(part, str) and head:
            scheme, colon, rest = part.rpartition("://")
            if "/" in rest:
                return [*head, f"{scheme}{colon}{rest.partition('/')[0]}"]
        elif isinstance(part, str) and "/" in part.partition("://")[2]:
            return [part]
        head.append(part)
    return head


def _call(request: RequestSpec, scope: Scope) -> Call | None:
    """The call, or as much of it as is known: at least a call to its host."""
    for make in (render.call, render.address):
        try:
            return make(request, scope)
        except (InputError, PolicyError):
            continue  # not known yet, or told as a mistake by preflight
    try:
        texts = [part if isinstance(part, str) else to_text(part.evaluate(scope)) for part in _head(request)]
    except (InputError, PolicyError):
        return None
    if any(isinstance(text, Secret) for text in texts):
        return None
    return Call("GET", "".join(map(str, texts)), masked_url=str(request.url))


def _reach(request: RequestSpec, call: Call | None, names: set[str], *, settled: bool) -> Reach:
    if call is not None:
        names = names | {name for secret in call.secrets for name in secret.name.split(", ")}
    reads, writes = _files(request, call)
    return Reach(
        request.id,
        str(request.method),
        call.masked_url if call else str(request.url),
        _host(call) if call else None,
        settled,
        tuple(sorted(names)),
        reads,
        writes,
        request.renew.run if request.renew and request.renew.run != request.id else None,
    )


def _host(call: Call) -> str | None:
    try:
        scheme, host, port = split(call.url)
    except ValueError:
        return None
    name = f"[{host}]" if ":" in host else host
    return name if port == PORTS.get(scheme) else f"{name}:{port}"


def _files(request: RequestSpec, call: Call | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of files that are read, and written; as written where they are not known yet."""
    body = request.body
    written: list[Tree] = [body.file] if body and body.file is not None else []
    written += [part.file for part in (body.parts if body else ()) if part.file is not None]
    reads = tuple(str(name) for name in written)
    writes = (str(request.save),) if request.save is not None else ()
    if call is not None and isinstance(call.content, Path):
        reads = (_shown(call.content),)
    elif call is not None and isinstance(call.content, tuple):
        reads = tuple(_shown(part.content) for part in call.content if isinstance(part.content, Path))
    if call is not None and call.save is not None:
        writes = (_shown(call.save),)
    return reads, writes


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def secrets(planned: Plan, reached: list[Reach]) -> Iterator[tuple[SecretSpec, tuple[str, ...]]]:
    """Each declared secret that the plan uses, and in words the sources that it is taken from."""
    used = {name for reach in reached for name in reach.secrets}
    for spec in planned.environment.secrets.values() if planned.environment else ():
        if spec.name in used:
            yield spec, tuple(source_in_words(source) for source in spec.sources)


def source_in_words(source: SecretSource) -> str:
    """Where a secret comes from; never the secret."""
    if source.kind == "literal":
        return f"written in {source.location.source.name}"
    if source.kind == "command":  # an argument may be a secret
        return f"the command {source.argv[0]} ({source.location})"
    if source.kind == "keyring":
        return f"the keyring, {source.argument}/{source.user}"
    words = {"env": "$", "file": "the file ", "prompt": "a person: "}
    return f"{words.get(source.kind, f'{source.kind} ')}{source.argument}"


def commands(planned: Plan, reached: list[Reach]) -> list[str]:
    """The commands that would be run for secrets."""
    specs = (spec for spec, _ in secrets(planned, reached))
    return [source_in_words(source) for spec in specs for source in spec.sources if source.kind == "command"]
