"""Which secret may go to which host: only over https or to loopback, and only to hosts that the environment names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from runner import tree
from runner.collection import Collection, Variables
from runner.environment import Environment, ProviderSpec
from runner.errors import InputError, PolicyError, Problem
from runner.exchange import Call, header_values
from runner.origins import PORTS, host_of, is_loopback, split
from runner.records import record
from runner.scope import process_name
from runner.template import Template
from runner.values import MISSING, Missing, Secret, Value

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


@record(eq=True, shown=True)
class Host:
    """A host that may be sent secrets; `port` None: the usual one of the scheme. `*.` in front stands for all below a name."""

    name: str
    port: int | None = None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port in (None, PORTS["https"]) else f"{name}:{self.port}"

    def allows(self, scheme: str, name: str, port: int) -> bool:
        if port != (PORTS.get(scheme) if self.port is None else self.port):
            return False
        if self.name.startswith("*."):
            return name.endswith(self.name[1:]) and len(name) > len(self.name) - 1
        return name == self.name


class _Written:
    """A lookup over what the files say, and nothing else: a captured or command-line value never names a host.

    `hidden` are names of secrets, which have some value here that is none of theirs.
    """

    def __init__(self, variables: Variables, hidden: Iterable[str] = ()) -> None:
        self._variables = variables
        self._hidden = frozenset(hidden)
        self._inside: set[str] = set()

    def get(self, name: str) -> Value | Missing:
        if name in self._hidden:
            return "hidden"
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


def _pattern(written: str) -> Host | None:
    """The host of a line of `hosts`; None for what names none."""
    text = written.strip()
    wildcard = "*." if text.startswith("*.") else ""
    name, colon, port = text.removeprefix("*.").rpartition(":")
    bracketed = text.startswith("[") and text.endswith("]")
    if not (colon and port.isascii() and port.isdigit() and not bracketed):
        name, port = text.removeprefix("*."), ""
    try:
        return Host(wildcard + host_of(name), int(port) if port else None)
    except ValueError:
        return None


@record
class Policy:
    """The hosts that may be sent secrets; the file (`mend`) and the place in it (`where`) that a person would change to allow
    one more; None: there is none.

    `known` gives the names of the secrets of this run that a text holds in any spelling: the second net, for what lost
    its Secret on the way. `homeless` are secrets (as scope.process_name spells
    names) that no collection may send by itself, since they were there
    before it: those of the process environment, when no environment names a host for them.
    """

    hosts: tuple[Host, ...]
    mend: str | None
    where: str = ""
    known: Callable[[str], Iterable[str]] = lambda _: ()
    homeless: frozenset[str] = frozenset()

    def check(self, call: Call) -> None:
        """Raises PolicyError when `call` holds a secret that may not go to its host."""
        self.may_send(call.url, call)

    def may_send(self, url: str, call: Call) -> None:
        """As `check`, for another address of the same call: a redirect's."""
        names = {name for secret in call.secrets for name in secret.name.split(", ")}
        try:
            scheme, host, port = split(url)
        except ValueError as error:
            if names or set(self.known(_text(url, call))):
                raise PolicyError(
                    Problem(f"the address cannot be judged: {error}", call.location, "mend the URL")
                ) from None
            return  # who sends it refuses it too
        private = scheme == "https" or is_loopback(host)
        named = self.names_exactly(scheme, host, port)
        if not (private and (named or self._below(scheme, host, port))):
            names |= set(self.known(_text(url, call)))
        elif not named:
            names |= set(self.known(host))
        if names:
            self._judge(url, call, ", ".join(f"`{name}`" for name in sorted(names)), names)

    def trusts(self, url: str) -> bool:
        """Whether a cookie that another origin set may be sent to `url`: as a secret might."""
        try:
            scheme, host, port = split(url)
        except ValueError:
            return False
        return (scheme == "https" or is_loopback(host)) and self._below(scheme, host, port)

    def names_exactly(self, scheme: str, host: str, port: int) -> bool:
        """Whether the host is named as it is, not by a `*.`."""
        return any(a.allows(scheme, host, port) for a in self.hosts if not a.name.startswith("*."))

    def _below(self, scheme: str, host: str, port: int) -> bool:
        return any(allowed.allows(scheme, host, port) for allowed in self.hosts)

    def _judge(self, url: str, call: Call, shown: str, names: set[str]) -> None:
        """Raises PolicyError when what the call holds (`names`, worded in `shown`) may not go to `url`."""
        scheme, host, port = split(url)
        if scheme != "https" and not is_loopback(host):
            message = f"{shown} would go to {host} over plain http, where anybody can read it"
            raise PolicyError(Problem(message, call.location, self._use_https(host, port)))
        where = _shown(scheme, host, port)
        if self.homeless and {process_name(name, "") for name in names} & self.homeless:
            message = f"{shown} is of the process environment, and would go to {where}, which no environment names"
            hint = f'if it is right, write hosts: ["{where}"] into an environment, and run with -e'
            raise PolicyError(Problem(message, call.location, hint))
        if not self._below(scheme, host, port):
            message = f"{shown} would go to {where}, {self._unnamed()}"
            raise PolicyError(Problem(message, call.location, self._hint(where)))
        if _is_in_host(call, url) and not self.names_exactly(scheme, host, port):
            message = f"{shown} would be a part of the host's name, which is asked of name servers in clear"
            raise PolicyError(Problem(message, call.location, "put it into a header, or into the body"))
        self._check_host_field(call, scheme, host, port, shown)

    def _check_host_field(self, call: Call, scheme: str, host: str, port: int, shown: str) -> None:
        """A Host field decides which site behind an address answers, so it must name a host that may have the secret."""
        fields = header_values(call.headers, "host")
        if not fields:
            return
        hint = "take the header `Host` away: it follows from the URL"
        try:
            _, named, at = split(f"{scheme}://{fields[0]}")
        except ValueError:
            named, at = "", 0
        if len(fields) > 1 or not named or any(character in fields[0] for character in "@/?#"):
            raise PolicyError(Problem(f"{shown} would go to a site that `Host` does not tell", call.location, hint))
        # Behind the same host, any port may be said: many a tunnel forwards one to another.
        if named != host and not self._below(scheme, named, at):
            where = _shown(scheme, named, at)
            message = f"{shown} would go, by the header `Host`, to {where}, {self._unnamed()}"
            raise PolicyError(Problem(message, call.location, hint))

    def _use_https(self, host: str, port: int) -> str:
        """What to do about plain http; where https alone would be refused next, for want of the host's name, that too."""
        at = PORTS["https"] if port == PORTS["http"] else port
        if self._below("https", host, at) or self._below("http", host, port):
            return "use https"  # where it is an address of the environment that says http, this names the host too
        return f"use https; {self._hint(_shown('https', host, at))}"

    def _unnamed(self) -> str:
        by = "no URL of the collection writes out" if self.mend is None else f"{self.mend} does not name"
        return f"a host that {by}"

    def _hint(self, where: str) -> str:
        if self.mend is None:
            return f'name it in an environment (hosts: ["{where}"]) and run with -e, if it is right'
        return f'if it is right, allow it in {self.where}: hosts: ["{where}"]'


def _shown(scheme: str, host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == PORTS.get(scheme) else f"{name}:{port}"


def _text(url: str, call: Call) -> str:
    """All that `call` would send and that is in memory, to look for secrets in."""
    bodies: list[str] = []
    if isinstance(call.content, bytes):
        bodies.append(call.content.decode("utf-8", "replace"))
    elif isinstance(call.content, tuple):
        for part in call.content:
            bodies += [part.name, part.filename or "", part.content_type or ""]
            if isinstance(part.content, bytes):
                bodies.append(part.content.decode("utf-8", "replace"))
    return "\n".join([call.method, url, *(f"{name}: {value}" for name, value in call.headers), *bodies])


def _is_in_host(call: Call, url: str) -> bool:
    """Whether a secret is in the host of `url`: the host as it may be shown is then another text."""
    shown = call.masked_url
    if not shown:
        return False

    def authority(text: str) -> str:
        return re.split(r"[/?#]", text.partition("://")[2] or text, maxsplit=1)[0].rpartition("@")[2]

    return authority(shown).lower() != authority(url).lower()


def policy_for(
    environment: Environment | None,
    collection: Collection,
    given: Iterable[str] = (),
    known: Callable[[str], Iterable[str]] = lambda _: (),
    homeless: Iterable[str] = (),
) -> Policy:
    """The policy of a run. `given` are addresses that zrun itself vouches for: the embedded sandbox's.

    Without an environment, the hosts are those that the collection's own URLs and variables write out. They may have what
    the collection captures, but nothing that was there before it: `homeless`.
    """
    vouched = [Host(host, port) for _, host, port in map(split, given)]
    if environment is None:
        literal: dict[str, str] = {r.id: r.url for r in collection if isinstance(r.url, str)}
        literal |= {r.id: r.url.text for r in collection if isinstance(r.url, Template) and "<<" not in r.url.text[:12]}
        urls = [Host(*split(url)[1:]) for url in literal.values() if _has_host(url)]
        hosts = (*vouched, *_hosts_of(collection.variables), *urls)
        return Policy(hosts, None, "", known, frozenset(homeless))
    mend = environment.paths[-1].name if environment.paths else "the environment"
    where = str(environment.paths[-1]) if environment.paths else mend
    if environment.hosts_location is not None:
        where = f"{environment.hosts_location.source.name}:{environment.hosts_location.line}"
    named = _hosts_of(environment.all_variables())
    endpoints = (host for spec in environment.providers.values() for host in _endpoints(spec, environment))
    patterns = (host for host in map(_pattern, environment.hosts) if host is not None)
    return Policy((*vouched, *named, *endpoints, *patterns), mend, where, known)


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


def _without_user(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of a proxy's address, whose user and password may be masked."""
    scheme, _, rest = address.partition("://")
    return split(f"{scheme}://{rest.rpartition('@')[2]}")


def check_proxy(environment: Environment, proxy: str | Secret) -> None:
    """Raises PolicyError when the proxy's credentials would go to a proxy that the environment's files do not write out."""
    if not isinstance(proxy, Secret) or "://" not in str(proxy):
        return  # no credentials, or an address that is a secret as a whole
    try:
        written = tree.render_text(environment.proxy, _Written(environment.all_variables(), environment.secrets))
        same = isinstance(written, str) and _without_user(written) == _without_user(str(proxy))
    except (InputError, ValueError):
        same = False
    if not same:
        message = f"`{proxy.name}` would go to a proxy that {environment.paths[-1].name} does not write out"
        hint = "write the proxy's host and port into the environment's files"
        raise PolicyError(Problem(message, environment.proxy_location, hint))
