"""Durations and sizes as people write them: `2s`, `500ms`, `10m`, `10 KB`, `1.5 MiB`."""

from __future__ import annotations

import re

# Seconds in a unit; sizes: KB is 1000 (SI), KiB is 1024 (IEC 80000-13).
DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}

# A number has no more digits than one that is written with a unit: a server's may have hundreds, and be no float.
_MOST = 1e15

# Characters of a text that is a duration or a size.
LONGEST = 64

_QUANTITY = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*\Z")


def seconds(written: str | float) -> float | None:
    """The seconds in `written` (a bare number is seconds), or None when it is not a duration.

    Compound forms such as `1h30m` are sums.
    """
    if isinstance(written, bool):
        return None
    if isinstance(written, (int, float)):
        return float(written) if 0 <= written < _MOST else None
    if len(written) > LONGEST:
        return None
    total, found = 0.0, False
    for piece in re.findall(r"[0-9.]+\s*[A-Za-z]*|\S", written):
        match = _QUANTITY.match(piece)
        unit = DURATIONS.get(match[2].lower() or "s") if match else None
        if match is None or unit is None or (found and not match[2]):
            return None
        total, found = total + float(match[1]) * unit, True
    return total if found else None


def size(written: str | float) -> float | None:
    """The bytes in `written` (a bare number is bytes), or None when it is not a size."""
    if isinstance(written, bool):
        return None
    if isinstance(written, (int, float)):
        return float(written) if 0 <= written < _MOST else None
    match = _QUANTITY.match(written) if len(written) <= LONGEST else None
    unit = SIZES.get(match[2].lower() or "b") if match else None
    return float(match[1]) * unit if match and unit else None


def show_seconds(duration: float) -> str:
    """A duration for a person: `0 ms`, `830 ms`, `2.41 s`, `3 m 5 s`, `2 h 5 m`."""
    if duration < 1:
        return f"{duration * 1000:.0f} ms"
    if duration < 60:
        return f"{duration:.2f} s"
    minutes, rest = divmod(round(duration), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s" if rest else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if minutes else f"{hours} h"


def show_size(size: float) -> str:
    """A size for a person: `12 B`, `3.4 KB`, `2.1 GB`."""
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("KB", "MB", "GB", "TB"):
        size /= 1000
        if size < 1000 or unit == "TB":
            break
    return f"{size:.1f} {unit}"
