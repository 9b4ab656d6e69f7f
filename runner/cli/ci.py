"""Which CI system runs this, and how it is spoken to: found out by what each sets in the process environment."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from runner.redact import Redactor
from runner.reporters.ci import Dialect, within
from runner.reporters.documents import forms
from runner.reporters.documents.targets import Target


def dialect(environ: Mapping[str, str], redactor: Redactor) -> Dialect | None:
    """How to speak to the system; None when it is none that is known."""
    if _set(environ, "GITHUB_ACTIONS"):
        from runner.reporters.ci.github import GitHub  # late: each is loaded where it is used

        hide = _to_the_runner if heard_by_the_runner() else _nowhere
        return GitHub(within(Path(environ.get("GITHUB_WORKSPACE") or ".")), redactor.texts, hide)
    if _set(environ, "GITLAB_CI"):
        from runner.reporters.ci.gitlab import GitLab  # late: see above

        return GitLab()
    if _set(environ, "TF_BUILD"):
        from runner.reporters.ci.azure import Azure  # late: see above

        return Azure(within(Path(environ.get("BUILD_SOURCESDIRECTORY") or ".")))
    return None


def targets(environ: Mapping[str, str]) -> tuple[Target, ...]:
    """The reports that the system has a place for: GitHub's step summary."""
    summary = environ.get("GITHUB_STEP_SUMMARY")
    return (Target("github", Path(summary), append=True),) if summary and _set(environ, "GITHUB_ACTIONS") else ()


def writer(environ: Mapping[str, str], target: Target) -> forms.Write:
    """What writes a report, as the system wants it."""
    if target.form == "junit" and _set(environ, "GITLAB_CI"):
        from runner.reporters.documents import junit  # late: see above

        return partial(junit.write, place=within(Path(environ.get("CI_PROJECT_DIR") or ".")))
    if target.append and target.path is not None:
        from runner.reporters.documents import github  # late: see above

        taken = target.path.stat().st_size if target.path.exists() else 0
        return partial(github.write, bound=github.BOUND - taken)
    return forms.writer(target.form)


def heard_by_the_runner() -> bool:
    """Whether standard error goes to GitHub's runner and nowhere else: what hides a secret has to tell it.

    A file, or a pipe into `tee`, would keep it. So it must be the very pipe that the runner gave to the shell of the job's
    step, the outermost process below it. False where that cannot be known, as without /proc.
    """
    try:
        mine = os.fstat(2)
        if not (stat.S_ISFIFO(mine.st_mode) or stat.S_ISSOCK(mine.st_mode)):
            return False
        shell, above = 0, os.getppid()
        while above > 1 and not Path(f"/proc/{above}/comm").read_text().startswith("Runner.Worker"):
            shell, above = above, int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
        return shell > 0 and os.path.samestat(mine, Path(f"/proc/{shell}/fd/2").stat())
    except (OSError, ValueError):
        return False


def _to_the_runner(commands: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(commands)
    sys.stderr.flush()


def _nowhere(commands: str) -> None:
    """What hides secrets is not said where it would be kept."""


def _set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() == "true"
