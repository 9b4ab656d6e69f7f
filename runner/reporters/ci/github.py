"""GitHub Actions: groups, annotations at the line of the YAML file, and secrets that the runner is told to hide.

The grammar is that of GitHub's documentation, "Workflow commands": a line that begins with `::`, blanks aside, is a command.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from runner.redact import SHORTEST
from runner.reporters.documents import wording
from runner.reporters.documents.tree import Place, Step
from runner.reporters.terminal import unheard
from runner.results import StepResult

# GitHub shows ten annotations of a kind for a step of a job; the log has all failures anyway.
_MOST = 10
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
# SGR sequences: a group's title is text.
_PAINT = re.compile(r"\x1b\[[0-9;]*m")


class GitHub:
    """The dialect. `relative` gives paths from the workspace; `hide` is told of texts to be hidden, `secrets` gives them."""

    def __init__(
        self, relative: Callable[[str], str], secrets: Callable[[], frozenset[str]], hide: Callable[[str], None]
    ) -> None:
        self._relative = relative
        self._secrets = secrets
        self._hide = hide
        self._hidden: frozenset[str] = frozenset()
        self._told = 0

    def begun(self) -> str:
        """Tell the runner of every secret that it has not heard of."""
        secrets = self._secrets()
        new, self._hidden = secrets - self._hidden, secrets
        commands = "".join(add_mask(line) for text in sorted(new) for line in re.split(r"[\r\n]+", text))
        if commands:
            self._hide(commands)
        return ""

    def folded(self, title: str, lines: str, step: StepResult) -> str:
        return f"::group::{_data(_PAINT.sub('', title))}\n{self.plain(lines)}::endgroup::\n"

    def plain(self, lines: str) -> str:
        return _COMMAND.sub(r"\1\\:", lines)

    def failed(self, step: Step) -> Iterator[str]:
        title = wording.label(step)
        for check in wording.failures(step):
            yield self._error(check.location, title, wording.compared(check))
        for trouble in step.problems:
            hint = f"\n{trouble.hint}" if trouble.hint else ""
            if not trouble.warning:
                yield self._error(trouble.location or step.location, title, trouble.message + hint)

    def _error(self, place: Place, title: str, message: str) -> str:
        self._told += 1
        if self._told > _MOST:
            return ""
        where = {"line": str(place.line), "col": str(place.column)}
        # An argument of the command line has no file.
        file = {"file": self._relative(place.file), **where} if os.path.exists(place.file) else {}  # noqa: PTH110
        properties = ",".join(f"{key}={_property(value)}" for key, value in {**file, "title": title}.items())
        return f"::error {properties}::{_data(message)}\n"


def add_mask(text: str) -> str:
    """The command that has the runner hide `text`; nothing for one that is too short to be hidden."""
    return f"::add-mask::{_escaped(text)}\n" if len(text.strip()) >= SHORTEST else ""


def _data(text: str) -> str:
    return _escaped(unheard(text))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
