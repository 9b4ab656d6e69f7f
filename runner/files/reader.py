"""What people wrote, read: the two doors of this room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.environment import Environment
from runner.files.folders import PartlyRead, read_collection

__all__ = ["PartlyRead", "read_collection", "read_environment"]


def read_environment(names: Sequence[str], beside: Path) -> Environment:
    """See environments.read_environment."""
    from runner.files import environments  # late: a collection may do without

    return environments.read_environment(names, beside)
