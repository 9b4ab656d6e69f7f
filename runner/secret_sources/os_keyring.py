"""The keyring of the operating system (Keychain, Secret Service, Credential Locker): the one home of the `keyring` library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from runner.errors import InputError, Problem

T = TypeVar("T")


def read(service: str, user: str) -> str | None:
    """The text of an entry; None when there is none. Raises InputError when there is no keyring to be used."""
    found: str | None = _attempt(lambda library: library.get_password(service, user))
    return found


def write(service: str, user: str, text: str) -> None:
    """Write an entry, and see that it is there. Raises InputError."""
    _attempt(lambda library: library.set_password(service, user, text))
    if read(service, user) != text:  # a backend that is switched off takes everything, and keeps nothing
        raise _unusable("the keyring does not keep what it is given")


def drop(service: str, user: str) -> None:
    """Take an entry away; none is as good. Raises InputError."""

    def act(library: Any) -> None:
        try:
            library.delete_password(service, user)
        except library.errors.PasswordDeleteError:
            if library.get_password(service, user) is not None:
                raise

    _attempt(act)


def _attempt(act: Callable[[Any], T]) -> T:
    """Raises InputError. The library's own words are left out: a backend may repeat what it was given."""
    try:
        import keyring  # late: an extra, and it looks for its backends when it is loaded
    except ModuleNotFoundError as error:
        if error.name != "keyring":
            raise
        message = "the keyring needs the library keyring, which is not installed"
        raise InputError(Problem(message, None, "pip install 'zrun[keyring]'")) from None
    try:
        return act(keyring)
    except keyring.errors.NoKeyringError:
        raise _unusable("this machine has no keyring that can be used") from None
    except keyring.errors.KeyringLocked:
        raise _unusable("the keyring is locked", "unlock it") from None
    except Exception as error:  # backends let through what their own libraries raise
        raise _unusable(f"the keyring failed ({type(error).__name__})") from None


def _unusable(message: str, hint: str = "see `keyring diagnose`, or keep it elsewhere") -> InputError:
    return InputError(Problem(message, None, hint))
