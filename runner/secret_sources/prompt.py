"""A secret from a person at the terminal, who sees no echo."""

from __future__ import annotations

from runner.environment import SecretSpec
from runner.errors import Cancelled, InputError, Problem
from runner.values import Secret


def ask(spec: SecretSpec) -> Secret:
    """The secret, from a person at the terminal. Raises Cancelled at the end of input or Ctrl-C.

    Raises InputError where the terminal cannot be told to hide what is typed: nothing is read then.
    """
    import getpass  # late: few runs ask
    import warnings  # late, likewise

    text = next((source.argument for source in spec.sources if source.kind == "prompt"), "") or spec.name
    shown = "".join(character if character.isprintable() else "?" for character in text)  # a terminal obeys the rest
    try:
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("error", getpass.GetPassWarning)
                answer = getpass.getpass(f"{shown}: ").strip()
            if answer:
                return Secret(answer, spec.name)
    except getpass.GetPassWarning:
        hint = "give it by another source, or as ZRUN_SECRET_... in the process environment"
        raise InputError(Problem("this terminal cannot hide what is typed", spec.location, hint)) from None
    except (EOFError, KeyboardInterrupt):
        raise Cancelled(Problem(f"`{spec.name}` was not given", spec.location, "nothing was sent")) from None
