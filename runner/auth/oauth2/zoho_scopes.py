"""Which scopes a call of Zoho CRM's API needs, and whether granted ones hold them.

A scope is `service.name.operation`, where the name may be narrowed (`modules.Leads`) and the operation is ALL, READ, CREATE,
UPDATE, DELETE, or WRITE for the last three. Sources: Zoho CRM v8's pages "Scopes" and "Select API scopes", and the scopes
beside each call of its reference (search, COQL, bulk, composite, notifications) and its OpenAPI files. A call that is not in
the table, or whose body decides, gives None: its needs are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_OPERATIONS = {"GET": "READ", "HEAD": "READ", "POST": "CREATE", "PUT": "UPDATE", "PATCH": "UPDATE", "DELETE": "DELETE"}
_WRITES = ("create", "update", "delete")
_VERSIONED = re.compile(r"/crm/(bulk/)?v\d+(?:\.\d+)?/(.+?)/?")
_M = "ZohoCRM.modules.{module}"
_ID = r"(?:\d+|\{[^/]*\})"

# Path below the version -> scopes by method; `*` is any method. {op} is the method's operation, {module} and {group} are read
# from the path. The first pattern that fits counts.
_CALLS: tuple[tuple[str, dict[str, str]], ...] = (
    (r"bulk/read(?:/.*)?", {"*": "ZohoCRM.bulk.READ"}),
    (r"bulk/write(?:/.*)?", {"*": "ZohoCRM.bulk.CREATE"}),
    (r"upload", {"POST": "ZohoFiles.files.ALL"}),
    (r"coql", {"POST": "ZohoCRM.coql.READ"}),
    (r"__composite_requests", {"POST": "ZohoCRM.composite_requests.CUSTOM"}),
    (r"actions/watch", {"*": "ZohoCRM.notifications.{op}"}),
    (r"org", {"*": "ZohoCRM.org.{op}"}),
    (rf"users(?:/{_ID})?", {"*": "ZohoCRM.users.{op}"}),
    (r"files", {"*": "ZohoCRM.Files.{op}"}),
    (r"settings/(?P<group>\w+)(?:/.*)?", {"*": "ZohoCRM.settings.{group}.{op}"}),
    (r"(?P<module>\w+)/search", {"GET": f"{_M}.READ ZohoSearch.securesearch.READ"}),
    (r"(?P<module>\w+)/upsert", {"POST": f"{_M}.CREATE {_M}.UPDATE"}),
    (r"(?P<module>\w+)/deleted", {"GET": f"{_M}.READ"}),
    (r"(?P<module>\w+)/actions/count", {"GET": f"{_M}.READ"}),
    (rf"(?P<module>\w+)(?:/{_ID})?", {"*": f"{_M}.{{op}}"}),
)
_COMPILED = tuple((re.compile(pattern), methods) for pattern, methods in _CALLS)

# Modules that have a scope of their own ("Scopes", list of modules); every other one is `custom`.
_STANDARD = frozenset(
    "leads accounts contacts deals campaigns tasks cases events calls solutions products vendors pricebooks quotes "
    "salesorders purchaseorders invoices notes activities dashboards approvals services appointments attachments".split()
)


def needed(method: str, path: str) -> tuple[str, ...] | None:
    """The scopes that a call needs, by its method and path; None when they are not known.

    An unknown part of the path may stand as `{name}`: where it is an id, that does not matter.
    """
    versioned = _VERSIONED.fullmatch(path)
    operation = _OPERATIONS.get(method.upper())
    if versioned is None or operation is None:
        return None
    below = ("bulk/" if versioned[1] else "") + versioned[2]
    for pattern, methods in _COMPILED:
        match = pattern.fullmatch(below)
        if match is None:
            continue
        written = methods.get(method.upper(), methods.get("*"))
        return tuple(written.format(op=operation, **match.groupdict()).split()) if written else None
    return None


def holds(granted: Iterable[str], scope: str) -> bool:
    """Whether one of the `granted` scopes is `scope`, or a wider one that holds it."""
    *names, operation = _normal(scope).split(".")
    wanted = {operation, "all", *(("write",) if operation in _WRITES else ())}
    groups = {".".join(names[:length]) for length in range(2, len(names) + 1)}
    if names[:2] == ["zohocrm", "modules"] and len(names) > 2 and names[2] not in _STANDARD:
        groups.add("zohocrm.modules.custom")
    for one in granted:
        group, _, what = _normal(one).rpartition(".")
        if group in groups and what in wanted:
            return True
    return False


def _normal(scope: str) -> str:
    """Case does not count, nor does the underscore of `Sales_Orders`, whose scope is written salesorders."""
    return scope.strip().lower().replace("_", "")
