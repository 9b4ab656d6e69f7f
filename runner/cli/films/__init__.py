"""--record and --replay: which of the two a run is, and what is wired in its place."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol

from runner.cli.assemble import Assembly
from runner.cli.given import Given
from runner.cli.parts import Part
from runner.cli.sending import Send
from runner.errors import InputError, Problem
from runner.leaks import Guard
from runner.session import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Pace


class Film(Protocol):
    """What stands between a run and the world: it looks on and writes, or plays what was written."""

    def files(self) -> Iterable[Path]:
        """The cassettes that the run reads."""

    def begin(self, parts: Sequence[Part]) -> None:
        """Before the first request. Raises InputError when it cannot be done."""

    def network(
        self,
        assembly: Assembly,
        progress: Callable[[str, int, int | None], None] | None = None,
        timeout: float | None = None,
        pace: Pace | None = None,
    ) -> AbstractContextManager[Send]:
        """See sending.network."""

    def around(self, ports: Ports, assembly: Assembly) -> Ports:
        """The ports of a run of one collection."""

    def end(self, parts: Sequence[Part], guard: Guard, *, interrupted: bool) -> list[Problem]:
        """After the last. Gives what is to be told."""


def of(chosen: Namespace, paths: Sequence[Path], words: Given, stack: ExitStack) -> Film:
    """The film of the options; `words`, of which the run is made, gets its clock and seed. Raises InputError."""
    _alone(chosen)
    if chosen.record:
        from secrets import token_hex  # late: beside its one use

        from runner.cli.films.recording import Recorder  # late: of the one option

        words.seed = words.seed or token_hex(8)
        recorder = Recorder(Path(chosen.record), words.ahead, words.seed, quiet=chosen.quiet)
        words.clock = recorder.clock
        return recorder
    from runner.cli.films.replaying import Player  # late: of the other option

    player = Player(Path(chosen.replay), paths, stack)
    words.seed, words.clock, words.replayed = player.seed, player.clock, player.replayed
    return player


def _alone(chosen: Namespace) -> None:
    """Raises InputError when an option stands beside one with which it makes no sense."""
    others: tuple[tuple[str, object], ...]
    if chosen.record:
        others = (("--replay", chosen.replay), ("--dry-run", chosen.dry_run), ("--list", chosen.list))
    else:
        # A recording has a clock and a seed of its own.
        others = (("--clock", chosen.clock), ("--seed", chosen.seed))
    option = "--record" if chosen.record else "--replay"
    for other, given in (*others, ("--resume", chosen.resume)):
        if given:
            raise InputError(Problem(f"{option} and {other} exclude each other", None, "leave one of them out"))
