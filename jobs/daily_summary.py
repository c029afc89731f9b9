"""The day that is over: balance, P&L, the best and the worst, and how it stands to the targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pydantic import PositiveInt

from reporter import Book, Context, Line, Money, Params, Report, job, leading, tone_of


class Parameters(Params):
    """`top` is how many performers, and how many underperformers, are named in each book."""

    top: PositiveInt = 3


@dataclass(frozen=True)
class Goals:
    """What was aimed at in one book, as far as the config says."""

    book: Book
    daily: Money | None
    win_rate: Decimal | None
    drawdown: Money | None

    def __bool__(self) -> bool:
        return any(target is not None for target in (self.daily, self.win_rate, self.drawdown))

    @property
    def achieved(self) -> Decimal | None:
        """The day's P&L as a share of the daily target."""
        return self.book.pnl / self.daily if self.daily else None

    @property
    def win_rate_met(self) -> bool | None:
        if self.win_rate is None or self.book.win_rate is None:
            return None
        return self.book.win_rate > self.win_rate

    @property
    def drawdown_kept(self) -> bool | None:
        if self.drawdown is None or self.book.drawdown is None:
            return None
        return -self.book.drawdown < self.drawdown


@dataclass(frozen=True)
class Section:
    """One book of the day: who carried it and who cost it, and what it made more than the day before.

    `change` is None where the day before is not known of the same ledgers.
    """

    book: Book
    top: list[Line]
    under: list[Line]
    change: Money | None
    goals: Goals | None


@job(covers="yesterday", schedule="daily at 00:00", params=Parameters)
def daily_summary(ctx: Context[Parameters]) -> Iterator[Report]:
    """The day that is over: balance, P&L, win rate, who carried it and who cost it, targets."""
    books = ctx.books(ctx.period)
    before = ctx.books(ctx.previous)
    sections = [_section(ctx, book, book.counterpart(before), leading(books)) for book in books]
    facts = {"sections": sections, "unread": ctx.unread([*books, *before])}
    yield Report(books=books, facts=facts, tone=tone_of(books))


def _section(ctx: Context[Parameters], book: Book, before: Book | None, measured: list[Book]) -> Section:
    traded = [line for line in book.lines if line.trades]
    return Section(
        book=book,
        top=[line for line in traded if line.pnl.amount > 0][: ctx.params.top],
        under=[line for line in reversed(traded) if line.pnl.amount < 0][: ctx.params.top],
        change=book.pnl - before.pnl if before and before.ledgers == book.ledgers else None,
        goals=_goals(ctx, book) if book in measured else None,
    )


def _goals(ctx: Context[Parameters], book: Book) -> Goals:
    return Goals(
        book=book,
        daily=ctx.targets.daily_pnl.get(book.currency),
        win_rate=ctx.targets.win_rate,
        drawdown=ctx.targets.drawdown.get(book.currency),
    )
