"""--snapshot, --no-new-snapshots, --update-snapshots: what passed is compared with files that people commit.

What is new waits in a private file without a name until the run ends: then all its secrets are known, and it is put in place.
"""

from __future__ import annotations

import errno
import os
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import IO, TypeAlias

from runner import errors, snapshot_changes, snapshots
from runner.cli import screen
from runner.cli.parts import Part
from runner.cli.running import Ready
from runner.collection import RequestSpec, SnapshotSpec
from runner.errors import Location, Problem, remedy
from runner.exchange import Headers, Response, Unreadable
from runner.files import snapshots as files
from runner.judgement import CheckResult
from runner.leaks import Guard
from runner.redact import Redactor, carriers
from runner.reporters import Redact, wire
from runner.reporters.terminal import printable
from runner.results import RunResult

# So many files are named in a line.
_MOST = 8
# That the disk is at fault, not what lies there.
_OF_DISKS = (errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))
# The project's folder, and the way from there.
_Key: TypeAlias = tuple[Path, tuple[str, ...]]


def of(chosen: Namespace, ready: Sequence[Ready], parts: Sequence[Part], stack: ExitStack) -> Snapshots:
    """Those of a run, wired into the ports of each of its collections."""
    fixed = chosen.no_new_snapshots or (screen.in_ci() and not chosen.update_snapshots)
    made = Snapshots(parts[0].assembly.redactor, update=chosen.update_snapshots, fixed=fixed)
    stack.callback(made.close)
    for one, part in zip(ready, parts, strict=True):
        one.ports = replace(one.ports, snapshot=made.of(part))
    return made


class Snapshots:
    """Those of one run. `update`: what comes takes the place of what is kept; `fixed`: nothing is written."""

    def __init__(self, redactor: Redactor, *, update: bool, fixed: bool) -> None:
        self._update = update
        self._fixed = fixed
        self._redactor = redactor
        self._lock = Lock()
        self._seen: dict[Path, set[tuple[str, ...]]] = {}  # by collection, but for those of rows
        self._waiting = _Waiting()
        # Known here alone: to the rest of the run a cookie is a secret only when it is recorded.
        self._cookies = Redactor()
        lookings = {one: carriers.masking(one) for one in (redactor, self._cookies)}  # twice as slow, for what stays

        def redact(text: str, length: int | None = None) -> str:
            for one, looking in lookings.items():
                text = looking(text, length) if one.known else text
            return text

        self._masks = snapshots.Masks(
            lambda text: wire.placeholders(redact(text)), lambda headers: _fields(headers, redact), wire.is_token
        )

    @property
    def _known(self) -> int:
        return self._redactor.known + self._cookies.known

    def _learn(self, response: Response, part: Part) -> None:
        """A session's cookie is masked as in a recording, so that a snapshot is the same with one, of one and without."""
        if response.cookies:
            from runner.cli.films import exchanges  # late: of answers that set some

            exchanges.learn_cookies(response, self._cookies, exchanges.wanted_cookies(part.plan.collection))

    def of(self, part: Part) -> Callable[[RequestSpec, Response, int | None, int | None], list[CheckResult]]:
        """What compares the responses of one collection; each repeat of a run (-n) with the same snapshots."""
        root, folder = files.folder_of(part.plan.collection.path)
        by_row = part.turns is not None and part.turns.rows is not None
        seen = self._seen.setdefault(part.plan.collection.path, set())

        def check(request: RequestSpec, response: Response, row: int | None, item: int | None) -> list[CheckResult]:
            self._learn(response, part)
            spec = request.snapshot or SnapshotSpec()
            if not spec.on:
                return []
            name = files.named(request.id, row if by_row else None, item)
            if not by_row:
                seen.add(name)
            place = spec.location or request.location
            try:
                made = snapshots.of(response, spec, self._masks, saved=request.save is not None)
            except (OSError, Unreadable) as error:
                why = _why(error) if isinstance(error, OSError) else str(error)
                return [snapshot_changes.failed(place, "a body that can be compared", why)]
            with self._lock:
                return self._compared((root, (*folder, *name)), made, spec, place)

        return check

    def _compared(self, key: _Key, made: snapshots.Document, spec: SnapshotSpec, place: Location) -> list[CheckResult]:
        name = _shown(key)
        try:
            content = self._waiting.get(key)  # of an earlier repeat
            if content is None:
                content = files.read(*key)
                if content is None and self._fixed:
                    return [snapshot_changes.missing(name, place)]
                if content is None or self._update:
                    came = snapshots.dumped(made)
                    self._waiting.add(key, came, self._known)
                    if content != came:
                        return [snapshot_changes.taken(name, place, "new" if content is None else "updated")]
                    content = came
            kept = snapshots.settled(snapshots.loaded(content), spec)
        except OSError as error:
            hint = "a snapshot is a file in folders of the project, and no link"
            return [snapshot_changes.failed(place, f"as in {name}", _why(error), hint)]
        except (snapshots.Unfit, Unreadable) as error:
            return [snapshot_changes.unfit(name, place, str(error))]
        return snapshot_changes.checks(kept, made, name, place, self._redactor)

    def close(self) -> None:
        self._waiting.close()

    def end(self, parts: Sequence[Part], guard: Guard, run: RunResult) -> list[Problem]:
        """Put what is new in place, also of an interrupted run, and say so. Gives what stood in the way, and warnings."""
        written, updated, problems = self._put(guard)
        passed = run.exit_code == errors.PASSED and not run.interrupted
        stale = list(dict.fromkeys(key for part in parts for key in self._stale(part, passed=passed)))
        removed = [_shown(key) for key in stale if self._update and self._removed(key, problems)]
        for names, what in ((written, "written"), (updated, "updated"), (removed, "removed")):
            if names:
                screen.say(printable(self._redactor.text(f"{_count(names)} {what}: {_listed(names)}")))
        left = [name for name in map(_shown, stale) if name not in removed]
        if left:
            message = f"{_count(left)} belong{'s' * (len(left) == 1)} to no request: {_listed(left)}"
            hint = "remove what is not needed any more, or run with --update-snapshots"
            problems.append(Problem(message, None, hint, warning=True))
        return problems

    def _put(self, guard: Guard) -> tuple[list[str], list[str], list[Problem]]:
        """Put in place what waited. Gives the names of new and of changed files, and what stood in the way."""
        written: list[str] = []
        updated: list[str] = []
        unsafe: list[str] = []
        problems: list[Problem] = []
        for key in self._waiting:
            try:
                before, content = files.read(*key), self._final(key)
                if content == before:
                    continue
                if self._redactor.warnings:
                    unsafe.append(_shown(key))
                    continue
                guard.wrote(files.write(*key, content))
                (written if before is None else updated).append(_shown(key))
            except OSError as error:
                message = f"{_shown(key)} cannot be written: {_why(error)}"
                hint = "it has to be a file in folders of the project, and no link"
                problems.append(Problem(message, None, remedy(error) if error.errno in _OF_DISKS else hint))
        if unsafe:
            names = f"{_count(unsafe)}, {_listed(unsafe)}"
            message = f"not written, since a secret is too short to be found and removed: {names}"
            problems.append(Problem(message, None, "use a longer secret"))
        return written, updated, problems

    def _final(self, key: _Key) -> bytes:
        """What waited, masked with what has become known as a secret since."""
        content, known = self._waiting.whole(key)
        if known == self._known:
            return content
        return snapshots.dumped(snapshots.again(snapshots.loaded(content), self._masks))

    def _stale(self, part: Part, *, passed: bool) -> Iterator[_Key]:
        """Files of requests that the collection has no more; where all `passed`, of items that a request that ran has no more.

        Those of rows are not judged but by their request: which rows there are is the command line's to say.
        """
        collection = part.plan.collection
        root, folder = files.folder_of(collection.path)
        alive = {files.named(one.id) for one in collection if one.snapshot is None or one.snapshot.on}
        seen = self._seen.get(collection.path, set())
        ran = {files.without_number(name) for name in seen} if passed else set()
        for name in files.kept(root, folder):
            request = files.without_number(name)
            if request not in alive or (request in ran and name not in seen and not files.of_row(name)):
                yield root, (*folder, *name)

    def _removed(self, key: _Key, problems: list[Problem]) -> bool:
        """Remove it, if it is a snapshot."""
        try:
            snapshots.loaded(files.read(*key) or b"")
            files.remove(*key)
        except snapshots.Unfit:
            return False
        except OSError as error:
            problems.append(Problem(f"{_shown(key)} cannot be removed: {_why(error)}", None, "remove it", warning=True))
            return False
        return True


def _fields(headers: Headers, redact: Redact) -> Iterator[tuple[str, str]]:
    """As wire.fields; of a cookie that is set the name alone, whether or not its content is known as a secret."""
    for name, value in wire.fields(headers, redact):
        yield name, f"{value.partition('=')[0]}=..." if name.lower() == "set-cookie" else value


class _Waiting:
    """New snapshots, in a private file without a name: nothing stays of it however the process ends. Raises OSError."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._size = 0
        self._places: dict[_Key, tuple[int, int, int]] = {}

    def add(self, key: _Key, content: bytes, known: int) -> None:
        """`known`: how many secrets were, when it was masked."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="zrun-")  # noqa: SIM115  # closed at the end of the run
        self._file.seek(self._size)
        self._file.write(content)
        self._file.flush()
        self._places[key] = self._size, len(content), known
        self._size += len(content)

    def whole(self, key: _Key) -> tuple[bytes, int]:
        start, length, known = self._places[key]
        assert self._file is not None
        self._file.seek(start)
        return self._file.read(length), known

    def get(self, key: _Key) -> bytes | None:
        return self.whole(key)[0] if key in self._places else None

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._places)

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk, which `add` has told
                self._file.close()


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} snapshot{'s' * (len(names) != 1)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def _shown(key: _Key) -> str:
    path = key[0].joinpath(*key[1])
    try:
        return str(path.relative_to(os.path.realpath(Path.cwd())))
    except ValueError:
        return str(path)
