"""Last week, day by day and compared with the week before: agents, markets, exits, risk and uptime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from pydantic import NonNegativeInt, PositiveInt

from reporter import AllTime, Book, BookLine, By, Context, Money, Params, Period, Report, job
from reporter.jobs.kit import (
    Breakdown,
    Contributors,
    DailyHistory,
    PeriodChange,
    TargetProgress,
    Total,
    Unread,
    Uptime,
    breakdown,
    change_from,
    contributors,
    daily_history,
    leading,
    target_progress,
    tone_of,
)
from reporter.periods import trailing

SPLITS: tuple[tuple[str, By], ...] = (("🏷️ Markets", "market"), ("🚪 Exits", "exit_reason"))


class Parameters(Params):
    """`top` is how many agents are named at each end, `splits` how many markets and exit reasons; 0 leaves them out.

    `days` is what ratios and drawdown are taken of: seven days are too few to say anything of risk.
    """

    top: PositiveInt = 3
    splits: NonNegativeInt = 3
    days: PositiveInt = 30


@dataclass(frozen=True)
class Day:
    """One day of the week: what was made on it, and on the same day of the week before; `line` where it had trades."""

    period: Period
    """The day."""
    pnl: Money
    """Its P&L."""
    before: Money | None
    """The P&L of the same day of the week before; None where it is not known."""
    line: BookLine | None
    """Its figures; None for a day without trades."""

    @property
    def weekday(self) -> str:
        """The weekday's name."""
        return f"{self.period.start.astimezone(self.period.tz):%a}"


@dataclass(frozen=True)
class Section:
    """One book of the week. `change` is None where the week before is not known of the same ledgers."""

    book: Book
    """The book, with all figures of the period."""
    days: list[Day]
    """The days of the week."""
    contributors: Contributors
    """The best and the worst agents."""
    change: PeriodChange | None
    """The change from the period before; None where it is not known of the same ledgers."""
    goals: TargetProgress | None
    """How far the targets are reached; None where nobody aims at anything in this book."""
    history: DailyHistory | None
    """The days up to the end of the week; None where they are not known."""
    splits: list[Breakdown]
    """The P&L by market and by exit."""
    brief: bool
    """Whether a few lines suffice: another book leads."""

    @property
    def best(self) -> Day | None:
        """The day that made the most of those with a trade; None where only one had any."""
        return max(self._busy, key=lambda day: day.pnl, default=None) if len(self._busy) > 1 else None

    @property
    def worst(self) -> Day | None:
        """The day that made the least of those with a trade; None where only one had any."""
        return min(self._busy, key=lambda day: day.pnl, default=None) if len(self._busy) > 1 else None

    @property
    def _busy(self) -> list[Day]:
        return [day for day in self.days if day.line]


class Facts(TypedDict):
    """What the report adds for its template."""

    sections: list[Section]
    """One section a book, in the order of the report."""
    all_time: list[AllTime]
    """What each ledger realised since its first trade, with its deepest fall; without those that are not known."""
    uptime: list[Uptime]
    """The uptime of each probe in the period."""
    totals: list[Total]
    """The books of several currencies together, by the rates of the config; empty without rates."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""


@job(covers="last week", schedule="weekly on mon at 00:10", params=Parameters, answers=("pnl weekly",))
def weekly_report(ctx: Context[Parameters]) -> Iterator[Report]:
    """Last week: day by day, the week before, agents, markets, exits, risk, uptime."""
    books, before = ctx.books(ctx.period, daily=True), ctx.books(ctx.previous, daily=True)
    views = _Views(
        before=before,
        weekdays=ctx.books(ctx.period, by="weekday"),
        splits=[(heading, ctx.books(ctx.period, by=by)) for heading, by in SPLITS] if ctx.params.splits else [],
        histories=[daily_history(series, ctx.basis) for series in ctx.series(trailing(ctx.period, ctx.params.days))],
    )
    sections = [_section(ctx, book, views, brief=book not in leading(books)) for book in books]
    facts: Facts = {
        "sections": sections,
        "all_time": ctx.all_time(),
        "uptime": _uptime(ctx),
        "totals": ctx.totals(books),
        "unread": ctx.unread([*books, *before]),
    }
    yield Report(books=books, facts=facts, tone=tone_of(books))


@dataclass(frozen=True)
class _Views:
    """What is known of all books from other sides: the week before, by weekday, by market and exit, and day by day."""

    before: Sequence[Book]
    weekdays: Sequence[Book]
    splits: Sequence[tuple[str, Sequence[Book]]]
    histories: Sequence[DailyHistory]


def _section(ctx: Context[Parameters], book: Book, views: _Views, *, brief: bool) -> Section:
    changed = change_from(book, book.counterpart(views.before))
    return Section(
        book=book,
        days=_days(ctx.period, book, changed, book.counterpart(views.weekdays)),
        contributors=contributors(book, 1 if brief else ctx.params.top),
        change=changed,
        goals=None if brief else target_progress(book, ctx.targets),
        history=next((history for history in views.histories if history.belongs_to(book)), None),
        splits=[] if brief else list(_splits(book, views, ctx.params.splits)),
        brief=brief,
    )


def _days(period: Period, book: Book, changed: PeriodChange | None, weekdays: Book | None) -> list[Day]:
    """The seven days; a week in which the calendar left one out has no day to compare with."""
    lines = {line.key: line for line in weekdays.lines} if weekdays else {}
    days = period.days()
    past = changed.before.daily if changed and len(changed.before.daily) == len(days) else [None] * len(days)
    return [
        Day(day, Money(pnl, book.currency), None if then is None else Money(then, book.currency), lines.get(_name(day)))
        for day, pnl, then in zip(days, book.daily, past, strict=True)
    ]


def _name(day: Period) -> str:
    return f"{day.start.astimezone(day.tz):%A}"


def _splits(book: Book, views: _Views, count: int) -> Iterator[Breakdown]:
    for heading, books in views.splits:
        parts = book.counterpart(books)
        if parts and len(parts.lines) > 1:
            yield breakdown(heading, parts.lines, book.currency, count)


def _uptime(ctx: Context[Parameters]) -> list[Uptime]:
    """How what is watched fared in the week, the worst first; nothing is said of what nobody saw."""
    seen = [one for name, one in ctx.history.uptime(ctx.period).items() if name.startswith("probe/")]
    return sorted((one for one in seen if one.share is not None), key=lambda one: (one.share or 0.0, one.subject))
