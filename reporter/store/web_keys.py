"""Keys of the doors: tokens of programs, sessions, links to log in once, codes of chat. Only digests are kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from reporter.store.database import fact, insert_once
from reporter.store.tables import facts, web_keys

Kind = Literal["token", "session", "link", "pair"]
# A key's last use is written down at most so often.
NOTED = timedelta(minutes=5)
# Clocks differ by less. A session or link from further ahead was made by a wrong clock.
AHEAD = timedelta(minutes=1)
LONGEST_ADDRESS = 64
"""Characters of a caller's address that are kept: an IPv6 address with its zone has fewer."""


@dataclass(frozen=True, slots=True)
class WebKey:
    """A key as it is kept. `may` are its rights, divided by spaces; of a session the name of who logged in counts."""

    id: int
    kind: str
    name: str
    may: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    used_from: str | None


def make(
    connection: Connection,
    kind: Kind,
    name: str,
    may: str,
    now: datetime,
    expires_at: datetime | None = None,
    *,
    key: str = "",
) -> str:
    """A new key; what is returned is shown once and kept nowhere. Its beginning lets secret scanners find it."""
    key = key or f"rp{kind[0]}_{secrets.token_urlsafe(32)}"
    values = {"kind": kind, "name": name, "digest": _digest(key), "may": may, "created_at": now}
    connection.execute(insert(web_keys).values(**values, expires_at=expires_at))
    return key


def find(connection: Connection, kind: Kind, key: str, now: datetime) -> WebKey | None:
    """The key that holds now."""
    c = web_keys.c
    row = connection.execute(select(web_keys).where(c.digest == _digest(key), c.kind == kind)).first()
    found = None if row is None else _key(row)
    return found if found and _holds(found, now) else None


def is_over(connection: Connection, kind: Kind, key: str) -> bool:
    """Whether there was such a key, of one that does not hold now."""
    c = web_keys.c
    return connection.execute(select(c.id).where(c.digest == _digest(key), c.kind == kind)).first() is not None


def _holds(key: WebKey, now: datetime) -> bool:
    """Whether a key is not over. A clock that ran ahead makes no session that lasts until then."""
    if key.kind != "token" and key.created_at > now + AHEAD:
        return False
    return key.expires_at is None or key.expires_at > now


def note_use(connection: Connection, key: WebKey, now: datetime, address: str = "") -> None:
    values = {"used_at": now, "used_from": address[:LONGEST_ADDRESS] or None}
    connection.execute(update(web_keys).where(web_keys.c.id == key.id).values(values))


def take(connection: Connection, kind: Kind, key: str, now: datetime) -> WebKey | None:
    """The same for a key that is good once: whoever comes second finds nothing."""
    found = find(connection, kind, key, now)
    if found and connection.execute(delete(web_keys).where(web_keys.c.id == found.id)).rowcount:
        return found
    return None


def named(connection: Connection, kind: Kind) -> list[WebKey]:
    c = web_keys.c
    return [_key(row) for row in connection.execute(select(web_keys).where(c.kind == kind).order_by(c.name, c.id))]


def revoke(connection: Connection, kind: Kind, name: str) -> int:
    """Delete all keys of a name; returns how many those were."""
    c = web_keys.c
    return connection.execute(delete(web_keys).where(c.kind == kind, c.name == name)).rowcount


def end_session(connection: Connection, key: str) -> None:
    c = web_keys.c
    connection.execute(delete(web_keys).where(c.digest == _digest(key), c.kind == "session"))


def prune(connection: Connection, now: datetime) -> int:
    """Delete what has expired; returns how many those were."""
    return connection.execute(delete(web_keys).where(web_keys.c.expires_at < now)).rowcount


def lasting(connection: Connection, name: str) -> str:
    """64 random hexadecimal digits that are kept by a name and never change; what hangs on them has to be secret."""
    insert_once(connection, facts, name=name, value=secrets.token_hex(32))
    return fact(connection, name) or ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _key(row: Row[Any]) -> WebKey:
    return WebKey(row.id, row.kind, row.name, row.may, row.created_at, row.expires_at, row.used_at, row.used_from)
