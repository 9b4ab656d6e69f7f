"""What the next run is to know of this one: which requests failed (--last-failed), and how long each took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.cli.parts import Part
from runner.project import root_of
from runner.results import Status, StepResult

_BAD: dict[Status, int] = {"blocked": 1, "failed": 2}


class Past:
    """How each request ended: the worst of its rows."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._environment = parts[0].assembly.environment
        self._worst: dict[tuple[str, str], tuple[Status, float]] = {}

    def add(self, step: StepResult) -> None:
        key = step.collection, step.id
        before = self._worst.get(key)
        if before is None or _BAD.get(step.status, 0) >= _BAD.get(before[0], 0):
            self._worst[key] = step.status, step.duration

    def keep(self) -> None:
        """Keep it in the project's `.zrun`; where there is none, only what failed is worth making one."""
        ended: dict[Path, dict[str, tuple[Status, float]]] = {}
        for (file, name), one in self._worst.items():
            ended.setdefault(Path(file), {})[name] = one
        identity = self._environment.id if self._environment else None
        for path, requests in ended.items():
            root = root_of(path)
            if (root / ".zrun").is_dir() or any(status in _BAD for status, _ in requests.values()):
                from runner.files import history  # late: a run without an environment that passes keeps nothing

                history.write(root, identity, path, requests)
