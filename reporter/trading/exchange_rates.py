"""Adds books of several currencies in one, by the rates of the config: never silently, and never live with paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from reporter.trading.books import Book, share_of
from reporter.trading.trades import Mode, Money


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency is worth in another, as the config says."""

    currency: str
    """The currency that is converted."""
    worth: Money
    """What one unit of it is worth."""
    at: datetime | None = None
    """When that was so; None where the config does not say."""

    def of(self, money: Money) -> Money:
        """An amount of `currency` in the other one."""
        return Money(money.amount * self.worth.amount, self.worth.currency)


Rates = Mapping[str, Rate]  # by the currency that is converted


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The books of one mode in one currency. It is shown with its `rates`, or not at all."""

    mode: Mode
    """Whether the money is real."""
    currency: str
    """The currency of the total."""
    pnl: Money
    """The P&L of all books together."""
    trades: int
    """The number of their closed trades."""
    opening: Money | None
    """Their balance at the start; None as soon as one book's is."""
    closing: Money | None
    """Their balance at the end; None as soon as one book's is."""
    base: Money | None
    """What the P&L is a share of; None as soon as one book's is."""
    rates: tuple[Rate, ...]
    """The rates that were used."""
    missing: tuple[str, ...] = ()
    """The currencies that have no rate and are left out."""

    @property
    def pnl_ratio(self) -> Decimal | None:
        """P&L as a share of its base; None where that is unknown, or nothing or less."""
        return share_of(self.pnl, self.base)


def converted(books: Iterable[Book], to: str, rates: Rates) -> list[Total]:
    """The total of each mode's books in the currency `to`; none for a mode of which no book has to be converted."""
    books = list(books)
    found = (_total(mode, [book for book in books if book.mode is mode], to, rates) for mode in Mode)
    return [total for total in found if total.rates]


def totals(books: Iterable[Book], rates: Rates) -> list[Total]:
    """The totals in every currency that there are rates for."""
    books = list(books)
    return [
        total
        for to in sorted({rate.worth.currency for rate in rates.values()})
        for total in converted(books, to, rates)
    ]


def _total(mode: Mode, books: Sequence[Book], to: str, rates: Rates) -> Total:
    used = {book.currency: rate for book in books if (rate := _rate(book.currency, to, rates))}
    counted = [book for book in books if book.currency in used]

    def total(amounts: Iterable[Money | None]) -> Money | None:
        known = [used[amount.currency].of(amount) if amount else amount for amount in amounts]
        return None if None in known else sum((one for one in known if one), Money(Decimal(0), to))

    return Total(
        mode=mode,
        currency=to,
        pnl=total(book.pnl for book in counted) or Money(Decimal(0), to),
        trades=sum(book.trades for book in counted),
        opening=total(book.opening for book in counted),
        closing=total(book.closing for book in counted),
        base=total(book.base for book in counted),
        rates=tuple(rate for currency, rate in used.items() if currency != to),
        missing=tuple(book.currency for book in books if book.currency not in used),
    )


def _rate(currency: str, to: str, rates: Rates) -> Rate | None:
    """A rate to that currency; any amount is worth itself in its own."""
    if currency == to:
        return Rate(currency, Money(Decimal(1), to))
    found = rates.get(currency)
    return found if found and found.worth.currency == to else None
