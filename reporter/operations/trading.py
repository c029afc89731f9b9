"""Operations about the trading floor as it stands now: status, agents, positions, trades, portfolio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from reporter.alerts.model import AlertState, Level
from reporter.app.app import App
from reporter.errors import LedgerError, ReporterError, nearest
from reporter.jobs.kit.status_board import LEVEL_MARKS, LEVEL_TONES, WORST_FIRST, level_summary, worst_level
from reporter.messages.message import Message
from reporter.operations.absent_daemon import absent_daemon
from reporter.operations.operation import Arguments, Invocation, Words
from reporter.periods.civil import Covers, Period, covered
from reporter.store import alerts, announcements, outbox
from reporter.trading.books import Book, BookLine, By, Series, TradeFilter, Unread
from reporter.trading.exchange_rates import totals
from reporter.trading.trades import Agent, Mode, Position

# An agent that reports itself is silent after so long, as for the health board.
SILENT_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class AgentRow:
    """One agent: whether it runs (None where unknown), and its line of today in each book, with the book's mode."""

    agent: Agent
    runs: bool | None
    lines: Sequence[tuple[Mode, BookLine]]


@dataclass(frozen=True)
class Balance:
    """One book's account now; `worth` is the balance with what is open, as far as that has a price."""

    book: Book
    positions: Sequence[Position]


def today(app: App) -> Period:
    return covered(Covers.TODAY, app.clock.wall(), app.runtime.zone.key)


def books(app: App, period: Period, *, account: bool = False) -> list[Book]:
    """The books of a period; none where no ledger is configured. Raises LedgerError when none answers."""
    ledger = app.runtime.inputs.ledger
    try:
        return ledger.performance(period, account=account)
    except LedgerError:
        if ledger.health():
            raise
        return []


def figures(
    app: App, period: Period, by: By = "agent", *, daily: bool = False, account: bool = True
) -> tuple[list[Book], list[Unread]]:
    """The books of a period, and the ledgers that are missing from them; with `account` what is open, if it lasts."""
    try:
        found = app.runtime.inputs.ledger.performance(period, by=by, daily=daily, account=account and period.so_far)
    except LedgerError:
        found = []
    return found, unread(app, found)


def days(app: App, period: Period, *, whole: bool = False) -> tuple[list[Series], list[Unread]]:
    """What each book made day by day, and the ledgers that are missing."""
    try:
        found = app.runtime.inputs.ledger.daily_series(period, whole=whole)
    except LedgerError:
        return [], unread(app, ())
    return found, [one for part in found for one in part.unread]


def unread(app: App, found: Sequence[Book]) -> list[Unread]:
    """The ledgers that are missing from books, or without any book those that do not answer."""
    if found:
        return list({one.ledger: one for book in found for one in book.unread}.values())
    return [
        Unread(one.ledger, one.error or "no answer") for one in app.runtime.inputs.ledger.health() if not one.reachable
    ]


def agents_of(app: App) -> list[Agent]:
    ledger = app.runtime.inputs.ledger
    try:
        return ledger.agents()
    except LedgerError:
        if ledger.health():
            raise
        return []


def agent_names(app: App) -> list[str]:
    return sorted({agent.name for agent in agents_of(app)})


def named(given: str, names: Sequence[str]) -> str | None:
    """The name that somebody has written, in any case of letters; None where it is none, or could be several."""
    if given in names:
        return given
    same = [name for name in names if name.casefold() == given.casefold()]
    return same[0] if len(same) == 1 else None


def known_agents(app: App) -> list[str]:
    """The names of all agents, as far as their ledgers can be read."""
    try:
        return agent_names(app)
    except LedgerError:
        return []


def open_positions(app: App) -> list[Position]:
    ledger = app.runtime.inputs.ledger
    try:
        return ledger.open_positions()
    except LedgerError:
        if ledger.health():
            raise
        return []


class TradesArguments(Arguments):
    number: Annotated[int, Field(ge=1, le=50), Words("N")] = 10
    agent: Annotated[str | None, Words("AGENT", after="of", known=agent_names)] = None


def status(asked: Invocation[Arguments]) -> Iterator[Message]:
    """Everything in a few lines: what is failing, what runs, what is open, what was made today."""
    app = asked.app
    with app.store.read() as connection:
        troubled = [one.state for one in alerts.troubled(connection)]
        waiting = outbox.counts(connection)
        announced = announcements.standing(connection, asked.now)
    failing = sorted((one for one in troubled if one.level is not Level.OK), key=_worst_first)
    levels = [one.level for one in failing]
    try:
        found = books(app, today(app), account=True)
        agents, open_now, why = agents_of(app), open_positions(app), None
    except LedgerError as error:
        found, agents, open_now, why = [], [], None, str(error)
    running = [agent.runs(asked.now, SILENT_AFTER) for agent in agents]
    gone = unread(app, found) if why is None else []
    worst = worst_level([*levels, *([Level.CRITICAL] if why or gone else [])])
    summary = level_summary(levels, "All systems operational" if worst is Level.OK else "Trading data is missing")
    absent = absent_daemon(app)
    if absent:
        worst = Level.CRITICAL if absent.last_run else Level.UNKNOWN
        summary = "No daemon runs: nothing is sent or watched"
    yield asked.answer(
        "status",
        tone=LEVEL_TONES[worst],
        mark=LEVEL_MARKS[worst],
        summary=summary,
        failing=[(LEVEL_MARKS[one.level], one) for one in failing],
        running=running.count(True),
        known=len([one for one in running if one is not None]),
        agents=len(agents),
        positions=None if open_now is None else len(open_now),
        books=found,
        unread=gone,
        why=why,
        dead=waiting.get("dead", 0),
        announced=announced,
        absent=absent,
    )


def _worst_first(state: AlertState) -> tuple[int, str]:
    return WORST_FIRST.index(state.level), state.subject


def agents(asked: Invocation[Arguments]) -> Iterator[Message]:
    rows, missing = agent_rows(asked.app)
    yield asked.answer("agents", rows=rows, unread=missing)


def agent_rows(app: App) -> tuple[list[AgentRow], list[Unread]]:
    """Every agent with its results of today, and the ledgers that are missing. Raises LedgerError."""
    found, known, now = books(app, today(app)), agents_of(app), app.clock.wall()
    rows = [_row(agent, found, now) for agent in known]
    named = {(agent.ledger, agent.name) for agent in known}
    rows += [  # a ledger that lists no agents has them in its trades
        AgentRow(
            Agent(ledger=line.ledger, name=line.key, mode=book.mode, currency=book.currency), None, [(book.mode, line)]
        )
        for book in found
        for line in book.lines
        if (line.ledger, line.key) not in named
    ]
    return rows, unread(app, found)


def _row(agent: Agent, found: Sequence[Book], now: datetime) -> AgentRow:
    key = (agent.ledger, agent.name)
    lines = [(book.mode, line) for book in found for line in book.lines if (line.ledger, line.key) == key]
    return AgentRow(agent, agent.runs(now, SILENT_AFTER), lines)


def positions(asked: Invocation[Arguments]) -> Iterator[Message]:
    found = open_positions(asked.app)
    yield asked.answer("positions", positions=found, unread=unread(asked.app, ()))


def trades(asked: Invocation[TradesArguments]) -> Iterator[Message]:
    app, given = asked.app, asked.arguments
    agent = named(given.agent, names := agent_names(app)) if given.agent else None
    if given.agent and agent is None:
        near = nearest(given.agent, names)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(names) or 'none'}"
        raise ReporterError(f"there is no agent {given.agent}: {hint}")
    everything = Period(datetime(1970, 1, 1, tzinfo=asked.now.tzinfo), asked.now, "all", app.runtime.zone.key)
    page = app.runtime.inputs.ledger.newest_trades(everything, given.number, only=TradeFilter(agent=agent))
    yield asked.answer("trades", trades=page.trades, unread=page.unread, agent=agent)


def portfolio(asked: Invocation[Arguments]) -> Iterator[Message]:
    """What each account is worth: balance, what is open, and all of them together where rates are known."""
    app = asked.app
    found = books(app, today(app), account=True)
    rates, since = app.runtime.inputs.rates, app.runtime.inputs.ledger.all_time(today(app).end) if found else []
    yield asked.answer("portfolio", books=found, all_time=since, totals=totals(found, rates), unread=unread(app, found))
