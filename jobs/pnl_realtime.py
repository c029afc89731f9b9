"""Today so far: realised P&L, open positions and used limits, in one message that is edited."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from pydantic import PositiveFloat

from reporter import Book, Context, Money, Params, Report, job
from reporter.jobs.kit import PeriodChange, RiskLimits, Total, Unread, change_from, leading, share_of, tone_of
from reporter.periods import as_far

# Where no figure changed the message is left alone, but for its clock, which shows now and then that we live.
REFRESH = timedelta(hours=1)


class Parameters(Params):
    """Prices of open positions older than `stale_minutes` get a warning.

    Books that do not lead (paper beside live ones) are shown in brief; `full` shows them like the others.
    """

    stale_minutes: PositiveFloat = 10
    full: bool = False


@dataclass(frozen=True)
class Use:
    """How much of a limit is used."""

    name: str
    """The limit's name."""
    amount: Money
    """How much of it is used."""
    limit: Money
    """The limit."""

    @property
    def share(self) -> float:
        """The used share of the limit: 1 where all of it is."""
        return float(-self.amount / self.limit or 0)


@dataclass(frozen=True)
class Section:
    """One book so far. `change` is to the day before at this time of day; `stale` are prices older than they should be.

    What is open counts as far as it has a price; `total` and `balance` are without it where nothing of it has one.
    """

    book: Book
    """The book, with all figures of the period."""
    change: PeriodChange | None
    """The change from the day before at this time of day; None where it is not known."""
    used: list[Use]
    """How much of each limit is used."""
    stale: bool
    """Whether the prices are older than they should be."""
    brief: bool
    """Whether a few lines suffice: another book leads."""

    @property
    def open(self) -> int:
        """How many positions are open."""
        return self.book.open.positions if self.book.open else 0

    @property
    def unpriced(self) -> int:
        """How many open positions have no price."""
        return self.book.open.unpriced if self.book.open else 0

    @property
    def priced_at(self) -> datetime | None:
        """When the oldest price was taken."""
        return self.book.open.priced_at if self.book.open else None

    @property
    def unrealised(self) -> Money | None:
        """What the open positions would make; None where some are open and none has a price."""
        return self.book.open.unrealised if self.book.open else None

    @property
    def total(self) -> Money:
        """The realised P&L, with the unrealised where it is known."""
        return self.book.pnl + self.unrealised if self.unrealised else self.book.pnl

    @property
    def balance(self) -> Money | None:
        """The closing balance, with unrealised P&L where that is known; None where the former is not."""
        if self.book.closing is None:
            return None
        return self.book.closing + self.unrealised if self.unrealised else self.book.closing

    @property
    def ratio(self) -> float | None:
        """The P&L as a share of the balance before; None where that is not known."""
        share = share_of(self.total, self.book.base)
        return None if share is None else float(share)


class Facts(TypedDict):
    """What the report adds for its template."""

    sections: list[Section]
    """One section a book, in the order of the report."""
    totals: list[Total]
    """The books of several currencies together, by the rates of the config; empty without rates."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""
    priced_at: datetime | None
    """When the oldest price of an open position was taken; None where no price has an age."""
    ageless: bool
    """Whether any price of an open position has no known age."""
    traded_at: datetime | None
    """When the newest trade closed."""


@job(covers="today", schedule="every 5m", params=Parameters, answers=("pnl today",))
def pnl_realtime(ctx: Context[Parameters]) -> Iterator[Report]:
    """Today so far: balance, realised and unrealised P&L, trades, win rate, best, worst, fees, limits."""
    # What is open is known of this moment, and of no other day.
    books = ctx.books(ctx.period, account=ctx.period.so_far)
    before = ctx.books(as_far(ctx.period))
    sections = [_section(ctx, book, before, leading(books)) for book in books]
    priced = [section.priced_at for section in sections if section.priced_at]
    traded = [one.newest_trade_at for one in ctx.ledger.health() if one.newest_trade_at]
    traded = [moment for moment in traded if moment <= ctx.now]
    facts: Facts = {
        "sections": sections,
        "totals": ctx.totals(books),
        "unread": ctx.unread([*books, *before]),
        "priced_at": min(priced, default=None),
        "ageless": any(section.open > section.unpriced for section in sections),
        "traded_at": max(traded, default=None),
    }
    yield Report(books=books, facts=facts, tone=tone_of(books), slot="pnl", refresh=REFRESH)


def _section(ctx: Context[Parameters], book: Book, before: list[Book], leaders: list[Book]) -> Section:
    oldest = book.open.priced_at if book.open else None
    return Section(
        book=book,
        change=change_from(book, book.counterpart(before)),
        used=list(_used(book, ctx.targets.limits_of(book.mode))),
        stale=oldest is not None and ctx.now - oldest > timedelta(minutes=ctx.params.stale_minutes),
        brief=book not in leaders and not ctx.params.full,
    )


def _used(book: Book, limits: RiskLimits) -> Iterator[Use]:
    """The limits of a day beside what was lost of them."""
    loss, fall = limits.daily_loss.get(book.currency), limits.drawdown.get(book.currency)
    nothing = book.pnl - book.pnl
    if loss:
        yield Use("Daily Loss", min(book.pnl, nothing), loss)
    if fall and book.drawdown is not None:
        yield Use("Drawdown", book.drawdown, fall)
