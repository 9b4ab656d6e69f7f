"""The door to the HTTP library, and the one place that decides what comes in with it."""

from __future__ import annotations

import sys

__all__ = ["SyncStream", "httpcore", "httpx"]

# httpx loads its own command line when click is there, and with it rich and pygments: as much again as itself.
_click = sys.modules.get("click")
sys.modules["click"] = None  # type: ignore[assignment]
try:
    import httpcore
    import httpx
    from httpcore._backends.sync import SyncStream  # whose socket a journal reads from; httpcore loads it anyway
finally:
    if _click is None:
        del sys.modules["click"]
    else:
        sys.modules["click"] = _click
