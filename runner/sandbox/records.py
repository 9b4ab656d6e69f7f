"""The records of a module: what is written and read of them, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from runner.sandbox import times
from runner.sandbox.messages import refusal
from runner.sandbox.modules import Module
from runner.sandbox.store import Turn

USER: dict[str, object] = {"name": "Sandbox User", "id": "5550000000000001001", "email": "sandbox.user@example.com"}
_FIRST_ID = 5550000000000100001


@dataclass(frozen=True)
class Stored:
    """A record as it is kept; times in seconds since the epoch."""

    id: int
    fields: dict[str, object]
    created: float
    modified: float
    deleted: float | None = None

    def shown(self) -> dict[str, object]:
        """Every field, system fields included, as the API shows them."""
        times_ = {"Created_Time": times.text(self.created), "Modified_Time": times.text(self.modified)}
        return {"Owner": USER, **self.fields, **times_, "Created_By": USER, "Modified_By": USER, "id": str(self.id)}

    def details(self) -> dict[str, object]:
        """What the answer to a write tells of the record."""
        shown = self.shown()
        return {name: shown[name] for name in ("Modified_Time", "Modified_By", "Created_Time", "id", "Created_By")}


def find(turn: Turn, module: Module, record_id: str) -> Stored | None:
    """The record of that id, unless it is deleted."""
    if not record_id.isdecimal() or len(record_id) > 19 or int(record_id) >= 2**63:
        return None
    rows = _select(turn, "module = ? AND id = ? AND deleted IS NULL", (module.name, int(record_id)))
    return next(rows, None)


def every(
    turn: Turn, module: Module, order: str = "id DESC", limit: int = -1, offset: int = 0, since: float = -1
) -> Iterator[Stored]:
    """Records that are not deleted and were changed in a later second than `since`. `order` is SQL of ours."""
    where = f"module = ? AND deleted IS NULL AND CAST(modified AS INTEGER) > ? ORDER BY {order} LIMIT ? OFFSET ?"
    return _select(turn, where, (module.name, since, limit, offset))


def deleted(turn: Turn, module: Module) -> Iterator[Stored]:
    """Deleted records, the latest first."""
    return _select(turn, "module = ? AND deleted IS NOT NULL ORDER BY deleted DESC, id DESC", (module.name,))


def _select(turn: Turn, where: str, values: tuple[object, ...]) -> Iterator[Stored]:
    rows = turn.db.execute(f"SELECT id, fields, created, modified, deleted FROM record WHERE {where}", values)  # noqa: S608
    return (Stored(row[0], json.loads(row[1]), *row[2:]) for row in rows)


def mistake(module: Module, written: dict[str, object], place: str, *, new: bool) -> dict[str, object] | None:
    """The first error in a record as the API tells it, with its JSON path below `place`; None when there is none."""
    for field in module.fields.values():
        details: dict[str, object] = {"api_name": field.name, "json_path": f"{place}.{field.name}"}
        value = written.get(field.name)
        absent = field.name not in written
        if field.mandatory and (value in (None, "") if not absent else new):
            return refusal("MANDATORY_NOT_FOUND", "required field not found", details)
        wrong = None if absent or field.read_only else field.mistake(value)
        if wrong is not None:
            return refusal("INVALID_DATA", "invalid data", wrong | details)
    return None


def _writable(module: Module, written: dict[str, object]) -> dict[str, object]:
    """The fields that are kept: Zoho ignores names that it does not know, and what nobody may write."""
    return {
        name: value for name, value in written.items() if name in module.fields and not module.fields[name].read_only
    }


def create(turn: Turn, module: Module, written: dict[str, object]) -> Stored:
    """Add a record that has no mistake."""
    (last,) = turn.db.execute("SELECT max(id) FROM record").fetchone()
    record = Stored((last or _FIRST_ID - 1) + 1, _writable(module, written), turn.now, turn.now)
    turn.db.execute(
        "INSERT INTO record (id, module, fields, created, modified) VALUES (?, ?, ?, ?, ?)",
        (record.id, module.name, json.dumps(record.fields), turn.now, turn.now),
    )
    return record


def update(turn: Turn, module: Module, record: Stored, written: dict[str, object]) -> Stored:
    """Change the fields that are written, and no others."""
    fields = record.fields | _writable(module, written)
    turn.db.execute(
        "UPDATE record SET fields = ?, modified = ? WHERE id = ?", (json.dumps(fields), turn.now, record.id)
    )
    return Stored(record.id, fields, record.created, turn.now)


def delete(turn: Turn, record: Stored) -> None:
    """Move a record to the recycle bin."""
    turn.db.execute("UPDATE record SET deleted = ? WHERE id = ?", (turn.now, record.id))
