"""`--record DIR`: what a run sends and is answered goes to a cassette for each collection, without any secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runner import __version__
from runner.cassettes import Entry, Header, Whose
from runner.cli import authentication, sending
from runner.cli.assemble import Assembly
from runner.cli.films import exchanges
from runner.cli.films.moments import Moment, on_behalf, within
from runner.cli.parts import Part
from runner.cli.sending import Send
from runner.errors import InputError, Problem, ZrunError
from runner.exchange import Call, Response
from runner.files import cassettes
from runner.leaks import Guard
from runner.redact import carriers
from runner.session import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Pace


class Recorder:
    """One recorded run. `clock` is its clock; `end` puts the cassettes in place, at the end."""

    def __init__(self, folder: Path, ahead: float, seed: str) -> None:
        self._folder = folder
        self._ahead = ahead
        self._seed = seed
        self._start = self._time()
        self._moment = Moment()
        self._lock = threading.Lock()
        self._begun: dict[Path, dict[Whose, float]] = {}
        self._spools: dict[Path, cassettes.Spool] = {}
        self._headers: dict[Path, Callable[[], Header]] = {}
        self.problems: list[Problem] = []

    def clock(self) -> float:
        return self._start if self._moment.at is None else self._moment.at

    def _time(self) -> float:
        return round(time.time() + self._ahead, 6)

    def begin(self, parts: Sequence[Part]) -> None:
        """Before the first request: what the private state holds now. Raises InputError for a folder that takes no file."""
        for part in parts:
            self._headers[part.plan.collection.path] = self._header(part)
            target = cassettes.path_of(self._folder, part.plan.collection.path)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                message = f"no cassette can be written to {target.parent}: {error.strerror}"
                raise InputError(Problem(message, None, "name another folder with --record")) from None

    def _header(self, part: Part) -> Callable[[], Header]:
        assembly = part.assembly
        environment = assembly.environment
        captured = dict(assembly.sources.captured)
        issuers = _issuers(assembly)
        path = part.plan.collection.path

        def made() -> Header:
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
        with self._lock:
            spool = self._spools.setdefault(path, cassettes.Spool())
        with sending.network(assembly, progress, timeout, pace) as send:

            def recorded(call: Call) -> Response:
                started = self.clock()
                try:
                    response = send(call)
                except ZrunError as error:
                    self._add(spool, assembly, started, call, None, error)
                    raise
                self._add(spool, assembly, started, call, response, None)
                return response

            yield recorded

    def _add(
        self,
        spool: cassettes.Spool,
        assembly: Assembly,
        started: float,
        call: Call,
        response: Response | None,
        error: ZrunError | None,
    ) -> None:
        ended = self._time()
        if self._moment.at is not None:
            self._moment.at = ended
        step, row = self._moment.whose
        redactor = assembly.redactor
        sent = exchanges.asked(call, redactor)
        got = exchanges.answer(response, redactor) if response is not None else None
        entry = Entry(
            step, row, self._moment.by, started, ended, sent, got, exchanges.failure(error, redactor) if error else None
        )
        if got is not None and got.body.left_out is not None:
            message = f"the answer to `{step}` is not in the cassette: {got.body.left_out}"
            self.problems.append(Problem(message, call.location, "a replay of this step will fail", warning=True))
        with self._lock:
            spool.add(entry)

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
            with on_behalf(moment, "oauth2"):
                return ports.send(call)

        return replace(
            ports, during=during, sleep=sleep, credentials=authentication.credentials(assembly, for_provider)
        )

    def end(self, parts: Sequence[Part], guard: Guard) -> list[Problem]:
        """Put the cassettes in place; also of a run that was interrupted. Gives what stood in the way."""
        problems = list(self.problems)
        for part in parts:
            path = part.plan.collection.path
            spool = self._spools.get(path)
            if spool is None:
                continue
            redactor = part.assembly.redactor
            target = cassettes.path_of(self._folder, path)
            with spool:
                if redactor.warnings:
                    message = f"{target} was not written: a secret is too short to be found and removed"
                    problems.append(Problem(message, None, "use a longer one"))
                    continue
                order = {step.request.id: place for place, step in enumerate(part.plan.steps)}

                def place(whose: Whose, order: dict[str, int] = order) -> tuple[int, int]:
                    return whose[1] or 0, order.get(whose[0], -1)

                begun = dict(sorted(self._begun.get(path, {}).items(), key=lambda one: place(one[0])))
                try:
                    cassettes.write(
                        target, self._headers[path](), begun, spool.entries(place), carriers.masking(redactor)
                    )
                except OSError as error:
                    message = f"{target} cannot be written: {error.strerror}"
                    problems.append(Problem(message, None, "free some space, or name another folder"))
                    continue
                guard.wrote(target)
        return problems


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
