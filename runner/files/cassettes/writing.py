"""A cassette as the JSON that is written: each function gives the object of one thing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from runner.cassettes import Body, Entry, Header, Whose
from runner.files.cassettes.masking import Redact, masked
from runner.scope import Captured
from runner.values import secrets_in

VERSION = 1
# A larger file is no recording that anybody keeps.
LARGEST = 500_000_000


def header(given: Header, begun: Mapping[Whose, float], redact: Redact) -> dict[str, Any]:
    """All of a cassette but its exchanges."""
    found: dict[str, Any] = {
        "zrun-cassette": VERSION,
        "zrun": given.version,
        "collection": given.collection,
        "environment": given.environment,
        "clock": given.clock,
        "seed": given.seed,
        "secrets": sorted(given.secrets),
        "captured": {name: _captured(one, redact) for name, one in sorted(given.captured.items())},
        "sandbox": {name: redact(text) for name, text in sorted(given.sandbox.items())},
        "issuers": {name: {"document": redact(text), "at": at} for name, (text, at) in sorted(given.issuers.items())},
    }
    if given.interrupted:
        found["interrupted"] = True
    return {
        **found,
        "steps": [{"step": step, "row": row, "started": at} for (step, row), at in begun.items()],
    }


def _captured(captured: Captured, redact: Redact) -> dict[str, Any]:
    secret = bool(secrets_in(captured.value))
    shown: dict[str, Any] = {
        "value": masked(_shown(captured.value), redact),
        "by": captured.by,
        "at": captured.at,
        "expires-at": captured.expires_at,
    }
    return {**shown, "secret": True} if secret else shown


def _shown(value: Any) -> Any:
    """A value with each secret as its mask."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def entry(exchange: Entry) -> dict[str, Any]:
    """One exchange."""
    found: dict[str, Any] = {"step": exchange.step}
    if exchange.row is not None:
        found["row"] = exchange.row
    if exchange.by is not None:
        found["by"] = exchange.by
    found |= {"started": exchange.started, "ended": exchange.ended}
    asked = exchange.asked
    found["request"] = {"method": asked.method, "url": asked.url, "headers": [list(field) for field in asked.headers]}
    if asked.body:
        found["request"]["body"] = _lines(asked.body)
    answer, failure = exchange.answer, exchange.failure
    if answer is not None:
        found["response"] = {
            "status": answer.status,
            "reason": answer.reason,
            "http-version": answer.http_version,
            "url": answer.url,
            "headers": [list(field) for field in answer.headers],
            "body": _body(answer.body),
            "duration": answer.duration,
        }
        if answer.redirects:
            found["response"]["redirects"] = [
                {"status": hop.status, "url": hop.url, "target": hop.target, "dropped": list(hop.dropped)}
                for hop in answer.redirects
            ]
        if answer.certificate:
            der, seen = answer.certificate
            found["response"]["certificate"] = {"der": base64.b64encode(der).decode("ascii"), "seen": seen}
    if failure is not None:
        found["error"] = {
            "message": failure.message,
            "hint": failure.hint,
            "exit-code": failure.exit_code,
            "kind": failure.kind,
            "sent": failure.sent,
        }
    return found


def _lines(text: str) -> str | list[str]:
    lines = text.splitlines(keepends=True)
    return lines if len(lines) > 1 else text


def _body(body: Body) -> dict[str, Any]:
    if body.left_out is not None:
        return {"left-out": body.left_out, "size": body.size}
    try:
        return {"text": _lines(body.content.decode("utf-8")), "size": body.size}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body.content).decode("ascii"), "size": body.size}
