"""From arguments to a run that can start: files read, values gathered, the sandbox started, everything wired."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runner import graph, policy
from runner.cli import screen
from runner.collection import Collection
from runner.environment import Environment, SecretSource, SecretSpec
from runner.errors import InputError, Problem
from runner.files import reader
from runner.files.state import State
from runner.policy import Policy
from runner.redact import Redactor
from runner.scope import Captured, Scope
from runner.values import Secret, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.sandbox import Running


@dataclass
class Given:
    """What the command line says about values: environments, variables, clock, seed."""

    environments: Sequence[str] = ()
    variables: dict[str, Value] = field(default_factory=dict)
    ahead: float = 0.0
    seed: str | None = None


@dataclass
class Assembly:
    """A collection and all that its requests are rendered against."""

    collection: Collection
    environment: Environment | None
    scope: Scope
    state: State | None
    vault: Vault
    policy: Policy
    redactor: Redactor
    given: Given

    def now(self) -> float:
        return time.time() + self.given.ahead


class Vault:
    """Secrets, each found at most once: by its sources, by the sandbox, or (when `asking`) by a prompt."""

    def __init__(self, environment: Environment | None, redactor: Redactor) -> None:
        self._specs = environment.secrets if environment else {}
        self._redactor = redactor
        self._found: dict[str, Secret | None] = {}
        self._sandbox: Running | None = None
        self.asking = False

    def use(self, sandbox: Running) -> None:
        """Take what the embedded sandbox gives."""
        self._sandbox = sandbox

    def __call__(self, name: str) -> Secret | None:
        """The secret `name`, or None when no source gives it now."""
        found = self._found.get(name)
        if found is None:
            found = self._find(name)
            if found is not None:
                self._found[name] = found
                self._redactor.add(found)
        return found

    def _find(self, name: str) -> Secret | None:
        raise NotImplementedError
