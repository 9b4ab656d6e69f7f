"""An environment's provider with its tokens at hand: what every `zrun token` command and `zrun exec` begin with."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from runner.auth.oauth2 import readiness
from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.provider import Provider
from runner.cli import options, providers, screen, sending
from runner.cli.assemble import Assembly, opened
from runner.cli.given import given
from runner.errors import InputError, PolicyError, Problem
from runner.exchange import Call, Response
from runner.quantities import seconds
from runner.scope import Captured
from runner.values import Secret


@dataclass(frozen=True)
class Holding:
    """A provider, what keeps its tokens fresh, and the values of its environment."""

    assembly: Assembly
    provider: Provider
    keeper: Keeper

    def access(self) -> Captured | None:
        """The access token that is at hand, fresh or not."""
        return self.assembly.sources.captured.get(self.provider.tokens.access)


def add_options(parser: argparse.ArgumentParser) -> None:
    """-e, --var, --secrets-file, --provider, --clock: which token."""
    options.add_environment(parser)
    options.add_provider(parser)
    options.add_clock(parser)


def duration(option: str, written: str | None) -> float | None:
    """The seconds of an option; None when it is left out. Raises InputError."""
    if written is None:
        return None
    found = seconds(written)
    if found is None:
        raise InputError(Problem(f"{option} is not a duration", None, "write it as 90s, 10m or 1h"))
    return found


@contextmanager
def values(chosen: argparse.Namespace, *, look_only: bool = False) -> Iterator[Assembly]:
    """The environment's values; `look_only` as assemble.begun's. Raises InputError."""
    if not chosen.environments:
        raise InputError(Problem("no environment is named", None, "name the one whose token it is: -e us"))
    with opened(given(chosen), look_only=look_only) as assembly:
        yield assembly


@contextmanager
def holding(chosen: argparse.Namespace, patience: float | None = None, *, fresh: bool = True) -> Iterator[Holding]:
    """The provider that the arguments choose, ready to be asked; the network is loaded when it first is.

    `fresh` tells that a token is to be had, so that what stands in the way is told at once, and a person asked for what only
    they know. `patience` is as fresh.Keeper's. Raises InputError, PolicyError, Cancelled.
    """
    with values(chosen) as assembly, ExitStack() as stack:
        found = providers.choose(assembly, chosen.provider)
        if assembly.environment and assembly.environment.warnings:
            screen.tell(assembly.environment.warnings, redact=assembly.redactor.text)
        if fresh:
            _prepare(assembly, found)
        assembly.start_sandbox()
        network: list[sending.Send] = []

        def send(call: Call) -> Response:
            if not network:
                network.append(stack.enter_context(sending.network(assembly)))
            return network[0](call)

        yield Holding(assembly, found, providers.keeper(assembly, found, send, lambda _: None, patience))


def _prepare(assembly: Assembly, found: Provider) -> None:
    """Tell what stands in the way of a token before anything is sent; ask a person last."""
    assert assembly.environment is not None, "a provider has been found in it"
    spec = assembly.environment.providers[found.name]
    findings = readiness.ready(
        found, spec, assembly.scope, assembly.policy, assembly.vault.asks, assembly.vault.missing
    )
    if findings.problems:
        raise InputError(findings.problems)
    if findings.refusals:
        raise PolicyError(findings.refusals)
    for prompt in findings.prompts:
        assembly.vault.ask(prompt)


def token_of(captured: Captured) -> Secret:
    """The token itself."""
    value = captured.value
    return value if isinstance(value, Secret) else Secret(str(value), "access-token")
