"""What an examination finds: one line a check, with its next step, and the exit status that it leads to."""

from __future__ import annotations

from typing import Literal, TypeAlias

from runner import errors
from runner.errors import Problem, ZrunError
from runner.records import record

Status: TypeAlias = Literal["ok", "warning", "problem", "unknown"]


@record
class Check:
    """One check. `code` is a word for programs; `unknown` tells that it could not be found out, which is no fault.

    `exit_code` is that of runner.errors which a problem leads to; it is 0 for everything else.
    """

    area: str
    name: str
    status: Status
    message: str
    hint: str | None = None
    code: str = ""
    exit_code: int = errors.PASSED


@record
class Area:
    """Makes the checks of one area."""

    name: str

    def ok(self, name: str, message: str, code: str = "") -> Check:
        return Check(self.name, name, "ok", message, None, code)

    def warning(self, name: str, message: str, hint: str | None, code: str = "") -> Check:
        return Check(self.name, name, "warning", message, hint, code)

    def unknown(self, name: str, message: str, hint: str | None = None, code: str = "") -> Check:
        return Check(self.name, name, "unknown", message, hint, code)

    def problem(
        self, name: str, message: str, hint: str | None, exit_code: int = errors.BAD_INPUT, code: str = ""
    ) -> Check:
        return Check(self.name, name, "problem", message, hint, code, exit_code)

    def told(self, name: str, problem: Problem, exit_code: int, code: str = "") -> Check:
        """A problem as it is told elsewhere, with its place."""
        where = f"{problem.location}: " if problem.location else ""
        return self.problem(name, f"{where}{problem.message}", problem.hint, exit_code, code)

    def failed(self, name: str, error: ZrunError, code: str = "") -> Check:
        """An error's first problem; the others say the same of other places."""
        return self.told(name, error.problems[0], error.exit_code, code)
