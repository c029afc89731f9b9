"""From a database's rows to our own types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from reporter.errors import LedgerError
from reporter.trading.books import Figures, Open
from reporter.trading.ledger.balances import BookKey, LineKey
from reporter.trading.ledger.path_metrics import decimal, units
from reporter.trading.ledger.sources.base import amount, moment, number
from reporter.trading.ledger.timestamps import as_moment
from reporter.trading.trade_statistics import combined
from reporter.trading.trades import (
    Agent,
    ArrivedSum,
    EquityPoint,
    FillSum,
    Holding,
    Mode,
    Money,
    OpenKey,
    OrderFill,
    Position,
    Trade,
)


def trade(row: Row[Any], ledger: str) -> Trade:
    return Trade(
        id=str(row.id),
        ledger=ledger,
        agent=row.agent,
        strategy=row.strategy,
        market=row.market,
        side=row.side,
        opened_at=moment(row.opened_at),
        closed_at=known(row.closed_at),
        size=number(row.size),
        pnl=Money(amount(row.pnl), row.currency),
        fees=_money(row.fees, row.currency),
        mode=mode(row.mode),
        entry_price=number(row.entry_price),
        exit_price=number(row.exit_price),
        entry_tag=row.entry_tag,
        exit_reason=row.exit_reason,
        funding=_money(row.funding, row.currency),
        volume=_money(row.volume, row.currency),
        leverage=_ratio(row.leverage),
    )


def _ratio(value: Any) -> Decimal | None:
    """A ratio above 0; a bot that stores 0 or less does not know it."""
    found = number(value)
    return found if found is not None and found > 0 else None


def arrived(found: Sequence[Row[Any]]) -> tuple[ArrivedSum, ...]:
    """The results of arrived trades by mode and currency, live before paper."""
    books: dict[BookKey, list[Decimal]] = defaultdict(list)
    for row in found:
        books[mode(row.mode), row.currency].append(amount(row.pnl))
    return tuple(
        ArrivedSum(
            mode=own,
            trades=len(results),
            wins=sum(result > 0 for result in results),
            losses=sum(result < 0 for result in results),
            pnl=Money(sum(results, Decimal(0)), currency),
        )
        for (own, currency), results in sorted(books.items())  # live comes before paper
    )


def fill(row: Row[Any], ledger: str) -> OrderFill:
    return OrderFill(
        id=row.id,
        ledger=ledger,
        agent=row.agent,
        strategy=row.strategy,
        market=row.market,
        side=row.side,
        at=known(row.at),
        size=number(row.size) or Decimal(0),
        price=number(row.price) or Decimal(0),
        fees=_money(row.fees, row.currency),
        mode=mode(row.mode),
        currency=row.currency,
    )


def fill_sums(found: Sequence[Row[Any]]) -> tuple[FillSum, ...]:
    """What arrived fills amount to by mode and currency, live before paper."""
    books: dict[BookKey, list[Row[Any]]] = defaultdict(list)
    for row in found:
        books[mode(row.mode), row.currency].append(row)
    return tuple(_fill_sum(own, currency, books[own, currency]) for own, currency in sorted(books))


def _fill_sum(own: Mode, currency: str, found: Sequence[Row[Any]]) -> FillSum:
    paid = {"buy": Decimal(0), "sell": Decimal(0)}
    for row in found:
        paid[row.side] += (number(row.size) or Decimal(0)) * (number(row.price) or Decimal(0))
    fees = [amount(row.fees) for row in found if row.fees is not None]
    return FillSum(
        mode=own,
        fills=len(found),
        bought=Money(amount(paid["buy"]), currency),
        sold=Money(amount(paid["sell"]), currency),
        fees=Money(sum(fees, Decimal(0)), currency) if len(fees) == len(found) else None,
    )


def position(row: Row[Any], ledger: str) -> Position:
    return Position(
        id=str(row.id),
        ledger=ledger,
        agent=row.agent,
        strategy=row.strategy,
        market=row.market,
        side=row.side,
        opened_at=moment(row.opened_at),
        size=number(row.size),
        entry_price=number(row.entry_price),
        current_price=number(row.current_price),
        unrealised=_money(row.unrealised, row.currency),
        mode=mode(row.mode),
        currency=row.currency,
        priced_at=moment(row.priced_at),
    )


def open_key(one: Position | Trade) -> OpenKey | None:
    """What a position and its trade have in common; None where nobody knows when it was opened."""
    return None if one.opened_at is None else (one.agent, one.market, one.side, one.opened_at)


def agent(row: Row[Any], ledger: str, allocated: Mapping[str, Money], *, seen: bool) -> Agent:
    """An agent, and when it was last `seen` if that is asked. Raises LedgerError where that is no time."""
    return Agent(
        ledger=ledger,
        name=row.name,
        strategy=row.strategy,
        mode=mode(row.mode),
        currency=row.currency,
        capital=allocated.get(row.name) or _money(row.capital, row.currency),
        status=row.status,
        last_seen=_heartbeat(row.last_seen) if seen else None,
    )


def _heartbeat(value: Any) -> datetime | None:
    """When an agent has last been seen: bots write that in many ways, and nothing is sorted by it."""
    try:
        return None if value is None else as_moment(value)
    except (ValueError, OverflowError):
        raise LedgerError(f"an agent's last_seen is {value!r}, which is not a time that can be read") from None


def points(rows: Iterable[Row[Any]], ledger: str) -> Iterator[EquityPoint]:
    """What the account was worth, where that can be read."""
    for row in rows:
        value = worth(row) if row.mode is not None and row.currency is not None else None
        if value is not None:
            yield EquityPoint(ledger, known(row.at), Money(value, row.currency), mode(row.mode), row.agent)


def worth(row: Row[Any]) -> Decimal | None:
    """What all parts of an account were worth together; None where one of them cannot be read."""
    return amount(row.equity) if row.equity_known == row.parts else None


def open_positions(rows: Iterable[Row[Any]]) -> dict[BookKey, Open]:
    """The open positions of each book; those whose book cannot be read belong to none."""
    return {
        (mode(row.mode), row.currency): Open(
            positions=row.positions,
            unrealised=_money(row.unrealised, row.currency) if row.priced else None,
            unpriced=row.positions - row.priced,
            priced_at=moment(row.priced_at),
        )
        for row in rows
        if row.mode is not None and row.currency is not None
    }


def open_with(held: Iterable[Position], why: str) -> dict[BookKey, Open]:
    """The open positions of each book, from positions that may have got a price; `why` others have none."""
    books: dict[BookKey, list[Position]] = defaultdict(list)
    for one in held:
        books[one.mode, one.currency].append(one)
    return {book: _open(own, why, book[1]) for book, own in books.items()}


def _open(held: Sequence[Position], why: str, currency: str) -> Open:
    priced = [one for one in held if one.unrealised is not None]
    made = sum((one.unrealised for one in priced if one.unrealised), Money(Decimal(0), currency))
    return Open(
        positions=len(held),
        unrealised=made if priced else None,
        unpriced=len(held) - len(priced),
        priced_at=min((one.priced_at for one in priced if one.priced_at), default=None),
        why=why if len(priced) < len(held) else "",
    )


def figures(rows: Iterable[tuple[LineKey, Row[Any]]], days: int) -> dict[LineKey, Figures]:
    """The figures of each line from its sums, which come a day each."""
    parts: dict[LineKey, list[Row[Any]]] = defaultdict(list)
    for line, row in rows:
        parts[line].append(row)
    return {line: _line(own, days) for line, own in parts.items()}


def _line(rows: Sequence[Row[Any]], days: int) -> Figures:
    """Added exactly, and rounded once: a week asked for by its days has the same fees."""
    parts = [exact_sums(row) for row in rows]
    whole = rounded(parts[0] if len(parts) == 1 else combined(parts, rows[0].currency))
    return replace(whole, daily=by_day(((row.day, row.pnl) for row in rows if row.trades), days) if days else ())


def realised(currency: str, daily: tuple[Decimal, ...], unreadable: int) -> Figures:
    """A line of which nothing but what it realised on each day was asked for."""
    made = Money(sum(daily, Decimal(0)), currency)
    return replace(combined([], currency), pnl=made, daily=daily, unreadable=unreadable)


def by_day(results: Iterable[tuple[int, Any]], days: int) -> tuple[Decimal, ...]:
    """The P&L of each of so many days, idle ones as 0, from results with the index of their day."""
    found = [0] * days
    for day, result in results:
        found[day] += units(result)
    return tuple(map(decimal, found))


def sums(row: Row[Any]) -> Figures:
    """What the database added up of one line and day."""
    return rounded(exact_sums(row))


def rounded(figures: Figures) -> Figures:
    """The same figures with amounts of 1e-8."""

    def once(money: Money | None) -> Money | None:
        return None if money is None else Money(amount(money.amount), money.currency)

    currency = figures.pnl.currency
    return replace(
        figures,
        pnl=Money(amount(figures.pnl.amount), currency),
        fees=once(figures.fees),
        gross_profit=Money(amount(figures.gross_profit.amount), currency),
        gross_loss=Money(amount(figures.gross_loss.amount), currency),
        funding=once(figures.funding),
        volume=once(figures.volume),
    )


def exact_sums(row: Row[Any]) -> Figures:
    """What the database added up of one line and day, with all its digits."""
    return Figures(
        trades=row.trades,
        wins=row.wins,
        losses=row.losses,
        flat=row.trades - row.wins - row.losses,
        pnl=_exact(row.pnl, row.currency),
        fees=_if_all(row.fees, row.fees_known, row),
        gross_profit=_exact(row.gross_profit, row.currency),
        gross_loss=_exact(row.gross_loss, row.currency),
        funding=_if_all(row.funding, row.funding_known, row),
        volume=_if_all(row.volume, row.volume_known, row),
        longs=row.longs,
        shorts=row.shorts,
        holding=_holding(row) if row.held_known else None,
        unreadable=row.rows - row.trades,
    )


def _if_all(total: Any, n: int, row: Row[Any]) -> Money | None:
    """Nothing is known of the parts of a trade that cannot be read."""
    return _exact(total, row.currency) if n == row.rows == row.trades else None


def _exact(total: Any, currency: str) -> Money:
    return Money(number(total) or Decimal(0), currency)


def _holding(row: Row[Any]) -> Holding:
    return Holding(row.held_known, _lasted(row.held), _lasted(row.shortest), _lasted(row.longest))


def _lasted(seconds: Any) -> timedelta:
    """To the millisecond, which is what SQLite's own functions know."""
    return timedelta(milliseconds=round(float(seconds) * 1000))


_MODES = {one.value: one for one in Mode}


def mode(value: str) -> Mode:
    """Live or paper. Raises LedgerError for any other word."""
    try:
        return _MODES[value]
    except (KeyError, TypeError):
        raise LedgerError(f"a mode is {value!r}, which is neither live nor paper") from None


def known(value: Any) -> datetime:
    """A stored time that must be there. Raises LedgerError where it is not."""
    found = moment(value)
    if found is None:
        raise LedgerError("a row that must have a time has none")
    return found


def _money(value: Any, currency: str) -> Money | None:
    return None if value is None else Money(amount(value), currency)


def event(row: Row[Any]) -> dict[str, Any]:
    """A row of the table `events`; a time that cannot be read stays as it is stored."""
    found = dict(row._mapping)
    for name in ("at", "until"):
        with suppress(LedgerError):
            found[name] = moment(found[name])
    return found
