"""Which scopes a call of Zoho CRM's needs: the table against the documentation, and against what the sandbox enforces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runner import sandbox
from runner.auth.oauth2.zoho_scopes import holds, needed
from runner.sandbox.server import Running


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/crm/v8/org", "ZohoCRM.org.READ"),
        ("GET", "/crm/v8/users", "ZohoCRM.users.READ"),
        ("GET", "/crm/v8/users/5550000000000001", "ZohoCRM.users.READ"),
        ("GET", "/crm/v8/settings/modules", "ZohoCRM.settings.modules.READ"),
        ("GET", "/crm/v2.1/settings/fields", "ZohoCRM.settings.fields.READ"),
        ("GET", "/crm/v8/Leads", "ZohoCRM.modules.Leads.READ"),
        ("GET", "/crm/v8/Leads/{lead-id}", "ZohoCRM.modules.Leads.READ"),
        ("POST", "/crm/v8/Leads", "ZohoCRM.modules.Leads.CREATE"),
        ("PATCH", "/crm/v8/Leads", "ZohoCRM.modules.Leads.UPDATE"),
        ("delete", "/crm/v8/Leads/1", "ZohoCRM.modules.Leads.DELETE"),
        ("POST", "/crm/v8/Leads/upsert", "ZohoCRM.modules.Leads.CREATE ZohoCRM.modules.Leads.UPDATE"),
        ("GET", "/crm/v8/Leads/search", "ZohoCRM.modules.Leads.READ ZohoSearch.securesearch.READ"),
        ("POST", "/crm/v8/coql", "ZohoCRM.coql.READ"),
        ("POST", "/crm/bulk/v8/read", "ZohoCRM.bulk.READ"),
        ("POST", "/crm/bulk/v8/write", "ZohoCRM.bulk.CREATE"),
        ("POST", "/crm/v8/upload", "ZohoFiles.files.ALL"),
        ("POST", "/crm/v8/__composite_requests", "ZohoCRM.composite_requests.CUSTOM"),
        ("POST", "/crm/v8/actions/watch", "ZohoCRM.notifications.CREATE"),
        ("POST", "/crm/v8/files", "ZohoCRM.Files.CREATE"),
    ],
)
def test_a_call_needs_the_documented_scopes(method: str, path: str, scopes: str) -> None:
    assert needed(method, path) == tuple(scopes.split())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/books/v3/invoices"),
        ("GET", "/crm/v8/{module}"),  # which module is not known
        ("GET", "/crm/v8/Leads/1/Notes"),  # related lists: each has rules of its own
        ("GET", "/crm/v8/coql"),
        ("TRACE", "/crm/v8/org"),
    ],
)
def test_what_is_not_known_is_not_guessed(method: str, path: str) -> None:
    assert needed(method, path) is None


@pytest.mark.parametrize(
    ("granted", "scope", "held"),
    [
        ("ZohoCRM.modules.ALL", "ZohoCRM.modules.Leads.READ", True),
        ("ZohoCRM.modules.READ", "ZohoCRM.modules.Leads.READ", True),
        ("zohocrm.modules.leads.all", "ZohoCRM.modules.Leads.DELETE", True),
        ("ZohoCRM.modules.leads.WRITE", "ZohoCRM.modules.Leads.DELETE", True),
        ("ZohoCRM.modules.leads.WRITE", "ZohoCRM.modules.Leads.READ", False),
        ("ZohoCRM.modules.Leads.READ", "ZohoCRM.modules.Deals.READ", False),
        ("ZohoCRM.modules.Leads.READ", "ZohoCRM.modules.READ", False),
        ("ZohoCRM.modules.ALL", "ZohoSearch.securesearch.READ", False),
        ("ZohoCRM.modules.salesorders.READ", "ZohoCRM.modules.Sales_Orders.READ", True),
        ("ZohoCRM.modules.custom.ALL", "ZohoCRM.modules.Rockets.CREATE", True),
        ("ZohoCRM.modules.custom.ALL", "ZohoCRM.modules.Leads.CREATE", False),
        ("ZohoCRM.settings.ALL", "ZohoCRM.settings.fields.READ", True),
    ],
)
def test_a_wider_scope_holds_a_narrower_one(granted: str, scope: str, held: bool) -> None:
    assert holds([granted], scope) is held


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with sandbox.start(tmp_path / "zoho.sqlite") as server:
        yield server


CALLS = [
    ("GET", "/crm/v8/org"),
    ("GET", "/crm/v8/users"),
    ("GET", "/crm/v8/settings/modules"),
    ("GET", "/crm/v8/settings/fields?module=Leads"),
    ("GET", "/crm/v8/Leads?fields=Last_Name"),
    ("POST", "/crm/v8/Deals"),
    ("PUT", "/crm/v8/Contacts"),
    ("DELETE", "/crm/v8/Accounts?ids=1"),
    ("POST", "/crm/v8/Leads/upsert"),
    ("GET", "/crm/v8/Leads/search?word=x"),
]


def access(server: Running, scope: str) -> str:
    form = {"client_id": server.client_id, "client_secret": server.client_secret, "grant_type": "authorization_code"}
    answer = httpx.post(f"{server.url}/oauth/v2/token", data={**form, "code": server.mint_grant(scope)})
    token: str = answer.json()["access_token"]
    return token


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_the_needed_scopes_are_enough_and_no_more(running: Running, method: str, path: str) -> None:
    """With them the sandbox lets the call in; with one of them less, or another, it does not."""
    scopes = needed(method, path.partition("?")[0])
    assert scopes is not None

    def code(scope: str) -> str:
        headers = {"Authorization": f"Zoho-oauthtoken {access(running, scope)}"}
        answer = httpx.request(method, running.url + path, headers=headers)
        body = answer.json() if answer.content else {}
        return str(body.get("code", ""))

    assert code(",".join(scopes)) != "OAUTH_SCOPE_MISMATCH"
    for left_out in scopes:
        rest = [scope for scope in scopes if scope != left_out] or ["ZohoCRM.coql.READ"]
        assert code(",".join(rest)) == "OAUTH_SCOPE_MISMATCH"


def test_introspection_and_the_clock_are_played(running: Running) -> None:
    token = access(running, "ZohoCRM.org.READ,ZohoCRM.users.READ")
    client = (running.client_id, running.client_secret)
    url = f"{running.url}/oauth/v2/introspect"
    found = httpx.post(url, data={"token": token}, auth=client).json()
    assert found["active"] is True
    assert found["scope"] == "ZohoCRM.org.READ ZohoCRM.users.READ"
    assert httpx.post(url, data={"token": "1000.made.up"}, auth=client).json() == {"active": False}
    assert httpx.post(url, data={"token": token}, auth=("1000.NOBODY", "x")).status_code == 401
    httpx.post(f"{running.url}/_sandbox/clock", json={"offset": -86400 * 365})
    assert httpx.get(f"{running.url}/oauth/serverinfo").headers["date"].split()[3] == "2025"
