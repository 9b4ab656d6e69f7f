"""Where text goes and how it may look: results on standard output, diagnostics on standard error, colour where it is wanted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from runner.errors import Problem

if TYPE_CHECKING:
    from runner.reporters import Redact


def wants_color(choice: str, stream: TextIO) -> bool:
    """Whether to colour `stream`: --color first, then NO_COLOR (no-color.org), FORCE_COLOR, then whether it is a terminal."""
    if choice in ("always", "never"):
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def now(ahead: float) -> float:
    """Seconds since the epoch, by a clock that is `ahead` seconds ahead."""
    return time.time() + ahead


def in_ci() -> bool:
    """Whether a CI system runs this: they all set CI."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def in_known_ci() -> bool:
    """Whether it is one of the CI systems whose logs can be commanded: GitHub Actions, GitLab, Azure Pipelines."""
    return any(os.environ.get(name, "").lower() == "true" for name in ("GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD"))


def can_ask() -> bool:
    """Whether a person can be asked: on a terminal, and never in CI."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty() and not in_ci()


def tell(problems: Iterable[Problem], *, color: str = "auto", redact: Redact | None = None) -> None:
    """Print problems to standard error."""
    # Late: a run without mistakes prints none.
    from runner.reporters import problems as report
    from runner.reporters import unmasked

    color_it = wants_color(color, sys.stderr)
    text = report.render(tuple(problems), color=color_it, width=terminal_width(), redact=redact or unmasked)
    with suppress(OSError):  # who read it has gone: the exit status tells
        sys.stdout.flush()
    with suppress(OSError):
        sys.stderr.write(text)


def say(text: str) -> None:
    """A line of zrun's own to standard error, if anybody reads it."""
    with suppress(OSError):
        sys.stderr.write(f"zrun: {text}\n")


def terminal_width() -> int:
    """Columns of the terminal; 100 where there is none."""
    if not sys.stderr.isatty():
        return 100
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 100
    except OSError:
        return 100
