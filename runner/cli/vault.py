"""The secrets of a run, each found at most once: by its sources, by the embedded sandbox, or asked of a person at last."""

from __future__ import annotations

from runner import secret_sources
from runner.cli import screen
from runner.environment import Environment, SecretSource, SecretSpec
from runner.errors import InputError, Problem
from runner.redact import Redactor
from runner.values import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.sandbox import Running

# What the embedded sandbox gives, as the API console's page would.
SANDBOX_SECRETS = ("client-id", "client-secret", "grant-token")


class Vault:
    """Gives a secret by name; see scope.Sources.secret.

    With `look_only`, for what shows or checks and sends nothing, no command runs and no keyring opens. With `stand_ins`, the
    names of secrets that there were when a run was recorded, no source is asked at all: each has its mask for a value.
    """

    def __init__(
        self,
        environment: Environment | None,
        redactor: Redactor,
        *,
        look_only: bool = False,
        stand_ins: frozenset[str] | None = None,
    ) -> None:
        self._stand_ins = stand_ins
        self._environment = environment
        self._redactor = redactor
        self._look_only = look_only
        self._found: dict[str, Secret] = {}
        self._given_by: dict[str, SecretSource] = {}
        self._told: dict[str, dict[SecretSource, Problem]] = {}
        self._refused: dict[str, Problem] = {}
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

    def found(self, name: str) -> Secret | None:
        """The secret `name`, when a source or a person has given it already; nobody is asked."""
        return self._found.get(name)

    def names(self) -> frozenset[str]:
        """Those that a source or a person has given by now."""
        return frozenset(self._found)

    def _find(self, name: str) -> Secret | None:
        if self._stand_ins is not None:
            return Secret(f"<<{name}>>", name) if name in self._stand_ins else None
        environment = self._environment
        if environment is None:
            return None
        spec = environment.secrets.get(name)
        # What was tried in vain is not tried again: a command may count its calls, or have a person touch a key.
        if spec is not None and name not in self._told and name not in self._refused:
            found = self._from_sources(spec)
            if found is not None:
                return found
        if environment.sandbox and name in SANDBOX_SECRETS:
            return self._from_sandbox(name)
        return None

    def _from_sources(self, spec: SecretSpec) -> Secret | None:
        told: dict[SecretSource, Problem] = {}
        try:
            found = secret_sources.find(spec, _refusal, told.__setitem__, look_only=self._look_only)
        except InputError as error:
            self._refused[spec.name] = error.problems[0]
            return None
        if found is None:
            if told:
                self._told[spec.name] = told
            return None
        secret, self._given_by[spec.name] = found
        return secret

    def _from_sandbox(self, name: str) -> Secret:
        if self._running is None:
            return Secret(f"given when the sandbox starts: {name}", name)  # one that is told from the others
        if name == "grant-token":
            return Secret(self._running.mint_grant(), name)
        return Secret(self._running.client_id if name == "client-id" else self._running.client_secret, name)

    def asks(self, spec: SecretSpec) -> bool:
        """Whether a person can be asked for it now."""
        prompts = self._stand_ins is None and any(source.kind == "prompt" for source in spec.sources)
        return prompts and spec.name not in self._refused and screen.can_ask()

    def ask(self, spec: SecretSpec) -> None:
        """Ask a person, and keep the answer for the run. Raises Cancelled when there is none."""
        secret = secret_sources.ask(spec)
        self._found[spec.name] = secret
        self._redactor.add(secret)

    def missing(self, spec: SecretSpec) -> Problem:
        """Why the secret is not there, and what to do next."""
        return self._refused.get(spec.name) or secret_sources.missing_problem(spec, self._told.get(spec.name))

    def refused(self, spec: SecretSpec) -> Problem | None:
        """Why a source of the secret may not be used, when it would come from there: a mistake, whatever the default."""
        if self._stand_ins is None and spec.name not in self._found and spec.name not in self._refused:
            try:
                secret_sources.find(spec, _refusal, look_only=True)
            except InputError as error:
                return error.problems[0]
        return self._refused.get(spec.name)

    def whence(self, name: str) -> str:
        """The source that gave the secret, in words; empty when none of the environment's did."""
        source = self._given_by.get(name)
        return secret_sources.described(source) if source else ""

    def why(self, name: str) -> str | None:
        """The next step for a secret without a value; None when it is one that a request captures."""
        spec = self._environment.secrets.get(name) if self._environment else None
        return self.missing(spec).hint if spec and spec.sources else None


def _refusal(source: SecretSource) -> Problem | None:
    from runner.files.trust import Trust  # late: few environments run a command

    return Trust().refusal(source)
