"""The value of accounts at the ends of a period, from a source's snapshots, and the reconciliation of its change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from reporter.periods.civil import Period
from reporter.trading.books import Equity
from reporter.trading.ledger import queries, rows
from reporter.trading.ledger.balances import BookKey
from reporter.trading.ledger.sources.base import Source, amount
from reporter.trading.trades import Mode, Money

Account = tuple[str | None, Mode, str]  # agent (None: everything of a ledger), mode and currency
# What each account made or was paid in a stretch; None where it is not known of any.
Totals = Callable[[datetime, datetime], Mapping[Account, Decimal | None] | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """An account as a snapshot shows it; its worth is None where that cannot be read, `unrealised` where it is not
    said."""

    at: datetime
    equity: Decimal | None
    unrealised: Decimal | None


def equities(connection: Connection, source: Source, period: Period, realised: Totals) -> dict[BookKey, Equity]:
    """Each book's equity, for the books that have an account; `realised` is asked for what agents made in a stretch."""
    before, after = (_seen(connection, source, moment) for moment in (period.start, period.end))
    paid: Totals = lambda start, end: _paid(connection.execute(queries.deposits(source, start, end)))  # noqa: E731
    books: dict[BookKey, list[Equity]] = defaultdict(list)
    for account in counted(before.keys() | after.keys()):
        books[account[1:]].append(_equity(account, before.get(account), after.get(account), realised, paid))
    return {book: added(parts, book[1]) for book, parts in books.items()}


def added(parts: Sequence[Equity], currency: str) -> Equity:
    """Several accounts of one currency as one. What is unknown of one is unknown of all."""

    def total(amounts: Iterable[Money | None]) -> Money | None:
        known = list(amounts)
        return None if None in known else sum((one for one in known if one), Money(Decimal(0), currency))

    def first(moments: Iterable[datetime | None]) -> datetime | None:
        return min((moment for moment in moments if moment), default=None)

    return Equity(
        opening=total(part.opening for part in parts),
        opened_at=first(part.opened_at for part in parts),
        closing=total(part.closing for part in parts),
        closed_at=first(part.closed_at for part in parts),
        realised=total(part.realised for part in parts),
        unrealised_change=total(part.unrealised_change for part in parts),
        fees=total(part.fees for part in parts),
        deposits=total(part.deposits for part in parts),
    )


def counted(accounts: Collection[Account]) -> list[Account]:
    """Where everything of a book has snapshots of its own, those of its agents are parts of them."""
    whole = {account[1:] for account in accounts if account[0] is None}
    parts = [account for account in accounts if account[0] is None or account[1:] not in whole]
    return sorted(parts, key=lambda account: (account[1:], account[0] or ""))


def _equity(account: Account, before: Seen | None, after: Seen | None, realised: Totals, paid: Totals) -> Equity:
    currency = account[2]

    def money(value: Decimal | None) -> Money | None:
        return None if value is None else Money(value, currency)

    ends = (before.at, after.at) if before and after else None
    return Equity(
        opening=money(before.equity) if before else None,
        opened_at=before.at if before else None,
        closing=money(after.equity) if after else None,
        closed_at=after.at if after else None,
        realised=money(_of(account, realised(*ends))) if ends else None,
        unrealised_change=money(_change(before, after)),
        fees=money(Decimal(0)),  # every kind of ledger that we read has them in its P&L
        deposits=money(_of(account, paid(*ends))) if ends else None,
    )


def _change(before: Seen | None, after: Seen | None) -> Decimal | None:
    if before is None or after is None or before.unrealised is None or after.unrealised is None:
        return None
    return after.unrealised - before.unrealised


def _of(account: Account, totals: Mapping[Account, Decimal | None] | None) -> Decimal | None:
    """An account's part of totals: everything's is that of all agents. Without a row there was nothing."""
    if totals is None:
        return None
    mine = [value for of, value in totals.items() if of[1:] == account[1:] and account[0] in {None, of[0]}]
    return None if None in mine else sum((value for value in mine if value), Decimal(0))


def _seen(connection: Connection, source: Source, moment: datetime) -> dict[Account, Seen]:
    last = {account_of(row): row.at for row in connection.execute(queries.last_seen(source, moment))}
    points = connection.execute(queries.equity_at(source, set(last.values()))) if last else ()
    return {account_of(row): _shown(row) for row in points if last.get(account_of(row)) == row.at}


def _shown(row: Row[Any]) -> Seen:
    unrealised = amount(row.unrealised) if row.unrealised_known == row.parts else None
    return Seen(rows.known(row.at), rows.worth(row), unrealised)


def _paid(found: Iterable[Row[Any]]) -> dict[Account, Decimal | None]:
    return {account_of(row): None if row.deposited is None else amount(row.deposited) for row in found}


def account_of(row: Row[Any]) -> Account:
    """Which account a row of snapshots is of."""
    return row.agent, rows.mode(row.mode), row.currency
