"""`--watch`: run again whenever a file that the run reads has been saved, until stopped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from runner import errors
from runner.cli import screen
from runner.cli.outlet import READER_GONE
from runner.errors import ZrunError
from runner.project import ENVIRONMENTS, root_of

# Seconds between two looks; and how long nothing must have changed before a run: an editor writes a file in steps.
_LOOK = 0.3
_QUIET = 0.2
# A project of more YAML files than this is looked at only as far.
_MOST = 5000
_YAML = (".yaml", ".yml")
_STOPPED = (130, 143, 129, READER_GONE)

State = Mapping[Path, tuple[int, int, int]]


def again(collections: Iterable[Path], once: Callable[[set[Path]], int]) -> int:
    """Run `once`, and again after each change, until the person stops it. Returns the exit status of the last run.

    `once` puts into its argument the files that it reads, as far as it gets; a mistake in one is told, and waited for.
    Besides, all YAML of the projects is watched: a file that is missing now may be included or overlaid then.
    """
    roots = {root_of(path) for path in collections}
    read: set[Path] = set(collections)
    while True:
        # Before the run: what is saved while it goes on is a change too.
        before, began = _state(roots, read), time.time_ns()
        status = _told(once, read)
        if status in _STOPPED:
            return status
        # What turned out to be read may have been saved since.
        found = _state((), read - before.keys())
        before = {**{path: state for path, state in found.items() if state[0] < began}, **before}
        print("\nzrun: waiting for a file to be saved; Ctrl-C stops", file=sys.stderr, flush=True)
        try:
            changed = _change(before, roots, read)
        except KeyboardInterrupt:
            return errors.INTERRUPTED
        shown = sorted(set(map(_shown, changed)))  # one file may be read by two names
        names = ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
        sys.stdout.flush()
        print(f"\nzrun: {time.strftime('%H:%M:%S')} {names} changed, running again\n", file=sys.stderr, flush=True)


def _told(once: Callable[[set[Path]], int], read: set[Path]) -> int:
    try:
        return once(read)
    except KeyboardInterrupt:
        return errors.INTERRUPTED
    except ZrunError as error:
        screen.tell(error.problems, redact=error.redact)
        return error.exit_code


def _change(before: State, roots: Iterable[Path], read: Iterable[Path]) -> set[Path]:
    """Wait until files are others than they were, and stay so for a moment. Gives those that changed, came or went."""
    now = before
    while True:
        time.sleep(_LOOK)
        found = _state(roots, read)
        if found == before:
            continue
        while found != now:
            now = found
            time.sleep(_QUIET)
            found = _state(roots, read)
        return {path for path in found.keys() | before.keys() if found.get(path) != before.get(path)}


def _state(roots: Iterable[Path], read: Iterable[Path]) -> dict[Path, tuple[int, int, int]]:
    """What tells that a file was saved: its time, its size, and which file it is, since editors replace it."""
    found: dict[Path, tuple[int, int, int]] = {}
    for path in (*read, *(path for root in roots for path in _yaml(root))):
        try:
            stat = path.stat()
        except OSError:
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _yaml(root: Path) -> Iterator[Path]:
    """The YAML files of a project, without what is hidden or belongs to other tools."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in sorted(folders) if not name.startswith(".") and name != "node_modules"]
        for name in files:
            if name.endswith(_YAML):
                count += 1
                if count > _MOST:
                    return
                yield Path(folder, name)


def _shown(path: Path) -> str:
    real = Path(os.path.realpath(path))
    parts = real.parts
    if ENVIRONMENTS in parts[-2:-1]:
        return "/".join(parts[-2:])
    return path.name
