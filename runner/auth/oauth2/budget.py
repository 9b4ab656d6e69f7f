"""How many tokens may be asked for in which time, and when the next one may be."""

from __future__ import annotations

from collections.abc import Iterable


def wait(issued: Iterable[float], budget: tuple[int, float] | None, now: float) -> float:
    """Seconds until one more token may be asked for: 0 when that is now.

    `issued` are the times of earlier requests, `budget` how many may lie within how many seconds.
    """
    if budget is None:
        return 0.0
    count, within = budget
    recent = sorted(at for at in issued if now - within < at <= now)
    return recent[-count] + within - now if len(recent) >= count else 0.0


def left(issued: Iterable[float], budget: tuple[int, float], now: float) -> int:
    """How many may be asked for now."""
    count, within = budget
    return max(0, count - sum(now - within < at <= now for at in issued))
