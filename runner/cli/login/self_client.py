"""The self-client way: a person makes a code in the API console, and it is exchanged at once; it is good once, for minutes.

Source: Zoho's "Self client" and "Token validity" pages.
"""

from __future__ import annotations

import os
import time

from runner.auth.oauth2 import grants
from runner.cli.doctor import credential
from runner.cli.doctor.credential import Patient
from runner.cli.login import before, conversation
from runner.cli.login.conversation import say
from runner.errors import CredentialsError, InputError, NetworkError, Problem
from runner.quantities import show_seconds
from runner.scope import Captured
from runner.values import Secret

# Where a script may put the code.
VARIABLE = "ZRUN_SECRET_GRANT_TOKEN"
# Codes that a person may try: each is a new one from the console, which gives ten in ten minutes.
TRIES = 3
# Seconds that a code lives unless another time is chosen.
SHORTEST_LIFE = 180.0


def can_be_given(patient: Patient, written: str | None) -> bool:
    """Whether there is a code, or somebody who can be asked for one. Nothing is read."""
    given_here = written is not None or bool(os.environ.get(VARIABLE)) or conversation.can_ask()
    return given_here or patient.provider.optional("grant-token") is not None


def given(patient: Patient, written: str | None) -> Secret | None:
    """The code, where it is given: by a file, the process environment, or the environment's own sources. Raises InputError."""
    if written is not None and not (written == "-" and conversation.can_ask()):
        return conversation.read_secret(written, "grant-token")
    if os.environ.get(VARIABLE):
        return Secret(os.environ[VARIABLE].strip(), "grant-token")
    found = patient.provider.optional("grant-token")
    return Secret(found, "grant-token") if isinstance(found, str) else found


def explain(patient: Patient, scopes: tuple[str, ...]) -> None:
    """Where to click, and what to paste there."""
    provider = patient.provider
    say(f"Log in to `{provider.name}` as a self client:")
    say(f"  1. open {before.console(provider)}, choose Self Client (create it if there is none) and Generate Code")
    if scopes:
        say("  2. paste these scopes:")
        say(f"     {','.join(scopes)}")
    else:
        say("  2. write the scopes that you need, between commas, for instance ZohoCRM.modules.ALL,ZohoCRM.org.READ")
    say(
        "  3. choose 10 minutes (3 are chosen at first, 5 and 7 are there too), write any description, and press Create"
    )
    say("  4. choose the organisation, production or sandbox, copy the code and paste it here at once: it works once")


def exchange(patient: Patient, code: Secret | None) -> Captured:
    """The access token for the code, given or asked for; kept with its refresh token when this returns.

    A code that is refused is not sent again: a person is asked for a new one, some times. Raises CredentialsError,
    NetworkError, InputError, PolicyError, Cancelled.
    """
    for left in reversed(range(TRIES)):
        asked_at = time.monotonic()
        used = code or conversation.ask("grant-token", "Grant token (not shown)", patient.provider.location)
        waited = time.monotonic() - asked_at
        patient.assembly.redactor.add(used)
        try:
            return credential.keeper(patient).exchange(grants.authorization_code(used))
        except NetworkError as error:
            raise NetworkError(_perhaps_used(error), kind=error.kind, sent=error.sent) from None
        except CredentialsError as error:
            if code is not None or not error.dead or not left:
                raise
            for problem in error.problems:
                say(f"refused: {problem.message}; {problem.hint}")
            if waited > SHORTEST_LIFE:
                say(f"the question stood for {show_seconds(waited)}: did the code live so long? choose 10 minutes")
            say("Paste the new code here.")
    raise AssertionError  # the last try returns or raises


def _perhaps_used(error: NetworkError) -> Problem:
    """A code that may have arrived is not sent again."""
    problem = error.problems[0]
    if not error.sent:
        return problem
    hint = f"{problem.hint}; the code may have been used: generate a new one"
    return Problem(problem.message, problem.location, hint)


def nobody(patient: Patient) -> InputError:
    """That nobody can be asked for the code, to be raised."""
    hint = f"run on a terminal, or give it by --grant-token-file FILE (`-`: standard input) or {VARIABLE}"
    return InputError(Problem("no grant token is given, and nobody can be asked", patient.provider.location, hint))
