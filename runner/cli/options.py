"""Options that several commands share, and argparse made to fail as zrun fails: one clear error, exit status 2."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from runner.errors import InputError, Problem
from runner.quantities import seconds
from runner.values import Value

# A line by which a file is taken for a collection, among others in a folder.
_COLLECTION = re.compile(r"^(requests|include|\"requests\"|'requests')\s*:", re.MULTILINE)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.unknown import Stray
    from runner.files.secrets_file import GivenSecret
    from runner.selection import Selection


class Parser(argparse.ArgumentParser):
    """argparse with our errors: what is wrong, a did-you-mean for an unknown option, the next step."""

    def __init__(self, command: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"zrun {command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise InputError(Problem(message, None, f"see `{self.prog} --help`"))

    def read(self, arguments: Sequence[str], stray: Stray | None = None) -> argparse.Namespace:
        """The parsed arguments. Raises InputError for every one that is not known; `stray` may tell what a bare word is."""
        found, unknown = self.parse_known_intermixed_args(list(arguments))
        if unknown:
            from runner.cli import unknown as mistaken  # late: of mistakes alone

            raise InputError(mistaken.arguments(self, unknown, found, stray))
        return found


def add_environment(parser: argparse.ArgumentParser) -> None:
    """-e, --var and --secrets-file: which values a collection is rendered against."""
    parser.add_argument(
        "-e",
        "--env",
        dest="environments",
        action="append",
        default=[],
        metavar="ENV",
        help="environment: a name (`us` is environments/us.yaml) or a file; several: the later wins",
    )
    parser.add_argument(
        "--var",
        dest="variables",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give a variable a value, over all others; NAME=text, or NAME:=JSON for numbers, lists and maps",
    )
    parser.add_argument(
        "--secrets-file",
        metavar="PATH",
        help="secrets, over their sources: NAME=value lines, YAML or JSON; a file that you alone can read, or /dev/fd/3",
    )


def add_reach(parser: argparse.ArgumentParser) -> None:
    """--allow-path: what a collection may reach besides its project; the user's to say, never the collection's."""
    parser.add_argument(
        "--allow-path",
        dest="allowed",
        action="append",
        default=[],
        metavar="DIR",
        help="let the collection read and write files in this folder too, outside of its project; may be repeated",
    )


def read_reach(written: Sequence[str]) -> tuple[Path, ...]:
    """The folders of --allow-path. Raises InputError for one that is not there."""
    folders = [Path(os.path.realpath(text)) for text in written]
    problems = [
        Problem(f"--allow-path: there is no folder {text}", None, "name a folder that is there")
        for text, folder in zip(written, folders, strict=True)
        if not folder.is_dir()
    ]
    if problems:
        raise InputError(problems)
    return tuple(folders)


def add_collections(parser: argparse.ArgumentParser) -> None:
    """COLLECTION, one or several."""
    parser.add_argument(
        "collections",
        metavar="COLLECTION",
        nargs="+",
        help="a file, with or without .yaml; collections/ is searched; a folder stands for the collections in it",
    )


def add_snapshots(parser: argparse.ArgumentParser) -> None:
    """--snapshot and its like: whether responses are compared with those that are kept."""
    parser.add_argument(
        "--snapshot", action="store_true", help="compare responses with those in snapshots/; keep new ones"
    )
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--update-snapshots", action="store_true", help="keep what comes in the place of what was kept")
    either.add_argument(
        "--no-new-snapshots", action="store_true", help="compare; fail where none is kept (the default where CI is set)"
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """-r, --tag and their like: which requests."""
    parser.add_argument(
        "-r",
        "--request",
        dest="requests",
        action="append",
        default=[],
        metavar="ID|GLOB",
        help="run these requests (an id, a folder, a glob) and, first, just what they need; may be repeated",
    )
    parser.add_argument(
        "-t",
        "--tag",
        dest="tags",
        action="append",
        default=[],
        metavar="TAG",
        help="those that have this tag (and what they need); several: one of them",
    )
    parser.add_argument(
        "--skip-tag", dest="skip_tags", action="append", default=[], metavar="TAG", help="none that has this tag"
    )
    parser.add_argument("--from", dest="first", metavar="ID", help="begin with this one, and what the rest needs")
    parser.add_argument("--alone", action="store_true", help="nothing but what was selected: not what it needs")


def read_selection(chosen: argparse.Namespace) -> Selection | None:
    """What the options of add_selection say; None: nothing."""
    asked = chosen.requests or chosen.tags or chosen.skip_tags or chosen.first or chosen.alone
    if not asked:
        return None
    from runner.selection import Selection  # late: most runs are of a whole collection

    return Selection(
        tuple(chosen.requests),
        tuple(tag for word in chosen.tags for tag in word.split(",")),
        tuple(tag for word in chosen.skip_tags for tag in word.split(",")),
        chosen.first,
        alone=chosen.alone,
    )


def add_reports(parser: argparse.ArgumentParser) -> None:
    """--report: what other programs, and people later, read of the run."""
    parser.add_argument(
        "--report",
        dest="reports",
        action="append",
        default=[],
        metavar="FORMAT=PATH",
        help="write a report when the run has ended: junit, json, jsonl, html, tap, ctrf, markdown, github, har; may be "
        "repeated; a PATH alone tells the format by its end (`out.xml`); `FORMAT=-` is standard output",
    )


def add_provider(parser: argparse.ArgumentParser) -> None:
    """--provider: which one, where an environment declares several."""
    parser.add_argument("--provider", metavar="NAME", help="the OAuth 2.0 provider (default: the only one)")


def add_needs(parser: argparse.ArgumentParser, words: str) -> None:
    """-c: collections whose requests say what is needed; `words` tell what for."""
    parser.add_argument(
        "-c", "--collection", dest="collections", action="append", default=[], metavar="COLLECTION", help=words
    )


def add_clock(parser: argparse.ArgumentParser) -> None:
    """--clock and --seed: what makes a run repeatable."""
    parser.add_argument(
        "--clock",
        default=None,
        metavar="+TIME",
        help="move the clock of the run, and of an embedded sandbox, ahead (`+56m`): see what happens when tokens expire",
    )
    parser.add_argument(
        "--seed", default=None, metavar="TEXT", help="make $uuid, $random-int and their like repeatable"
    )


def add_color(parser: argparse.ArgumentParser) -> None:
    """--color, over NO_COLOR and FORCE_COLOR."""
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colour output (default: on a terminal)"
    )


def read_variables(written: Iterable[str]) -> dict[str, Value]:
    """`name=text` and `name:=json` as a mapping. Raises InputError for each that is neither; values are not repeated."""
    found: dict[str, Value] = {}
    problems: list[Problem] = []
    for word in written:
        name, equals, text = word.partition("=")
        if not equals or not name.rstrip(":"):
            problems.append(Problem("an argument of --var is not NAME=VALUE", None, "write --var name=value"))
        elif name.endswith(":"):
            try:
                found[name[:-1]] = json.loads(text)
            except ValueError:
                problems.append(
                    Problem(f"the value of `--var {name}=` is not JSON", None, "`:=` wants JSON; `=` takes any text")
                )
        else:
            found[name] = text
    if problems:
        raise InputError(problems)
    return found


def read_secrets(written: str | None) -> tuple[GivenSecret, ...]:
    """The secrets of --secrets-file. Raises InputError."""
    if written is None:
        return ()
    from runner.files import secrets_file  # late: few runs are given one

    return secrets_file.read(Path(written))


def read_clock(written: str | None) -> float:
    """The seconds of `+56m`. Raises InputError."""
    if written is None:
        return 0.0
    ahead = seconds(written.removeprefix("+"))
    if ahead is None:
        raise InputError(Problem("--clock is not a time", None, "write it as +56m, +2h or +1d"))
    return ahead


def collection_path(written: str) -> Path:
    """The collection's file: as given, or from `collections/`, each with `.yaml` behind it too. Raises InputError."""
    given = Path(written)
    for path in (
        given,
        Path(f"{written}.yaml"),
        Path("collections") / written,
        Path("collections") / f"{written}.yaml",
    ):
        if os.path.isfile(path):  # False of a name that is too long, where Path raises  # noqa: PTH113
            return path
    near = [
        str(path) for folder in {given.parent, Path("collections")} if folder.is_dir() for path in folder.glob("*.y*ml")
    ]
    if os.path.isdir(given):  # of a name that is too long, too  # noqa: PTH112
        raise InputError(Problem(f"{written} is a folder", None, "name one file in it" if near else "name a file"))
    from runner.cli import unknown  # late: of mistakes alone

    raise InputError(unknown.collection(written, near, _what_there_is(near)))


def collection_paths(written: Sequence[str]) -> list[Path]:
    """The files of several arguments, each once: a folder stands for those in it that look like collections.

    Raises InputError with a problem for each that names none.
    """
    found: list[Path] = []
    problems: list[Problem] = []
    for word in written:
        try:
            found += _in_folder(Path(word)) if os.path.isdir(word) else [collection_path(word)]  # noqa: PTH112
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return list({path.resolve(): path for path in found}.values())


def _in_folder(folder: Path) -> list[Path]:
    """The collections below `folder`, by name: YAML files that have `requests` or `include` at the left margin."""
    files = sorted(path for pattern in ("*.yaml", "*.yml") for path in folder.rglob(pattern))
    usual = [
        path
        for path in files
        if not any(part.startswith(".") or part == "environments" for part in path.relative_to(folder).parts)
        and path.parent.resolve().name != "environments"
        and path.is_file()
        and _COLLECTION.search(path.read_text("utf-8-sig", "replace"))
    ]
    if not usual:
        raise InputError(Problem(f"there is no collection in {folder}", None, "name a file, or another folder"))
    return usual


def _what_there_is(near: list[str]) -> str:
    return f"there is: {', '.join(sorted(near)[:8])}" if near else "`zrun init` makes a project to begin with"


def out(text: str) -> None:
    """Results, to standard output."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()
