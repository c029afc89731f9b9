"""Remembers what reports of past periods have said of each ledger, and what was restated since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from reporter.periods.civil import Period
from reporter.store.database import insert_once, prune_rows
from reporter.store.tables import restatements, rollup_changes, told_figures
from reporter.trading.books import Book
from reporter.trading.ledger.balances import BookKey
from reporter.trading.ledger.rollup_buckets import start_of
from reporter.trading.trades import Mode, Money

Ends = tuple[datetime, datetime]
NEW, SETTLED, SUSPECT = "new", "settled", "suspect"


@dataclass(frozen=True, slots=True)
class SentFigures:
    """What a report said of one ledger in one book. `made_by` says by which rules; see `LedgerShare`."""

    id: int
    job: str
    period: Period
    ledger: str
    mode: Mode
    trades: int
    pnl: Money
    fees: Money | None
    made_by: str
    told_at: datetime
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """A told figure that is another one now."""

    job: str
    label: str
    ledger: str
    mode: Mode
    cause: str  # source, or ours
    told_at: datetime
    found_at: datetime
    trades_before: int
    trades: int
    pnl_before: Money
    pnl: Money
    fees_before: Money | None
    fees: Money | None
    detail: tuple[str, ...] = ()

    @property
    def difference(self) -> Money:
        """How much more the P&L is than what was told."""
        return self.pnl - self.pnl_before


@dataclass(frozen=True, slots=True)
class Change:
    """An hour of a book that was found changed: what became of trades or, where those are not known, of agents."""

    start: int
    mode: Mode
    currency: str
    found_at: datetime
    trades: tuple[tuple[str, str, int | None, int | None], ...]  # id, agent, result before and now in 1e-8
    agents: tuple[tuple[str, int, int, int, int], ...]  # agent, trades and P&L in 1e-15 before, and now


def remember(connection: Connection, job: str, books: Iterable[Book], period: Period, now: datetime) -> None:
    """Remember what a report says of its period; what it said before of the same period is replaced."""
    for book in books:
        if book.period is None or (book.period.start, book.period.end) != (period.start, period.end):
            continue  # for comparison only
        for share in book.shares:
            unique = {
                "job": job,
                "period_start": period.start,
                "period_end": period.end,
                "ledger": share.ledger,
                "mode": book.mode.value,
                "currency": book.currency,
            }
            figures = {
                "trades": share.trades,
                "pnl": str(share.pnl.amount),
                "fees": None if share.fees is None else str(share.fees.amount),
                "made_by": share.made_by,
                "label": period.label,
                "zone": period.zone,
                "told_at": now,
                "state": NEW,
            }
            if not insert_once(connection, told_figures, **unique, **figures):
                same = [told_figures.c[name] == value for name, value in unique.items()]
                connection.execute(update(told_figures).where(*same).values(**figures))


def suspect_hours(connection: Connection, ledger: str, hours: Sequence[int]) -> None:
    """Have what was told of these hours, counted since 1970, compared with the present."""
    c = told_figures.c
    for first, last in _runs(hours):
        touched = (c.period_start < start_of(last + 1), c.period_end > start_of(first))
        connection.execute(update(told_figures).where(c.ledger == ledger, *touched).values(state=SUSPECT))


def suspect_all(connection: Connection, ledger: str) -> None:
    """Have all that was told of a ledger compared with the present."""
    connection.execute(update(told_figures).where(told_figures.c.ledger == ledger).values(state=SUSPECT))


def to_compare(connection: Connection, ledger: str, through: datetime) -> list[SentFigures]:
    """What was told of a ledger and has to be compared: what is suspect, and what is new and rolled up now."""
    c = told_figures.c
    wanted = or_(c.state == SUSPECT, and_(c.state == NEW, c.period_end <= through))
    rows = connection.execute(select(told_figures).where(c.ledger == ledger, wanted).order_by(c.period_start, c.id))
    return [_told(row) for row in rows]


def with_new_books(
    connection: Connection, told: Sequence[SentFigures], now: Mapping[Ends, set[BookKey]]
) -> list[SentFigures]:
    """What was told, and zeros of the books that there were none of when it was: `now` are those of each period."""
    c, found = told_figures.c, list(told)
    for one in {(one.job, one.period.start): one for one in told}.values():
        mine = (c.job == one.job, c.ledger == one.ledger, c.period_start == one.period.start)
        rows = connection.execute(select(c.mode, c.currency).where(*mine, c.period_end == one.period.end))
        known = {(Mode(row.mode), row.currency) for row in rows}
        for mode, currency in now[one.period.start, one.period.end] - known:
            nothing = Money(Decimal(0), currency)
            made = connection.execute(insert(told_figures).returning(c.id), _row(one, mode, nothing))
            found.append(replace(one, id=made.scalar_one(), mode=mode, trades=0, pnl=nothing, fees=nothing))
    return found


def _row(one: SentFigures, mode: Mode, nothing: Money) -> dict[str, Any]:
    period, zero = one.period, str(nothing.amount)
    place = {"job": one.job, "ledger": one.ledger, "period_start": period.start, "period_end": period.end}
    book = {"mode": mode.value, "currency": nothing.currency, "trades": 0, "pnl": zero, "fees": zero}
    rest = {"made_by": one.made_by, "label": period.label, "zone": period.zone, "told_at": one.told_at}
    return {**place, **book, **rest, "state": SUSPECT}


def settle(
    connection: Connection,
    told: SentFigures,
    trades: int,
    pnl: Money,
    fees: Money | None,
    *,
    made_by: str,
    through: datetime,
) -> None:
    """What was told is compared; from now on these figures count as told. A period that is not rolled up to its end
    `through` a moment is compared again."""
    values = {"trades": trades, "pnl": str(pnl.amount), "fees": None if fees is None else str(fees.amount)}
    mine = update(told_figures).where(told_figures.c.id == told.id)
    connection.execute(mine.values(**values, made_by=made_by, state=SETTLED if told.period.end <= through else NEW))


def add(connection: Connection, one: Restatement, period_start: datetime) -> None:
    """Keep a restatement."""
    connection.execute(
        insert(restatements).values(
            job=one.job,
            label=one.label,
            period_start=period_start,
            ledger=one.ledger,
            mode=one.mode.value,
            currency=one.pnl.currency,
            cause=one.cause,
            told_at=one.told_at,
            found_at=one.found_at,
            trades_before=one.trades_before,
            trades=one.trades,
            pnl_before=str(one.pnl_before.amount),
            pnl=str(one.pnl.amount),
            fees_before=None if one.fees_before is None else str(one.fees_before.amount),
            fees=None if one.fees is None else str(one.fees.amount),
            detail=json.dumps(one.detail),
        )
    )


def add_changes(connection: Connection, ledger: str, changes: Iterable[Change]) -> None:
    """Keep what was found changed, to say later which trades make a difference."""
    rows = [
        {
            "ledger": ledger,
            "start": change.start,
            "mode": change.mode.value,
            "currency": change.currency,
            "found_at": change.found_at,
            "detail": json.dumps([change.trades, change.agents]),
        }
        for change in changes
    ]
    if rows:
        connection.execute(insert(rollup_changes), rows)


def changes_of(connection: Connection, told: SentFigures, limit: int) -> list[Change]:
    """What was found changed in a told period since it was told, oldest hour first."""
    c = rollup_changes.c
    book = (c.ledger == told.ledger, c.mode == told.mode.value, c.currency == told.pnl.currency)
    first, end = int(told.period.start.timestamp() // 3600), int(-(-told.period.end.timestamp() // 3600))
    when = (c.start >= first, c.start < end, c.found_at >= told.told_at)
    rows = connection.execute(select(rollup_changes).where(*book, *when).order_by(c.start, c.id).limit(limit))
    return [_change(row) for row in rows]


def of_job(connection: Connection, job: str, limit: int) -> dict[datetime, list[Restatement]]:
    """The newest restatements of a job's reports, by the start of the period."""
    found: dict[datetime, list[Restatement]] = {}
    query = select(restatements).where(restatements.c.job == job).order_by(restatements.c.id.desc()).limit(limit)
    for row in connection.execute(query):
        found.setdefault(row.period_start, []).append(_restatement(row))
    return found


def of_ledger(connection: Connection, ledger: str, limit: int) -> list[Restatement]:
    """The newest restatements of what was told of a ledger, newest first."""
    query = select(restatements).where(restatements.c.ledger == ledger).order_by(restatements.c.id.desc()).limit(limit)
    return [_restatement(row) for row in connection.execute(query)]


def newest(connection: Connection, limit: int, before: int | None = None) -> list[tuple[int, Restatement]]:
    """The newest restatements of anything, newest first, each with its number; those before a number if given."""
    c = restatements.c
    query = select(restatements).order_by(c.id.desc()).limit(limit)
    rows = connection.execute(query.where(c.id < before) if before is not None else query)
    return [(row.id, _restatement(row)) for row in rows]


def ledgers(connection: Connection) -> list[str]:
    """The ledgers of which something was told."""
    return sorted(connection.execute(select(told_figures.c.ledger).distinct()).scalars())


def prune(connection: Connection, before: datetime) -> int:
    """Forget some of what was told, changed and restated before a moment."""
    aged = (
        (told_figures, told_figures.c.told_at),
        (restatements, restatements.c.found_at),
        (rollup_changes, rollup_changes.c.found_at),
    )
    return sum(prune_rows(connection, table, moment < before) for table, moment in aged)


def _runs(hours: Sequence[int]) -> list[tuple[int, int]]:
    """The first and the last of each row of hours that follow each other."""
    runs: list[tuple[int, int]] = []
    for hour in sorted(hours):
        if runs and hour <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], hour)
        else:
            runs.append((hour, hour))
    return runs


def _told(row: Row[Any]) -> SentFigures:
    return SentFigures(
        row.id,
        row.job,
        Period(row.period_start, row.period_end, row.label, row.zone),
        row.ledger,
        Mode(row.mode),
        row.trades,
        Money(Decimal(row.pnl), row.currency),
        _money(row.fees, row.currency),
        row.made_by,
        row.told_at,
        row.state,
    )


def _restatement(row: Row[Any]) -> Restatement:
    return Restatement(
        job=row.job,
        label=row.label,
        ledger=row.ledger,
        mode=Mode(row.mode),
        cause=row.cause,
        told_at=row.told_at,
        found_at=row.found_at,
        trades_before=row.trades_before,
        trades=row.trades,
        pnl_before=Money(Decimal(row.pnl_before), row.currency),
        pnl=Money(Decimal(row.pnl), row.currency),
        fees_before=_money(row.fees_before, row.currency),
        fees=_money(row.fees, row.currency),
        detail=tuple(json.loads(row.detail)),
    )


def _change(row: Row[Any]) -> Change:
    trades, agents = json.loads(row.detail)
    return Change(
        row.start, Mode(row.mode), row.currency, row.found_at, tuple(map(tuple, trades)), tuple(map(tuple, agents))
    )


def _money(amount: str | None, currency: str) -> Money | None:
    return None if amount is None else Money(Decimal(amount), currency)
