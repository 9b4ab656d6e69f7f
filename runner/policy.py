"""Which secret may go to which host: only over https or to loopback, and only to hosts that the environment names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from runner import tree
from runner.collection import Collection, Variables
from runner.environment import Environment, ProviderSpec
from runner.errors import InputError, PolicyError, Problem
from runner.exchange import Call
from runner.template import Template
from runner.values import MISSING, Missing, Value

_PORTS = {"http": 80, "https": 443}
# Settings of an OAuth 2.0 provider that name where its requests go.
_ADDRESSES = frozenset(
    (
        "issuer",
        "token-url",
        "authorization-url",
        "device-url",
        "revocation-url",
        "introspection-url",
        "accounts-domain",
    )
)


@dataclass(frozen=True)
class Host:
    """A host that may be sent secrets; `port` None: any. A name that begins with `*.` stands for all below it."""

    name: str
    port: int | None = None

    def allows(self, name: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.name.startswith("*."):
            return name.endswith(self.name[1:]) and len(name) > len(self.name) - 1
        return name == self.name


def split(url: str) -> tuple[str, str, int]:
    """Scheme, host (lower case, IDNA's ASCII form, no final dot) and port of `url`. Raises ValueError when it has none."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host or "\\" in parts.netloc:
        raise ValueError("no host")
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    return parts.scheme.lower(), host, parts.port or _PORTS.get(parts.scheme.lower(), 0)


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine: localhost (RFC 6761) or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class _Written:
    """A lookup over what the files say, and nothing else: a captured or command-line value never names a host."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._inside: set[str] = set()

    def get(self, name: str) -> Value | Missing:
        variable = self._variables.get(name)
        if variable is None or name in self._inside:
            return MISSING
        self._inside.add(name)
        try:
            return tree.render(variable.value, self)
        finally:
            self._inside.discard(name)

    def dynamic(self, name: str, *arguments: Value) -> Value:
        raise InputError(Problem(f"`{name}` is another one each time, so it names no host"))

    def expires_in(self, name: str) -> float | None:
        return None

    def explain(self, name: str) -> str | None:
        return None

    def now(self) -> float:
        return 0.0


def _hosts_of(variables: Variables, names: Iterable[str] | None = None) -> Iterator[Host]:
    lookup = _Written(variables)
    for name in variables if names is None else names:
        try:
            value = lookup.get(name)
        except InputError:
            continue  # it reads what only a run can know, so it names no host
        if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
            try:
                _, host, port = split(value)
            except ValueError:
                continue
            yield Host(host, port)


def _pattern(written: str) -> Host:
    name, colon, port = written.strip().lower().rstrip(".").rpartition(":")
    if colon and port.isdigit() and not name.endswith(":"):
        return Host(name, int(port))
    return Host(written.strip().lower().rstrip("."))


@dataclass(frozen=True)
class Policy:
    """The hosts that may be sent secrets, and the name of the file that a person would mend to allow one more."""

    hosts: tuple[Host, ...]
    mend: str

    def check(self, call: Call) -> None:
        """Raises PolicyError when `call` holds a secret that may not go to its host."""
        self.may_send(call.url, call)

    def may_send(self, url: str, call: Call) -> None:
        """As `check`, for another address of the same call: a redirect's."""
        if not call.secrets:
            return
        names = ", ".join(sorted({f"`{secret.name}`" for secret in call.secrets}))
        try:
            scheme, host, port = split(url)
        except ValueError:
            raise PolicyError(Problem("the address names no host", call.location, "mend the URL")) from None
        if scheme != "https" and not is_loopback(host):
            raise PolicyError(
                Problem(
                    f"{names} would go to {host} over plain http, where anybody can read it", call.location, "use https"
                )
            )
        if not any(allowed.allows(host, port) for allowed in self.hosts):
            shown = host if port == _PORTS.get(scheme) else f"{host}:{port}"
            raise PolicyError(
                Problem(
                    f"{names} would go to {shown}, a host that {self.mend} does not name",
                    call.location,
                    f'if it is right, allow it there: hosts: ["{shown}"]',
                )
            )


def policy_for(environment: Environment | None, collection: Collection, given: Iterable[str] = ()) -> Policy:
    """The policy of a run. `given` are addresses that zrun itself vouches for: the embedded sandbox's.

    Without an environment, the hosts are those that the collection's own URLs and variables write out.
    """
    vouched = [Host(host, port) for _, host, port in map(split, given)]
    if environment is None:
        literal: dict[str, str] = {r.id: r.url for r in collection if isinstance(r.url, str)}
        literal |= {r.id: r.url.text for r in collection if isinstance(r.url, Template) and "<<" not in r.url.text[:12]}
        urls = [Host(*split(url)[1:]) for url in literal.values() if _has_host(url)]
        return Policy((*vouched, *_hosts_of(collection.variables), *urls), "the collection")
    mend = environment.paths[-1].name if environment.paths else "the environment"
    named = _hosts_of(environment.all_variables())
    endpoints = (host for spec in environment.providers.values() for host in _endpoints(spec, environment))
    return Policy((*vouched, *named, *endpoints, *map(_pattern, environment.hosts)), mend)


def _endpoints(spec: ProviderSpec, environment: Environment) -> Iterator[Host]:
    """The hosts of the addresses that a provider's settings write out."""
    written = {f"{spec.name}:{name}": setting for name, setting in spec.settings.items() if name in _ADDRESSES}
    yield from _hosts_of({**environment.all_variables(), **written}, written)


def _has_host(url: str) -> bool:
    try:
        authority = url.partition("://")[2].partition("/")[0]
        return bool(split(url)[1]) and "<<" not in authority and "://" in url
    except ValueError:
        return False
