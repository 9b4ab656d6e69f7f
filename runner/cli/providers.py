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
    file = _file(assembly)
    if not declared:
        variables = assembly.environment.all_variables() if assembly.environment else {}
        zoho = bool(assembly.environment and assembly.environment.sandbox) or "accounts-domain" in variables
        line = "oauth2: {zoho: {preset: zoho}}" if zoho else "oauth2: {NAME: {preset: generic, token-url: https://...}}"
        raise InputError(Problem(f"{file} declares no OAuth 2.0 provider", None, f"add the line `{line}`"))
    if name is None:
        message = f"{file} declares several OAuth 2.0 providers: {', '.join(declared)}"
        raise InputError(Problem(message, None, f"choose one: --provider {next(iter(declared))}"))
    hint = did_you_mean(name, declared, f"there is: {', '.join(declared)}")
    raise InputError(Problem(f"{file} declares no OAuth 2.0 provider `{name}`", None, hint))


def _file(assembly: Assembly) -> str:
    """What to call the environment: the file in which a provider would be declared."""
    environment = assembly.environment
    if environment is None:
        return "the environment"
    return environment.paths[-1].name if environment.paths else environment.id


def zoho(provider: Provider) -> bool:
    """Whether it is Zoho, of whose habits more is known."""
    return provider.preset.name == "zoho"
