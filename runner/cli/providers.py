"""The OAuth 2.0 provider that a command is about: the one that is named, or the only one that the environment declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runner.auth.oauth2.provider import Provider
from runner.cli import outside
from runner.cli.assemble import Assembly
from runner.collection import Variable
from runner.errors import InputError, Problem, did_you_mean


def choose(assembly: Assembly, name: str | None, scopes: Iterable[str] = ()) -> Provider:
    """The provider; with `scopes`, it asks for these in place of its own.

    Raises InputError when there is none, no such one, or several without a choice.
    """
    declared = assembly.environment.providers if assembly.environment else {}
    if name is None and len(declared) == 1:
        name = next(iter(declared))
    if name is not None and name in declared:
        spec = declared[name]
        wanted = ",".join(scopes)
        if wanted:
            spec = replace(spec, settings={**spec.settings, "scopes": Variable("scopes", wanted, spec.location)})
        return Provider(spec, assembly.scope, outside.discovery(assembly, None))
    if not declared:
        hint = "declare one, for Zoho: `oauth2: {zoho: {preset: zoho}}`"
        raise InputError(Problem("the environment declares no OAuth 2.0 provider", None, hint))
    known = ", ".join(declared)
    if name is None:
        raise InputError(
            Problem(f"the environment declares several providers: {known}", None, "choose with --provider")
        )
    hint = did_you_mean(name, declared, f"there is: {known}") or ""
    raise InputError(Problem(f"the environment declares no provider `{name}`", None, hint))


def zoho(provider: Provider) -> bool:
    """Whether it is Zoho, of whose habits more is known."""
    return provider.preset.name == "zoho"
