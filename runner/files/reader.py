"""What people wrote, read: the two doors of this room."""

from runner.files.environments import read_environment
from runner.files.folders import PartlyRead, read_collection

__all__ = ["PartlyRead", "read_collection", "read_environment"]
