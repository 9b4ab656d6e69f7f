"""The sandbox's CRM: a real server on loopback, asked as a client would."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner import sandbox
from runner.sandbox import criteria
from runner.sandbox.modules import MODULES
from runner.sandbox.server import Running


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with sandbox.start(tmp_path / "zoho.sqlite") as server:
        yield server


def client(server: Running, scope: str | None = None, scheme: str = "Zoho-oauthtoken") -> httpx.Client:
    """A client with a token of that scope."""
    form = {"client_id": server.client_id, "client_secret": server.client_secret, "code": server.mint_grant(scope)}
    tokens = httpx.post(f"{server.url}/oauth/v2/token", data=form | {"grant_type": "authorization_code"}).json()
    return httpx.Client(
        base_url=f"{server.url}/crm/v8/", headers={"Authorization": f"{scheme} {tokens['access_token']}"}
    )


@pytest.fixture
def crm(running: Running) -> Iterator[httpx.Client]:
    with client(running) as made:
        yield made


def switch(server: Running, **given: object) -> None:
    httpx.post(f"{server.url}/_sandbox/switch", json=given).raise_for_status()


def advance(server: Running, seconds: float) -> None:
    httpx.post(f"{server.url}/_sandbox/clock", json={"advance": seconds}).raise_for_status()


def add(crm: httpx.Client, *rows: Mapping[str, object], module: str = "Leads") -> list[str]:
    answer = crm.post(module, json={"data": rows})
    assert answer.status_code == 201, answer.text
    return [row["details"]["id"] for row in answer.json()["data"]]


def test_a_record_from_birth_to_death(crm: httpx.Client) -> None:
    (lead,) = add(crm, {"Last_Name": "Example", "Email": "lead@example.com", "Unknown": 1})
    shown = crm.get(f"Leads/{lead}").json()["data"][0]
    assert (shown["Last_Name"], shown["id"], shown["Owner"]["name"]) == ("Example", lead, "Sandbox User")
    assert "Unknown" not in shown
    updated = crm.put(f"Leads/{lead}", json={"data": [{"City": "Townsville"}]})
    assert (updated.status_code, updated.json()["data"][0]["message"]) == (200, "record updated")
    assert crm.get(f"Leads/{lead}?fields=City").json() == {"data": [{"City": "Townsville", "id": lead}]}
    gone = crm.delete(f"Leads/{lead}")
    assert (gone.status_code, gone.json()["data"][0]["details"]) == (200, {"id": lead})
    again = crm.delete("Leads", params={"ids": lead})
    assert (again.status_code, again.json()["data"][0]["message"]) == (400, "record not deleted")
    assert crm.get(f"Leads/{lead}").status_code == 204
    assert [row["display_name"] for row in crm.get("Leads/deleted?type=recycle").json()["data"]] == ["Example"]
    assert crm.get("Leads/deleted?type=permanent").status_code == 204


@pytest.mark.parametrize(
    ("row", "code", "details"),
    [
        ({}, "MANDATORY_NOT_FOUND", {"api_name": "Last_Name", "json_path": "$.data[0].Last_Name"}),
        ({"Last_Name": None}, "MANDATORY_NOT_FOUND", {"api_name": "Last_Name", "json_path": "$.data[0].Last_Name"}),
        (
            {"Last_Name": "x", "Email": "none"},
            "INVALID_DATA",
            {"expected_data_type": "email", "api_name": "Email", "json_path": "$.data[0].Email"},
        ),
        (
            {"Last_Name": "x", "No_of_Employees": True},
            "INVALID_DATA",
            {"expected_data_type": "integer", "api_name": "No_of_Employees", "json_path": "$.data[0].No_of_Employees"},
        ),
        (
            {"Last_Name": "x" * 256},
            "INVALID_DATA",
            {"maximum_length": 255, "api_name": "Last_Name", "json_path": "$.data[0].Last_Name"},
        ),
        (1, "INVALID_DATA", {"expected_data_type": "jsonobject", "json_path": "$.data[0]"}),
    ],
)
def test_a_record_with_a_mistake_is_refused(crm: httpx.Client, row: object, code: str, details: object) -> None:
    answer = crm.post("Leads", json={"data": [row]})
    assert answer.status_code == 400
    assert (answer.json()["data"][0]["code"], answer.json()["data"][0]["details"]) == (code, details)
    assert crm.get("Leads?fields=id").status_code == 204


def test_some_good_some_bad_is_207(crm: httpx.Client) -> None:
    answer = crm.post("Leads", json={"data": [{"Last_Name": "a"}, {}]})
    assert answer.status_code == 207
    assert [row["code"] for row in answer.json()["data"]] == ["SUCCESS", "MANDATORY_NOT_FOUND"]
    good = answer.json()["data"][0]["details"]["id"]
    assert crm.delete("Leads", params={"ids": f"{good},1"}).status_code == 207


@pytest.mark.parametrize("body", ["", "{}", "[]", "not JSON", '{"data": {}}', '{"data": []}', "[" * 100_000])
def test_a_body_without_records_is_400(crm: httpx.Client, body: str) -> None:
    assert crm.post("Leads", content=body).status_code == 400
    assert crm.put("Leads", content=body).status_code == 400
    assert crm.post("Leads/upsert", content=body).status_code == 400


def test_a_hundred_records_are_the_most(crm: httpx.Client) -> None:
    rows = [{"Last_Name": str(number)} for number in range(101)]
    assert crm.post("Leads", json={"data": rows}).json()["details"]["maximum_length"] == 100
    assert crm.post("Leads", json={"data": rows[1:]}).status_code == 201


def test_lists_are_paged_and_sorted(running: Running, crm: httpx.Client) -> None:
    ids = add(crm, *[{"Last_Name": str(number)} for number in range(5)])
    first = crm.get("Leads?fields=Last_Name&per_page=2&sort_order=asc").json()
    assert [row["id"] for row in first["data"]] == ids[:2]
    assert (first["info"]["count"], first["info"]["more_records"], first["info"]["page"]) == (2, True, 1)
    second = crm.get("Leads?fields=id&per_page=2&sort_order=asc&page=2").json()
    by_token = crm.get("Leads", params={"fields": "id", "per_page": 2, "page_token": first["info"]["next_page_token"]})
    assert by_token.json()["data"] == second["data"] == [{"id": ids[2]}, {"id": ids[3]}]
    assert crm.get("Leads?fields=id&per_page=2&page=4").status_code == 204
    advance(running, 3000)
    crm.put(f"Leads/{ids[0]}", json={"data": [{"City": "x"}]})
    assert crm.get("Leads?fields=id&sort_by=Modified_Time").json()["data"][0]["id"] == ids[0]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "REQUIRED_PARAM_MISSING"),
        ("?fields=" + ",".join(["id"] * 51), "LIMIT_EXCEEDED"),
        ("?fields=id&per_page=201", "INVALID_DATA"),
        ("?fields=id&page=x", "INVALID_DATA"),
        ("?fields=id&page=11", "DISCRETE_PAGINATION_LIMIT_EXCEEDED"),
        ("?fields=id&sort_by=City", "INVALID_DATA"),
        ("?fields=id&page_token=x", "INVALID_DATA"),
        ("?fields=id&page_token=WzEsMl0=", "INVALID_DATA"),
        ("?fields=id&page_token=WyJMZWFkcyIsIDEsIEluZmluaXR5LCAxLCAiaWQiLCAiYXNjIl0=", "INVALID_DATA"),
        ("/search", "EXPECTED_PARAM_MISSING"),
        ("/search?word=x&page=11", "LIMIT_REACHED"),
        ("/search?criteria=(Nonsense:equals:x)", "INVALID_QUERY"),
        ("/notanid", "INVALID_DATA"),
    ],
)
def test_a_read_with_a_mistake_is_400(crm: httpx.Client, query: str, code: str) -> None:
    answer = crm.get(f"Leads{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, code, "error")


def test_a_page_token_is_bound_and_expires(running: Running, crm: httpx.Client) -> None:
    add(crm, {"Last_Name": "a"}, {"Last_Name": "b"})
    given = {"fields": "id", "page_token": crm.get("Leads?fields=id&per_page=1").json()["info"]["next_page_token"]}
    assert crm.get("Contacts", params=given).json()["code"] == "TOKEN_BOUND_DATA_MISMATCH"
    assert crm.get("Leads", params={**given, "page": 1}).status_code == 400
    advance(running, 86401)
    with client(running) as later:
        assert later.get("Leads", params=given).json()["code"] == "EXPIRED_VALUE"


def test_conditions_on_time(running: Running, crm: httpx.Client) -> None:
    (lead,) = add(crm, {"Last_Name": "a"})
    made = crm.get(f"Leads/{lead}").json()["data"][0]["Modified_Time"]
    since = {"If-Modified-Since": made}
    assert crm.get(f"Leads/{lead}", headers=since).status_code == 304
    assert crm.get("Leads?fields=id", headers=since).status_code == 304
    advance(running, 10)
    assert (
        crm.put(f"Leads/{lead}", json={"data": [{"City": "x"}]}, headers={"If-Unmodified-Since": made}).status_code
        == 200
    )
    assert crm.get(f"Leads/{lead}", headers=since).status_code == 200
    late = crm.put(f"Leads/{lead}", json={"data": [{"City": "y"}]}, headers={"If-Unmodified-Since": made})
    assert (late.status_code, late.json()["data"][0]["code"]) == (412, "ALREADY_MODIFIED")
    assert crm.get(f"Leads/{lead}?fields=City").json()["data"][0]["City"] == "x"


def test_upsert_inserts_then_updates(crm: httpx.Client) -> None:
    row = {"Last_Name": "a", "Email": "same@example.com"}
    actions = [crm.post("Leads/upsert", json={"data": [row]}).json()["data"][0]["action"] for _ in range(2)]
    assert actions == ["insert", "update"]
    by_name = {"data": [{"Last_Name": "A", "City": "x"}], "duplicate_check_fields": ["Last_Name"]}
    assert crm.post("Leads/upsert", json=by_name).json()["data"][0]["duplicate_field"] == "Last_Name"
    assert crm.get("Leads?fields=City").json()["info"]["count"] == 1
    assert crm.post("Leads/upsert", json=by_name | {"duplicate_check_fields": ["Nonsense"]}).status_code == 400


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"criteria": "(Last_Name:equals:doe)"}, ["Doe"]),
        ({"criteria": "((Last_Name:starts_with:D)and(No_of_Employees:greater_than:5))"}, ["Dale"]),
        ({"criteria": "((Last_Name:equals:Doe)or(No_of_Employees:between:5,20))"}, ["Dale", "Doe"]),
        ({"criteria": "(Last_Name:in:Doe,Smith \\(Jr\\)\\, X)"}, ["Doe", "Smith (Jr), X"]),
        ({"criteria": "(Last_Name:not_equal:Doe)"}, ["Dale", "Smith (Jr), X"]),
        ({"criteria": "(Created_Time:greater_than:2020-01-01T00:00:00+00:00)and(City:equals:Y)"}, ["Doe"]),
        ({"email": "doe@example.com"}, ["Doe"]),
        ({"phone": "555-0100"}, ["Dale"]),
        ({"word": "jr"}, ["Smith (Jr), X"]),
        ({"word": "nowhere"}, []),
    ],
)
def test_search(crm: httpx.Client, query: dict[str, str], names: list[str]) -> None:
    add(
        crm,
        {"Last_Name": "Doe", "Email": "doe@example.com", "No_of_Employees": 3, "City": "Y"},
        {"Last_Name": "Dale", "No_of_Employees": 10, "Phone": "555-0100"},
        {"Last_Name": "Smith (Jr), X"},
    )
    answer = crm.get("Leads/search", params=query)
    assert answer.status_code == (200 if names else 204)
    assert sorted(row["Last_Name"] for row in answer.json()["data"]) == names if names else not answer.content


@pytest.mark.parametrize(
    "text",
    [
        "", "Last_Name:equals:x", "(Last_Name:equals:x", "(Last_Name:equals:x))", "(Last_Name:nonsense:x)", "(Last_Name)",
        "((Last_Name:equals:x)and)", "(No_of_Employees:equals:x)", "(No_of_Employees:between:1)", "(City:less_than:x)",
        "(" * 5000, "(City:in:)",
    ],
)  # fmt: skip
def test_criteria_with_a_mistake(text: str) -> None:
    with pytest.raises(criteria.Invalid):
        criteria.parse(text, MODULES["Leads"].fields)


def test_and_binds_tighter_than_or() -> None:
    test = criteria.parse("(City:equals:a)or(City:equals:b)and(Country:equals:c)", MODULES["Leads"].fields)
    assert [test({"City": city, "Country": country}) for city, country in ("ad", "bc", "bd")] == [True, True, False]


@pytest.mark.parametrize(
    ("path", "key", "count"),
    [
        ("org", "org", 1),
        ("users?type=CurrentUser", "users", 1),
        ("settings/modules", "modules", 4),
        ("settings/modules/Deals", "modules", 1),
        ("settings/fields?module=Leads", "fields", 22),
    ],
)
def test_metadata(crm: httpx.Client, path: str, key: str, count: int) -> None:
    answer = crm.get(path)
    assert (answer.status_code, len(answer.json()[key])) == (200, count)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "Nonsense?fields=id", 400, "INVALID_MODULE"),
        ("GET", "a/b/c/d", 404, "INVALID_URL_PATTERN"),
        ("PATCH", "Leads", 400, "INVALID_REQUEST_METHOD"),
        ("POST", "org", 400, "INVALID_REQUEST_METHOD"),
        ("GET", "settings/fields", 400, "REQUIRED_PARAM_MISSING"),
        ("GET", "settings/fields?module=Nonsense", 400, "INVALID_MODULE"),
        ("DELETE", "Leads", 400, "REQUIRED_PARAM_MISSING"),
    ],
)
def test_a_call_with_a_mistake(crm: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    answer = crm.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AUTHENTICATION_FAILURE"),
        ("garbled", "AUTHENTICATION_FAILURE"),
        ("Basic eDp5", "AUTHENTICATION_FAILURE"),
        ("Zoho-oauthtoken 1000.madeup.madeup", "INVALID_TOKEN"),
        ("Bearer 1000.madeup.madeup", "INVALID_TOKEN"),
    ],
)
def test_a_call_without_a_good_token_is_401(running: Running, header: str | None, code: str) -> None:
    answer = httpx.get(f"{running.url}/crm/v8/org", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_scopes_are_enforced(running: Running) -> None:
    with client(running, "ZohoCRM.modules.leads.READ,ZohoCRM.org.READ", scheme="Bearer") as crm:
        assert crm.get("org").status_code == 200
        assert crm.get("Leads?fields=id").status_code == 204
        for method, path in [
            ("GET", "Contacts?fields=id"),
            ("POST", "Leads"),
            ("GET", "users"),
            ("GET", "settings/modules"),
            ("GET", "Leads/search?word=x"),
        ]:
            refused = crm.request(method, path)
            assert (refused.status_code, refused.json()["code"]) == (401, "OAUTH_SCOPE_MISMATCH"), path


def test_credits_and_concurrency_are_switches(running: Running, crm: httpx.Client) -> None:
    switch(running, credits=4)
    remaining = [crm.get("org").headers.get("X-API-CREDITS-REMAINING") for _ in range(4)]
    assert remaining == [None, "2", "1", "0"]
    refused = crm.get("org")
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    switch(running, credits=None, concurrency=1, delay=0.3)
    statuses: list[int] = []
    meet = threading.Barrier(3)

    def ask() -> None:
        meet.wait()
        statuses.append(httpx.get(crm.base_url.join("org"), headers=crm.headers).status_code)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 429, 429]


def python(code: str) -> Any:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_the_package_alone_loads_no_web_framework() -> None:
    assert python("import sys, runner.sandbox; print({'starlette', 'uvicorn'} & set(sys.modules))") == "set()\n"


def test_without_the_extra_start_says_what_to_install(tmp_path: Path) -> None:
    code = f"""
import sys, pathlib
sys.modules["uvicorn"] = None  # as Python finds a package that is not there
from runner import errors, sandbox
try:
    sandbox.start(pathlib.Path({str(tmp_path / "a")!r}))
except errors.InputError as error:
    print(error.problems[0].hint)
"""
    assert python(code) == "pip install 'zrun[sandbox]'\n"
