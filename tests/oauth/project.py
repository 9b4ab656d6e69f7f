"""An environment for the authorization server of the tests, and zrun's own parts opened on it as a command would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.outside import Outside
from runner.auth.oauth2.provider import Provider
from runner.cli import assemble, providers, sending
from runner.cli.assemble import Assembly
from runner.cli.given import Given
from runner.collection import AuthSpec, Variable
from runner.errors import Location, Source
from runner.results import StepResult
from tests.commands import Done, write, zrun
from tests.oauth.rig import Client, Rig

_HERE = Location(Source("a test"), 1, 1)
COLLECTION = """\
auth: {oauth2: server}
requests:
  me: {get: <<api>>/me, expect: 200}
"""


def project(folder: Path, rig: Rig, client: Client, *lines: str, **secrets: str) -> Path:
    """A folder with `daily.yaml` and `environments/dev.yaml`: the provider `server`, with these settings more.

    `secrets` are held by the environment's private overlay, by name (`_` for `-`).
    """
    held = {name.replace("_", "-"): text for name, text in secrets.items()}
    settings = [f"client-id: {json.dumps(client.client_id)}", *lines]
    if client.client_secret:
        held["client-secret"] = client.client_secret
    if client.private_key:
        held["signing-key"] = client.private_key
    if client.method == "private_key_jwt":
        settings += ["client-auth: private_key_jwt", "private-key: <<signing-key>>", f"key-id: {client.key_id}"]
        if client.algorithm == "PS256":  # the others are the usual ones of their kinds of key
            settings.append("algorithm: PS256")
    elif client.method == "client_secret_post":
        settings.append("client-auth: post")
    if not any(line.startswith(("issuer:", "token-url:")) for line in lines):
        settings.append(f"issuer: {rig.issuer}")
    text = [f"variables: {{api: {rig.issuer}/api}}", "secrets:", *(f"  {name}:" for name in held)]
    text += ["oauth2:", "  server:", *(f"    {line}" for line in settings)]
    write(folder, daily=COLLECTION, dev__env="\n".join(text) + "\n")
    overlay = ["secrets:", *(f"  {name}: {json.dumps(secret)}" for name, secret in held.items())]
    path = folder / "environments" / "dev.local.yaml"
    path.write_text("\n".join(overlay) + "\n" if held else "{}\n", "utf-8")
    path.chmod(0o600)
    return folder


def expecting(folder: Path, **members: str) -> None:
    """Let the daily run expect these members of what the protected resource says of the token."""
    expected = ", ".join(f"json $.{name}: {json.dumps(text)}" for name, text in members.items())
    write(folder, daily=COLLECTION.replace("expect: 200", f"expect: {{status: 200, {expected}}}"))


def daily(folder: Path, *arguments: str) -> Done:
    """The daily run, as JSON."""
    return zrun(folder, "daily.yaml", "-e", "dev", "--format", "json", *arguments)


@dataclass(frozen=True)
class Opened:
    """A provider, ready to be asked."""

    assembly: Assembly
    provider: Provider
    keeper: Keeper
    outside: Outside
    told: list[StepResult]

    def renew(self) -> None:
        """As after an API has refused the token that is kept."""
        self.keeper.access(refused=self.provider.kept(self.provider.tokens.access))


@contextmanager
def opened(folder: Path, name: str = "server") -> Iterator[Opened]:
    """The provider as a command has it: over the network, with the environment's state."""
    files = [str(folder / "environments" / "dev.yaml")]
    told: list[StepResult] = []
    with assemble.opened(Given(files)) as assembly, sending.network(assembly) as send:
        spec = AuthSpec("oauth2", _HERE, {"provider": Variable("provider", name, _HERE)})
        found = providers.named(assembly, spec, assembly.scope)
        keeper = providers.keeper(assembly, found, send, told.append)
        yield Opened(assembly, keeper.provider, keeper, keeper.outside, told)
