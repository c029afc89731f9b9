"""Who trades: a board of all agents, and a message when one starts, stops, is paused or changes its mode."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from pydantic import PositiveInt

from reporter import Book, BookLine, Context, Mode, Observation, Params, Period, Report, Severity, Tone, job
from reporter.jobs.kit import Agent, AgentChange, JobState, Roster, RosterEntry, roster

REFRESH = timedelta(hours=1)
TONES = {"started": Tone.GOOD, "resumed": Tone.GOOD, "stopped": Tone.BAD, "paused": Tone.WARNING}


class Parameters(Params):
    """`lines` is how many agents the board names; the others are counted."""

    lines: PositiveInt = 30


@dataclass(frozen=True)
class FinalStats:
    """What an agent did in all."""

    line: BookLine
    """Its figures since its first trade."""
    runtime: timedelta | None
    """How long it traded, from its first trade; None without any."""


class Facts(TypedDict):
    """What the report adds for its template: the board has `roster`, a message `change`."""

    roster: Roster
    """All agents."""
    seen: dict[str, Agent]
    """What the sources say of each agent, by ledger and name."""
    change: AgentChange
    """What changed about one agent."""
    alike: list[RosterEntry]
    """Agents that had the same strategy before a new one came."""
    markets: list[str]
    """What the agent trades, as far as its open positions say."""
    final: FinalStats | None
    """What a stopped agent did in all; None where it never traded."""


@job(covers="now", schedule="every 1m", params=Parameters)
def agents_status(ctx: Context[Parameters]) -> Iterator[Report | Observation | JobState]:
    """Who trades: a board of all agents, and a message when one starts, stops, is paused or changes its mode."""
    state = ctx.state("agents")
    found = roster(ctx, state.value)
    for change in found.changes:
        if change.kind != "capital":  # which capital_allocation reports
            yield _message(ctx, found, change)
    seen = {f"{agent.ledger}/{agent.name}": agent for agent in ctx.ledger.agents()} if ctx.ledger.names() else {}
    facts = {"roster": found, "seen": seen}
    yield Report(facts=facts, template="agents_status_board", slot="agents", refresh=REFRESH)
    if found.kept != state.value:
        yield JobState(name=state.name, value=found.kept, version=state.version)


def _message(ctx: Context[Parameters], found: Roster, change: AgentChange) -> Report:
    agent = change.agent
    earlier = [one for one in found.agents if one.since < agent.since]
    alike = [one for one in earlier if agent.strategy and one.strategy == agent.strategy]
    facts: dict[str, Any] = {
        "change": change,
        "alike": alike if change.kind == "started" else [],
        "markets": sorted({one.market for one in ctx.ledger.open_positions() if _is_of(one, agent)}),
        "final": _final(ctx, agent) if change.kind == "stopped" else None,
    }
    to_live = change.kind == "mode" and agent.mode is Mode.LIVE
    return Report(
        facts=facts,
        tone=Tone.WARNING if to_live else TONES.get(change.kind, Tone.INFO),
        severity=Severity.WARNING if to_live else Severity.INFO,
    )


def _is_of(one: Any, agent: RosterEntry) -> bool:
    return (one.agent, one.ledger) == (agent.name, agent.ledger)


def _final(ctx: Context[Parameters], agent: RosterEntry) -> FinalStats | None:
    """All that an agent ever did. It is asked for at a stop only, for it reads the whole past."""
    series = ctx.series(ctx.period, whole=True)
    days = [day for one in series for own in one.agents if (own.key, own.ledger) == (agent.name, agent.ledger)
            for day, pnl in zip(one.days, own.pnl, strict=True) if pnl]  # fmt: skip
    if not days:
        return None
    start = ctx.now - timedelta(days=(ctx.now.date() - min(days)).days + 1)
    books = ctx.books(Period(start, ctx.now, "since its first trade", ctx.period.zone))
    line = next((line for line in _lines(books) if (line.key, line.ledger) == (agent.name, agent.ledger)), None)
    return FinalStats(line, ctx.now - start - timedelta(days=1)) if line and line.trades else None


def _lines(books: list[Book]) -> Iterator[BookLine]:
    yield from (line for book in books for line in book.lines if line.trades)
