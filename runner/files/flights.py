"""Token requests under way: what threads and processes that ask one provider for tokens must agree on.

In `ROOT/.zrun/tokens/ENVIRONMENT/`, private like the state: a lock, so that one asks and the others wait for what it gets;
a count of what was asked for when, against the provider's budget, and how the last request failed; and a journal, into which
an answer is read off the wire, and which lasts until its tokens are kept. Whoever finds a journal takes the tokens of a
process that died in between.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from mmap import mmap
from pathlib import Path
from typing import Any

from runner.errors import InputError, Problem, remedy
from runner.files import durable
from runner.files.locks import locked
from runner.files.state import State, file_name
from runner.scope import Captured

# Seconds to wait for another process that asks: a token request may take thirty, and a few may be in the queue.
PATIENCE = 120.0
# Bytes that a journal holds; a token answer has a few thousand.
_JOURNAL = 1 << 16
# Times of past requests that are kept, at most.
_REMEMBERED = 100


class Flights:
    """The token requests of one environment, by provider."""

    def __init__(self, state: State) -> None:
        self._state = state

    def log(self, provider: str) -> Flight:
        """What has been noted of `provider`, to be looked at only: no lock is taken."""
        return Flight(self._state, self._path(provider, "lock"))

    @contextmanager
    def alone(self, provider: str) -> Iterator[Flight]:
        """Be the only one who asks `provider`. Raises InputError when others ask without end, or nothing can be written."""
        with self._flight(provider, PATIENCE) as flight:
            if flight is None:
                message = f"another process has been asking `{provider}` for a token for {PATIENCE:g} s"
                raise InputError(Problem(message, None, "end it, and run again"))
            yield flight

    @contextmanager
    def left_behind(self, provider: str) -> Iterator[Flight | None]:
        """Be alone with what a process left that died while it asked; None when there is none, or one is asking now."""
        if not self._path(provider, "journal").exists():
            yield None
            return
        with self._flight(provider, 0.0) as flight:
            yield flight

    @contextmanager
    def _flight(self, provider: str, patience: float) -> Iterator[Flight | None]:
        base = self._path(provider, "lock")
        self._state.make_private(base.parent)
        try:
            with locked(base, patience) as held:
                flight = Flight(self._state, base) if held else None
                try:
                    yield flight
                finally:
                    if flight is not None:
                        flight.close()
        except OSError as error:
            message = f"the private folder .zrun/tokens cannot be written: {error.strerror}"
            raise InputError(Problem(message, None, remedy(error))) from None

    def _path(self, provider: str, kind: str) -> Path:
        state = self._state.path
        return state.parent.parent / "tokens" / state.stem / f"{file_name(provider)}.{kind}"


class Flight:
    """What the one who asks may do. Good while the lock is held."""

    def __init__(self, state: State, lock: Path) -> None:
        self._state = state
        self._issued = lock.with_suffix(".json")
        self._journal = lock.with_suffix(".journal")
        self._memory: mmap | None = None
        self._taken = 0

    def values(self) -> Mapping[str, Captured]:
        """What is kept now, read anew. Raises InputError."""
        return self._state.read()

    def keep(self, values: Mapping[str, Captured]) -> None:
        """Keep `values`; on disk when this returns. Then the journal is of no more use.

        Raises InputError, and leaves the journal then: the tokens are in it.
        """
        try:
            self._state.save(values)
        except InputError as error:
            if self._memory is None and not self._journal.exists():
                raise
            hint = f"the tokens are safe in {self._journal}: the next run keeps them when it can write; until then, leave it"
            raise InputError(
                [*error.problems, Problem("tokens that were given could not be kept", None, hint)]
            ) from None
        self.drop()
        if self.failure() is not None:
            self._write(self.issued(), None)

    def issued(self) -> tuple[float, ...]:
        """When tokens were asked for (epoch seconds), the latest last."""
        try:
            return tuple(float(at) for at in self._read()["issued"])
        except (ValueError, KeyError, TypeError):
            return ()  # a count that is lost is no harm: the provider keeps its own

    def note(self, at: float) -> None:
        """Count a request, before it is sent: one whose answer never came may have been counted by the provider, too."""
        self._write((*self.issued(), at), self.failure())

    def take_back(self, at: float) -> None:
        """Count the request of that time no more: nothing of it was sent."""
        issued = list(self.issued())
        if at in issued:
            issued.remove(at)
            self._write(issued, self.failure())

    def failed(self, at: float, why: str) -> None:
        """Note why the last request gave no token, in words that hold no value; the next token ends it."""
        self._write(self.issued(), (at, why))

    def failure(self) -> tuple[float, str] | None:
        """When (epoch seconds) and why the last request gave no token; None when it gave one."""
        try:
            found = self._read()["failed"]
            return float(found["at"]), str(found["why"])
        except (ValueError, KeyError, TypeError):
            return None

    def _read(self) -> Any:
        try:
            return json.loads(self._state.beside(self._issued))
        except (OSError, ValueError):
            return {}

    def _write(self, issued: Sequence[float], failed: tuple[float, str] | None) -> None:
        document: dict[str, Any] = {"issued": list(issued[-_REMEMBERED:])}
        if failed is not None:
            document["failed"] = {"at": failed[0], "why": failed[1]}
        durable.sweep(self._issued)
        durable.replace(self._issued, json.dumps(document).encode(), sync=False)

    def begin(self) -> None:
        """Make an empty journal, mapped into memory: what is read into it is in the file, whatever becomes of this process.

        Only the machine's own end could still lose it. It is written in full at once: a full disk is told before the request is
        sent, not by the death of the process (SIGBUS) when the answer comes. Raises OSError.
        """
        self.drop()
        descriptor = os.open(self._journal, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if os.write(descriptor, bytes(_JOURNAL)) != _JOURNAL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._memory, self._taken = mmap(descriptor, _JOURNAL), 0
        except OSError:
            self._journal.unlink()
            raise
        finally:
            os.close(descriptor)

    def room(self) -> memoryview:
        """See exchange.Journal."""
        return memoryview(self._memory)[self._taken :] if self._memory is not None else memoryview(b"")

    def took(self, count: int) -> None:
        """See exchange.Journal."""
        self._taken += count

    def left_behind(self) -> tuple[bytes, float] | None:
        """The journal of a process that died while it asked, and when that was (epoch seconds)."""
        try:
            if not stat.S_ISREG(self._journal.lstat().st_mode):
                return None  # a link that a project brings may lead to anything, a device without end too
            with self._journal.open("rb") as file:
                return file.read(_JOURNAL).rstrip(b"\0"), os.fstat(file.fileno()).st_mtime
        except OSError:
            return None

    def drop(self) -> None:
        """The journal holds nothing that is worth keeping."""
        self.close()
        with suppress(OSError):
            self._journal.unlink()

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None
