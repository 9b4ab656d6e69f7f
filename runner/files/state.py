"""Captured values by environment, private and durable: `ROOT/.zrun/state/ENVIRONMENT.json`.

The file is JSON, readable by its owner alone (0600 in 0700 folders), replaced atomically, and written under a lock that the
kernel releases when its holder dies. Secrets are in it in clear, or in the keyring (`stowed`), where the environment says so.
A file that cannot be read is never overwritten.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from runner.errors import InputError, Location, Problem, remedy
from runner.files import durable, private
from runner.files.locks import locked
from runner.scope import Captured
from runner.values import Value, reveal, secrets_in, taint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.stowed import Entries, Keyring, Stowage

VERSION = 1
# Seconds to wait for another process that is writing; a write takes milliseconds.
LOCK_TIME = 10.0
MOST_READINGS = 100
# What stands for a text in the keyring, where that stays closed.
STAND_IN = "kept in the keyring"


class State:
    """The kept values of one environment. `keyring` opens the keyring; secrets go there when `in_keyring` tells which
    line asks for it."""

    def __init__(
        self,
        root: Path,
        environment: str,
        keyring: Callable[[], Keyring] | None = None,
        in_keyring: Location | None = None,
    ) -> None:
        self._root = root
        self._environment = environment
        self._keyring = keyring
        self._in_keyring = in_keyring
        self._folder = root / private.FOLDER / "state"
        self.path = self._folder / f"{file_name(environment)}.json"

    def beside(self, path: Path) -> bytes:
        """What another private file of the same project holds; see unlinked.content. Raises OSError."""
        from runner.files import unlinked  # late: of environments with a provider

        return unlinked.content(self._root, path)

    def check_own(self, path: Path) -> None:
        """Raises InputError when the private file `path`, or a folder on its way, is a link: it may lead anywhere."""
        for part in (path, *path.parents):
            if part == self._root:
                return
            if part.is_symlink():
                raise self._unusable(f"lies beside a link ({part.name})", "make it a folder or a file of its own")

    def read(self, *, look_only: bool = False) -> dict[str, Captured]:
        """Every kept value by name. Raises InputError for a file that is damaged, or whose secrets the keyring has not.

        With `look_only` the keyring stays closed: a stand-in is given for what is in it.
        """
        entries, _ = self._entries()
        if look_only:
            in_keyring = {"value": STAND_IN}
            return {name: _captured(name, {**in_keyring, **entry}) for name, entry in entries.items()}
        if not any("keyring" in entry for entry in entries.values()):
            return {name: _captured(name, entry) for name, entry in entries.items()}
        return self._fetched(entries)

    def _fetched(self, entries: Entries) -> dict[str, Captured]:
        """The values, those in the keyring too. An entry goes when its value has been replaced: then the file is read anew."""
        from runner.files.stowed import Gone  # late: few environments keep their secrets there

        stowage = self._stowage()
        for _ in range(MOST_READINGS):
            try:
                return {name: _captured(name, stowage.whole(name, entry)) for name, entry in entries.items()}
            except Gone:
                before, (entries, _left) = entries, self._entries()
                if entries == before:
                    raise
        raise self._unusable("changes faster than it can be read", "end the processes that write it")

    def _stowage(self) -> Stowage:
        if self._keyring is None:
            raise self._unusable("has its secrets in the keyring", "reach it through its environment")
        from runner.files.stowed import Stowage  # late: few environments keep their secrets there

        return Stowage(self._keyring(), self._environment, self._in_keyring)

    def _entries(self) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """What the file holds, and which entries of the keyring it knows to be left over. Raises InputError."""
        try:
            self._check_private()
            text = self.path.read_bytes().decode("utf-8", "surrogatepass")  # as it was written: JSON may hold such
        except FileNotFoundError:
            return {}, []
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}", "check its owner and mode") from None
        except UnicodeDecodeError:
            raise self._unusable("is damaged: it is not UTF-8", "move it away to begin anew") from None
        return self._parsed(text)

    def save(self, values: Mapping[str, Captured]) -> None:
        """Keep `values` beside what is kept already; on disk when this returns. Raises InputError."""
        with self._locked():
            entries, left = self._entries()
            self._write({**entries, **{name: _entry(captured) for name, captured in values.items()}}, entries, left)

    def forget(self, names: Iterable[str]) -> None:
        """Drop these. Raises InputError."""
        dropped = frozenset(names)
        with self._locked():
            entries, left = self._entries()
            self._write({name: entry for name, entry in entries.items() if name not in dropped}, entries, left)

    def forget_all(self) -> None:
        """Drop everything. Raises InputError."""
        with self._locked():
            try:
                self._write({}, *self._entries())
            except InputError:  # a person's own word, whatever is in the file
                self._replace({}, [])

    def probe(self) -> None:
        """Try that a value could be kept, before anything is sent that cannot be had twice. Raises InputError."""
        with self._locked():
            self.read()
            if self._in_keyring:
                self._stowage().probe()
            self._attempt(lambda: durable.temporary(self.path, b"\0" * 4096).unlink())

    def make_private(self, folder: Path) -> None:
        """Make `folder`, two levels below `.zrun`, for this user alone. Raises InputError."""
        self._attempt(self._make_folders)
        for made in (folder.parent, folder):
            if made.is_symlink():
                raise self._unusable(f"lies beside a link ({made.name})", "make it a folder of its own")
            self._attempt(lambda made=made: made.mkdir(mode=0o700, exist_ok=True))

    def _check_private(self) -> None:
        """Raises OSError; tightens a mode that lets others in; refuses links, which may lead out of the project."""
        for path in (self._root / private.FOLDER, self._folder, self.path):
            try:
                private.check(path)
            except private.Exposed as error:
                raise self._unusable(error.why, error.hint) from None

    def _parsed(self, text: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
        try:
            document = json.loads(text)
            version = document["zrun-state"]
            if version != VERSION:
                raise self._unusable(
                    f"was written by another zrun (format {version})", "use that zrun, or move the file away"
                )
            entries = {name: dict(entry) for name, entry in document["values"].items()}
            for name, entry in entries.items():
                _captured(name, {"value": None, **entry} if isinstance(entry.get("keyring"), str) else entry)
            return entries, [str(user) for user in document.get("keyring-left", ())]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._unusable("is damaged", "restore it from a backup, or move it away to begin anew") from None

    def _unusable(self, why: str, hint: str) -> InputError:
        return InputError(Problem(f"the private state {_shown(self.path)} {why}", None, hint))

    def _attempt(self, write: Any) -> Any:
        try:
            return write()
        except OSError as error:
            hint = f"{remedy(error)}, or run with --no-save"
            raise self._unusable(f"cannot be written: {error.strerror}", hint) from None

    def _make_folders(self) -> None:
        try:
            private.make(self._root, self._folder.name)
        except private.Exposed as error:
            raise self._unusable(error.why, error.hint) from None

    def _write(self, after: Entries, before: Entries, left: list[str]) -> None:
        """Make the file hold `after`; a crash at any moment leaves the old values or the new ones."""
        if self._in_keyring or left or any("keyring" in entry for entry in before.values()):
            self._stowage().write(after, before, left, self._replace)
        else:
            self._replace(after, [])

    def _replace(self, entries: Entries, left: list[str]) -> None:
        document: dict[str, Any] = {"zrun-state": VERSION, "values": dict(sorted(entries.items()))}
        if left:
            document["keyring-left"] = left
        content = json.dumps(document, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self._attempt(lambda: durable.replace(self.path, content))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among processes. The lock is the kernel's: whoever dies with it blocks nobody."""
        self._attempt(self._make_folders)
        self._attempt(lambda: None if not self.path.exists() else self._check_private())
        lock = self.path.with_suffix(".lock")
        with ExitStack() as stack:
            held: bool = self._attempt(lambda: stack.enter_context(locked(lock, LOCK_TIME)))
            if not held:
                raise self._unusable("is locked by another process", "wait for it, or end it")
            durable.sweep(self.path)
            yield


def file_name(environment: str) -> str:
    """An environment's id as a file name: what is not plain is written as its code, so that no two ids meet."""
    plain = re.sub(r"[^A-Za-z0-9._+-]", lambda match: f"%{ord(match[0]):x}", environment)
    if len(plain) > 100:
        from hashlib import sha256  # late: no sane name is so long

        plain = f"{plain[:60]}-{sha256(environment.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    return plain if not plain.startswith(".") else f"%2e{plain[1:]}"


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):  # OSError: the working directory is gone
        return str(path)


def _entry(captured: Captured) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": reveal(captured.value), "by": captured.by, "at": captured.at}
    if secrets_in(captured.value):
        entry["secret"] = True
    if captured.seed is not None:
        entry["seed"] = captured.seed
    if captured.expires_at is not None:
        entry["expires-at"] = captured.expires_at
        entry["expires"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(captured.expires_at))  # for a person
    return entry


def _captured(name: str, entry: Mapping[str, Any]) -> Captured:
    value: Value = entry["value"]
    expires_at = entry.get("expires-at")
    return Captured(
        taint(value, name) if entry.get("secret") else value,
        str(entry["by"]),
        float(entry["at"]),
        None if expires_at is None else float(expires_at),
        None if entry.get("seed") is None else str(entry["seed"]),
    )
