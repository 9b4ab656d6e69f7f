"""What the next run is to know of this one: which requests failed, for which rows (--last-failed), and how long each took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.cli import data
from runner.cli.parts import Part
from runner.project import root_of
from runner.results import Status, StepResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.finished import Finished

_BAD: dict[Status, int] = {"blocked": 1, "failed": 2}


class Past:
    """How each request ended: the worst of its rows."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._environment = parts[0].assembly.environment
        self._turns = {str(part.plan.collection.path): part.turns for part in parts}
        self._worst: dict[tuple[str, str], tuple[Status, float]] = {}
        self._rows: dict[tuple[str, str], tuple[Finished, Finished]] = {}

    def add(self, step: StepResult) -> None:
        key = step.collection, step.id
        before = self._worst.get(key)
        if before is None or _BAD.get(step.status, 0) >= _BAD.get(before[0], 0):
            self._worst[key] = step.status, step.duration
        if step.row is not None and step.status != "skipped":
            from runner.files.finished import Finished  # late: of runs over rows

            ran, failed = self._rows.setdefault(key, (Finished(), Finished()))
            ran.add(step.row)
            if step.status in _BAD:
                failed.add(step.row)

    def keep(self) -> None:
        """Keep it in the project's `.zrun`; where there is none, only what failed is worth making one."""
        ended: dict[str, dict[str, tuple[Status, float]]] = {}
        for (file, name), one in self._worst.items():
            ended.setdefault(file, {})[name] = one
        identity = self._environment.id if self._environment else None
        for file, requests in ended.items():
            path = Path(file)
            root = root_of(path)
            if (root / ".zrun").is_dir() or any(status in _BAD for status, _ in requests.values()):
                from runner.files import history  # late: a run without an environment that passes keeps nothing
                from runner.files.finished import Finished  # late: as above

                none = Finished(), Finished()
                found = {
                    name: history.Ended(status, took, *self._rows.get((file, name), none))
                    for name, (status, took) in requests.items()
                }
                turns = self._turns.get(file)
                history.write(root, identity, path, found, data.source(root, turns) if turns else None)
