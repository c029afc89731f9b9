"""What a job keeps from one run to the next: its states, and the items that it has dealt with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from reporter.store.database import Store, insert_new, insert_once
from reporter.store.tables import job_items, job_states


def load(connection: Connection, job: str, name: str) -> tuple[int, Any] | None:
    """The version and the value of a job's state; None where it has kept none."""
    wanted = (job_states.c.job == job) & (job_states.c.name == name)
    row = connection.execute(select(job_states).where(wanted)).one_or_none()
    return None if row is None else (row.version, json.loads(row.value))


def items(connection: Connection, job: str, name: str) -> set[str]:
    """The items that a job has dealt with and not forgotten."""
    wanted = (job_items.c.job == job) & (job_items.c.name == name)
    return set(connection.execute(select(job_items.c.item).where(wanted)).scalars())


def save(
    connection: Connection,
    job: str,
    name: str,
    version: int,
    value: Any,
    now: datetime,
    *,
    seen: Mapping[str, datetime] | None = None,
    forget: datetime | None = None,
) -> bool:
    """Save the state that follows `version`; False if another run has saved one meanwhile."""
    text = json.dumps(value, ensure_ascii=False)
    if version == 0:
        if not insert_once(connection, job_states, job=job, name=name, version=1, value=text, updated_at=now):
            return False
    else:
        same = (job_states.c.job == job) & (job_states.c.name == name) & (job_states.c.version == version)
        new = update(job_states).where(same).values(version=version + 1, value=text, updated_at=now)
        if connection.execute(new).rowcount != 1:
            return False
    insert_new(
        connection, job_items, [{"job": job, "name": name, "item": item, "at": at} for item, at in (seen or {}).items()]
    )
    if forget is not None:
        old = (job_items.c.job == job) & (job_items.c.name == name) & (job_items.c.at < forget)
        connection.execute(delete(job_items).where(old))
    return True


def rename(connection: Connection, before: str, now: str) -> None:
    """Hand what a job kept to its new name, unless that has something of its own."""
    if connection.execute(select(job_states.c.job).where(job_states.c.job == now).limit(1)).first():
        return
    for table in (job_states, job_items):
        connection.execute(update(table).where(table.c.job == before).values(job=now))


class StoredStates:
    """What one job kept, read-only: a `Kept` of jobs."""

    def __init__(self, store: Store, job: str) -> None:
        self._store = store
        self._job = job

    def load(self, name: str) -> tuple[int, Any] | None:
        with self._store.read() as connection:
            return load(connection, self._job, name)

    def items(self, name: str) -> set[str]:
        with self._store.read() as connection:
            return items(connection, self._job, name)
