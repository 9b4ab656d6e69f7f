"""The JSON Schemas of both kinds of file (2020-12), from the table that the readers use."""

from __future__ import annotations

from typing import Any, Literal

from runner.files.fields import COLLECTION, ENVIRONMENT, closed, definitions

_TITLES = {"collection": "A zrun collection", "environment": "A zrun environment"}
_USED = {"environment": ("variables", "source", "command", "provider", "tls")}


def schema(kind: Literal["collection", "environment"]) -> dict[str, Any]:
    """The schema of one kind of file."""
    fields = COLLECTION if kind == "collection" else ENVIRONMENT
    defined = definitions()
    needed = _USED.get(kind, tuple(name for name in defined if name not in ("tls", "source", "command")))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:zrun:{kind}:1",
        "title": _TITLES[kind],
        **closed(fields),
        "$defs": {name: defined[name] for name in needed},
    }
