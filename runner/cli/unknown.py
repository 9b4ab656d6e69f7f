"""What was meant by arguments that are none: an option's other name, a word without its `-e`, nearly a command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from runner.errors import InputError, Problem, did_you_mean, nearest

# What a bare word, given with what has been understood of the arguments, is told to be; None: nothing in particular.
Stray = Callable[[str, argparse.Namespace], Problem | None]

# Options that other programs have (Newman's among them), and the letters or words of ours.
_ELSEWHERE = {
    **dict.fromkeys(("--parallel", "--concurrency", "--workers", "--threads", "--max-workers"), "-j"),
    **dict.fromkeys(("--iteration-count", "--iterations", "--count", "--times"), "-n"),
    **dict.fromkeys(("--environment", "--envs"), "-e"),
    **dict.fromkeys(("--env-var", "--global-var", "--variable"), "--var"),
    **dict.fromkeys(("--folder", "--only"), "-r"),
    **dict.fromkeys(("--reporter", "--reporters", "--output"), "--report"),
    "--iteration-data": "--data",
    "--bail": "--fail-fast",
    "--timeout-request": "--timeout",
    "--silent": "-q",
    "--debug": "-vv",
}


def arguments(
    parser: argparse.ArgumentParser, unknown: Sequence[str], found: argparse.Namespace, stray: Stray | None
) -> Iterator[Problem]:
    """A problem for each of `unknown`; of bare words only where all options are known: else they may be values of these.

    `found` is what was understood of the others. What `stray` tells of a bare word is told alone: what follows the word may
    belong to it.
    """
    known = [option for action in parser._actions for option in action.option_strings]
    help_of = f"see `{parser.prog} --help`"
    options = list(dict.fromkeys(_named(word, known) for word in unknown if word.startswith("-")))
    # Behind an option that is not known a word may be its value, and a secret.
    first = unknown[0]
    alone = stray(first, found) if stray and not first.startswith("-") else None
    if alone is not None:
        yield alone
        return
    for option in options:
        meant = _ELSEWHERE.get(option)
        hint = f"did you mean `{meant}`?" if _has(known, meant) else did_you_mean(option, known, help_of)
        yield Problem(f"`{option}` is not an option of `{parser.prog}`", None, hint)
    if options:
        return
    for word in unknown:
        hint = _as_environment(word) if "-e" in known else None
        yield Problem(f"`{parser.prog}` takes no argument `{word}`", None, hint or help_of)


def _named(word: str, known: Iterable[str]) -> str:
    """The option in `word`, without its value, which may be a secret: behind `=`, or right behind a letter."""
    option = word.partition("=")[0]
    return option if option.startswith("--") or nearest(option, known) else option[:2]


def _has(known: Iterable[str], option: str | None) -> bool:
    return option is not None and (option if option.startswith("--") else option[:2]) in known


def _as_environment(word: str) -> str | None:
    """A hint for `zrun doctor sandbox`."""
    from runner.files.environments import find  # late: of mistakes alone

    try:
        find(word, Path.cwd() / "collections")
    except InputError:
        return None
    return f"did you mean `-e {word}`?"


def collection(word: str, near: Sequence[str], otherwise: str) -> Problem:
    """That no collection is called `word`; `near` are the files that there are."""
    hint = _as_environment(word) or did_you_mean(word, near) or did_you_mean(_stem(word), map(_stem, near), otherwise)
    return Problem(f"there is no collection {word}", None, hint)


def command(word: str) -> Problem | None:
    """That `word`, the first argument, is no command but nearly one; None where it may be a collection."""
    from runner.cli import COMMANDS, options, tokens  # late: it is loaded, and of mistakes alone

    if word.startswith("-") or not word.isascii() or not word.replace("-", "").isalpha():
        return None
    try:
        options.collection_paths([word])
    except InputError:
        pass
    else:
        return None
    meant = {**{name: f"zrun token {name}" for name in tokens.ACTIONS}, **{name: f"zrun {name}" for name in COMMANDS}}
    near = nearest(word, meant)
    collections = (_stem(str(path)) for path in Path("collections").glob("*.y*ml"))
    if near is None or nearest(word, collections):
        return None
    return Problem(f"there is no command and no collection `{word}`", None, f"did you mean `{meant[near]}`?")


def _stem(path: str) -> str:
    return Path(path).stem
