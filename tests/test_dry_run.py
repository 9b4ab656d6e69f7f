"""`--dry-run`: each request whole, with what is not known yet left as its name; nothing is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import write, zrun

_COLLECTION = """
requests:
  login:
    post: <<accounts>>/token
    form: {client_secret: <<key>>}
    capture: {token: json $.token, api: json $.api}
  again:
    when: <<token is stale>>
    post: <<accounts>>/token
    capture: {token: json $.token}
  create:
    post: <<api>>/leads
    headers: {Authorization: Bearer <<token>>}
    json: {name: Ada, of: {site: <<api>>}}
    capture: {lead: json $, lead-id: json $.id}
  read:
    put: <<accounts>>/leads/<<lead-id>>
    query: {a: b/<<lead-id>>}
    headers: {Authorization: Bearer <<token>>, X-Lead: no. <<lead-id>>}
    json: {id: <<lead-id>>, ids: [<<lead-id>>, 1]}
  looked-into:
    get: <<accounts>>/leads/<<lead.id>>
"""
_ENVIRONMENT = """
variables: {accounts: "https://accounts.example"}
secrets: {key: {env: KEY}, token: }
"""


@pytest.fixture
def blocks(tmp_path: Path) -> dict[str, list[str]]:
    """What is shown of each request, line by line."""
    write(tmp_path, c=_COLLECTION, e__env=_ENVIRONMENT)
    done = zrun(tmp_path, "c.yaml", "-e", "e", "--dry-run", KEY="a-made-up-key")
    assert (done.status, done.err) == (0, "")
    found: dict[str, list[str]] = {}
    for line in done.out.splitlines():
        if line and not line.startswith(" "):
            found[line.split()[0]] = current = []
        else:
            current.append(line.strip())
    return found


def test_a_request_is_shown_whole_with_the_names_of_what_is_coming(blocks: dict[str, list[str]]) -> None:
    shown = blocks["read"]
    assert shown[0] == "PUT /leads/<<lead-id>>?a=b/<<lead-id>>"
    assert "Authorization: Bearer <<token>>" in shown
    assert "X-Lead: no. <<lead-id>>" in shown
    assert '"id": "<<lead-id>>",' in shown
    assert shown.count('"<<lead-id>>",') == 1
    note = "(not known yet: lead-id, which create captures; token, which login or again captures)"
    assert shown[-1] == note


def test_an_address_whose_host_is_coming_is_shown(blocks: dict[str, list[str]]) -> None:
    shown = blocks["create"]
    assert shown[0] == "POST <<api>>/leads"
    assert '"site": "<<api>>"' in shown


def test_where_something_is_made_of_it_that_is_said(blocks: dict[str, list[str]]) -> None:
    assert blocks["looked-into"][:2] == [
        "GET <<accounts>>/leads/<<lead.id>>",
        "(not all is known yet: lead, which create captures)",
    ]


def test_what_is_known_has_no_note(blocks: dict[str, list[str]]) -> None:
    assert blocks["login"][-1] == "client_secret=<<key>>"


def test_the_sandbox_s_own_secrets_are_told_apart(tmp_path: Path) -> None:
    collection = "requests:\n  a:\n    post: <<api-domain>>\n    form: {id: <<client-id>>, key: <<client-secret>>}\n"
    write(tmp_path, c=collection, e__env="sandbox: zoho\n")
    done = zrun(tmp_path, "c.yaml", "-e", "e", "--dry-run")
    assert "id=<<client-id>>&key=<<client-secret>>" in done.out


def test_the_sandbox_has_no_port_before_it_is_started(tmp_path: Path) -> None:
    text = "requests:\n  a:\n    post: <<accounts-domain>>/oauth/v2/token\n    form: {key: <<client-secret>>}\n"
    write(tmp_path, c=text, e__env="sandbox: zoho\nsecrets: {client-secret: }\n")
    planned = zrun(tmp_path, "plan", "c.yaml", "-e", "e")
    assert "secrets may go to the embedded sandbox\n" in planned.out, planned.err
    assert "on a port that is chosen when it starts" in zrun(tmp_path, "vars", "c.yaml", "-e", "e").out
