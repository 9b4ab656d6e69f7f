"""Where reports go: `FORMAT=PATH` read and tried before anything is sent; written beside, then put in place at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, TextIO, cast

from runner.errors import InputError, Problem
from runner.project import COLLECTIONS, ENVIRONMENTS, replacing
from runner.reporters.documents import forms
from runner.reporters.terminal import fit

STANDARD_OUTPUT = "-"
_OPTION = "--report"


class Target(NamedTuple):
    """A report that is wanted. `path` None is standard output; `append`: the file is of others too, who wrote before."""

    form: str
    path: Path | None
    append: bool = False

    def __str__(self) -> str:
        return f"{self.form}={self.path or STANDARD_OUTPUT}"


def read(written: Sequence[str], roots: Iterable[Path], inputs: Iterable[Path] = ()) -> tuple[Target, ...]:
    """The targets of `--report`, in order. `roots` are the projects' folders, `inputs` files that the run reads.

    Raises InputError with all that is wrong of them: no such format, a path that cannot be written or is not for reports,
    two reports in one place.
    """
    read_too = {os.path.realpath(path) for path in inputs}
    targets: list[Target] = []
    problems: list[Problem] = []
    for word in written:
        try:
            target = _read(word)
            if target.path is not None:
                check(target.path, roots, _OPTION)
                if _place(target) in read_too:
                    message = f"{_OPTION}: {target.path} cannot be written: the run reads it"
                    raise InputError(Problem(message, None, "name another path"))
            same = next((one for one in targets if _place(one) == _place(target)), None)
            if same is not None:
                message = f"{_OPTION}: {same.form} and {target.form} would be written to the same place"
                raise InputError(Problem(message, None, "give each report a path of its own"))
            targets.append(target)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return tuple(targets)


def _read(word: str) -> Target:
    form, equals, path = word.partition("=")
    if not equals:
        guess = forms.guessed(word)
        if guess is None:
            hint = f"write FORMAT=PATH; the formats are {', '.join(forms.FORMS)}"
            raise InputError(Problem(f"{_OPTION}: `{word}` tells no format", None, hint))
        return Target(guess, Path(word))
    forms.known(form, _OPTION)
    if not path:
        raise InputError(Problem(f"{_OPTION}: `{form}=` tells no path", None, f"write {form}=PATH"))
    return Target(form, None if path == STANDARD_OUTPUT else Path(path))


def _place(target: Target) -> str:
    return STANDARD_OUTPUT if target.path is None else os.path.realpath(target.path)


def check(path: Path, roots: Iterable[Path], option: str) -> None:
    """Raises InputError when no report can, or may, be written to `path`."""
    why = _why_not(path, roots)
    if why:
        raise InputError(Problem(f"{option}: {path} cannot be written: {why[0]}", None, why[1]))


def _why_not(path: Path, roots: Iterable[Path]) -> tuple[str, str] | None:
    real = Path(os.path.realpath(path))
    another = "name another path"
    if real.suffix.lower() in (".yaml", ".yml"):
        return "YAML is written by people", another
    for root in roots:
        parts = real.relative_to(root).parts if real.is_relative_to(root) else ()
        if parts and parts[0] in (COLLECTIONS, ENVIRONMENTS, ".zrun"):
            return f"{parts[0]}/ is not for reports", another
    if real.is_dir():
        return "it is a folder", "name a file in it"
    if real.exists() and not real.is_file():
        return "it is no regular file", "`FORMAT=-` is standard output"
    folder = next(above for above in real.parents if above.exists())
    if not folder.is_dir():
        return f"{folder} is no folder", another
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} cannot be written to", "name another path, or change who may write there"
    return None


class _Fitted:
    """Standard output, of whatever encoding: what it lacks becomes escapes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(fit(text, self._out))

    def writelines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.write(text)


@contextmanager
def opened(target: Target, out: TextIO) -> Iterator[TextIO]:
    """A stream to write the report to; a file takes its place when the block ends well, else what was there stays.

    Raises OSError for what cannot be written. Lone halves of characters become escapes.
    """
    if target.path is None:
        yield cast(TextIO, _Fitted(out))  # it is one, by what a report asks of it
        out.flush()
    elif target.append:
        with target.path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            yield file
    else:
        with replacing(Path(os.path.realpath(target.path))) as raw:
            stream = TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")
            yield stream
            stream.flush()
            stream.detach()
