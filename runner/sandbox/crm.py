"""The CRM's API: which call a request is, and whether its token may make it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from runner.sandbox import reading, records, tokens, writing
from runner.sandbox.messages import Answer, Asked, refusal
from runner.sandbox.modules import MODULES
from runner.sandbox.store import Turn

DAY = 86400.0  # seconds
_Handler: TypeAlias = Callable[[Turn, Asked, dict[str, str]], Answer]
_VERSIONED = re.compile(r"/crm/v(?:2|2\.1|[3-8])/(.+)")
_AUTHORIZATION = re.compile(r"(?:Zoho-oauthtoken|Bearer) +(\S+)", re.IGNORECASE)
_ORGANIZATION = {
    "id": "5550000000000000001",
    "zgid": "555000001",
    "company_name": "Sandbox Company",
    "primary_email": records.USER["email"],
    "country_code": "US",
    "currency": "US Dollar - USD",
    "iso_code": "USD",
    "time_zone": "UTC",
    "type": "sandbox",
    "license_details": {"paid": False, "paid_type": "free", "users_license_purchased": 1},
}
_USERS = ("AllUsers", "ActiveUsers", "ActiveConfirmedUsers", "AdminUsers", "ActiveConfirmedAdmins", "CurrentUser")
_NO_USERS = ("DeactiveUsers", "ConfirmedUsers", "NotConfirmedUsers", "DeletedUsers")


def answer(turn: Turn, asked: Asked) -> Answer:
    """The answer to a request under /crm: path, token, method, scope and module are judged in this order."""
    versioned = _VERSIONED.fullmatch(asked.path)
    route = _route(versioned[1]) if versioned else None
    if route is None:
        message = "Please check if the URL trying to access is a correct one"
        return Answer(404, refusal("INVALID_URL_PATTERN", message))
    methods, found = route
    given = _AUTHORIZATION.fullmatch(asked.headers.get("authorization", ""))
    if given is None:
        return Answer(401, refusal("AUTHENTICATION_FAILURE", "Authentication failed"))
    granted = tokens.access_scope(turn, given[1])
    if granted is None:
        return Answer(401, refusal("INVALID_TOKEN", "invalid oauth token"))
    if asked.method not in methods:
        message = "The http request method type is not a valid one"
        return Answer(400, refusal("INVALID_REQUEST_METHOD", message))
    module = found.get("module")
    if module is not None and module not in MODULES:
        details: dict[str, object] = {"resource_path_index": 0}
        return Answer(400, refusal("INVALID_MODULE", "The module name given seems to be invalid", details))
    needed, handler = methods[asked.method]
    if not all(_allows(granted, scope.format(**found)) for scope in needed.split()):
        return Answer(401, refusal("OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL"))
    return _metered(turn, lambda: handler(turn, asked, found))


def _route(path: str) -> tuple[dict[str, tuple[str, _Handler]], dict[str, str]] | None:
    for pattern, methods in _ROUTES:
        if found := pattern.fullmatch(path):
            return methods, {name: text for name, text in found.groupdict().items() if text is not None}
    return None


def _allows(granted: frozenset[str], needed: str) -> bool:
    """Whether the granted scopes hold the needed one: itself, ALL in place of its operation, or that of a wider group."""
    *group, operation = needed.lower().split(".")
    operations = {operation, "all"} | ({"write"} if operation in ("create", "update", "delete") else set())
    return any(
        ".".join([*group[:length], each]) in granted for length in range(2, len(group) + 1) for each in operations
    )


def too_many() -> Answer:
    """The refusal of a call above the limit of concurrency or credits. Zoho names no Retry-After."""
    return Answer(429, refusal("TOO_MANY_REQUESTS", "too many requests. please try again after some time"))


def _metered(turn: Turn, call: Callable[[], Answer]) -> Answer:
    """Count the call against the credits of 24 hours, when the operator has set any."""
    limit = turn.setting("credits")
    if not isinstance(limit, int):
        return call()
    turn.db.execute("DELETE FROM credit WHERE at <= ?", (turn.now - DAY,))
    (used,) = turn.db.execute("SELECT count(*) FROM credit").fetchone()
    if used >= limit:
        return too_many()
    turn.db.execute("INSERT INTO credit VALUES (?)", (turn.now,))
    result, used = call(), used + 1
    if used * 2 < limit:  # the header appears once half is used
        return result
    remaining = ("X-API-CREDITS-REMAINING", str(limit - used))
    return Answer(result.status, result.body, (*result.headers, remaining), result.media)


def _organization(_turn: Turn, _asked: Asked, _found: dict[str, str]) -> Answer:
    return Answer(200, {"org": [_ORGANIZATION]})


def _users(_turn: Turn, asked: Asked, found: dict[str, str]) -> Answer:
    kind = asked.query.get("type", "AllUsers")
    if kind in _NO_USERS or found.get("id", records.USER["id"]) != records.USER["id"]:
        return Answer(204)
    if kind not in _USERS:
        return Answer(400, refusal("INVALID_DATA", "invalid data", {"param_name": "type"}))
    user = {
        **records.USER,
        "full_name": records.USER["name"],
        "first_name": "Sandbox",
        "last_name": "User",
        "status": "active",
        "confirm": True,
        "role": {"name": "CEO", "id": "5550000000000001011"},
        "profile": {"name": "Administrator", "id": "5550000000000001021"},
    }
    if "id" in found:
        return Answer(200, {"users": [user]})
    return Answer(200, {"users": [user], "info": {"per_page": 200, "count": 1, "page": 1, "more_records": False}})


def _modules(_turn: Turn, _asked: Asked, found: dict[str, str]) -> Answer:
    shown = [
        module.metadata(at)
        for at, module in enumerate(MODULES.values())
        if found.get("module", module.name) == module.name
    ]
    return Answer(200, {"modules": shown})


def _fields(_turn: Turn, asked: Asked, _found: dict[str, str]) -> Answer:
    if "module" not in asked.query:
        message = "One of the expected parameter is missing"
        return Answer(400, refusal("REQUIRED_PARAM_MISSING", message, {"param_name": "module"}))
    module = MODULES.get(asked.query["module"])
    if module is None:
        message = "The module name given seems to be invalid"
        return Answer(400, refusal("INVALID_MODULE", message, {"param_name": "module"}))
    return Answer(200, {"fields": [field.metadata() for field in module.fields.values()]})


def _of_module(call: Callable[..., Answer]) -> _Handler:
    """A handler that is given the module, and the record's id when the path has one."""

    def handler(turn: Turn, asked: Asked, found: dict[str, str]) -> Answer:
        return call(turn, asked, MODULES[found["module"]], *([found["id"]] if "id" in found else []))

    return handler


_M = "ZohoCRM.modules.{module}"
_ROUTES: list[tuple[re.Pattern[str], dict[str, tuple[str, _Handler]]]] = [
    (re.compile(r"org"), {"GET": ("ZohoCRM.org.READ", _organization)}),
    (re.compile(r"users(?:/(?P<id>\d+))?"), {"GET": ("ZohoCRM.users.READ", _users)}),
    (re.compile(r"settings/modules(?:/(?P<module>\w+))?"), {"GET": ("ZohoCRM.settings.modules.READ", _modules)}),
    (re.compile(r"settings/fields"), {"GET": ("ZohoCRM.settings.fields.READ", _fields)}),
    (
        re.compile(r"(?P<module>\w+)"),
        {
            "GET": (f"{_M}.READ", _of_module(reading.listed)),
            "POST": (f"{_M}.CREATE", _of_module(writing.create)),
            "PUT": (f"{_M}.UPDATE", _of_module(writing.update)),
            "DELETE": (f"{_M}.DELETE", _of_module(writing.delete)),
        },
    ),
    (
        re.compile(r"(?P<module>\w+)/upsert"),
        {"POST": (f"{_M}.CREATE {_M}.UPDATE", _of_module(writing.upsert))},
    ),
    (
        re.compile(r"(?P<module>\w+)/search"),
        {"GET": (f"{_M}.READ ZohoSearch.securesearch.READ", _of_module(reading.search))},
    ),
    (re.compile(r"(?P<module>\w+)/deleted"), {"GET": (f"{_M}.READ", _of_module(reading.deleted))}),
    (
        re.compile(r"(?P<module>\w+)/(?P<id>\w+)"),
        {
            "GET": (f"{_M}.READ", _of_module(reading.get)),
            "PUT": (f"{_M}.UPDATE", _of_module(writing.update)),
            "DELETE": (f"{_M}.DELETE", _of_module(writing.delete)),
        },
    ),
]
