"""Azure Pipelines: groups, and issues at the line of the YAML file (its documentation, "Logging commands")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from runner.reporters.documents import wording
from runner.reporters.documents.tree import Place, Step
from runner.reporters.terminal import unheard
from runner.results import StepResult

# A run of many rows may fail as often; the log has all failures anyway.
_MOST = 50
_PAINT = re.compile(r"\x1b\[[0-9;]*m")


class Azure:
    """The dialect. `relative` gives paths from the folder of the sources."""

    def __init__(self, relative: Callable[[str], str]) -> None:
        self._relative = relative
        self._told = 0

    def begun(self) -> str:
        return ""

    def folded(self, title: str, lines: str, step: StepResult) -> str:
        return f"##[group]{_PAINT.sub('', title)}\n{lines}##[endgroup]\n"

    def plain(self, lines: str) -> str:
        return lines  # commands are broken wherever a text is made printable (terminal.py)

    def failed(self, step: Step) -> Iterator[str]:
        title = wording.label(step)
        for check in wording.failures(step):
            yield self._issue(check.location, f"{title}: {wording.compared(check)}")
        for trouble in step.problems:
            if not trouble.warning:
                yield self._issue(trouble.location or step.location, f"{title}: {trouble.message}")

    def _issue(self, place: Place, message: str) -> str:
        self._told += 1
        if self._told > _MOST:
            return ""
        where = (
            f"sourcepath={_property(self._relative(place.file))};linenumber={place.line};columnnumber={place.column}"
        )
        return f"##vso[task.logissue type=error;{where}]{_data(message)}\n"


def _data(text: str) -> str:
    return unheard(text).replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace("]", "%5D").replace(";", "%3B")
