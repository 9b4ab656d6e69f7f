"""An environment as written: variables, where secrets come from and may go, TLS and proxy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Literal

from runner.collection import Variable, Variables
from runner.errors import Location, Problem
from runner.records import record
from runner.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Rate


def options(given: Sequence[str]) -> str:
    """The options that name an environment on a command line, of the words behind each -e: `-e common -e us`."""
    from shlex import quote  # late: of hints alone

    return " ".join(f"-e {quote(name)}" for name in given) or "-e ENV"


@record
class Written:
    """The file that wrote something which only a trusted file may write: its path, and the SHA-256 (hexadecimal) of the
    very bytes that were parsed."""

    path: Path
    sha256: str


@record
class SecretSource:
    """One place that a secret may come from.

    `kind` is literal, env, file, keyring, command or prompt; `argument` the variable's name, the file's path (relative to
    `folder`), the keyring's service (its `user` beside it), the prompt's text. A literal keeps its text in `argument` too.
    A command is its `argv`, the seconds of its `timeout`, and the file that wrote it.
    """

    kind: str
    location: Location
    argument: str = field(default="", repr=False)
    folder: Path = Path()
    user: str = ""
    argv: tuple[str, ...] = ()
    timeout: float = 10.0
    written: Written | None = None


@record
class SecretSpec:
    """A secret's name and the sources to try in turn; none: it is captured, or given by the sandbox."""

    name: str
    location: Location
    sources: tuple[SecretSource, ...] = ()


@record
class TokenNames:
    """The variables that hold a provider's tokens, and the scope that they were granted."""

    access: str = "access-token"
    refresh: str = "refresh-token"
    id: str = "id-token"
    scope: str = "token-scope"

    def all(self) -> tuple[str, str, str]:
        return self.access, self.refresh, self.id


@record
class ProviderSpec:
    """An OAuth 2.0 provider as written: an authorization server, and this client's registration there.

    `settings` are those of files.fields.PROVIDER, by name; a list is one of texts. What they leave out, the preset says.
    `given` is the environment that declares it, as `Environment.given`.
    """

    name: str
    location: Location
    settings: Variables
    tokens: TokenNames = TokenNames()
    given: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """The command that gets its first tokens, or new ones."""
        return f"zrun login {options(self.given)}"


@record
class Tls:
    """How to trust and to be trusted: a CA bundle and a client certificate (PEM files), relative to the file's folder."""

    verify: bool = True
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    location: Location | None = None


@record
class Environment:
    """What differs between data centres, customers, stages.

    `id` is the name that state is kept under (`us`; `common+us` when several are given), `name` the display name.
    `root` is the project's folder: the one whose `environments/` holds the file, else the file's own; private state
    is in `root/.zrun`. `overlay` holds the variables of the private `.local.yaml` files, over `variables`. `commands` are
    those of all its files, also where another file gave the secret another source. `state` is where captured secrets are
    kept. `rate` and `concurrency` bound how many requests are sent in a time, and at once. `given` is what was written behind
    each -e.
    """

    id: str
    root: Path
    name: str = ""
    given: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    variables: Variables = field(default_factory=dict)
    overlay: Variables = field(default_factory=dict)
    secrets: Mapping[str, SecretSpec] = field(default_factory=dict)
    providers: Mapping[str, ProviderSpec] = field(default_factory=dict)
    commands: tuple[SecretSource, ...] = ()
    hosts: tuple[str, ...] = ()
    hosts_location: Location | None = None
    tls: Tls = Tls()
    proxy: Tree = None
    proxy_location: Location | None = None
    state: Literal["file", "keyring"] = "file"
    state_location: Location | None = None
    rate: Rate | None = None
    concurrency: int | None = None
    sandbox: str | None = None
    sandbox_location: Location | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def declared(self) -> frozenset[str]:
        """The names that this environment declares: a value captured into one is kept between runs."""
        return frozenset(self.variables) | frozenset(self.overlay) | frozenset(self.secrets)

    @property
    def tokens(self) -> frozenset[str]:
        """The names of the variables that hold a provider's tokens."""
        return frozenset(name for spec in self.providers.values() for name in spec.tokens.all())

    @property
    def irreplaceable(self) -> frozenset[str]:
        """The names whose values no answer of just any host may replace: a provider's tokens, and declared secrets."""
        return self.tokens | self.secrets.keys()

    def all_variables(self) -> dict[str, Variable]:
        """Variables by name, the private overlay over the shared files."""
        return {**self.variables, **self.overlay}
