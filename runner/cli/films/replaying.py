"""`--replay DIR`: a run that is answered from its cassettes. No socket opens, no source of a secret is asked, nobody waits.

The private state is one of its own, in a folder that goes with the run: the real one is neither read nor written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from runner import redirects
from runner.cassettes import PROVIDER, Answer, Cassette, Entry, Failure, Tape, shortened
from runner.cli import authentication, sending
from runner.cli.assemble import Assembly
from runner.cli.films import exchanges
from runner.cli.films.moments import Moment, on_behalf, within
from runner.cli.parts import Part
from runner.cli.sending import Send
from runner.collection import AuthSpec
from runner.credentials import Auth
from runner.environment import Environment
from runner.errors import (
    Cancelled,
    CredentialsError,
    InputError,
    NetworkError,
    PolicyError,
    Problem,
    ZrunError,
)
from runner.exchange import Call, PeerCertificate, Response
from runner.files import cassettes
from runner.files.published import Published
from runner.files.state import State
from runner.leaks import Guard
from runner.project import replacing
from runner.results import StepResult
from runner.scope import Scope
from runner.session import Ports

_KINDS = {kind.exit_code: kind for kind in (InputError, CredentialsError, PolicyError, Cancelled)}


class Replayed:
    """What stands for secrets and private state in a replay."""

    def __init__(self, cassette: Cassette, folder: Path) -> None:
        self._header = cassette.header
        self._name = cassette.name
        self._folder = folder
        self.secrets = cassette.header.secrets

    def state(self, environment: Environment) -> State:
        """A state with what the real one held when the run was recorded. Raises InputError for another environment's."""
        if environment.id != self._header.environment:
            recorded = self._header.environment
            message = f"{self._name} was recorded with " + (f"`-e {recorded}`" if recorded else "no environment")
            raise InputError(Problem(message, None, "replay it with the same environment, or --record it again"))
        state = State(self._folder, environment.id)
        state.save(self._header.captured)
        for issuer, (document, at) in self._header.issuers.items():
            Published(state).write(issuer, document, at)
        return state


class Player:
    """One replayed run. A context manager; `clock`, `seed` and `replayed` are what the run is to be made with."""

    def __init__(self, folder: Path, paths: Sequence[Path], stack: ExitStack) -> None:
        self._folder = folder
        self._moment = Moment()
        self._cassettes: dict[Path, Cassette] = {}
        for path in paths:
            file = cassettes.path_of(folder, path)
            if file.exists() or len(paths) == 1:
                self._cassettes[path.resolve()] = _of(path, cassettes.read(file))
        if not self._cassettes:
            message = f"there is no cassette of these collections in {folder}"
            raise InputError(Problem(message, None, "make them by a run with --record"))
        self._tapes = {path: Tape(cassette) for path, cassette in self._cassettes.items()}
        first = next(iter(self._cassettes.values()))
        self._header = first.header
        for other in self._cassettes.values():
            if (other.header.clock, other.header.seed) != (first.header.clock, first.header.seed):
                message = f"{first.name} and {other.name} are of two recordings, with a clock and a seed each"
                raise InputError(Problem(message, None, "replay one after the other, or --record them in one run"))
        self.seed = first.header.seed
        made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zrun-")))
        self.replayed = Replayed(first, made)

    def files(self) -> tuple[Path, ...]:
        """The cassettes that are there."""
        return tuple(Path(cassette.name) for cassette in self._cassettes.values())

    def clock(self) -> float:
        return self._header.clock if self._moment.at is None else self._moment.at

    def begin(self, parts: Sequence[Part]) -> None:
        """Raises InputError when a collection that is to be run was not recorded, or with another environment."""
        if parts[0].assembly.environment is None and self._header.environment is not None:
            message = f"the cassettes were recorded with `-e {self._header.environment}`"
            raise InputError(Problem(message, None, "replay them with the same environment"))
        for part in parts:
            path = part.plan.collection.path
            if path.resolve() not in self._cassettes:
                cassettes.read(cassettes.path_of(self._folder, path))
            if self._header.sandbox:
                part.assembly.reach(self._header.sandbox)

    @contextmanager
    def network(
        self,
        assembly: Assembly,
        progress: object = None,
        timeout: float | None = None,
        pace: object = None,
    ) -> Iterator[Send]:
        """What answers each call from the cassette."""
        tape = self._tapes[assembly.collection.path.resolve()]
        wanted = exchanges.wanted_cookies(assembly.collection)

        def send(call: Call) -> Response:
            asked = exchanges.asked(call, assembly.redactor)
            asked = replace(asked, body=shortened(asked.body))
            found = tape.take(self._moment.whose, self._moment.by, asked, call.location)
            if self._moment.at is not None:
                self._moment.at = found.ended
            if found.failure is not None:
                raise _error(found.failure, call)
            assert found.answer is not None, "an entry has one of the two"
            response = self._response(found, found.answer, call, assembly)
            sending.learn_tokens(assembly, response)
            exchanges.learn_cookies(response, assembly.redactor, wanted)
            return response

        yield send

    def _response(self, entry: Entry, found: Answer, call: Call, assembly: Assembly) -> Response:
        if found.body.left_out is not None:
            message = f"the answer to `{entry.step}` is not in the cassette: {found.body.left_out}"
            raise InputError(Problem(message, call.location, "this request cannot be replayed"))
        for hop in found.redirects:
            following, _ = redirects.follow(call, hop.status, hop.target)
            assembly.policy.may_send(hop.target, following)
            call = replace(following, save=call.save)
        content: bytes | Path = found.body.content
        if call.save is not None and found.status < 300:
            content = _saved(call.save, found.body.content, call)
        return Response(
            status=found.status,
            reason=found.reason,
            headers=found.headers,
            content=content,
            size=found.body.size,
            url=found.url,
            http_version=found.http_version,
            duration=found.duration,
            hops=found.redirects,
            certificate=PeerCertificate(*found.certificate) if found.certificate else None,
        )

    def end(self, parts: Sequence[Part], guard: Guard, *, interrupted: bool) -> list[Problem]:
        """Tells of cassettes that are not whole, and of recorded exchanges that nobody has asked for."""
        problems: list[Problem] = []
        for part in parts:
            path = part.plan.collection.path.resolve()
            cassette, tape = self._cassettes[path], self._tapes[path]
            if cassette.header.interrupted:
                message = f"{cassette.name} is of a run that was interrupted: it may not hold all requests"
                problems.append(Problem(message, None, "--record it again to have it whole", warning=True))
            elif not interrupted:
                problems += _unasked(cassette, tape)
        return problems

    def around(self, ports: Ports, assembly: Assembly) -> Ports:
        """`ports` that wait for nothing and do on behalf of a step what was done when it was recorded."""
        moment = self._moment
        tape = self._tapes[assembly.collection.path.resolve()]

        @contextmanager
        def during(step: str, row: int | None) -> Iterator[None]:
            begun = tape.begun((step, row))
            with within(moment, step, row, lambda: self._header.clock if begun is None else begun):
                yield

        def sleep(seconds: float) -> None:
            if moment.at is not None:
                moment.at += seconds

        def renews(by: str) -> bool:
            return tape.next_by(moment.whose) == by

        def for_provider(call: Call) -> Response:
            with on_behalf(moment, PROVIDER):
                return ports.send(call)

        def asks() -> bool:
            mine, at = tape.asks(moment.whose)
            if at is not None and moment.at is not None:
                moment.at = at
            return mine

        real = authentication.credentials(assembly, for_provider)

        def credentials(spec: AuthSpec, scope: Scope, told: Callable[[StepResult], None]) -> Auth:
            from runner.auth.oauth2.bearer import Bearer  # late: of requests with credentials

            made = real(spec, scope, told)
            if isinstance(made, Bearer):
                return made.with_turns(asks)
            return _Signing(made)

        return replace(ports, during=during, sleep=sleep, renews=renews, credentials=credentials)


class _Signing:
    """A scheme that signs with stand-ins: where it cannot (a stand-in is no private key), the call stays as it is."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def prepare(self) -> None:
        self._auth.prepare()

    def sign(self, call: Call) -> Call:
        try:
            return self._auth.sign(call)
        except InputError:
            return call

    def again(self, call: Call, response: Response) -> str | None:
        return self._auth.again(call, response)


def _of(path: Path, cassette: Cassette) -> Cassette:
    """Raises InputError for the cassette of another collection."""
    if cassette.header.collection != cassettes.name_of(path):
        message = f"{cassette.name} is of another collection: {cassette.header.collection}"
        raise InputError(Problem(message, None, "--record this one"))
    return cassette


def _unasked(cassette: Cassette, tape: Tape) -> Iterator[Problem]:
    """Of the steps that were replayed, those that no longer send all that they sent."""
    for step, count in tape.unasked():
        message = f"{cassette.name} holds {count} more exchange{'s' if count > 1 else ''} of {step}, not asked for"
        yield Problem(message, None, "--record it again if the change is meant", warning=True)


def _error(failure: Failure, call: Call) -> ZrunError:
    problem = Problem(failure.message, call.location, failure.hint)
    kind = _KINDS.get(failure.exit_code)
    if kind is None:
        return NetworkError(problem, kind=failure.kind, sent=failure.sent)
    return kind(problem)


def _saved(target: Path, content: bytes, call: Call) -> Path:
    """A download, as the recorded run made it. Raises InputError."""
    new = replacing(target) if call.project is None else call.project.replacing(target, call.location)
    try:
        with new as file:
            file.write(content)
    except OSError as error:
        hint = "free some space, or make the folder writable"
        raise InputError(Problem(f"the body cannot be written: {error.strerror}", call.location, hint)) from None
    return target
