"""Which files of projects may run commands: those that the user has trusted, each by its path and the hash of its content.

The list is the user's own, outside every project: `$XDG_CONFIG_HOME/zrun/trusted.json` (XDG Base Directory Specification;
`~/.config` by default). In CI, where there is none, `ZRUN_TRUST=sha256:HEX[,sha256:HEX...]` trusts a content, wherever it is.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.environment import SecretSource, Written
from runner.errors import InputError, Problem
from runner.files import durable
from runner.files.document import shown
from runner.files.locks import locked

VARIABLE = "ZRUN_TRUST"
VERSION = 1
LOCK_TIME = 10.0  # seconds to wait for another process that is writing; a write takes milliseconds
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Trusted:
    """A file as it was trusted: the SHA-256 of its content (hexadecimal), and when (epoch seconds)."""

    sha256: str
    at: float


class Trust:
    """The user's list, read anew at each question: another process may have changed it."""

    def __init__(self, process: Mapping[str, str] = os.environ) -> None:
        self._process = process

    def refusal(self, source: SecretSource) -> Problem | None:
        """Why the command of `source` may not run; None when its file is trusted. Raises InputError for a broken list."""
        written = source.written
        if written is not None and self.holds(written):
            return None
        changed = written is not None and self._key(written.path) in self.entries()
        path = shown(written.path) if written else "PATH"
        message = f"the command `{source.argument}` does not run: {path} " + (
            "has changed since it was trusted" if changed else "is not trusted to run commands"
        )
        return Problem(message, source.location, f"look at it, then `zrun trust {path}`")

    def holds(self, written: Written) -> bool:
        """Whether a file is trusted with the content that was read. Raises InputError."""
        if written.sha256 in self._by_process():
            return True
        # By path too: a copy in another project would run that project's `./get-token`.
        entry = self.entries().get(self._key(written.path))
        return entry is not None and entry.sha256 == written.sha256

    def _by_process(self) -> frozenset[str]:
        found = set()
        for word in filter(None, re.split(r"[,\s]+", self._process.get(VARIABLE, ""))):
            match = _HASH.fullmatch(word)
            if match is None:
                hint = "`zrun trust --list` and `sha256sum` give the hash of a file"
                raise InputError(Problem(f"{VARIABLE} is not a list of sha256:HEX", None, hint))
            found.add(match[1].lower())
        return frozenset(found)

    @staticmethod
    def _key(path: Path) -> str:
        return str(path.resolve())

    def path(self) -> Path:
        """The file of the list. Raises InputError where there is no home for it."""
        given = self._process.get("XDG_CONFIG_HOME", "")
        if os.path.isabs(given):  # noqa: PTH117  (the specification: a relative path is to be ignored)
            return Path(given) / "zrun" / "trusted.json"
        try:
            return Path.home() / ".config" / "zrun" / "trusted.json"
        except RuntimeError:
            hint = f"set HOME, or {VARIABLE}=sha256:HEX"
            raise InputError(Problem("there is no home folder for the list of trusted files", None, hint)) from None

    def entries(self) -> dict[str, Trusted]:
        """Every trusted file by its absolute path. Raises InputError for a list that is damaged, or open to others."""
        path = self.path()
        try:
            with path.open("rb") as file:
                self._check_owner(os.fstat(file.fileno()))
                document = json.loads(file.read())
            if document["zrun-trusted"] != VERSION:
                raise self._unusable("was written by another zrun", "use that zrun, or move the file away")
            return {
                str(name): Trusted(str(entry["sha256"]), float(entry["at"]))
                for name, entry in document["files"].items()
            }
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}", "check its owner and mode") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._unusable("is damaged", "move it away, and trust the files anew") from None

    def _check_owner(self, found: os.stat_result) -> None:
        """Who can write the list can run commands as its reader."""
        if hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0):
            raise self._unusable("belongs to another user", "move it away, and trust the files anew")
        if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o022:
            raise self._unusable("can be written by others", "look at it (`zrun trust --list`) after `chmod 600`")

    def add(self, files: Iterable[Written]) -> None:
        """Trust these, with the content that was read. On disk when this returns. Raises InputError."""
        with self._changing() as entries:
            for written in files:
                entries[self._key(written.path)] = Trusted(written.sha256, time.time())

    def revoke(self, path: Path) -> bool:
        """Trust this file no longer; whether it was trusted. The file need not be there any more. Raises InputError."""
        with self._changing() as entries:
            return entries.pop(self._key(path), None) is not None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Trusted]]:
        """The entries, written back when the block ends. Alone among processes."""
        path = self.path()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(path.with_suffix(".lock"), LOCK_TIME) as held:
                if not held:
                    raise self._unusable("is locked by another process", "wait for it, or end it")
                entries = self.entries()
                yield entries
                files = {name: {"sha256": entry.sha256, "at": entry.at} for name, entry in sorted(entries.items())}
                text = json.dumps({"zrun-trusted": VERSION, "files": files}, indent=1)
                durable.replace(
                    path.resolve(), text.encode("ascii")
                )  # resolved: people keep ~/.config elsewhere, by links
        except OSError as error:
            raise self._unusable(f"cannot be written: {error.strerror}", "make its folder writable") from None

    def _unusable(self, why: str, hint: str) -> InputError:
        return InputError(Problem(f"the list of trusted files {self.path()} {why}", None, hint))
