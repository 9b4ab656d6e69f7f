"""A project whose environment `us` stands before a running sandbox, as it would before the real Zoho."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from runner import sandbox
from runner.files.state import State
from tests.commands import Done, write, zrun

ENVIRONMENT = """\
variables:
  {{accounts-domain: '{url}', api-domain: '{url}', region: us, greeting: "it's <<region>>", hidden: x<<client-secret>>}}
oauth2:
  zoho: {{preset: zoho{more}}}
secrets:
  client-id: {{env: MADE_UP_ID}}
  client-secret: {{env: MADE_UP_SECRET}}
  grant-token: {{env: MADE_UP_GRANT}}
"""


@dataclass(frozen=True)
class Project:
    """A folder with an environment `us`, the sandbox behind it, and the process variables that hold its secrets."""

    folder: Path
    running: sandbox.Running
    variables: dict[str, str]

    def zrun(self, *arguments: str, **more: str) -> Done:
        return zrun(self.folder, *arguments, **{**self.variables, **more})

    def kept(self, name: str) -> str | None:
        """A value in the private state."""
        values = json.loads(State(self.folder, "us").path.read_text())["values"]
        return values[name]["value"] if name in values else None

    def switch(self, **switches: object) -> None:
        httpx.post(f"{self.running.url}/_sandbox/switch", json=switches).raise_for_status()

    def accepted(self, token: str) -> bool:
        """Whether the API takes it."""
        header = {"Authorization": f"Zoho-oauthtoken {token}"}
        return httpx.get(f"{self.running.url}/crm/v8/org", headers=header).status_code == 200

    def calls(self) -> dict[str, int]:
        """How many tokens were asked for, by grant."""
        document: dict[str, Any] = httpx.get(f"{self.running.url}/_sandbox/state").json()
        found: dict[str, int] = document["token_calls"]
        return found


def project(folder: Path, running: sandbox.Running, more: str = "") -> Project:
    """A new one; its grant token is good for ten minutes."""
    write(folder, us__env=ENVIRONMENT.format(url=running.url, more=more))
    variables = {
        "MADE_UP_ID": running.client_id,
        "MADE_UP_SECRET": running.client_secret,
        "MADE_UP_GRANT": running.mint_grant(),
    }
    return Project(folder, running, variables)
