"""The CRM's calls that read records: one, a list, deleted ones, a search."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from runner.sandbox import criteria, records, times
from runner.sandbox.messages import Answer, Asked, refusal
from runner.sandbox.modules import Module
from runner.sandbox.records import Stored
from runner.sandbox.store import Turn

MOST_FIELDS = 50
MOST_A_PAGE = 200
MOST_BY_PAGE = 2000  # records that `page` reaches; `page_token` goes on from there
MOST_BY_TOKEN = 100_000
TOKEN_LIFETIME = 86400  # seconds
_SORTS = {"id": "id", "Created_Time": "created", "Modified_Time": "modified"}
_EXPECTED = ("criteria", "email", "phone", "word")


class _Refused(Exception):
    """A read that is not answered with records."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.answer = Answer(400, refusal(code, message, details))


def _missing(name: str) -> _Refused:
    return _Refused("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name=name)


@dataclass(frozen=True)
class _Page:
    """Which stretch of the records is asked for."""

    offset: int
    size: int
    number: int
    sort_by: str
    sort_order: str
    by_token: bool = False


def get(turn: Turn, asked: Asked, module: Module, record_id: str) -> Answer:
    """GET /{module}/{id}; 204 when there is no such record, 304 when unchanged since If-Modified-Since."""
    if not record_id.isdecimal():
        details: dict[str, object] = {"resource_path_index": 1}
        return Answer(400, refusal("INVALID_DATA", "the id given seems to be invalid", details))
    record = records.find(turn, module, record_id)
    if record is None:
        return Answer(204)
    since = times.seconds(asked.headers.get("if-modified-since", ""))
    if since is not None and int(record.modified) <= since:
        return Answer(304)
    shown = record.shown()
    if "fields" in asked.query:
        names = [name.strip() for name in asked.query["fields"].split(",")]
        shown = {name: shown.get(name) for name in [*names, "id"] if name in module.fields}
    return Answer(200, {"data": [shown]})


def listed(turn: Turn, asked: Asked, module: Module) -> Answer:
    """GET /{module}"""
    try:
        names = _fields(asked, module)
        page = _page(turn, asked, module)
    except _Refused as refused:
        return refused.answer
    since = times.seconds(asked.headers.get("if-modified-since", ""))
    order = f"{_SORTS[page.sort_by]} {page.sort_order}, id {page.sort_order}"
    rows = list(records.every(turn, module, order, page.size + 1, page.offset, -1 if since is None else since))
    if not rows:
        return Answer(204 if since is None else 304)
    return Answer(200, {"data": _cut(rows[: page.size], names), "info": _info(turn, module, page, len(rows))})


def _fields(asked: Asked, module: Module) -> list[str]:
    """The field names asked for, those that exist. Raises _Refused."""
    names = [name.strip() for name in asked.query.get("fields", "").split(",") if name.strip()]
    if not names:
        raise _missing("fields")
    if len(names) > MOST_FIELDS:
        raise _Refused("LIMIT_EXCEEDED", "too many fields", param_name="fields", limit=MOST_FIELDS)
    return [name for name in names if name in module.fields]


def _cut(rows: list[Stored], names: list[str]) -> list[dict[str, object]]:
    return [{name: shown.get(name) for name in [*names, "id"]} for shown in (row.shown() for row in rows)]


def _whole(asked: Asked, name: str, default: int, most: int) -> int:
    written = asked.query.get(name, str(default))
    if not (written.isdecimal() and len(written) < 10 and 1 <= int(written) <= most):
        raise _Refused("INVALID_DATA", "invalid data", param_name=name, expected_data_type="integer", maximum=most)
    return int(written)


def _page(turn: Turn, asked: Asked, module: Module) -> _Page:
    size = _whole(asked, "per_page", MOST_A_PAGE, MOST_A_PAGE)
    sort_by, sort_order = asked.query.get("sort_by", "id"), asked.query.get("sort_order", "desc").lower()
    if sort_by not in _SORTS:
        raise _Refused("INVALID_DATA", "invalid data", param_name="sort_by", supported_values=list(_SORTS))
    if sort_order not in ("asc", "desc"):
        raise _Refused("INVALID_DATA", "invalid data", param_name="sort_order", supported_values=["asc", "desc"])
    if "page_token" not in asked.query:
        number = _whole(asked, "page", 1, 10**9 - 1)
        if number * size > MOST_BY_PAGE:
            message = "page reaches the first 2000 records; use page_token beyond"
            raise _Refused("DISCRETE_PAGINATION_LIMIT_EXCEEDED", message, limit=MOST_BY_PAGE)
        return _Page((number - 1) * size, size, number, sort_by, sort_order)
    if "page" in asked.query:
        raise _Refused("AMBIGUITY_DURING_PROCESSING", "page and page_token exclude each other", param_name="page_token")
    return _from_token(turn, asked.query["page_token"], module, size)


def _from_token(turn: Turn, token: str, module: Module, size: int) -> _Page:
    try:
        named, expires, offset, number, sort_by, sort_order = json.loads(base64.urlsafe_b64decode(token.encode()))
        page = _Page(int(offset), size, int(number), str(sort_by), str(sort_order), True)
        expired = float(expires) <= turn.now
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        page, expired, named = None, False, None
    if (
        page is None
        or page.sort_by not in _SORTS
        or page.sort_order not in ("asc", "desc")
        or not 0 <= page.offset < 2**31
    ):
        raise _Refused("INVALID_DATA", "invalid data", param_name="page_token")
    if expired:
        raise _Refused("EXPIRED_VALUE", "the page_token has expired", param_name="page_token")
    if named != module.name:
        message = "the page_token is of another request"
        raise _Refused("TOKEN_BOUND_DATA_MISMATCH", message, param_name="page_token")
    if page.offset + size > MOST_BY_TOKEN:
        raise _Refused("PAGINATION_LIMIT_EXCEEDED", "page_token reaches 100000 records", limit=MOST_BY_TOKEN)
    return page


def _info(turn: Turn, module: Module, page: _Page, found: int) -> dict[str, object]:
    """`found` is one more than the page holds when more records follow."""
    expires = turn.now + TOKEN_LIFETIME

    def token(number: int) -> str:
        offset = page.offset + (number - page.number) * page.size
        state = [module.name, expires, offset, number, page.sort_by, page.sort_order]
        return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()

    more = found > page.size
    return {
        "per_page": page.size,
        "count": min(found, page.size),
        "page": page.number,
        "sort_by": page.sort_by,
        "sort_order": page.sort_order,
        "more_records": more,
        "next_page_token": token(page.number + 1) if more else None,
        "previous_page_token": token(page.number - 1) if page.offset >= page.size else None,
        "page_token_expiry": times.text(expires) if more or page.offset else None,
    }


def deleted(turn: Turn, asked: Asked, module: Module) -> Answer:
    """GET /{module}/deleted?type=all|recycle|permanent: nothing is ever deleted for good here."""
    try:
        size, number = _whole(asked, "per_page", MOST_A_PAGE, MOST_A_PAGE), _whole(asked, "page", 1, 10**6)
        kind = asked.query.get("type", "all")
        if kind not in ("all", "recycle", "permanent"):
            raise _Refused("INVALID_DATA", "invalid data", param_name="type")
    except _Refused as refused:
        return refused.answer
    start = (number - 1) * size
    rows = [] if kind == "permanent" else list(islice(records.deleted(turn, module), start, start + size + 1))
    if not rows:
        return Answer(204)
    person = {"name": records.USER["name"], "id": records.USER["id"]}
    shown = [
        {
            "id": str(row.id),
            "display_name": row.fields.get(module.name_field),
            "type": "recycle",
            "deleted_time": times.text(row.deleted or 0),
            "deleted_by": person,
            "created_by": person,
        }
        for row in rows[:size]
    ]
    info = {"per_page": size, "count": len(shown), "page": number, "more_records": len(rows) > size}
    return Answer(200, {"data": shown, "info": info})


def search(turn: Turn, asked: Asked, module: Module) -> Answer:
    """GET /{module}/search by one of criteria, email, phone, word; the first 2000 matches."""
    try:
        test = _test(asked, module)
        size, number = _whole(asked, "per_page", MOST_A_PAGE, MOST_A_PAGE), _whole(asked, "page", 1, 10**9 - 1)
        if number * size > MOST_BY_PAGE:
            raise _Refused("LIMIT_REACHED", "search reaches the first 2000 records", limit=MOST_BY_PAGE)
        names = _fields(asked, module) if "fields" in asked.query else list(module.fields)
    except _Refused as refused:
        return refused.answer
    matching = (row for row in records.every(turn, module) if test(row.shown()))
    start = (number - 1) * size
    rows = list(islice(matching, start, start + size + 1))
    if not rows:
        return Answer(204)
    info = {"per_page": size, "count": min(len(rows), size), "page": number, "more_records": len(rows) > size}
    return Answer(200, {"data": _cut(rows[:size], names), "info": info})


def _test(asked: Asked, module: Module) -> Callable[[criteria.Record], bool]:
    """Of several selectors Zoho takes the first in the order criteria, email, phone, word."""
    chosen = next((name for name in _EXPECTED if asked.query.get(name)), None)
    if chosen is None:
        message = "One of the expected parameter is missing"
        raise _Refused("EXPECTED_PARAM_MISSING", message, param_names=list(_EXPECTED))
    value = asked.query[chosen]
    if chosen == "criteria":
        try:
            return criteria.parse(value, module.fields)
        except criteria.Invalid as invalid:
            raise _Refused("INVALID_QUERY", "invalid query formed", **invalid.details) from None
    kinds = (chosen,) if chosen != "word" else ("text", "email", "phone", "website", "picklist", "textarea")
    names = [field.name for field in module.fields.values() if field.kind in kinds]
    wanted = value.casefold()
    if chosen == "word":
        return lambda record: any(wanted in str(record.get(name) or "").casefold() for name in names)
    return lambda record: any(str(record.get(name) or "").casefold() == wanted for name in names)
