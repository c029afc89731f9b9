"""Deposits and withdrawals of a ledger's accounts day by day, from their snapshots."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from reporter.periods.civil import Period
from reporter.trading.ledger import queries, rows
from reporter.trading.ledger.account_snapshots import account_of, counted
from reporter.trading.ledger.balances import BookKey, CashFlow
from reporter.trading.ledger.sources.base import Source, amount
from reporter.trading.trades import Flow


@dataclass(frozen=True, slots=True)
class _Payment:
    """What came in since the snapshot before, as that of `at` shows it; what went out is below 0, None unreadable."""

    at: datetime
    amount: Decimal | None


def paid(connection: Connection, source: Source, period: Period) -> dict[BookKey, CashFlow]:
    """What was paid in each book's account before a period and on its days; nothing of books without payments.

    The first snapshot of an account has none before it: what it says was paid in is what the account began with.
    """
    told = connection.execute(queries.flows(source, period.end)).all()
    if not told:
        return {}
    # In a long history the first payments are early, and nothing after them says what is first.
    latest = max({account_of(row): row.at for row in reversed(told)}.values())
    first = {account_of(row): row.at for row in connection.execute(queries.first_seen(source, latest))}
    wanted, books = set(counted(first)), defaultdict(list)
    read: Callable[[Any], Decimal | None] = lambda value: None if value is None else amount(value)  # noqa: E731
    for row in told:
        account = account_of(row)
        if account in wanted and row.at != first[account]:
            books[account[1:]].append(_Payment(rows.known(row.at), read(row.deposited)))
    return {book: _laid(payments, period) for book, payments in books.items()}


def _laid(payments: Sequence[_Payment], period: Period) -> CashFlow:
    """A snapshot at the end of a day belongs to that day, not to the next."""
    ends = [day.end for day in period.days()]
    flows = [Flow()] * len(ends)
    before = Decimal(0)
    for payment in payments:
        if payment.amount is None:
            return CashFlow(None)
        if payment.at > period.start:
            flows[bisect_left(ends, payment.at)] += Flow(
                max(payment.amount, Decimal(0)), max(-payment.amount, Decimal(0))
            )
        else:
            before += payment.amount
    return CashFlow(before, tuple(flows) if any(flows) else ())
