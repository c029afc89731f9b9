"""The rows of plans: every version and picture. No row is ever changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from reporter.plans.model import PlanChart, PlanVersion, hash_of, picture_hash
from reporter.store.database import insert_once
from reporter.store.tables import plan_charts, plan_versions


class PlanTable:
    """The plans of a store, in one transaction: `PlanRows`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, version: PlanVersion, charts: Sequence[PlanChart], previous: str) -> bool:
        """Save a version with its pictures; False where somebody else has saved one of this number."""
        digest = hash_of(version, [picture_hash(chart) for chart in charts], previous)
        added = insert_once(
            self._connection,
            plan_versions,
            author=version.author,
            day=version.day,
            number=version.number,
            act=version.act,
            text=version.text,
            writer=version.writer,
            writer_name=version.writer_name,
            channel=version.channel,
            at=version.at,
            said_at=version.said_at,
            hash=digest,
        )
        if added and charts:
            key = {"author": version.author, "day": version.day, "number": version.number, "added_at": version.at}
            found = [key | {"name": chart.name, "kind": chart.kind, "content": chart.content} for chart in charts]
            self._connection.execute(plan_charts.insert(), found)
        return added

    def of_day(self, day: date, author: str | None = None) -> list[PlanVersion]:
        """All versions of a day, author by author, the oldest first."""
        query = select(plan_versions).where(plan_versions.c.day == day.isoformat())
        query = query.where(plan_versions.c.author == author) if author is not None else query
        return self._found(query.order_by(plan_versions.c.author, plan_versions.c.number))

    def last(self, day: date, author: str) -> PlanVersion | None:
        """The newest version of a plan; None where nobody wrote one."""
        own = (plan_versions.c.day == day.isoformat()) & (plan_versions.c.author == author)
        found = self._found(select(plan_versions).where(own).order_by(plan_versions.c.number.desc()).limit(1))
        return found[0] if found else None

    def between(self, first: date, last: date) -> list[PlanVersion]:
        """All versions of the days from `first` to `last`, both included."""
        query = select(plan_versions).where(plan_versions.c.day.between(first.isoformat(), last.isoformat()))
        return self._found(query.order_by(plan_versions.c.day, plan_versions.c.author, plan_versions.c.number))

    def charts(self, day: date, author: str) -> list[PlanChart]:
        """The pictures of a plan in the order in which they came, without their content."""
        own = (plan_charts.c.day == day.isoformat()) & (plan_charts.c.author == author)
        columns = (plan_charts.c.id, plan_charts.c.name, plan_charts.c.kind, plan_charts.c.number)
        rows = self._connection.execute(select(*columns).where(own).order_by(plan_charts.c.id))
        return [PlanChart(row.name, row.kind, b"", row.number, row.id) for row in rows]

    def chart(self, id_: int) -> PlanChart | None:
        row = self._connection.execute(select(plan_charts).where(plan_charts.c.id == id_)).one_or_none()
        return PlanChart(row.name, row.kind, row.content, row.number, row.id) if row else None

    def counts(self) -> tuple[int, int, int]:
        """How many plans, pictures and edits there are."""
        acts = self._connection.execute(select(plan_versions.c.act, func.count()).group_by(plan_versions.c.act))
        by = {row.act: row[1] for row in acts}
        pictures = self._connection.execute(select(func.count()).select_from(plan_charts)).scalar_one()
        return by.get("written", 0), pictures, by.get("edited", 0)

    def broken_links(self) -> list[PlanVersion]:
        """The versions whose hash is not that of their content and of the version before: somebody changed a row."""
        pictures: dict[tuple[str, str, int], list[str]] = {}
        for row in self._connection.execute(select(plan_charts).order_by(plan_charts.c.id)):
            digest = picture_hash(PlanChart(row.name, row.kind, row.content))
            pictures.setdefault((row.author, row.day, row.number), []).append(digest)
        order = (plan_versions.c.day, plan_versions.c.author, plan_versions.c.number)
        wrong, previous, before = [], "", ("", "", 0)
        for version in self._found(select(plan_versions).order_by(*order)):
            key = (version.author, version.day, version.number)
            follows = key == (*before[:2], before[2] + 1)
            previous = previous if follows else ""
            missing = not follows and version.number != 1
            if missing or version.hash != hash_of(version, pictures.get(key, ()), previous):
                wrong.append(version)
            previous, before = version.hash, key
        return wrong

    def _found(self, query: Select[Any]) -> list[PlanVersion]:
        return [_version(row) for row in self._connection.execute(query)]


def _version(row: Row[Any]) -> PlanVersion:
    return PlanVersion(
        author=row.author,
        day=row.day,
        number=row.number,
        act=row.act,
        text=row.text,
        writer=row.writer,
        writer_name=row.writer_name,
        channel=row.channel,
        at=row.at,
        said_at=row.said_at,
        hash=row.hash,
    )
