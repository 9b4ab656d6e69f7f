"""Authentication as written: the `auth` of collections, folders and requests, and an environment's OAuth 2.0 providers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.collection import AuthSpec, Pair, Variable
from runner.environment import ProviderSpec, TokenNames
from runner.errors import did_you_mean
from runner.files import fields
from runner.files.document import Node
from runner.files.fields import Fields
from runner.files.forms import Form

_FORMS = "write `auth: {bearer: <<token>>}`, `auth: {oauth2: NAME}` or `auth: none`"

# What a text that does not fit its field's pattern is, and how to write it.
_WRITTEN_AS = {
    "address": ("no address", "begin it with https://"),
    "budget": ("not a number of tokens in a time", "write it as 10 in 10m"),
}


def read_auth(node: Node, form: Form) -> AuthSpec | None:
    """The scheme under `auth`; None for `none`, and for one with a mistake, which is told."""
    if node.kind == "scalar" and node.value in ("none", None):
        return None
    if node.kind != "map" or len(node.pairs) != 1:
        known = {"none", *fields.AUTH}
        hint = did_you_mean(str(node.value), known, _FORMS) if node.kind == "scalar" else _FORMS
        form.wrong(node, "`auth` is one scheme, or none", hint)
        return None
    key, value = node.pairs[0]
    scheme = key.key
    if scheme not in fields.AUTH:
        hint = did_you_mean(scheme, fields.AUTH, f"there is: none, {', '.join(fields.AUTH)}")
        form.wrong(key, f"there is no authentication scheme `{scheme}`", hint)
        return None
    known_settings = fields.AUTH[scheme]
    if value.kind == "scalar" and value.value is not None and scheme in fields.AUTH_SHORT:
        name = fields.AUTH_SHORT[scheme]
        settings = {name: Variable(name, form.tree(value), value.location)}
    else:
        settings = _settings(value, known_settings, f"`{scheme}`", form)
    is_map = value.kind == "map" or (value.kind == "scalar" and value.value is None)
    for name in fields.AUTH_NEEDED[scheme]:
        if is_map and name not in settings:
            form.wrong(key, f"`{scheme}` needs `{name}`", f"add `{name}:`")
    return AuthSpec(scheme, key.location, settings)


def header_of(auth: AuthSpec) -> str | None:
    """The header field that `auth` writes, in lower case; None when it writes none, or a template names it.

    A cookie is none: it stands beside those that the request writes.
    """
    place = auth.settings.get("in")
    if place is not None and place.value != "header":
        return None
    if auth.scheme in ("api-key", "header"):
        name = auth.settings.get("name")
        if name is None:
            return "x-api-key" if auth.scheme == "api-key" else "authorization"
        return name.value.lower() if isinstance(name.value, str) else None
    return "authorization"


def overridden(auth: AuthSpec, headers: tuple[Pair, ...]) -> Pair | None:
    """The header that the request writes itself, where `auth` would write it."""
    name = header_of(auth)
    return next((pair for pair in headers if isinstance(pair.name, str) and pair.name.lower() == name), None)


def read_providers(node: Node | None, form: Form) -> Iterator[ProviderSpec]:
    """The providers under `oauth2`."""
    taken: dict[str, str] = {}
    for key, value in form.pairs(node, "`oauth2`") if node else ():
        name = key.key
        settings = _settings(value, fields.PROVIDER, f"the provider `{name}`", form)
        _check_client(settings, form)
        prefix = _prefix(value, form)
        tokens = _token_names(prefix or "")
        form.variable_name_of(tokens.access, key)
        if prefix is not None:  # else the names are not what was meant
            if tokens.access in taken:
                hint = f"add `token-prefix: {name}` here: the tokens are then {name}-access-token and so on"
                message = f"`{taken[tokens.access]}` and `{name}` would keep their tokens under the same names"
                form.wrong(key, message, hint)
            taken[tokens.access] = name
        yield ProviderSpec(name, key.location, settings, tokens)


def _prefix(node: Node, form: Form) -> str | None:
    """What a provider's tokens are to be called by; None where a mistake hides it, which is told."""
    if node.kind != "map":
        return "" if node.kind == "scalar" and node.value is None else None
    written = node.get("token-prefix")
    if written is None or (written.kind == "scalar" and written.value is None):
        return None if any(key.key not in fields.PROVIDER for key, _ in node.pairs) else ""
    if written.kind != "scalar":
        return None  # told with the other settings
    return form.plain(written, "`token-prefix`") or None


def _check_client(settings: dict[str, Variable], form: Form) -> None:
    """Tell a way to authenticate that lacks what it needs, where that is known before values are."""
    how = settings.get("client-auth")
    if how is not None and how.value == "private_key_jwt" and "private-key" not in settings:
        hint = "add `private-key: <<client-key>>`, and where that secret comes from"
        form.wrong(how.location, "`client-auth: private_key_jwt` needs `private-key`", hint)


def _token_names(prefix: str) -> TokenNames:
    before = f"{prefix}-" if prefix else ""
    return TokenNames(f"{before}access-token", f"{before}refresh-token", f"{before}id-token", f"{before}token-scope")


def _settings(node: Node, known: Fields, what: str, form: Form) -> dict[str, Variable]:
    """Settings by name; what its field does not allow is a mistake, as far as it is known before values are."""
    found: dict[str, Variable] = {}
    for name, value in form.fields(node, known, what).items():
        words = known[name][0].get("enum")
        nothing = value.kind == "scalar" and value.value is None
        if (
            words
            and not nothing
            and not (isinstance(value.value, str) and (value.value in words or "<<" in value.value))
        ):
            hint = did_you_mean(str(value.value), words, f"one of: {', '.join(words)}")
            form.wrong(value, f"`{name}` has no such word", hint)
        else:
            _check(name, value, known[name][0], form)
        found[name] = Variable(name, form.tree(value), value.location)
    return found


def _check(name: str, node: Node, schema: fields.Schema, form: Form) -> None:
    """Tell a setting that can be nothing that its field allows. What a template gives is not known yet; null leaves it out."""
    if node.kind == "scalar" and (node.value is None or (isinstance(node.value, str) and "<<" in node.value)):
        return
    if schema is fields.FLAG:
        form.flag(node, f"`{name}`", False)
    elif schema is fields.DURATION:
        form.duration(node, f"`{name}`", 0)
    elif schema is fields.PARAMETERS:
        if node.kind != "map":
            form.wrong(node, f"`{name}` is a map", "write `name: value`, a line each")
    elif schema is fields.NAMES:
        if node.kind == "map" or any(item.kind != "scalar" for item in node.items):
            form.wrong(node, f"`{name}` is a text, or a list of texts", "write [one, two]")
    elif node.kind != "scalar":
        form.wrong(node, f"`{name}` is a text", "write one text; a secret is named by a template: <<client-secret>>")
    elif "pattern" in schema and re.search(schema["pattern"], str(node.value)) is None:
        what, example = _WRITTEN_AS["budget" if schema is fields.BUDGET else "address"]
        form.wrong(node, f"`{name}` is {what}", example)
