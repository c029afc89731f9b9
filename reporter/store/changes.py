"""Whether anything in the store has changed that a page shows: a word that is another one after each change."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from reporter.store.tables import incidents, outbox, runs


def version(connection: Connection) -> str:
    """It changes with each message, run and opened or resolved incident. Each part is found by an index."""
    found = connection.execute(
        select(
            select(func.max(outbox.c.id)).scalar_subquery(),
            select(func.max(runs.c.started_at)).where(runs.c.outcome != "skipped").scalar_subquery(),
            select(func.count()).where(incidents.c.resolved_at.is_(None)).scalar_subquery(),
        )
    ).one()
    return "-".join(map(str, found)).replace(" ", "T")
