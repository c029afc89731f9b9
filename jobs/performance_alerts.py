"""Watches the limits of the config. An alert shows how much of a limit is used, by which agents, and the trend."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import TypedDict

from reporter import Book, Context, LedgerError, Level, Money, Observation, Report, Tone, Trade, job
from reporter.jobs.kit import (
    LIMIT_KINDS,
    AlertState,
    LimitInputs,
    LimitOwner,
    LimitParams,
    UsageGrading,
    leading,
    limit_usages,
    unknown_observations,
)

# How long after it a target that was reached is news.
NEWS = timedelta(hours=1)


@job(
    covers="today",
    schedule="every 5m",
    params=LimitParams,
    observes=tuple(f"limit/{measure.key}/*" for measure in LIMIT_KINDS),
)
def performance_alerts(ctx: Context[LimitParams]) -> Iterator[Observation | Report]:
    """Watches limits of loss, drawdown, win rate, streaks, positions and exposure; agents under review; targets."""
    look = LimitInputs(ctx)
    standing = {state.subject: state for state in ctx.history.open_alerts()}
    grading = UsageGrading(ctx.params.warn_at, ctx.params.paper == "critical", ctx.period.start, ctx.formats)
    try:
        seen = [grading.observed(gauge, standing.get(gauge.subject)) for gauge in limit_usages(look)]
        books, away = look.today, ", ".join(one.ledger for one in ctx.unread(look.today))
    except LedgerError as error:
        seen, books, away = [], [], ", ".join(one.ledger for one in ctx.unread([])) or str(error)
    seen += unknown_observations(ctx, books, away)
    if away and not seen:
        raise LedgerError(away)
    yield from seen
    left = [state for subject, state in standing.items() if subject not in {one.subject for one in seen}]
    yield from _unseen(left, away)
    if ctx.params.target:
        yield from _reached(look, [book for book in leading(books) if not LimitOwner(book).missing])


def _unseen(left: Iterable[AlertState], away: str) -> Iterator[Observation]:
    """Open alerts of ours about what this round did not see, such as an agent that is gone."""
    ours = tuple(f"limit/{measure.key}/" for measure in LIMIT_KINDS)
    for state in left:
        if not state.subject.startswith(ours):
            continue
        if away:
            yield Observation(state.subject, Level.UNKNOWN, f"cannot be judged: {away} cannot be read")
        else:
            gone = "not watched any more: the limit is not set, or whom it is of is gone"
            yield Observation(state.subject, Level.OK, gone)


class Facts(TypedDict):
    """What the report adds for its template."""

    book: Book
    """The book that reached its target."""
    target: Money
    """The daily target."""
    trade: Trade
    """The trade that reached the target."""
    pnl: Money | None
    """The P&L of the day up to and with this trade."""


def _reached(look: LimitInputs, books: Sequence[Book]) -> Iterator[Report]:
    """The daily targets that were reached within the last hour, each reported once: its slot is of the day."""
    ctx = look.ctx
    for book in books:
        target = ctx.targets.daily_pnl.get(book.currency)
        if target and book.pnl >= target:
            own = look.trades[LimitOwner(book).key]
            made = zip(own, accumulate(trade.pnl for trade in own), strict=True)
            trade, pnl = next(((trade, pnl) for trade, pnl in made if pnl >= target), (None, None))
            if trade and abs(ctx.now - trade.closed_at) < NEWS:
                slot = f"target/{ctx.period.label}/{book.mode}/{book.currency}"
                facts: Facts = {"book": book, "target": target, "trade": trade, "pnl": pnl}
                yield Report(books=[book], facts=facts, tone=Tone.GOOD, slot=slot)
