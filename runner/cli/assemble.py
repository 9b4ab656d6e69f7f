"""From what is given to a run that can start: values gathered, secrets at hand, the sandbox started when needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from runner import graph, inspection, policy
from runner.cli.given import Given, read
from runner.cli.vault import SANDBOX_SECRETS, Vault
from runner.collection import Collection
from runner.environment import Environment
from runner.errors import InputError, Problem, ZrunError
from runner.files import reader
from runner.origins import is_loopback
from runner.policy import Policy
from runner.redact import Redactor
from runner.scope import (
    PROCESS_PREFIX,
    SECRET_PREFIX,
    Captured,
    Origin,
    Scope,
    Sources,
    ambient_secrets,
    process_name,
)
from runner.values import Secret, secrets_in, taint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.state import State
    from runner.sandbox import Running

# What stands for the embedded sandbox's address until it is started.
NOT_STARTED = "http://127.0.0.1"
SANDBOX_ADDRESSES = ("accounts-domain", "api-domain")


@dataclass
class Assembly:
    """A collection and all that its requests are rendered against."""

    collection: Collection
    environment: Environment | None
    scope: Scope
    sources: Sources
    state: State | None
    vault: Vault
    policy: Policy
    redactor: Redactor
    given: Given
    _stack: ExitStack
    running: Running | None = None

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the run."""
        return self.given.now()

    def start_sandbox(self) -> None:
        """Start the embedded sandbox, when the environment names one: for what is sent, not for what is only looked at.

        Raises InputError also for a moved clock, where it is not for a sandbox.
        """
        environment = self.environment
        if environment is None:
            return
        if environment.sandbox is None:
            self._check_clock(environment)
            return
        from runner import sandbox  # late: its server loads starlette and uvicorn

        data = environment.root / ".zrun" / "sandbox" / f"{environment.sandbox}.sqlite"
        if self.state is not None:
            self.state.check_own(data)
        running: Running = self._stack.enter_context(sandbox.start(data, clock_offset=self.given.ahead))
        self.use(running)

    def _check_clock(self, environment: Environment) -> None:
        """Raises InputError for a moved clock where servers keep their own: when a token ends would be kept wrong."""
        elsewhere = next((host.name for host in self.policy.hosts if not is_loopback(host.name)), None)
        if self.given.ahead and elsewhere is not None:
            message = f"--clock moves the clock of zrun alone, and {environment.id} names {elsewhere}"
            hint = "use it with a sandbox on this machine; `zrun plan --clock` shows what would be renewed"
            raise InputError(Problem(message, None, hint))

    def use(self, running: Running) -> None:
        """Take addresses and credentials of a sandbox that runs."""
        assert self.environment is not None, "an environment names it"
        self.running = running
        self.vault.use(running)
        self.reach({"accounts-domain": running.accounts_domain, "api-domain": running.api_domain})

    def reach(self, given: Mapping[str, str]) -> None:
        """Take these addresses of a sandbox, by the names of SANDBOX_ADDRESSES."""
        self.sources.given = dict(given)
        addresses = [*given.values(), *_vouched(self.environment)]
        self.policy = _policy(self.environment, self.collection, addresses, self.redactor)

    def beside(self, collection: Collection) -> Assembly:
        """The same for another collection of the run. What each captures for the run alone, the other does not see."""
        outside, refused = _outside(collection, self.environment, self.given, ())
        if refused:
            raise InputError(refused)
        self.redactor.add_all(secret for secret, _ in outside.values())
        own = replace(self.sources, outside=outside, captured_by=graph.captures_of(collection.requests))
        return replace(
            self,
            collection=collection,
            sources=own,
            scope=Scope(own, (collection.variables,)),
            policy=_policy(self.environment, collection, _vouched(self.environment), self.redactor),
        )


@contextmanager
def begun(path: Path, given: Given, elsewhere: Iterable[str] = (), *, look_only: bool = False) -> Iterator[Assembly]:
    """As `all_begun`, of one collection."""
    with all_begun((path,), given, elsewhere, look_only=look_only) as assemblies:
        yield assemblies[0]


@contextmanager
def all_begun(
    paths: Sequence[Path], given: Given, elsewhere: Iterable[str] = (), *, look_only: bool = False
) -> Iterator[list[Assembly]]:
    """Read the files at `paths` and of the environments; gather values. Raises InputError with every mistake in them.

    `elsewhere` are names that count as known though no environment is given. With `look_only`, for what sends nothing,
    no command runs for a secret and no keyring opens: stand-ins are in their places.
    """
    collections, environment, mistakes = read(paths, given)
    with _assembled(collections[0], environment, given, elsewhere, mistakes, look_only=look_only) as first:
        assemblies = [first, *map(first.beside, collections[1:])]
        if mistakes:
            found = [inspection.mistakes(one.collection, environment, one.scope, elsewhere) for one in assemblies]
            raise InputError([*mistakes, *(problem for problems in found for problem in problems)])
        yield assemblies


@contextmanager
def opened(given: Given, *, look_only: bool = False) -> Iterator[Assembly]:
    """As `begun`, of the environments alone: for what needs no collection. Raises InputError."""
    environment = reader.read_environment(given.environments, Path.cwd() / "collections")
    with _assembled(Collection("", Path(), ()), environment, given, look_only=look_only) as assembly:
        yield assembly


@contextmanager
def _assembled(
    collection: Collection,
    environment: Environment | None,
    given: Given,
    elsewhere: Iterable[str] = (),
    mistakes: Sequence[Problem] = (),
    *,
    look_only: bool = False,
) -> Iterator[Assembly]:
    """Raises InputError for values that must not be given in the way that they are, and tells `mistakes` beside them."""
    redactor = Redactor()
    outside, refused = _outside(collection, environment, given, elsewhere)
    if refused:
        raise InputError([*mistakes, *refused])
    redactor.add_all(secret for secret, _ in outside.values())
    replayed = given.replayed
    state = None
    if environment:
        state = replayed.state(environment) if replayed else _state(environment)
    vault = Vault(environment, redactor, look_only=look_only, stand_ins=replayed.secrets if replayed else None)
    sources = Sources(
        environment=environment,
        captured=state.read(look_only=look_only) if state else {},
        given=dict.fromkeys(SANDBOX_ADDRESSES, NOT_STARTED) if environment and environment.sandbox else {},
        offered=frozenset(SANDBOX_SECRETS) if environment and environment.sandbox else frozenset(),
        process={name: text for name, text in os.environ.items() if name.startswith(PROCESS_PREFIX)},
        arguments=given.variables,
        outside=outside,
        secret=vault,
        found=vault.found,
        why=vault.why,
        whence=vault.whence,
        now=given.now,
        seed=given.seed,
        captured_by=graph.captures_of(collection.requests),
        learned=lambda value: redactor.add_all(secrets_in(value)),
    )
    scope = Scope(sources, (collection.variables,))
    if state and environment:
        sources.captured.update(_rescued(state, environment, scope))
    redactor.add_all(_known(sources))
    with _redacting(redactor), ExitStack() as stack:
        yield Assembly(
            collection,
            environment,
            scope,
            sources,
            state,
            vault,
            _policy(environment, collection, _vouched(environment), redactor),
            redactor,
            given,
            stack,
        )


def _state(environment: Environment) -> State:
    from runner.cli.kept import state_of  # late: a run without an environment keeps nothing

    return state_of(environment)


def _rescued(state: State, environment: Environment, scope: Scope) -> Mapping[str, Captured]:
    """What is kept after the tokens were saved that a killed process had got and not yet kept; most often nothing."""
    found: Mapping[str, Captured] = {}
    for spec in environment.providers.values():
        from runner.files.flights import Flights  # late: of environments with a provider

        with Flights(state).left_behind(spec.name) as flight:
            if flight is not None:
                from runner.auth.oauth2 import fresh, provider  # late: hardly ever is a process killed just then

                if fresh.recover(provider.Provider(spec, scope), flight, scope.seed):
                    found = flight.values()
    return found


def _vouched(environment: Environment | None) -> list[str]:
    """Addresses that zrun itself knows: the embedded sandbox's, and those of the presets that the environment names."""
    if environment is None:
        return []
    addresses = [NOT_STARTED] if environment.sandbox else []
    if environment.providers:
        from runner.auth.oauth2 import hosts  # late: of environments with a provider

        addresses.extend(hosts.named(environment.providers.values()))
    return addresses


def _outside(
    collection: Collection, environment: Environment | None, given: Given, elsewhere: Iterable[str]
) -> tuple[Mapping[str, tuple[Secret, Origin]], Sequence[Problem]]:
    """The secrets that come from outside the files; and what must not come that way."""
    if not (given.secrets or given.variables or any(name.startswith(SECRET_PREFIX) for name in os.environ)):
        return {}, ()
    from runner.cli import given_secrets  # late: most runs are given none

    return given_secrets.find(collection, environment, os.environ, given.secrets, given.variables, elsewhere)


def _known(sources: Sources) -> Iterator[Secret]:
    """The secrets that are at hand without asking a source: captured ones, and values given from outside to secret names."""
    for captured in sources.captured.values():
        yield from secrets_in(captured.value)
    for name in sources.environment.secrets if sources.environment else ():
        given = sources.arguments.get(name, sources.process.get(process_name(name)))
        yield from secrets_in(taint(given, name))


@contextmanager
def _redacting(redactor: Redactor) -> Iterator[None]:
    """What is told of an error that leaves is masked, though who tells it knows no secret."""
    try:
        yield
    except ZrunError as error:
        error.redact = redactor.text
        raise


def _policy(
    environment: Environment | None, collection: Collection, given: Sequence[str], redactor: Redactor
) -> Policy:
    def known(text: str) -> set[str]:
        return {name for span in redactor.spans(text) for name in span.secret.name.split(", ")}

    return policy.policy_for(environment, collection, given, known, ambient_secrets(os.environ))
