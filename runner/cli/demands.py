"""What the numbers of the command line demand of a run: how often, how many at once, how fast, which part of it."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from contextlib import suppress

from runner.cli.stopping import Stop
from runner.environment import Environment
from runner.errors import InputError, Problem
from runner.quantities import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Pace, Rate
    from runner.shards import Shard


# Requests at once: more of them than this from one machine measure the machine.
MOST_JOBS = 256
# Open files: of the run itself, and of each request under way, at most.
_OWN_FILES, _FILES_EACH = 16, 3


class Demands:
    """Raises InputError for a number that is none."""

    def __init__(self, chosen: Namespace) -> None:
        self.timeout = _timeout(chosen.timeout)
        self.shard: Shard | None = _shard(chosen.shard)
        if chosen.durations is not None and self.shard is None:
            raise InputError(
                Problem("--durations is of use with --shard alone", None, "add --shard 1/4, or leave it out")
            )
        self.repeat = None if chosen.repeat is None else _count("-n", chosen.repeat)
        self.jobs = 0 if chosen.jobs == "auto" else 1 if chosen.jobs is None else _count("-j", chosen.jobs, MOST_JOBS)
        self.rate: Rate | None = None
        if chosen.rate is not None:
            from runner.pace import read_rate  # late: of runs that are slowed

            self.rate = read_rate(chosen.rate)
            if self.rate is None:
                raise InputError(
                    Problem("--rate is not a number of requests in a time", None, "write it as 10/s or 100/m")
                )

    def pace(self, environment: Environment | None, stop: Stop) -> Pace | None:
        """The bounds of the environment; --rate is over its rate."""
        rate = self.rate or (environment.rate if environment else None)
        at_once = environment.concurrency if environment else None
        if not (rate or at_once):
            return None
        from runner.pace import Pace  # late: of runs that are slowed

        return Pace(rate, at_once, time.monotonic, stop.sleep)

    def workers(self) -> int:
        """Requests at once; `auto`: four for each processor, which wait for the network most of the time."""
        wanted = self.jobs or min(4 * (os.cpu_count() or 1), 16)
        return wanted if wanted == 1 else min(wanted, _room())


def _room() -> int:
    """For how many requests at once this process may open files: each has a connection, and may read and write a file."""
    try:
        import resource  # late: of runs with -j, on POSIX
    except ImportError:
        return MOST_JOBS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OWN_FILES + _FILES_EACH * MOST_JOBS
    if soft == resource.RLIM_INFINITY or soft >= most:
        return MOST_JOBS
    if hard == resource.RLIM_INFINITY or hard > soft:
        raised = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return max(1, (soft - _OWN_FILES) // _FILES_EACH)


def _count(option: str, written: str, most: int = 10**9) -> int:
    if not (written.isascii() and written.isdigit() and 0 < int(written) <= most):
        hint = f"write {option} 4" + (", or -j auto" if option == "-j" else "")
        raise InputError(Problem(f"{option} is not a number from 1 to {most}", None, hint))
    return int(written)


def _timeout(written: str | None) -> float | None:
    if written is None:
        return None
    found = seconds(written)
    if not found:
        raise InputError(Problem("--timeout is not a duration", None, "write it as 10s or 2m"))
    return found


def _shard(written: str | None) -> Shard | None:
    if written is None:
        return None
    from runner.shards import read_shard  # late: of runs that are divided

    found = read_shard(written)
    if found is None:
        raise InputError(Problem("--shard is not a part of a whole", None, "write it as 2/5: the second of five"))
    return found
