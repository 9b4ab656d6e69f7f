"""The CRM's calls that write: create, update, upsert, delete, of up to 100 records each."""

from __future__ import annotations

from collections.abc import Iterable

from runner.sandbox import records, times
from runner.sandbox.messages import Answer, Asked, Unusable, refusal
from runner.sandbox.modules import Module
from runner.sandbox.store import Turn

MOST = 100
_Row = dict[str, object]


class _BadBody(Exception):
    """The answer to a body that holds no list of records."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        where = {"api_name": "data", "json_path": "$.data"}
        self.answer = Answer(400, refusal(code, message, {**details, **where}))


def _written(asked: Asked) -> list[object]:
    """The records in the body. Raises _BadBody."""
    try:
        body = asked.json()
    except Unusable as unusable:
        raise _BadBody("INVALID_DATA", str(unusable), expected_data_type="jsonobject") from None
    if "data" not in body:
        raise _BadBody("MANDATORY_NOT_FOUND", "required field not found")
    rows = body["data"]
    if not isinstance(rows, list) or not rows:
        raise _BadBody("INVALID_DATA", "invalid data", expected_data_type="jsonarray")
    if len(rows) > MOST:
        raise _BadBody("INVALID_DATA", "invalid data", maximum_length=MOST)
    return rows


def _done(message: str, details: _Row, **more: object) -> _Row:
    return {"code": "SUCCESS", "details": details, "message": message, "status": "success", **more}


def _answer(rows: Iterable[_Row], status: int) -> Answer:
    """`status` when all went well, 207 when some did; else 400, or 412 when all were changed meanwhile."""
    rows = list(rows)
    failed = [row["code"] for row in rows if row["status"] == "error"]
    if len(failed) == len(rows):
        status = 412 if set(failed) == {"ALREADY_MODIFIED"} else 400
    elif failed:
        status = 207
    return Answer(status, {"data": rows})


def _not_an_object(place: str) -> _Row:
    return refusal("INVALID_DATA", "invalid data", {"expected_data_type": "jsonobject", "json_path": place})


def create(turn: Turn, asked: Asked, module: Module) -> Answer:
    """POST /{module}"""
    try:
        written = _written(asked)
    except _BadBody as bad:
        return bad.answer
    return _answer((_create(turn, module, row, f"$.data[{at}]") for at, row in enumerate(written)), 201)


def _create(turn: Turn, module: Module, row: object, place: str) -> _Row:
    if not isinstance(row, dict):
        return _not_an_object(place)
    wrong = records.mistake(module, row, place, new=True)
    return wrong or _done("record added", records.create(turn, module, row).details())


def update(turn: Turn, asked: Asked, module: Module, record_id: str | None = None) -> Answer:
    """PUT /{module} and PUT /{module}/{id}; 412 ALREADY_MODIFIED when changed after If-(Un)Modified-Since."""
    try:
        written = _written(asked)
    except _BadBody as bad:
        return bad.answer
    if record_id is not None:
        written = [row | {"id": record_id} if isinstance(row, dict) else row for row in written[:1]]
    header = asked.headers.get("if-unmodified-since") or asked.headers.get("if-modified-since") or ""
    unchanged_since = times.seconds(header)
    rows = (_update(turn, module, row, f"$.data[{at}]", unchanged_since) for at, row in enumerate(written))
    return _answer(rows, 200)


def _update(turn: Turn, module: Module, row: object, place: str, unchanged_since: float | None) -> _Row:
    if not isinstance(row, dict):
        return _not_an_object(place)
    details = {"api_name": "id", "json_path": f"{place}.id"}
    if "id" not in row:
        return refusal("MANDATORY_NOT_FOUND", "required field not found", dict(details))
    record = records.find(turn, module, str(row["id"]))
    if record is None:
        return refusal("INVALID_DATA", "the id given seems to be invalid", dict(details))
    if unchanged_since is not None and int(record.modified) > unchanged_since:
        return refusal("ALREADY_MODIFIED", "record has been modified", {"id": str(record.id)})
    wrong = records.mistake(module, row, place, new=False)
    return wrong or _done("record updated", records.update(turn, module, record, row).details())


def upsert(turn: Turn, asked: Asked, module: Module) -> Answer:
    """POST /{module}/upsert: update what equals in one of `duplicate_check_fields`, tried in their order; else insert."""
    try:
        written = _written(asked)
    except _BadBody as bad:
        return bad.answer
    chosen = asked.json().get("duplicate_check_fields", [module.unique])
    if not isinstance(chosen, list) or not all(name in module.fields for name in map(str, chosen)):
        where: _Row = {"api_name": "duplicate_check_fields", "json_path": "$.duplicate_check_fields"}
        return Answer(400, refusal("INVALID_DATA", "invalid data", where))
    names = [str(name) for name in chosen]
    return _answer((_upsert(turn, module, row, f"$.data[{at}]", names) for at, row in enumerate(written)), 200)


def _upsert(turn: Turn, module: Module, row: object, place: str, names: list[str]) -> _Row:
    if not isinstance(row, dict):
        return _not_an_object(place)
    for name in names:
        for record in records.every(turn, module, "id") if row.get(name) is not None else ():
            if _same(record.shown().get(name), row[name]):
                wrong = records.mistake(module, row, place, new=False)
                details = records.update(turn, module, record, row).details() if wrong is None else {}
                return wrong or _done("record updated", details, action="update", duplicate_field=name)
    made = _create(turn, module, row, place)
    return made if made["status"] == "error" else made | {"action": "insert", "duplicate_field": None}


def _same(left: object, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    return left == right


def delete(turn: Turn, asked: Asked, module: Module, record_id: str | None = None) -> Answer:
    """DELETE /{module}/{id} and DELETE /{module}?ids="""
    ids = [record_id] if record_id else [part.strip() for part in asked.query.get("ids", "").split(",") if part.strip()]
    if not ids:
        details: _Row = {"param_name": "ids"}
        return Answer(400, refusal("REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", details))
    if len(ids) > MOST:
        return Answer(400, refusal("INVALID_DATA", "invalid data", {"param_name": "ids", "maximum_length": MOST}))
    return _answer((_delete(turn, module, each) for each in ids), 200)


def _delete(turn: Turn, module: Module, record_id: str) -> _Row:
    record = records.find(turn, module, record_id)
    if record is None:
        return refusal("INVALID_DATA", "record not deleted", {"id": record_id})
    records.delete(turn, record)
    return _done("record deleted", {"id": str(record.id)})
