"""How each request ended, and how long it took, the last time that it was run: `ROOT/.zrun/history/ENVIRONMENT.json`.

It is a convenience: what cannot be read is as if it were not there, and of two runs at once the later one's word counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.files import private
from runner.files.state import file_name
from runner.results import Status

VERSION = 1
_NAME = "history"
_LARGEST = 1 << 24


def failed(root: Path, environment: str | None, collection: Path) -> frozenset[str]:
    """The ids of the requests of a collection that failed, or were blocked, the last time."""
    entries = _entries(_path(root, environment)).get(_key(root, collection), {})
    return frozenset(
        name for name, one in entries.items() if isinstance(one, dict) and one.get("status") in ("failed", "blocked")
    )


def write(root: Path, environment: str | None, collection: Path, ended: Mapping[str, tuple[Status, float]]) -> None:
    """Note how requests ended, by id; what is known of others stays. What cannot be written is not."""
    path = _path(root, environment)
    with suppress(OSError, private.Exposed):
        folder = private.make(root, _NAME)
        private.check(folder)
        entries = _entries(path)
        known = entries.setdefault(_key(root, collection), {})
        known.update(
            (name, {"status": status, "duration": round(duration, 3)})
            for name, (status, duration) in ended.items()
            if status != "skipped"
        )
        new = folder / f".{path.name}.{os.getpid()}"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps({"zrun-history": VERSION, "collections": entries}))
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def _path(root: Path, environment: str | None) -> Path:
    return root / private.FOLDER / _NAME / f"{file_name(environment or '-')}.json"


def _key(root: Path, collection: Path) -> str:
    return os.path.relpath(os.path.realpath(collection), os.path.realpath(root))


def _entries(path: Path) -> dict[str, Any]:
    """What the file holds, by collection; nothing where it is damaged, or not this user's alone."""
    with suppress(OSError, ValueError, RecursionError, private.Exposed):
        for one in (path.parent.parent, path.parent, path):
            private.check(one)
        if path.stat().st_size <= _LARGEST:
            document = json.loads(path.read_text("utf-8"))
            if isinstance(document, dict) and document.get("zrun-history") == VERSION:
                found = document.get("collections")
                if isinstance(found, dict):
                    return {name: entry for name, entry in found.items() if isinstance(entry, dict)}
    return {}
