"""systemd is told that a service is up, and alive (sd_notify(3)), when it asks to be."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

# Variables that systemd sets for the service alone: no child is to speak in its name.
OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def notify(state: str) -> None:
    """Send `READY=1` and the like; nothing when nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        to.connect(f"\0{address[1:]}" if address[0] == "@" else address)  # "@": abstract, unix(7)
        to.send(state.encode())


def watchdog() -> float | None:
    """Within how many seconds a sign of life is due; None when none is expected of this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    written = os.environ.get("WATCHDOG_USEC", "")
    return int(written) / 1e6 if written.isdigit() and int(written) else None
