"""The secrets of a run, each found at most once: by its sources, by the embedded sandbox, or asked of a person at last."""

from __future__ import annotations

from runner import secret_sources
from runner.cli import screen
from runner.environment import Environment, SecretSpec
from runner.errors import Problem
from runner.redact import Redactor
from runner.values import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.sandbox import Running

# What the embedded sandbox gives, as the API console's page would.
SANDBOX_SECRETS = ("client-id", "client-secret", "grant-token")


class Vault:
    """Gives a secret by name; see scope.Sources.secret."""

    def __init__(self, environment: Environment | None, redactor: Redactor) -> None:
        self._environment = environment
        self._redactor = redactor
        self._found: dict[str, Secret] = {}
        self._running: Running | None = None

    def use(self, running: Running) -> None:
        """Take what the embedded sandbox gives, from now on."""
        self._running = running
        for name in SANDBOX_SECRETS:
            self._found.pop(name, None)

    def __call__(self, name: str) -> Secret | None:
        """The secret `name`; None when no source gives it without asking a person."""
        found = self._found.get(name)
        if found is None:
            found = self._find(name)
            if found is not None:
                self._found[name] = found
                self._redactor.add(found)
        return found

    def _find(self, name: str) -> Secret | None:
        environment = self._environment
        if environment is None:
            return None
        spec = environment.secrets.get(name)
        if spec is not None:
            found = secret_sources.resolve(spec)
            if found is not None:
                return found
        if environment.sandbox and name in SANDBOX_SECRETS:
            return self._from_sandbox(name)
        return None

    def _from_sandbox(self, name: str) -> Secret:
        if self._running is None:
            return Secret("given when the sandbox starts", name)
        if name == "grant-token":
            return Secret(self._running.mint_grant(), name)
        return Secret(self._running.client_id if name == "client-id" else self._running.client_secret, name)

    def asks(self, spec: SecretSpec) -> bool:
        """Whether a person can be asked for it now."""
        return screen.can_ask() and any(source.kind == "prompt" for source in spec.sources)

    def ask(self, spec: SecretSpec) -> None:
        """Ask a person, and keep the answer for the run. Raises Cancelled when there is none."""
        secret = secret_sources.ask(spec)
        self._found[spec.name] = secret
        self._redactor.add(secret)

    def missing(self, spec: SecretSpec) -> Problem:
        """Why the secret is not there, and what to do next."""
        return secret_sources.missing_problem(spec)

    def why(self, name: str) -> str | None:
        """The next step for a secret without a value; None when it is one that a request captures."""
        spec = self._environment.secrets.get(name) if self._environment else None
        return secret_sources.missing_problem(spec).hint if spec and spec.sources else None
