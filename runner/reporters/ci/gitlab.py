"""GitLab: sections that fold (its documentation, "Custom collapsible sections")."""

from __future__ import annotations

from collections.abc import Iterator

from runner.reporters.documents.tree import Step
from runner.results import StepResult

_ERASE = "\x1b[0K"


class GitLab:
    """The dialect. Failures are told by the JUnit report, which GitLab shows beside the merge request."""

    def __init__(self) -> None:
        self._sections = 0

    def begun(self) -> str:
        return ""

    def folded(self, title: str, lines: str, step: StepResult) -> str:
        self._sections += 1
        name, began = f"zrun_{self._sections}", int(step.started)
        ended = int(step.started + step.duration)
        start = f"{_ERASE}section_start:{began}:{name}[collapsed=true]\r{_ERASE}{title}\n"
        return f"{start}{lines}{_ERASE}section_end:{ended}:{name}\r{_ERASE}\n"

    def plain(self, lines: str) -> str:
        return lines  # a marker holds control characters, and no text that is told has any

    def failed(self, step: Step) -> Iterator[str]:
        yield from ()
