"""Last month: its calendar, the month before, the agents, markets, weekdays and hours behind its P&L, and its risk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import TypedDict

from pydantic import NonNegativeInt, PositiveInt

from reporter import AllTime, Book, BookLine, By, Context, Money, Params, Report, job
from reporter.jobs.kit import (
    ENOUGH_DAYS,
    Breakdown,
    PeriodChange,
    TargetProgress,
    Total,
    Unread,
    Uptime,
    breakdown,
    change_from,
    leading,
    target_progress,
    tone_of,
)
from reporter.metrics import Curve, average_loss, average_win, curve_of

SPLITS: tuple[tuple[str, By], ...] = (("🏷️ Markets", "market"), ("🚪 Exits", "exit_reason"))
WEEKDAYS: By = "weekday"
HOURS: By = "hour"


class Parameters(Params):
    """`top` is how many agents of a book are named, `splits` how many markets and exit reasons; 0 leaves these out.

    Books that do not lead (paper beside live ones) are shown in brief; `full` shows them like the others.
    """

    top: PositiveInt = 10
    splits: NonNegativeInt = 5
    full: bool = False


@dataclass(frozen=True)
class Day:
    """One day of the month."""

    date: date
    """The day."""
    pnl: Money
    """Its P&L."""
    weight: float
    """Its P&L as a share of the largest gain or loss of a day, 0 to 1."""

    @property
    def mark(self) -> str:
        """Whether the day gained (▲), lost (▼) or did neither (·)."""
        return "▲" if self.pnl.amount > 0 else "▼" if self.pnl.amount < 0 else "·"


@dataclass(frozen=True)
class Week:
    """A row of the calendar: Monday to Sunday, None for days of other months."""

    label: str
    """The week's name in the calendar."""
    days: list[Day | None]
    """Monday to Sunday; None for days of other months."""
    pnl: Money
    """Its P&L, of days of this month only."""

    @property
    def marks(self) -> str:
        """Which days gained (▲), lost (▼), did neither (·), and are of another month (-)."""
        return "".join(day.mark if day else "-" for day in self.days)


@dataclass(frozen=True)
class Section:
    """One book of the month."""

    book: Book
    """The book, with all figures of the period."""
    change: PeriodChange | None
    """The change from the period before; None where it is not known of the same ledgers."""
    goals: TargetProgress | None
    """How far the targets are reached; None where nobody aims at anything in this book."""
    curve: Curve
    """The equity curve of the month's days."""
    weeks: list[Week]
    """The rows of the calendar."""
    agents: Breakdown
    """The P&L by agent."""
    idle: int
    """How many agents closed no trade."""
    splits: list[Breakdown]
    """The P&L by market and by exit."""
    weekdays: list[BookLine]
    """The figures of each weekday."""
    hours: list[BookLine]
    """The figures of each hour of the day."""
    brief: bool
    """Whether a few lines suffice: another book leads."""
    detailed: bool
    """Whether the breakdowns are shown."""

    @property
    def busy(self) -> int:
        """On how many days anything was won or lost."""
        return sum(bool(pnl) for pnl in self.book.daily)

    @property
    def gains(self) -> int:
        """On how many days more was won than lost."""
        return sum(pnl > 0 for pnl in self.book.daily)

    @property
    def losses(self) -> int:
        """On how many days more was lost than won."""
        return sum(pnl < 0 for pnl in self.book.daily)

    @property
    def days_over_limit(self) -> int:
        """On how many days the limit of a day's drawdown was lost, from midnight to midnight."""
        limit = self.goals.drawdown if self.goals else None
        return sum(-pnl >= limit.amount for pnl in self.book.daily) if limit else 0

    @property
    def win(self) -> Money | None:
        """The average gain of a winning trade; None without one."""
        return average_win(self.book)

    @property
    def loss(self) -> Money | None:
        """The average loss of a losing trade; None without one."""
        return average_loss(self.book)

    @property
    def enough(self) -> bool:
        """Whether ratios of these days say anything."""
        return self.busy >= ENOUGH_DAYS

    @property
    def a_day(self) -> Money:
        """The average P&L of a day."""
        return _average(self.book.pnl, len(self.book.daily))

    @property
    def a_day_before(self) -> Money | None:
        """What a day of the month before made on average; months are of different lengths."""
        before = self.change.before if self.change else None
        return _average(before.pnl, len(before.daily)) if before else None

    @property
    def best_week(self) -> Week | None:
        """The week with the highest P&L; None with fewer than two to compare."""
        return max(self._busy_weeks, key=lambda week: week.pnl) if len(self._busy_weeks) > 1 else None

    @property
    def worst_week(self) -> Week | None:
        """The week with the lowest P&L; None with fewer than two to compare."""
        return min(self._busy_weeks, key=lambda week: week.pnl) if len(self._busy_weeks) > 1 else None

    @property
    def best_hour(self) -> BookLine | None:
        """The hour of the day with the highest P&L; None with fewer than two to compare."""
        return max(self.hours, key=lambda line: line.pnl) if len(self.hours) > 1 else None

    @property
    def worst_hour(self) -> BookLine | None:
        """The hour of the day with the lowest P&L; None with fewer than two to compare."""
        return min(self.hours, key=lambda line: line.pnl) if len(self.hours) > 1 else None

    @property
    def _busy_weeks(self) -> list[Week]:
        return [week for week in self.weeks if week.pnl]


class Facts(TypedDict):
    """What the report adds for its template."""

    sections: list[Section]
    """One section a book, in the order of the report."""
    totals: list[Total]
    """The books of several currencies together, by the rates of the config; empty without rates."""
    all_time: list[AllTime]
    """What each ledger realised since its first trade, with its deepest fall; without those that are not known."""
    uptime: list[Uptime]
    """The uptime of each probe in the period."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""


@job(
    covers="last month",
    schedule="monthly on 1 at 00:15",
    params=Parameters,
    deadline=180,
    answers=("pnl monthly", "performance"),
)
def monthly_report(ctx: Context[Parameters]) -> Iterator[Report]:
    """Last month: its days and weeks, the month before, agents, markets, hours, risk, reconciliation."""
    books, before = ctx.books(ctx.period, daily=True, account=True), ctx.books(ctx.previous, daily=True)
    by: dict[By, list[Book]] = {}
    if any(book.trades for book in books):
        asked = [WEEKDAYS, HOURS, *(name for _, name in SPLITS if ctx.params.splits)]
        by = {name: ctx.books(ctx.period, by=name) for name in asked}
    leaders = books if ctx.params.full else leading(books)
    detailed = ctx.params.full or len(leaders) == 1
    sections = [_section(ctx, book, before, by, brief=book not in leaders, detailed=detailed) for book in books]
    facts: Facts = {
        "sections": sections,
        "all_time": ctx.all_time(),
        "totals": ctx.totals(books),
        "uptime": _uptime(ctx),
        "unread": ctx.unread([*books, *before]),
    }
    yield Report(books=books, facts=facts, tone=tone_of(books))


def _section(
    ctx: Context[Parameters],
    book: Book,
    before: Sequence[Book],
    by: dict[By, list[Book]],
    *,
    brief: bool,
    detailed: bool,
) -> Section:
    curve = curve_of(book, ctx.period, book.opening, ctx.basis)
    return Section(
        book=book,
        change=change_from(book, book.counterpart(before)),
        goals=None if brief else target_progress(book, ctx.targets),
        curve=curve,
        weeks=_weeks(ctx, book),
        agents=breakdown("🤖 Agents", _traded(book), book.currency, ctx.params.top if detailed and not brief else 3),
        idle=sum(not line.trades for line in book.lines),
        splits=[] if brief else list(_splits(ctx, book, by)),
        weekdays=_lines(book, by.get(WEEKDAYS, [])),
        hours=_lines(book, by.get(HOURS, [])),
        brief=brief,
        detailed=detailed,
    )


def _weeks(ctx: Context[Parameters], book: Book) -> list[Week]:
    dates = [date.fromisoformat(day.label) for day in ctx.period.days()]
    most = max(map(abs, book.daily), default=Decimal(0)) or Decimal(1)
    days = [
        Day(at, Money(pnl, book.currency), float(abs(pnl) / most)) for at, pnl in zip(dates, book.daily, strict=True)
    ]
    return [_week(number, list(week)) for number, week in groupby(days, lambda day: day.date.isocalendar().week)]


def _week(number: int, days: list[Day]) -> Week:
    of = {day.date.weekday(): day for day in days}
    pnl = sum((day.pnl for day in days), days[0].pnl - days[0].pnl)
    return Week(f"W{number:02}", [of.get(weekday) for weekday in range(7)], pnl)


def _splits(ctx: Context[Parameters], book: Book, by: dict[By, list[Book]]) -> Iterator[Breakdown]:
    for heading, name in SPLITS:
        lines = _lines(book, by.get(name, []))
        if len(lines) > 1:
            yield breakdown(heading, lines, book.currency, ctx.params.splits)


def _lines(book: Book, books: Sequence[Book]) -> list[BookLine]:
    """The lines of the same book, laid out in another way."""
    found = book.counterpart(books)
    return list(found.lines) if found else []


def _traded(book: Book) -> list[BookLine]:
    return [line for line in book.lines if line.trades]


def _average(pnl: Money, days: int) -> Money:
    return Money(pnl.amount / max(days, 1), pnl.currency)


def _uptime(ctx: Context[Parameters]) -> list[Uptime]:
    """How what is watched fared in the month, the worst first; nothing is said of what nobody saw."""
    seen = [one for name, one in ctx.history.uptime(ctx.period).items() if name.startswith("probe/")]
    return sorted((one for one in seen if one.share is not None), key=lambda one: (one.share or 0.0, one.subject))
