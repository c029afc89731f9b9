"""People who were paired in chat by a code from the command line, and what they may do there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from reporter.store.tables import chat_people


@dataclass(frozen=True, slots=True)
class PairedPerson:
    """`identity` is such as `telegram:123`; `role` is the name of a role."""

    identity: str
    name: str
    role: str
    paired_at: datetime


def save(connection: Connection, person: PairedPerson) -> None:
    """Keep a person; who was paired before has the new role."""
    forget(connection, person.identity)
    connection.execute(
        insert(chat_people).values(
            identity=person.identity, name=person.name[:160], role=person.role, paired_at=person.paired_at
        )
    )


def forget(connection: Connection, identity: str) -> bool:
    """Whether there was such a person."""
    return connection.execute(delete(chat_people).where(chat_people.c.identity == identity)).rowcount > 0


def everybody(connection: Connection, identities: Collection[str] | None = None) -> list[PairedPerson]:
    """All who are paired, or those of them with one of these identities."""
    query = select(chat_people).order_by(chat_people.c.paired_at, chat_people.c.identity)
    query = query if identities is None else query.where(chat_people.c.identity.in_(identities))
    return [PairedPerson(row.identity, row.name, row.role, row.paired_at) for row in connection.execute(query)]
