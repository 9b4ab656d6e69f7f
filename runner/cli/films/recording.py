"""`--record DIR`: what a run sends and is answered goes to a cassette for each collection, without any secret."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runner import __version__
from runner.cassettes import PROVIDER, Answer, Entry, Header, Whose
from runner.cli import authentication, screen, sending
from runner.cli.assemble import Assembly
from runner.cli.films import exchanges
from runner.cli.films.moments import Moment, on_behalf, within
from runner.cli.parts import Part
from runner.cli.sending import Send
from runner.errors import Cancelled, InputError, Problem, ZrunError, remedy
from runner.exchange import Call, Response
from runner.files import cassettes
from runner.leaks import Guard
from runner.redact import carriers
from runner.reporters.terminal import printable
from runner.session import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Pace


class Recorder:
    """One recorded run. `clock` is its clock; `end` puts the cassettes in place, at the end."""

    def __init__(self, folder: Path, ahead: float, seed: str, *, quiet: bool) -> None:
        self._folder = folder
        self._ahead = ahead
        self._seed = seed
        self._start = self._time()
        self._moment = Moment()
        self._begun: dict[Path, dict[Whose, float]] = {}
        self._spools: dict[Path, cassettes.Spool] = {}
        self._headers: dict[Path, Callable[[bool], Header]] = {}
        self._problems: dict[str, Problem] = {}
        self._quiet = quiet
        self._failed: OSError | None = None  # what kept an exchange from being noted

    def files(self) -> tuple[Path, ...]:
        """None is read."""
        return ()

    def clock(self) -> float:
        return self._start if self._moment.at is None else self._moment.at

    def _time(self) -> float:
        return round(time.time() + self._ahead, 6)

    def begin(self, parts: Sequence[Part]) -> None:
        """Before the first request: what the private state holds now. Raises InputError for a folder that takes no file."""
        for part in parts:
            path = part.plan.collection.path
            self._headers[path] = self._header(part)
            target = cassettes.path_of(self._folder, path)
            try:
                cassettes.probe(target)
            except OSError as error:
                message = f"no cassette can be written to {target.parent}: {error.strerror}"
                raise InputError(Problem(message, None, "name another folder with --record")) from None

    def _header(self, part: Part) -> Callable[[bool], Header]:
        assembly = part.assembly
        environment = assembly.environment
        captured = dict(assembly.sources.captured)
        issuers = _issuers(assembly)
        path = part.plan.collection.path

        def made(interrupted: bool) -> Header:
            names = assembly.vault.names() | frozenset(assembly.sources.outside)
            sandbox = dict(assembly.sources.given) if assembly.running else {}
            return Header(
                __version__,
                cassettes.name_of(path),
                environment.id if environment else None,
                self._start,
                self._seed,
                names,
                captured,
                {name: str(text) for name, text in sandbox.items()},
                issuers,
                interrupted,
            )

        return made

    @contextmanager
    def network(
        self,
        assembly: Assembly,
        progress: Callable[[str, int, int | None], None] | None = None,
        timeout: float | None = None,
        pace: Pace | None = None,
    ) -> Iterator[Send]:
        """As sending.network, with each exchange recorded."""
        path = assembly.collection.path
        spool = self._spools[path] = cassettes.Spool()
        wanted = exchanges.wanted_cookies(assembly.collection)

        def add(started: float, call: Call, response: Response | None, error: ZrunError | None) -> None:
            got = exchanges.answer(response, assembly.redactor, wanted) if response is not None else None
            self._add(spool, assembly, started, call, got, error)

        with sending.network(assembly, progress, timeout, pace) as send:

            def recorded(call: Call) -> Response:
                started = self.clock()
                try:
                    response = send(call)
                except Cancelled:
                    raise  # nothing was sent
                except ZrunError as error:
                    add(started, call, None, error)
                    raise
                add(started, call, response, None)
                return response

            try:
                yield recorded
            finally:
                spool.stop()

    def _add(
        self,
        spool: cassettes.Spool,
        assembly: Assembly,
        started: float,
        call: Call,
        got: Answer | None,
        error: ZrunError | None,
    ) -> None:
        ended = self._time()
        if self._moment.at is not None:
            self._moment.at = ended
        step, row = self._moment.whose
        redactor = assembly.redactor
        sent = exchanges.asked(call, redactor)
        entry = Entry(
            step, row, self._moment.by, started, ended, sent, got, exchanges.failure(error, redactor) if error else None
        )
        if got is not None and got.body.left_out is not None:
            message = f"the answer to `{step}` is not in the cassette: {got.body.left_out}"
            problem = Problem(message, call.location, "a replay of this step will fail", warning=True)
            self._problems.setdefault(message, problem)
        try:
            spool.add(entry)
        except OSError as failed:
            self._failed = failed

    def around(self, ports: Ports, assembly: Assembly) -> Ports:
        """`ports`, which tell whose exchange each is."""
        moment = self._moment
        begun = self._begun.setdefault(assembly.collection.path, {})

        @contextmanager
        def during(step: str, row: int | None) -> Iterator[None]:
            with within(moment, step, row, self._time):
                if moment.by is None and moment.at is not None:
                    begun[moment.whose] = moment.at
                yield

        def sleep(seconds: float) -> None:
            ports.sleep(seconds)
            if moment.at is not None:
                moment.at += seconds

        def for_provider(call: Call) -> Response:
            with on_behalf(moment, PROVIDER):
                return ports.send(call)

        return replace(
            ports, during=during, sleep=sleep, credentials=authentication.credentials(assembly, for_provider)
        )

    def end(self, parts: Sequence[Part], guard: Guard, *, interrupted: bool) -> list[Problem]:
        """Put the cassettes in place; also of a run that was interrupted. Gives what stood in the way."""
        problems = list(self._problems.values())
        for part in parts:
            path = part.plan.collection.path
            target = cassettes.path_of(self._folder, path)
            with self._spools[path] as spool:
                if part.assembly.redactor.warnings:
                    message = f"{target} was not written: a secret is too short to be found and removed"
                    problems.append(Problem(message, None, "use a longer one"))
                    continue
                try:
                    if self._failed is not None:
                        raise self._failed
                    self._write(target, part, spool, interrupted)
                except OSError as error:
                    message = f"{target} was not written: {error.strerror or error}"
                    problems.append(Problem(message, None, remedy(error)))
                    continue
                guard.wrote(target)
                if not self._quiet:
                    screen.say(f"recorded {printable(str(target))}")
            if interrupted:
                message = f"{target} is of a run that was interrupted: what it did not come to cannot be replayed"
                problems.append(Problem(message, None, "--record it again to have it whole", warning=True))
        return problems

    def _write(self, target: Path, part: Part, spool: cassettes.Spool, interrupted: bool) -> None:
        path = part.plan.collection.path
        order = {step.request.id: place for place, step in enumerate(part.plan.steps)}

        def place(whose: Whose) -> tuple[int, int]:
            return whose[1] or 0, order.get(whose[0], -1)

        begun = dict(sorted(self._begun.get(path, {}).items(), key=lambda one: place(one[0])))
        redact = carriers.masking(part.assembly.redactor)
        cassettes.write(target, self._headers[path](interrupted), begun, spool.entries(place), redact)


def _issuers(assembly: Assembly) -> dict[str, tuple[str, float]]:
    """What is known of the issuers of the environment's providers: a replay is not to miss what was not asked for."""
    found: dict[str, tuple[str, float]] = {}
    environment = assembly.environment
    if environment is None or assembly.state is None:
        return found
    for spec in environment.providers.values():
        from runner.auth.oauth2.provider import Provider  # late: of environments with a provider
        from runner.files.published import Published  # late: of environments with a provider

        try:
            issuer = Provider(spec, assembly.scope).url("issuer")
        except ZrunError:  # told when it is used
            continue
        document = Published(assembly.state).read(issuer) if issuer else None
        if issuer and document:
            found[issuer] = document
    return found
