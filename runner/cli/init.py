"""`zrun init`: a new project that runs at once, against the embedded sandbox."""

from __future__ import annotations

from pathlib import Path

from runner import errors
from runner.cli import options
from runner.errors import InputError, Problem

_COLLECTION = """\
# Safe to commit: it holds no secret. `zrun check` finds mistakes, `zrun plan` shows the order.
#
# `exchange` and `refresh` show how tokens are got. There is a short way: leave them, `renew` and the header `Authorization`
# out, and write `auth: {oauth2: zoho}` below `name`; the environment declares `zoho`, and `zrun login` gets the first token.
name: First steps
description: Exchange a grant token once, keep the access token fresh, call the CRM.

defaults:
  renew: {on: {status: 401}, run: refresh}

requests:
  exchange:
    when: <<refresh-token is missing>>
    post: <<accounts-domain>>/oauth/v2/token
    form:
      grant_type: authorization_code
      client_id: <<client-id>>
      client_secret: <<client-secret>>
      code: <<grant-token>>
    expect: {status: 200, json $.error: {exists: false}}
    capture:
      refresh-token: json $.refresh_token
      access-token: {from: json $.access_token, expires-in: json $.expires_in}
      api-domain: json $.api_domain

  refresh:
    when: <<access-token is stale>>
    post: <<accounts-domain>>/oauth/v2/token
    form:
      grant_type: refresh_token
      client_id: <<client-id>>
      client_secret: <<client-secret>>
      refresh_token: <<refresh-token>>
    expect: {status: 200, json $.error: {exists: false}}
    capture:
      access-token: {from: json $.access_token, expires-in: json $.expires_in}
      api-domain: json $.api_domain

  organization:
    get: <<api-domain>>/crm/v8/org
    headers: {Authorization: Zoho-oauthtoken <<access-token>>}
    expect:
      status: 200
      json $.org[0].company_name: {type: string}
"""

_SANDBOX = """\
# The embedded Zoho: a server on this machine, started for the run. No account needed.
name: Sandbox
sandbox: zoho
oauth2:
  zoho: {preset: zoho}
secrets:
  refresh-token: # captured
  access-token: # captured
"""

_US = """\
# Zoho's data centre in the US. Client id, secret and grant token: https://api-console.zoho.com, Self Client.
# Your own values go into us.local.yaml, which git ignores.
name: Zoho US
variables:
  accounts-domain: https://accounts.zoho.com
  api-domain: https://www.zohoapis.com
hosts: ["*.zohoapis.com"]
oauth2:
  zoho: {preset: zoho} # `auth: {oauth2: zoho}` and `zrun token` keep its tokens fresh
secrets:
  client-id: {env: ZOHO_CLIENT_ID}
  client-secret: {env: ZOHO_CLIENT_SECRET}
  grant-token: [{env: ZOHO_GRANT_TOKEN}, {prompt: "Grant token (API console, Self Client, Generate Code)"}]
  refresh-token: # captured
  access-token: # captured
"""

_IGNORED = (".zrun/", "environments/*.local.yaml")
_FILES = {"collections/first.yaml": _COLLECTION, "environments/sandbox.yaml": _SANDBOX, "environments/us.yaml": _US}


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("init", "Make a new project that runs at once. Overwrites nothing.")
    parser.add_argument("folder", nargs="?", default=".", type=Path, metavar="FOLDER", help="where (default: here)")
    folder: Path = parser.read(arguments).folder
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise InputError(Problem(f"{folder / there[0]} is there already", None, "choose another folder"))
    try:
        for name, text in _FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        _ignore(folder / ".gitignore")
    except OSError as error:
        raise InputError(
            Problem(f"cannot write to {folder}: {error.strerror}", None, "choose another folder")
        ) from None
    go = "" if folder == Path() else f"cd {folder}\n  "
    options.out(f"made {', '.join(_FILES)}\n\nnext:\n  {go}zrun collections/first.yaml -e sandbox")
    return errors.PASSED


def _ignore(path: Path) -> None:
    """Add to .gitignore what must not be committed: private state, and people's own values."""
    text = path.read_text("utf-8") if path.exists() else ""
    missing = [line for line in _IGNORED if line not in text.splitlines()]
    if missing:
        separator = "" if not text or text.endswith("\n") else "\n"
        path.write_text(text + separator + "\n".join(missing) + "\n", "utf-8")
