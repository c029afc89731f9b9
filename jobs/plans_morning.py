"""What the authors mean to do today."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

from reporter import Context, Report, job
from reporter.jobs.kit import PlanAuthor, TradingPlan


@dataclass(frozen=True)
class Entry:
    """One author's plan for today."""

    author: PlanAuthor
    """Who wrote it."""
    plan: TradingPlan
    """The plan, with every version of it."""
    named: str
    """What was understood of it: `long BTC/USDT, stop 930; agent Momentum_v2`."""


class Facts(TypedDict):
    """What the report adds for its template."""

    entries: list[Entry]
    """The plans that stand, author by author."""
    missing: list[PlanAuthor]
    """The authors who have written none."""


@job(covers="today", schedule="daily at 08:00", section="plans")
def plans_morning(ctx: Context) -> Iterator[Report]:
    """The plans of the day, and who has written none."""
    settings = ctx.plan_settings
    if settings is None:
        return
    entries = []
    for author in settings.authors.values():
        day = ctx.now.astimezone(author.zone).date()
        mine = [plan for plan in ctx.history.plans(day, day) if plan.newest.author == author.key and not plan.withdrawn]
        named = [settings.understood(plan.newest.text) for plan in mine]
        entries += [Entry(author, plan, str(found)) for plan, found in zip(mine, named, strict=True)]
    written = {entry.author.key for entry in entries}
    missing = [author for author in settings.authors.values() if author.key not in written]
    facts: Facts = {"entries": entries, "missing": missing}
    yield Report(facts=facts, slot=f"plans/{ctx.period.label}")
