"""`zrun trust`: let the commands of an environment's files run, as they are now; list what is trusted; take it back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner import errors
from runner.cli import options, screen
from runner.environment import Environment, SecretSource, Written
from runner.errors import Cancelled, InputError, Problem, did_you_mean
from runner.files import reader
from runner.files.document import shown
from runner.files.trust import Trust
from runner.reporters.terminal import paint, printable

_EPILOG = """\
An environment may name a command that prints a secret. It runs once you have trusted the file that wrote it, and no longer
when the file changes. A file's bases and its private overlay are trusted with it, each by its own content.

examples:
  zrun trust environments/us.yaml              show the commands, then trust the files that hold them
  zrun trust us --show                         show them, and whether they are trusted; change nothing
  zrun trust --list                            what is trusted, with the hashes that ZRUN_TRUST takes in CI
  zrun trust --revoke environments/us.yaml     trust it no longer
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("trust", "Let the commands of an environment's files run, as they are now.", _EPILOG)
    parser.add_argument("environments", nargs="*", metavar="ENV", help="a file, or a name as after -e")
    parser.add_argument("--list", action="store_true", help="show what is trusted")
    parser.add_argument("--revoke", action="append", default=[], metavar="PATH", help="trust this file no longer")
    parser.add_argument("--show", action="store_true", help="show the commands, change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="on a terminal: do not ask")
    options.add_color(parser)
    chosen = parser.read(arguments)
    ways = [bool(chosen.environments), chosen.list, bool(chosen.revoke)]
    if sum(ways) != 1:
        parser.error("name an environment, or --list, or --revoke PATH")
    trust = Trust()
    color = screen.wants_color(chosen.color, sys.stdout)
    if chosen.list:
        options.out("\n".join(_listed(trust, color=color)) or "no file is trusted")
    elif chosen.revoke:
        _revoke(trust, chosen.revoke)
    else:
        _trust(trust, chosen.environments, ask=screen.can_ask() and not chosen.yes, show=chosen.show, color=color)
    return errors.PASSED


def _trust(trust: Trust, names: list[str], *, ask: bool, show: bool, color: bool) -> None:
    environment = reader.read_environment(names, Path.cwd() / "collections")
    files = _files(environment.commands)
    if not files:
        options.out(f"{', '.join(map(shown, environment.paths))}: no command, so there is nothing to trust")
        return
    options.out("\n".join(_described(environment, files, trust, color=color)))
    if show:
        return
    if ask and not _agreed():
        raise Cancelled(Problem("nothing was trusted", None, None))
    trust.add(files)
    options.out(f"trusted: {', '.join(shown(written.path) for written in files)}")


def _files(commands: Iterable[SecretSource]) -> list[Written]:
    """The files that wrote the commands, each once."""
    return list({source.written.path: source.written for source in commands if source.written}.values())


def _described(environment: Environment, files: list[Written], trust: Trust, *, color: bool) -> Iterator[str]:
    """Each file with its hash and its commands, whole: what is trusted is looked at first."""
    for written in files:
        state = "trusted already" if trust.holds(written) else "not trusted"
        yield f"{printable(shown(written.path))}  {paint(f'sha256:{written.sha256}, {state}', 'dim', color)}"
        for source in environment.commands:
            if source.written is None or source.written.path != written.path:
                continue
            words = " ".join(_word(word) for word in source.argv)
            yield f"  line {source.location.line}: {words}"
            if "/" in source.argv[0] and not Path(source.argv[0]).expanduser().is_absolute():
                note = "this program is a file of the project: it may change, and is still trusted"
                yield f"    {paint(note, 'yellow', color)}"


def _word(word: str) -> str:
    """A word as a shell would take it for one."""
    import shlex  # late: beside its one use

    return shlex.quote(printable(word))


def _agreed() -> bool:
    sys.stderr.write("Trust these files to run these commands? [y/N] ")
    sys.stderr.flush()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return False


def _listed(trust: Trust, *, color: bool) -> Iterator[str]:
    for name, entry in trust.entries().items():
        since = time.strftime("%Y-%m-%d", time.localtime(entry.at))
        details = f"sha256:{entry.sha256}, since {since}{_standing(name, entry.sha256)}"
        yield f"{printable(name)}  {paint(details, 'dim', color)}"


def _standing(name: str, sha256: str) -> str:
    import hashlib  # late: beside its one use

    try:
        same = hashlib.sha256(Path(name).read_bytes()).hexdigest() == sha256
    except OSError:
        return ", not there any more"
    return "" if same else ", has changed"


def _revoke(trust: Trust, paths: list[str]) -> None:
    known = [shown(Path(name)) for name in trust.entries()]
    problems = [
        Problem(f"{path} is not trusted", None, did_you_mean(path, known, "see `zrun trust --list`"))
        for path in paths
        if not trust.revoke(Path(path))
    ]
    if problems:
        raise InputError(problems)
    options.out(f"trusted no longer: {', '.join(paths)}")
