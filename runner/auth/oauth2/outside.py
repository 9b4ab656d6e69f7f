"""The outside world, as a provider's requests need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runner.exchange import Call, Response
from runner.results import StepResult
from runner.values import Secret


class Prover(Protocol):
    """What binds tokens to a key; see dpop.Prover."""

    def proof(self, method: str, url: str, token: Secret | None = None) -> str: ...
    def learn(self, url: str, response: Response) -> bool: ...


@dataclass(frozen=True)
class Outside:
    """The outside world, as token requests need it.

    `send` raises NetworkError, and PolicyError for a secret that may not go there. `told` hears of each request as a step.
    `prover` binds tokens to a key (dpop.Prover); None: they are not bound.
    """

    send: Callable[[Call], Response]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    told: Callable[[StepResult], None] = lambda _: None
    prover: Prover | None = None
