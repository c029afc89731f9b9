"""Each position that was closed since the last run: entry, exit, duration and result."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TypedDict

from reporter import Context, Money, Observation, Report, Tone, Trade, job
from reporter.jobs.kit import FeedNews, FeedParams, JobState, channels_of, feed_news, summary_report, worth


class Facts(TypedDict):
    """What the report adds for its template."""

    trade: Trade
    """The closed position."""
    paid: Money | None
    """Its size at the entry price; None where one of them is unknown."""
    share: Decimal | None
    """The result as a share of that; None where that is unknown."""


@job(covers="now", schedule="every 5s", params=FeedParams, observes=("feed/{ledger}",), frequent=True)
def positions_closed(ctx: Context[FeedParams]) -> Iterator[Report | Observation | JobState]:
    """Each position that was closed since the last run, once: entry, exit, duration and result."""
    for found in feed_news(ctx):
        if not isinstance(found, FeedNews):
            yield found
            continue
        if found.summed:
            yield from summary_report(ctx, found, "positions_closed_summary")
        else:
            for trade in found.closed:
                yield from _reports(ctx, trade)
        yield found.state


def _reports(ctx: Context[FeedParams], trade: Trade) -> Iterator[Report]:
    paid = worth(trade.size, trade.entry_price, trade.pnl.currency)
    facts: Facts = {"trade": trade, "paid": paid, "share": trade.pnl / paid if paid else None}
    tone = Tone.GOOD if trade.pnl.amount > 0 else Tone.BAD if trade.pnl.amount < 0 else Tone.INFO
    for channel in channels_of(ctx.params, trade):
        yield Report(facts=facts, tone=tone, channel=channel)
