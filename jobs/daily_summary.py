"""Yesterday: balance, P&L, the best and the worst, compared with the day before and with the targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from pydantic import PositiveInt

from reporter import Book, Context, Params, Report, job
from reporter.jobs.kit import (
    Contributors,
    DailyHistory,
    PeriodChange,
    PlanResult,
    TargetProgress,
    Total,
    Unread,
    change_from,
    contributors,
    daily_history,
    leading,
    target_progress,
    tone_of,
)
from reporter.periods import trailing


class Parameters(Params):
    """`top` is how many top performers, and how many underperformers, are named in each book.

    `days` is how many days the picture and the line about it cover. Books that do not lead (paper beside live ones) are
    shown in brief; `full` shows them like the others.
    """

    top: PositiveInt = 3
    days: PositiveInt = 30
    full: bool = False


@dataclass(frozen=True)
class Section:
    """One book of the day: its contributors, its change and its targets.

    `change` is None where the day before is not known of the same ledgers, `goals` where nobody aims at anything in
    this book. `history` are the days up to this one. `brief` sections take a few lines.
    """

    book: Book
    """The book, with all figures of the period."""
    contributors: Contributors
    """The best and the worst agents."""
    change: PeriodChange | None
    """The change from the period before; None where it is not known of the same ledgers."""
    goals: TargetProgress | None
    """How far the targets are reached; None where nobody aims at anything in this book."""
    history: DailyHistory | None
    """The days up to this one; None where they are not known."""
    brief: bool
    """Whether a few lines suffice: another book leads."""


class Facts(TypedDict):
    """What the report adds for its template."""

    sections: list[Section]
    """One section a book, in the order of the report."""
    histories: list[DailyHistory]
    """The days up to this one, of each book that is shown in full: what the picture draws."""
    recent: bool
    """Whether the day ended within the last 24 hours."""
    totals: list[Total]
    """The books of several currencies together, by the rates of the config; empty without rates."""
    plans: list[PlanResult]
    """Each trading plan of the day beside what came of it; empty without `plans` in the config."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""


@job(covers="yesterday", schedule="daily at 00:00", params=Parameters, answers=("pnl daily",))
def daily_summary(ctx: Context[Parameters]) -> Iterator[Report]:
    """Yesterday: balance, P&L, win rate, top performers, underperformers, targets, open positions."""
    recent = ctx.now - ctx.period.end < timedelta(days=1)
    books = ctx.books(ctx.period, account=True)
    before = ctx.books(ctx.previous)
    histories = [daily_history(series, ctx.basis) for series in ctx.series(trailing(ctx.period, ctx.params.days))]
    sections = [_section(ctx, book, before, histories, leading(books)) for book in books]
    drawn = [section.history for section in sections if section.history and not section.brief]
    facts: Facts = {
        "sections": sections,
        "histories": drawn,
        "recent": recent,
        "totals": ctx.totals(books),
        "plans": ctx.plan_results(ctx.period),
        "unread": ctx.unread([*books, *before]),
    }
    yield Report(books=books, facts=facts, tone=tone_of(books))


def _section(
    ctx: Context[Parameters], book: Book, before: list[Book], histories: list[DailyHistory], leaders: list[Book]
) -> Section:
    brief = book not in leaders and not ctx.params.full
    return Section(
        book=book,
        contributors=contributors(book, 1 if brief else ctx.params.top),
        change=change_from(book, book.counterpart(before)),
        goals=target_progress(book, ctx.targets) if book in leaders else None,
        history=next((history for history in histories if history.belongs_to(book)), None),
        brief=brief,
    )
