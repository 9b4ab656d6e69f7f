"""An imitation of Zoho's OAuth and CRM v8 on loopback, for learning, samples and tests.

Its behaviour follows Zoho's own pages (accounts protocol, CRM v8 reference, token validity, Kaizen 43); where these
disagree, a switch chooses. Data lasts in one SQLite file; two servers may share it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import InputError, Problem

if TYPE_CHECKING:
    from runner.sandbox.server import Running as Running

__all__ = ["start"]


def start(
    data: Path, *, port: int = 0, clock_offset: float = 0.0, data_center: str = "us", host: str = "127.0.0.1"
) -> Running:
    """Start a server in a thread; connections are accepted when this returns. A context manager.

    `data` is the SQLite file (made when absent, 0600 in a 0700 folder), `port` 0 any free one, `clock_offset` seconds by
    which this server's clock is ahead, `data_center` the location that it plays (`us`, `eu`, ...). Raises InputError
    when the extra is not installed, the host is not loopback, the port is taken, or the file cannot be used.
    """
    try:
        from runner.sandbox import server  # late: starlette and uvicorn are an extra, and weigh on the start
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
            raise
        message = f"the sandbox needs {error.name}, which is not installed"
        raise InputError(Problem(message, None, "pip install 'zrun[sandbox]'")) from None
    return server.Running(data, port=port, clock_offset=clock_offset, data_center=data_center, host=host)
