"""Each agent's trades, win rate and P&L in the last hour, and its P&L in the last 24 hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypedDict

from pydantic import PositiveInt

from reporter import Book, BookLine, Context, Money, Params, Period, Report, job
from reporter.jobs.kit import PeriodChange, Unread, change_from, tone_of
from reporter.metrics import Status, status


class Parameters(Params):
    """`top` agents of each book are shown, largest change first. `quiet` sends nothing for an hour without a trade.

    An agent's status is based on its last `review_days`, because the few trades of an hour say little. An agent
    without a trade in these days is only counted.
    """

    top: PositiveInt = 12
    quiet: bool = False
    review_days: PositiveInt = 7


@dataclass(frozen=True)
class Row:
    """One agent in the last hour and in the last 24 hours."""

    hour: BookLine
    """The agent's figures of the last hour."""
    day: BookLine
    """The agent's figures of the last 24 hours."""
    status: Status
    """How the agent stands, by its week."""

    @property
    def direction(self) -> Decimal:
        """The P&L amount of the hour, or of the day when the hour brought nothing."""
        return self.hour.pnl.amount or self.day.pnl.amount


@dataclass(frozen=True)
class Section:
    """One book in the last 24 hours: the agents shown, best first, those left out, and how many are idle.

    `change` is that of the hour to the one before it; None where that is not known of the same ledgers.
    """

    book: Book
    """The book of the last 24 hours."""
    shown: list[Row]
    """The agents shown, the best first."""
    others: list[Row]
    """The agents left out."""
    idle: int
    """How many agents closed no trade in the last 24 hours."""
    change: PeriodChange | None
    """The change from the period before; None where it is not known of the same ledgers."""

    @property
    def trades(self) -> int:
        """How many trades closed in the last hour."""
        return sum(row.hour.trades for row in self.shown + self.others)

    @property
    def pnl(self) -> Money:
        """The P&L of the last hour."""
        return self._hours(self.shown + self.others)

    @property
    def others_pnl(self) -> Money:
        """The P&L of the agents left out, in the last hour."""
        return self._hours(self.others)

    def _hours(self, rows: list[Row]) -> Money:
        return sum((row.hour.pnl for row in rows), Money(Decimal(0), self.book.currency))


class Facts(TypedDict):
    """What the report adds for its template."""

    sections: list[Section]
    """One section a book, in the order of the report."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""


@job(covers="last hour", schedule="every hour", params=Parameters)
def agent_performance(ctx: Context[Parameters]) -> Iterator[Report]:
    """Each agent's trades, win rate and P&L in the last hour, and its P&L in the last 24 hours."""
    hours = ctx.books(ctx.period)
    if ctx.params.quiet and not any(book.trades for book in hours):
        return
    days = ctx.books(_ending_with(ctx.period, timedelta(hours=24)))
    weeks = ctx.books(_ending_with(ctx.period, timedelta(days=ctx.params.review_days)))
    before = ctx.books(ctx.previous)
    sections = [_section(ctx, week, days, hours, before) for week in weeks]
    facts: Facts = {"sections": sections, "unread": ctx.unread([*hours, *days, *weeks, *before])}
    yield Report(books=hours, facts=facts, tone=tone_of(hours))


def _ending_with(period: Period, span: timedelta) -> Period:
    return Period(period.end - span, period.end, f"{span} until {period.label}", period.zone)


def _section(ctx: Context[Parameters], week: Book, days: list[Book], hours: list[Book], before: list[Book]) -> Section:
    day, hour = week.counterpart(days), week.counterpart(hours)
    rows = [_row(ctx, line, day, hour) for line in week.lines if line.trades]
    rows.sort(key=lambda row: (abs(row.hour.pnl), row.hour.trades, abs(row.day.pnl)), reverse=True)
    shown = sorted(rows[: ctx.params.top], key=lambda row: (row.hour.pnl, row.day.pnl), reverse=True)
    return Section(
        book=day or week,
        shown=shown,
        others=rows[ctx.params.top :],
        idle=len(week.lines) - len(rows),
        change=change_from(hour, hour.counterpart(before)) if hour else None,
    )


def _row(ctx: Context[Parameters], week: BookLine, day: Book | None, hour: Book | None) -> Row:
    return Row(hour=_line_of(week, hour), day=_line_of(week, day), status=status(week, ctx.targets))


def _line_of(agent: BookLine, book: Book | None) -> BookLine:
    return (book.same_agent(agent) if book else None) or agent.idle()
