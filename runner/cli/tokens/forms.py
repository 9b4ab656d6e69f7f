"""An access token as other programs want it: alone, as a header line, as JSON, as a shell's or a process's variables."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Iterable, Mapping

from runner.auth.signed import joined
from runner.cli.tokens.holding import Holding, token_of
from runner.errors import InputError, PolicyError, Problem, did_you_mean
from runner.quantities import show_seconds
from runner.scope import SECRET_PREFIX, Captured, process_name
from runner.template import NoValue
from runner.values import Missing, Secret, Value, as_text, reveal, secrets_in

FORMATS = ("raw", "header", "json", "env")
PREFIX = "ZRUN_"
# Variables of a process that zrun itself reads: no value of an environment may stand there.
_OURS = re.compile(r"ZRUN_(?:DEBUG|TRUST|VAR_.*|SECRET_.*)")


def text(form: str, holding: Holding, token: Captured) -> str:
    """The token in one of FORMATS, with a line end. Raises InputError for one that does not fit the format."""
    if form == "raw":
        return f"{_printable(holding, token).reveal()}\n"
    if form == "header":
        return f"{_header(holding, token)}\n"
    if form == "json":
        return json.dumps(_document(holding, token), indent=1) + "\n"
    variables = process_variables(holding, token)
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _header(holding: Holding, token: Captured) -> str:
    name, prefix = holding.provider.header
    return f"{name}: {reveal(joined(prefix, _printable(holding, token)))}"


def _printable(holding: Holding, token: Captured) -> Secret:
    """The token, which is of printable ASCII and blanks (RFC 6749, A.12): a line break would be another line of a header.

    Raises InputError for one that is not.
    """
    found = token_of(token)
    if not re.fullmatch(r"[\x20-\x7e]*", found.reveal()):
        message = (
            f"the access token of `{holding.provider.name}` holds a character that no token may hold (RFC 6749, A.12)"
        )
        hint = "ask the provider; --format json shows it with that character escaped"
        raise InputError(Problem(message, holding.provider.location, hint))
    return found


def _document(holding: Holding, token: Captured) -> dict[str, Value]:
    """RFC 6749's members (5.1); `token_type` is the word that goes before the token in the header."""
    provider, now = holding.provider, holding.assembly.now()
    found: dict[str, Value] = {
        "access_token": token_of(token).reveal(),
        "token_type": provider.header[1],
        "header": provider.header[0],
        "provider": provider.name,
    }
    if token.expires_at is not None:
        found["expires_in"] = int(token.expires_at - now)
        found["expires_at"] = moment(token.expires_at)
    more = {member: _public(holding, name) for member, name in provider.preset.more}
    return {**found, **{member: value for member, value in more.items() if value is not None}}


def moment(epoch: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def process_variables(holding: Holding, token: Captured, extra: Iterable[str] = ()) -> dict[str, str]:
    """The token, its expiry, and the environment's variables that are no secrets, by their names in a process.

    `extra` are more variables of the environment, secrets among them, that were asked for by name. Raises InputError for
    one of these without a value, for a value that a process cannot be given, and for a token that is none.
    """
    scope, name = holding.assembly.scope, holding.provider.tokens.access
    found = {name: _printable(holding, token).reveal()}
    if token.expires_at is not None:
        found[f"{name}-expires-at"] = str(int(token.expires_at))
    for plain in sorted(_plain(holding)):
        value = _public(holding, plain)
        if value is not None:
            _check_address(holding, plain, value)
            found.setdefault(plain, as_text(value))
    for wanted in extra:
        asked_for = scope.get(wanted)
        if isinstance(asked_for, Missing):
            hint = scope.explain(wanted) or did_you_mean(wanted, scope.names())
            raise InputError(Problem(f"--with {wanted}: there is no such value", None, hint))
        found[wanted] = as_text(reveal(asked_for))
    named: dict[str, str] = {}
    for key, value in found.items():  # the first has the name: what a collection captures as `access_token` is no token
        named.setdefault(PREFIX + key.upper().replace("-", "_"), value)
    for key, value in named.items():
        if "\0" in value:
            raise InputError(Problem(f"{key} would hold a NUL, which no process variable can", None, "mend the value"))
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            words = " ".join(holding.provider.given)
            message = f"{key} would hold half a character, which no process variable can"
            raise InputError(
                Problem(message, None, f"mend the value, or forget it: `zrun env {words} --forget NAME`")
            ) from None
    return {key: value for key, value in named.items() if not _OURS.fullmatch(key)}


def _public(holding: Holding, name: str) -> Value:
    """The value of a variable; None when it has none, or a secret is in it."""
    try:
        value = holding.assembly.scope.get(name)
    except NoValue:
        return None
    return None if isinstance(value, Missing) or secrets_in(value) else value


def _check_address(holding: Holding, name: str, value: Value) -> None:
    """Raises PolicyError for an address that was captured in place of a written one, and that secrets may not go to.

    Whoever gets the token beside it sends it there, and no policy is between them.
    """
    captured, assembly = holding.assembly.scope.captured(name), holding.assembly
    environment = assembly.environment
    if captured is None or environment is None or name not in environment.declared:
        return
    if captured.by == holding.provider.by:
        return  # of the token's own answer
    if isinstance(value, str) and "://" in value and not assembly.policy.trusts(value):
        message = f"`{name}`, captured by {captured.by}, is an address that the environment does not name"
        hint = f"forget it: `zrun env {environment.id} --forget {name}`; or name its host under `hosts`"
        raise PolicyError(Problem(message, None, hint))


def _plain(holding: Holding) -> set[str]:
    """The names of the environment that are not declared as secrets."""
    environment, sources = holding.assembly.environment, holding.assembly.sources
    assert environment is not None, "a provider is declared by an environment"
    names = {*environment.variables, *environment.overlay, *sources.given, *sources.captured}
    return names - environment.secrets.keys()


def without_secrets(holding: Holding, process: Mapping[str, str], kept: Iterable[str] = ()) -> dict[str, str]:
    """`process` without the variables that the environment's secrets come from, but for those of the secrets `kept`."""
    environment = holding.assembly.environment
    assert environment is not None, "a provider is declared by an environment"
    withheld: set[str] = set()
    for name, spec in environment.secrets.items():
        if name in kept:
            continue
        withheld |= {process_name(name), process_name(name, SECRET_PREFIX)}
        withheld |= {source.argument for source in spec.sources if source.kind == "env"}
    return {name: value for name, value in process.items() if name not in withheld}


def lifetime(token: Captured, now: float) -> str:
    """For a person: how long the token is good."""
    if token.expires_at is None:
        return "good for an unknown time"
    left = token.expires_at - now
    return f"good for {show_seconds(left)}" if left > 0 else f"expired {show_seconds(-left)} ago"
