"""Pings of jobs that report themselves: how each job stands, and what it said lately."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from reporter.alerts.pings import Ping, PingState
from reporter.store.database import insert_once
from reporter.store.tables import ping_states, pings

# So many pings of each job are kept.
KEPT = 100


def states(connection: Connection) -> dict[str, PingState]:
    """How each job stands, by name."""
    return {row.name: PingState(**row._mapping) for row in connection.execute(select(ping_states))}


def state_of(connection: Connection, name: str) -> PingState | None:
    """How one job stands, locked where several daemons may write."""
    found = connection.execute(select(ping_states).where(ping_states.c.name == name).with_for_update()).first()
    return PingState(**found._mapping) if found else None


def put(connection: Connection, state: PingState) -> None:
    values = asdict(state)
    if not connection.execute(update(ping_states).where(ping_states.c.name == state.name).values(values)).rowcount:
        insert_once(connection, ping_states, **values)


def add(connection: Connection, name: str, ping: Ping) -> None:
    """Keep a ping, and forget the oldest of its job."""
    c = pings.c
    values = {"kind": ping.kind, "at": ping.at, "rid": ping.rid, "status": ping.status, "text": ping.text}
    connection.execute(insert(pings).values(name=name, **values))
    oldest = select(c.id).where(c.name == name).order_by(c.id.desc()).offset(KEPT).limit(1).scalar_subquery()
    connection.execute(delete(pings).where(c.name == name, c.id <= oldest))


def begun_at(connection: Connection, name: str, rid: str | None) -> datetime | None:
    """When a run began that has not ended yet, by its `rid`; without one, the last run that named none."""
    c = pings.c
    own = select(c.kind, c.at).where(c.name == name, c.kind != "log", c.rid == rid if rid else c.rid.is_(None))
    last = connection.execute(own.order_by(c.id.desc()).limit(1)).first()
    return last.at if last and last.kind == "start" else None


def newest(connection: Connection, name: str, limit: int = KEPT) -> list[Ping]:
    c = pings.c
    return [
        _ping(row) for row in connection.execute(select(pings).where(c.name == name).order_by(c.id.desc()).limit(limit))
    ]


def forget_others(connection: Connection, names: Collection[str]) -> None:
    """Delete what is kept of jobs that the config does not name any more."""
    for table in (ping_states, pings):
        connection.execute(delete(table).where(table.c.name.not_in(names)))


def _ping(row: Row[Any]) -> Ping:
    return Ping(row.kind, row.at, row.rid, row.status, row.text)
