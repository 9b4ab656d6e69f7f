"""The keys that bind tokens to this machine, by provider: made once, and never sent."""

from __future__ import annotations

import os
from collections.abc import Callable

from runner.errors import InputError, Problem
from runner.files import durable
from runner.files.published import folder
from runner.files.state import State, file_name


def key(state: State, provider: str, make: Callable[[], bytes]) -> str:
    """The key that binds the tokens of `provider`, as PEM; made at first, by one of those who ask at the same time.

    Raises InputError when it can be neither read nor made.
    """
    path = folder(state) / f"{file_name(provider)}.pem"
    try:
        if not os.path.lexists(path):
            state.make_private(path.parent)
            new = durable.temporary(path, make())
            try:
                os.link(new, path)  # not `replace`: who comes second takes the key of the first
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return state.beside(path).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        message = f"the key of `{provider}`, {path.name} in .zrun/oauth2, cannot be kept: {why}"
        hint = "make it a file of its own, .zrun/oauth2 writable, and free some space"
        raise InputError(Problem(message, None, hint)) from None
