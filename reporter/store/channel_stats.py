"""Daily delivery counts of each channel, which outlive the pruned outbox rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select, update

from reporter.store.database import insert_once
from reporter.store.tables import tallies


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """Messages `sent`, of them `late`; tries that failed and were `retried`; messages `refused` for good; and how often
    the service asked us to slow down. A look at a channel carries no message, so that of it only the last is counted.
    """

    sent: int = 0
    late: int = 0
    retried: int = 0
    refused: int = 0
    slowed: int = 0


def add(connection: Connection, channel: str, tally: DeliveryCounts, now: datetime) -> None:
    """Count to the figures of a channel's present day, in UTC."""
    counted = {name: number for name, number in asdict(tally).items() if number}
    if not counted:
        return
    day = f"{now.astimezone(UTC):%Y-%m-%d}"
    insert_once(connection, tallies, channel=channel, day=day, **asdict(DeliveryCounts()))
    connection.execute(
        update(tallies)
        .where(tallies.c.channel == channel, tallies.c.day == day)
        .values({name: tallies.c[name] + number for name, number in counted.items()})
    )


def since(connection: Connection, moment: datetime) -> dict[str, DeliveryCounts]:
    """The figures of each channel from the day of that moment on."""
    names = list(asdict(DeliveryCounts()))
    rows = connection.execute(
        select(tallies.c.channel, *(func.sum(tallies.c[name]).label(name) for name in names))
        .where(tallies.c.day >= f"{moment.astimezone(UTC):%Y-%m-%d}")
        .group_by(tallies.c.channel)
    )
    return {row.channel: DeliveryCounts(*(int(getattr(row, name)) for name in names)) for row in rows}


def prune(connection: Connection, before: datetime) -> int:
    """Forget the days that were over at that moment; returns how many rows that were."""
    return connection.execute(delete(tallies).where(tallies.c.day < f"{before.astimezone(UTC):%Y-%m-%d}")).rowcount
