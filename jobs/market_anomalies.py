"""A message when a market moves much further than is usual at this hour of the week."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

from pydantic import Field

from reporter import Context, Observation, Params, Report, Severity, Tone, job
from reporter.jobs.kit import JobState, MarketPrice, MarketPrices, UsualMoves, market_prices


class Parameters(Params):
    """`times` is how many times the usual size a move of 15 minutes must have. After a message, the same market is
    quiet for `pause_minutes`."""

    times: float = Field(5, gt=1)
    pause_minutes: float = Field(30, ge=0)


class Facts(TypedDict):
    """What the report adds for its template."""

    market: MarketPrices
    """The market now, and its prices of the last day."""
    moved: float
    """The move of the last 15 minutes, as a share."""
    usual: float
    """The mean size of such moves, as a share."""
    n: int
    """From how many moves that mean is."""
    of_this_hour: bool
    """Whether these moves are of this hour of the week, or of all hours."""


@job(covers="now", schedule="every 5m", params=Parameters)
def market_anomalies(ctx: Context[Parameters]) -> Iterator[Report | Observation | JobState | MarketPrice]:
    """A message when a market moves much further in 15 minutes than is usual at this hour of the week."""
    found, seen = market_prices(ctx)
    state = ctx.state("usual")
    kept = dict(state.value or {})
    for market in found:
        moved = market.changes["15m"]
        if moved is None:
            continue
        own = kept.get(market.quote.market, {"hours": {}, "told": None})
        usual = UsualMoves({int(hour): (n, mean) for hour, (n, mean) in own["hours"].items()})
        hour, told = _hour_of_week(ctx), own["told"]
        known = usual.of(hour)
        if known and abs(moved) >= ctx.params.times * known[0] and not _lately(ctx, told):
            yield _report(market, moved, *known)
            told = ctx.now.isoformat()
        hours = {str(hour): list(figures) for hour, figures in usual.after(hour, abs(moved)).hours.items()}
        kept[market.quote.market] = {"hours": hours, "told": told}
    yield from seen
    yield JobState(name=state.name, value=kept, version=state.version)


def _hour_of_week(ctx: Context[Parameters]) -> int:
    local = ctx.now.astimezone(ZoneInfo(ctx.period.zone))
    return local.weekday() * 24 + local.hour


def _lately(ctx: Context[Parameters], told: str | None) -> bool:
    pause = timedelta(minutes=ctx.params.pause_minutes)
    return told is not None and timedelta() <= ctx.now - datetime.fromisoformat(told) < pause


def _report(market: MarketPrices, moved: float, usual: float, n: int, of_this_hour: bool) -> Report:
    facts: Facts = {"market": market, "moved": moved, "usual": usual, "n": n, "of_this_hour": of_this_hour}
    return Report(facts=facts, tone=Tone.WARNING, severity=Severity.WARNING)
