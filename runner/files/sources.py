"""Secrets as an environment declares them: each name with the sources to try in turn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runner.environment import SecretSource, SecretSpec, Written
from runner.errors import Problem, Source
from runner.files import fields
from runner.files.document import Node
from runner.files.forms import Form

LONGEST_TIMEOUT = 600.0  # seconds


@dataclass(frozen=True)
class File:
    """The file that is being read: its bytes, and whether it is a person's own (`us.local.yaml`)."""

    path: Path
    raw: bytes
    private: bool

    @cached_property
    def written(self) -> Written:
        """What trust in this file is asked by: the bytes that were parsed, never a second reading of them."""
        from hashlib import sha256  # late: few environments run a command

        return Written(self.path, sha256(self.raw).hexdigest())


def read(node: Node | None, file: File, form: Form) -> Iterator[tuple[Node, SecretSpec]]:
    """Each secret of a `secrets` map. A literal is hidden from every diagnostic, and warned about in a shared file."""
    for key, value in form.pairs(node, "`secrets`") if node else ():
        form.variable_name(key)
        nodes = value.items if value.kind == "list" else () if _is_null(value) else (value,)
        found = [source for one in nodes if (source := _source(key, one, file, form)) is not None]
        yield key, SecretSpec(key.key, key.location, tuple(found))


def _is_null(node: Node) -> bool:
    return node.kind == "scalar" and node.value is None


def _source(key: Node, node: Node, file: File, form: Form) -> SecretSource | None:
    if node.kind != "map":
        return _literal(key, node, file, form)
    found = form.fields(node, fields.SOURCE, "a source")
    if len(found) != 1:
        if len(node.pairs) == len(found):
            form.wrong(node, f"a source is one of {', '.join(fields.SOURCE)}", "for several write a list of them")
        return None
    kind, value = next(iter(found.items()))
    if kind == "command":
        return _command(value, file, form)
    before = len(form.problems)
    text = form.plain(value, f"`{kind}`")
    if not text.strip():
        if len(form.problems) == before:
            form.wrong(value, f"`{kind}` is empty", f"write {_EXAMPLES[kind]}")
        return None
    if kind == "keyring":
        return _keyring(key.key, value, text, file, form)
    return SecretSource(kind, value.location, text, file.path.parent)


_EXAMPLES = {
    "env": "{env: NAME}",
    "file": "{file: PATH}",
    "keyring": "{keyring: SERVICE/USER}",
    "prompt": "{prompt: TEXT}",
}


def _literal(key: Node, node: Node, file: File, form: Form) -> SecretSource | None:
    hide(node)
    if node.kind != "scalar" or isinstance(node.value, bool) or node.value is None:
        form.wrong(node, "a source is a text or a map", "write {env: NAME}, {file: PATH} or {prompt: TEXT}")
        return None
    if not file.private:
        hint = f"put it into {file.path.stem}.local{file.path.suffix}, or name a source: {{env: NAME}}"
        message = f"the secret `{key.key}` is written out in a shared file"
        form.warnings.append(Problem(message, node.location, hint, warning=True))
    return SecretSource("literal", node.location, str(node.value), file.path.parent)


def _keyring(name: str, node: Node, text: str, file: File, form: Form) -> SecretSource | None:
    """`SERVICE/USER`, cut at the last slash, since a service may be an address; the user is the secret's name by default."""
    service, slash, user = text.rpartition("/")
    if not slash:
        service, user = user, name
    if not service or not user:
        form.wrong(node, "`keyring` is SERVICE/USER", f"write {_EXAMPLES['keyring']}, or the service alone")
        return None
    return SecretSource("keyring", node.location, service, file.path.parent, user=user)


def _command(node: Node, file: File, form: Form) -> SecretSource | None:
    """A command: the list of its words, or a map of the list and a timeout."""
    timeout = SecretSource.timeout
    if node.kind != "map":
        return _words(node, timeout, file, form)
    found = form.fields(node, fields.COMMAND, "`command`")
    if "timeout" in found:
        timeout = form.duration(found["timeout"], "`timeout`", timeout)
        if not 0 < timeout <= LONGEST_TIMEOUT:
            form.wrong(found["timeout"], f"`timeout` is up to {LONGEST_TIMEOUT:g} seconds", "write it as 10s or 2m")
    if "run" in found:
        return _words(found["run"], timeout, file, form)
    if len(found) == len(node.pairs):
        form.wrong(node, "`command` has no `run`", "write {command: {run: [program, argument], timeout: 10s}}")
    return None


def _words(node: Node, timeout: float, file: File, form: Form) -> SecretSource | None:
    """The words of a command: its program and arguments. No shell takes part."""
    if node.kind != "list":
        form.wrong(node, "a command is a list of words: no shell takes it apart", f"write {_as_list(node)}")
        return None
    before = len(form.problems)
    argv = tuple(form.plain(word, "a word of a command") for word in node.items)
    if len(form.problems) > before:
        return None
    if not argv or not argv[0].strip():
        form.wrong(node, "a command begins with its program", "write [program, argument]")
        return None
    if any("\0" in word for word in argv):
        form.wrong(node, "a word of a command holds a NUL character", "take it away")
        return None
    return SecretSource("command", node.location, argv[0], file.path.parent, "", argv, timeout, file.written)


# What a shell would act upon: then the words alone would mean something else.
_OF_A_SHELL = re.compile(r"[|&;<>$`*?~(){}\[\]\n]")


def _as_list(node: Node) -> str:
    """The list to write instead of a command line."""
    import shlex  # late: only a mistake pays for it

    text = node.value if node.kind == "scalar" and isinstance(node.value, str) else ""
    words = ["program", "argument"]
    if text.strip():
        try:
            words = ["sh", "-c", text] if _OF_A_SHELL.search(text) else shlex.split(text)
        except ValueError:
            words = ["sh", "-c", text]
    plain = re.compile(r"-{0,2}[A-Za-z_./][\w./=@+-]*")
    return f"[{', '.join(word if plain.fullmatch(word) else json.dumps(word, ensure_ascii=False) for word in words)}]"


def hide(node: Node) -> None:
    """Keep a literal secret out of every diagnostic: of its first line what stands before it is shown, of others nothing."""
    place = node.location
    source: Source = place.source
    last = node.place.at(len(str(node.value))).line
    columns = {place.line: place.column, **dict.fromkeys(range(place.line + 1, last + 1), 1)}
    hidden = {line: min(column, source.hidden.get(line, column)) for line, column in columns.items()}
    object.__setattr__(source, "hidden", {**source.hidden, **hidden})
