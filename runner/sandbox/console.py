"""The operator's side: what Zoho's API console does in a browser, and what tests and demonstrations need.

Under /_sandbox, and a page at /. Only for this machine: the Host must be loopback, and an Origin the same.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from runner.sandbox import tokens
from runner.sandbox.messages import Answer, Asked, Unusable, page
from runner.sandbox.store import SWITCHES, Turn

GRANT_MINUTES = 10
_UNKNOWN = "unknown; one of {}"


def answer(turn: Turn, asked: Asked) -> Answer:
    """The answer to a request for / or under /_sandbox."""
    if not asked.is_from_here():
        return Answer(403, {"error": "this is for pages and programs of this machine only"})
    endpoint = _ENDPOINTS.get((asked.method, asked.path))
    if endpoint is None:
        return Answer(404, {"error": "no such page", "pages": [f"{method} {path}" for method, path in _ENDPOINTS]})
    try:
        return endpoint(turn, asked.json())
    except Unusable as unusable:
        return Answer(400, {"error": str(unusable)})


def _grant(turn: Turn, given: dict[str, object]) -> Answer:
    client = tokens.default_client(turn)
    if "client_id" in given:
        found = tokens.client(turn, str(given["client_id"]))
        if found is None:
            raise Unusable("client_id: no such client in this data centre")
        client = found
    minutes = _number(given, "minutes", GRANT_MINUTES, 0, 60)
    try:
        code = tokens.mint_code(turn, client, str(given.get("scope") or tokens.DEFAULT_SCOPE), minutes * 60)
    except tokens.Refused as refused:
        return Answer(400, {"error": str(refused)})
    return Answer(200, {"code": code, "expires_in": minutes * 60})


def _number(given: dict[str, object], name: str, default: float, least: float, most: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise Unusable(f"{name}: a number from {least:g} to {most:g} is expected")
    return value


def _clock(turn: Turn, given: dict[str, object]) -> Answer:
    far = 100 * 366 * 86400.0
    if given.keys() not in ({"advance"}, {"offset"}):
        raise Unusable("give `advance` or `offset`, in seconds")
    before = turn.number("clock")
    offset = (
        before + _number(given, "advance", 0, -far, far)
        if "advance" in given
        else _number(given, "offset", 0, -far, far)
    )
    turn.set("clock", offset)
    return Answer(200, {"offset": offset, "now": turn.now - before + offset})


def _state(turn: Turn, _given: dict[str, object]) -> Answer:
    counted: dict[str, dict[str, int]] = {"path": {}, "grant": {}}
    for kind, name, count in turn.db.execute("SELECT kind, name, count FROM counter ORDER BY kind, name"):
        counted[kind][name] = count
    (records,) = turn.db.execute("SELECT count(*) FROM record WHERE deleted IS NULL").fetchone()
    return Answer(
        200,
        {
            "requests": sum(counted["path"].values()),
            "paths": counted["path"],
            "token_calls": counted["grant"],
            "records": records,
            "now": turn.now,
            "data_center": turn.data_center,
            "switches": {name: turn.setting(name) for name in SWITCHES},
        },
    )


def _recent(turn: Turn) -> list[dict[str, object]]:
    rows = turn.db.execute("SELECT at, method, path, status FROM log ORDER BY number DESC")
    return [dict(zip(("at", "method", "path", "status"), row, strict=True)) for row in rows]


def _log(turn: Turn, _given: dict[str, object]) -> Answer:
    return Answer(200, {"requests": _recent(turn)})


def _fits(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return False
    match name:
        case "throttle_status":
            return value in (200, 400)
        case "scope_in_answer" | "introspection":
            return value in (0, 1)
        case "expires_in_unit":
            return value in ("s", "ms")
        case "token_lifetime":
            return isinstance(value, int) and 1 <= value <= 86400
        case "delay":
            return isinstance(value, (int, float)) and 0 <= value <= 30
    return value is None or (isinstance(value, int) and value >= 0)


def _switch(turn: Turn, given: dict[str, object]) -> Answer:
    wrong = {name: _UNKNOWN.format(", ".join(SWITCHES)) for name in given if name not in SWITCHES}
    wrong |= {name: SWITCHES[name][1] for name in given if name in SWITCHES and not _fits(name, given[name])}
    if wrong:
        return Answer(400, {"error": "nothing was switched", "details": wrong})
    for name, value in given.items():
        turn.set(name, value)
    return Answer(200, {"switches": {name: turn.setting(name) for name in SWITCHES}})


def _clients(turn: Turn, given: dict[str, object]) -> Answer:
    for name in ("redirect_uri", "data_center"):
        if not isinstance(given.get(name, ""), str):
            raise Unusable(f"{name}: text is expected")
    redirect_uri, data_center = given.get("redirect_uri"), given.get("data_center")
    client = tokens.register(
        turn, str(redirect_uri) if redirect_uri else None, str(data_center) if data_center else None
    )
    return Answer(
        200,
        {
            "client_id": client.id,
            "client_secret": client.secret,
            "redirect_uri": client.redirect_uri,
            "data_center": client.data_center,
        },
    )


def _revoke_access_tokens(turn: Turn, _given: dict[str, object]) -> Answer:
    return Answer(200, {"revoked": tokens.revoke_access_tokens(turn)})


def _reset(turn: Turn, _given: dict[str, object]) -> Answer:
    turn.clear()
    return Answer(200, {"status": "success"})


def _home(turn: Turn, _given: dict[str, object]) -> Answer:
    client = tokens.default_client(turn)
    rows = "".join(
        f"<tr><td>{escape(str(row['method']))}<td>{escape(str(row['path']))}<td>{row['status']}"
        for row in _recent(turn)[:30]
    )
    return page(
        200, _PAGE.format(center=escape(turn.data_center), id=client.id, secret=client.secret, url=turn.url, rows=rows)
    )


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Zoho sandbox</title>
<style>body{{font:16px/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}}td{{padding:0 1rem 0 0}}</style>
<h1>Zoho sandbox ({center})</h1>
<p>An imitation of Zoho on this machine, not Zoho. Accounts and API domain: <code>{url}</code></p>
<p>Client id: <code>{id}</code></p>
<details><summary>Client secret</summary><code>{secret}</code></details>
<p><button id="mint">Generate code</button> <code id="code" aria-live="polite"></code></p>
<h2>Recent requests</h2><table>{rows}</table>
<script>
document.getElementById("mint").onclick = async () => {{
  const answer = await (await fetch("/_sandbox/grant", {{method: "POST"}})).json();
  document.getElementById("code").textContent = answer.code || answer.error;
}};
</script></html>
"""

_ENDPOINTS: dict[tuple[str, str], Callable[[Turn, dict[str, object]], Answer]] = {
    ("GET", "/"): _home,
    ("POST", "/_sandbox/grant"): _grant,
    ("POST", "/_sandbox/clock"): _clock,
    ("GET", "/_sandbox/state"): _state,
    ("GET", "/_sandbox/log"): _log,
    ("POST", "/_sandbox/switch"): _switch,
    ("POST", "/_sandbox/clients"): _clients,
    ("POST", "/_sandbox/revoke-access-tokens"): _revoke_access_tokens,
    ("POST", "/_sandbox/reset"): _reset,
}
