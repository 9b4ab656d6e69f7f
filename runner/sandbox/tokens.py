"""The life of clients, grant codes, refresh and access tokens, with Zoho's limits.

Limits: zoho.com/crm/developer/docs/api/v8/token-validity.html and Kaizen 43 (10 codes and 10 access tokens in 10 minutes,
15 live access tokens a refresh token, 20 refresh tokens a user).
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass

from runner.sandbox.store import Turn

WINDOW = 600.0  # seconds
IN_WINDOW = 10
LIVE_ACCESS = 15
LIVE_REFRESH = 20
DEFAULT_SCOPE = (
    "ZohoCRM.modules.ALL,ZohoCRM.settings.ALL,ZohoCRM.org.READ,ZohoCRM.users.READ,ZohoSearch.securesearch.READ"
)
_SCOPE = re.compile(
    r"(?:Zoho[A-Za-z]+|AaaServer)(?:\.\w+)+\.(?:ALL|READ|CREATE|UPDATE|DELETE|WRITE|CUSTOM)", re.IGNORECASE
)


class Refused(Exception):
    """Zoho's word for why not: `invalid_code`, `access_denied` and the like."""


@dataclass(frozen=True)
class Client:
    """A registered client; without `redirect_uri` it is a self client."""

    id: str
    secret: str
    redirect_uri: str | None
    data_center: str


@dataclass(frozen=True)
class Granted:
    """What an exchange gave."""

    access: str
    lifetime: int  # seconds
    scope: str
    refresh: str | None = None


def new_token() -> str:
    """`1000.<32 hex>.<32 hex>`, Zoho's shape, with a front that shows it is made up."""
    return f"1000.facade{secrets.token_hex(13)}.{secrets.token_hex(16)}"


def register(turn: Turn, redirect_uri: str | None = None, data_center: str | None = None) -> Client:
    """A new client, of this server's data centre unless another is given."""
    rest = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(23))
    client = Client(
        f"1000.SANDBOX{rest}", f"facade{secrets.token_hex(18)}", redirect_uri, data_center or turn.data_center
    )
    turn.db.execute(
        "INSERT INTO client (id, secret, redirect_uri, data_center) VALUES (?, ?, ?, ?)",
        (client.id, client.secret, client.redirect_uri, client.data_center),
    )
    return client


def default_client(turn: Turn) -> Client:
    """The self client that the sandbox hands out, one for each data centre that the file has played; made at first use."""
    name = f"client.{turn.data_center}"
    found = client(turn, str(turn.setting(name)))
    if found is None:
        found = register(turn)
        turn.set(name, found.id)
    return found


def client(turn: Turn, client_id: str) -> Client | None:
    """The client of that id, when it is registered for the data centre that this server plays."""
    row = turn.db.execute(
        "SELECT id, secret, redirect_uri, data_center FROM client WHERE id = ? AND data_center = ?",
        (client_id, turn.data_center),
    ).fetchone()
    return Client(*row) if row else None


def scopes(text: str) -> str:
    """The scopes in `text` (between commas or spaces), comma-separated. Raises Refused(invalid_scope)."""
    found = text.replace(",", " ").split()
    if not found or not all(_SCOPE.fullmatch(scope) for scope in found):
        raise Refused("invalid_scope")
    return ",".join(found)


def mint_code(turn: Turn, of: Client, scope: str, lifetime: float, offline: bool = True) -> str:
    """A grant code, good once and for `lifetime` seconds. Raises Refused: invalid_scope, access_denied (too many)."""
    scope = scopes(scope)
    since = turn.now - WINDOW
    (recent,) = turn.db.execute("SELECT count(*) FROM code WHERE client = ? AND made > ?", (of.id, since)).fetchone()
    if recent >= IN_WINDOW:
        raise Refused("access_denied")
    token = new_token()
    turn.db.execute(
        "INSERT INTO code (token, client, scope, made, expires, offline) VALUES (?, ?, ?, ?, ?, ?)",
        (token, of.id, scope, turn.now, turn.now + lifetime, offline),
    )
    return token


def exchange(turn: Turn, of: Client, code: str) -> Granted:
    """Use up a grant code. Raises Refused(invalid_code): wrong, of another client, expired, or used."""
    row = turn.db.execute(
        "UPDATE code SET used = 1 WHERE token = ? AND client = ? AND used = 0 AND expires > ? RETURNING scope, offline",
        (code, of.id, turn.now),
    ).fetchone()
    if row is None:
        raise Refused("invalid_code")
    scope, offline = row
    refresh = _new_refresh(turn, of, scope) if offline else None
    granted = new_access(turn, of, scope, refresh)
    return Granted(granted.access, granted.lifetime, scope, refresh)


def _new_refresh(turn: Turn, of: Client, scope: str) -> str:
    token = new_token()
    turn.db.execute("INSERT INTO refresh (token, client, scope) VALUES (?, ?, ?)", (token, of.id, scope))
    # The sandbox has one user, so the limit for a user counts them all.
    oldest = turn.db.execute(
        "SELECT token FROM refresh ORDER BY number DESC LIMIT -1 OFFSET ?", (LIVE_REFRESH,)
    ).fetchall()
    for (evicted,) in oldest:
        revoke_refresh(turn, evicted)
    return token


def renew(turn: Turn, of: Client, refresh: str) -> Granted:
    """A new access token. Raises Refused: invalid_code (unknown or revoked), Access Denied (too many in 10 minutes)."""
    row = turn.db.execute("SELECT scope FROM refresh WHERE token = ? AND client = ?", (refresh, of.id)).fetchone()
    if row is None:
        raise Refused("invalid_code")
    since = turn.now - WINDOW
    query = "SELECT count(*) FROM access WHERE refresh = ? AND made > ?"
    (recent,) = turn.db.execute(query, (refresh, since)).fetchone()
    if recent >= IN_WINDOW:
        raise Refused("Access Denied")
    return new_access(turn, of, row[0], refresh)


def new_access(turn: Turn, of: Client, scope: str, refresh: str | None = None) -> Granted:
    """An access token; of those of one refresh token the sixteenth ends the oldest."""
    lifetime = int(turn.number("token_lifetime"))
    token = new_token()
    turn.db.execute(
        "INSERT INTO access (token, client, refresh, scope, made, expires) VALUES (?, ?, ?, ?, ?, ?)",
        (token, of.id, refresh, scope, turn.now, turn.now + lifetime),
    )
    turn.db.execute(
        "UPDATE access SET live = 0 WHERE number IN (SELECT number FROM access WHERE refresh = ? AND live = 1"
        " AND expires > ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
        (refresh, turn.now, LIVE_ACCESS),
    )
    return Granted(token, lifetime, scope)


def access_scope(turn: Turn, token: str) -> frozenset[str] | None:
    """The scopes, in lower case, of a live access token of this data centre; None when it is not one."""
    row = turn.db.execute(
        "SELECT access.scope FROM access JOIN client ON client.id = access.client"
        " WHERE token = ? AND live = 1 AND expires > ? AND data_center = ?",
        (token, turn.now, turn.data_center),
    ).fetchone()
    return frozenset(row[0].lower().split(",")) if row else None


def looked_at(turn: Turn, token: str, of: Client) -> tuple[str, float | None] | None:
    """The scope of a live token of that client, and when it expires; None when it is none. A refresh token never does."""
    row = turn.db.execute(
        "SELECT scope, expires FROM access WHERE token = ? AND client = ? AND live = 1 AND expires > ?",
        (token, of.id, turn.now),
    ).fetchone()
    if row is None:
        row = turn.db.execute(
            "SELECT scope, NULL FROM refresh WHERE token = ? AND client = ?", (token, of.id)
        ).fetchone()
    return (row[0], row[1]) if row else None


def revoke(turn: Turn, token: str, of: Client | None = None) -> bool:
    """End a refresh token with its access tokens, or one access token; False when it is neither (or not of `of`)."""
    for table in ("refresh", "access WHERE live = 1"):
        joint = "AND" if "WHERE" in table else "WHERE"
        row = turn.db.execute(f"SELECT client FROM {table} {joint} token = ?", (token,)).fetchone()  # noqa: S608
        if row and (of is None or of.id == row[0]):
            revoke_refresh(turn, token)
            turn.db.execute("UPDATE access SET live = 0 WHERE token = ?", (token,))
            return True
    return False


def revoke_refresh(turn: Turn, token: str) -> None:
    """End a refresh token and its access tokens."""
    turn.db.execute("DELETE FROM refresh WHERE token = ?", (token,))
    turn.db.execute("UPDATE access SET live = 0 WHERE refresh = ?", (token,))


def revoke_access_tokens(turn: Turn) -> int:
    """End every live access token; how many there were."""
    return turn.db.execute("UPDATE access SET live = 0 WHERE live = 1 AND expires > ?", (turn.now,)).rowcount
