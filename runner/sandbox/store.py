"""The SQLite file in which the sandbox's world lasts.

Each request is one transaction that begins with the write lock, so that servers on the same file see each other's
requests whole and in order: a grant code cannot be used twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.errors import InputError, Problem

LOGGED = 200  # requests kept in the log

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS client (
    id TEXT PRIMARY KEY, secret TEXT NOT NULL, redirect_uri TEXT, data_center TEXT NOT NULL, consented INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS code (
    token TEXT PRIMARY KEY, client TEXT NOT NULL, scope TEXT NOT NULL, made REAL NOT NULL, expires REAL NOT NULL,
    offline INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS refresh (
    number INTEGER PRIMARY KEY, token TEXT UNIQUE NOT NULL, client TEXT NOT NULL, scope TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS access (
    number INTEGER PRIMARY KEY, token TEXT UNIQUE NOT NULL, client TEXT NOT NULL, refresh TEXT, scope TEXT NOT NULL,
    made REAL NOT NULL, expires REAL NOT NULL, live INTEGER NOT NULL DEFAULT 1);
CREATE INDEX IF NOT EXISTS access_refresh ON access (refresh, made);
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY, module TEXT NOT NULL, fields TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL,
    deleted REAL);
CREATE INDEX IF NOT EXISTS record_module ON record (module, deleted);
CREATE TABLE IF NOT EXISTS credit (at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS counter (kind TEXT, name TEXT, count INTEGER NOT NULL, PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL);
"""
_TABLES = ("setting", "client", "code", "refresh", "access", "record", "credit", "counter", "log")

# What an operator may switch: name -> (default, the values that it takes). None: the limit is off.
SWITCHES: dict[str, tuple[object, str]] = {
    "throttle_status": (400, "200 or 400: of Access Denied, where Zoho's page and its users disagree"),
    "expires_in_unit": ("s", "`s`, or `ms` as clients from before the change of unit have it"),
    "introspection": (1, "0 when the endpoint is not there, 1 when it answers as RFC 7662 says; Zoho shows neither"),
    "scope_in_answer": (0, "1 when token answers name the granted scope, which Zoho's pages do not show; else 0"),
    "token_lifetime": (3600, "seconds, from 1 to 86400"),
    "credits": (None, "API calls in 24 hours, or null for no limit"),
    "concurrency": (None, "API calls at a time, or null for no limit"),
    "delay": (0, "seconds, up to 30, that each API call takes"),
}


@dataclass(frozen=True)
class Turn:
    """One request's view of the world: the open transaction, the time (seconds since the epoch), who is serving it."""

    db: sqlite3.Connection
    now: float
    url: str
    data_center: str

    def setting(self, name: str) -> object:
        """The value set under `name`, else the switch's default, else None."""
        row = self.db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else SWITCHES.get(name, (None, ""))[0]

    def number(self, name: str) -> float:
        """A setting that is a number; 0 when it is none."""
        value = self.setting(name)
        return value if isinstance(value, (int, float)) else 0

    def set(self, name: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def count(self, kind: str, name: str) -> None:
        """Add one to a counter."""
        self.db.execute(
            "INSERT INTO counter VALUES (?, ?, 1) ON CONFLICT (kind, name) DO UPDATE SET count = count + 1",
            (kind, name),
        )

    def log(self, method: str, path: str, status: int) -> None:
        """Note a request: never its query, headers or body, where credentials are."""
        self.count("path", path)
        cursor = self.db.execute(
            "INSERT INTO log (at, method, path, status) VALUES (?, ?, ?, ?)", (self.now, method, path, status)
        )
        self.db.execute("DELETE FROM log WHERE number <= ?", ((cursor.lastrowid or 0) - LOGGED,))

    def clear(self) -> None:
        """Forget everything: clients, tokens, records, counters, switches and the clock."""
        for table in _TABLES:
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)


class Store:
    """The file, with one connection for each thread that uses it. Raises InputError when it cannot be opened."""

    def __init__(self, path: Path, ahead: float, data_center: str) -> None:
        self.path, self.ahead, self.data_center = path, ahead, data_center
        self.url = ""
        self._threads = threading.local()
        self._open: list[sqlite3.Connection] = []
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.chmod(0o600)
            self._connection().executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            self.close()
            message = f"{path}: the sandbox cannot keep its data here: {error}"
            raise InputError(Problem(message, None, "give another file, or remove this one")) from None

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            self._open.append(found)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last moment of a made-up world
            self._threads.connection = found
        return found

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """One transaction; undone when an exception leaves it."""
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            clock = Turn(db, 0, self.url, self.data_center)
            yield Turn(db, time.time() + self.ahead + clock.number("clock"), self.url, self.data_center)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def close(self) -> None:
        """Close every connection; called when no thread uses one any more."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._threads = threading.local()
