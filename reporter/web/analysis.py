"""Resources that look at trades from one side: risk, one agent, and what reports have restated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from typing_extensions import TypedDict

from reporter.errors import LedgerError
from reporter.operations import limits, trading
from reporter.operations.restatements import CAUSES
from reporter.periods.civil import trailing
from reporter.store import sent_figures
from reporter.trading.books import Book, Series
from reporter.trading.equity_curve import curve_of_series
from reporter.trading.trades import Mode, Position
from reporter.web import wire
from reporter.web.problems import ProblemError
from reporter.web.resource import Call, Paged, Query, Resource, Span, row_of, span_of
from reporter.web.resources import series_of

RISK_DAYS = 90


class LimitJson(TypedDict):
    subject: str
    limit: str
    of: str
    mode: str
    currency: str
    agent: str | None
    used: str | None
    value: str
    allowed: str
    level: str
    detail: str


class RiskBookJson(TypedDict):
    mode: str
    currency: str
    days: int
    var: str | None
    cvar: str | None
    volatility: str | None
    sharpe: str | None
    deepest: wire.MoneyJson | None
    now: wire.MoneyJson | None
    streak: int | None
    longest_wins: int | None
    longest_losses: int | None


class ExposureJson(TypedDict):
    mode: str
    currency: str
    market: str
    positions: int
    unpriced: int
    worth: wire.MoneyJson | None


class RiskAnswer(TypedDict):
    limits: list[LimitJson]
    books: list[RiskBookJson]
    exposure: list[ExposureJson]
    unread: list[wire.UnreadJson]


class AgentBookJson(TypedDict):
    mode: str
    currency: str
    today: wire.LineJson | None
    span: wire.LineJson | None


class AgentAnswer(TypedDict):
    name: str
    agents: list[wire.AgentJson]
    books: list[AgentBookJson]
    series: list[wire.SeriesJson]
    positions: list[wire.PositionJson]
    unread: list[wire.UnreadJson]


class RestatementJson(TypedDict):
    id: int
    job: str
    period: str
    ledger: str
    mode: str
    cause: str
    told_at: str
    found_at: str
    trades_told: int
    trades_now: int
    pnl_told: wire.MoneyJson
    pnl_now: wire.MoneyJson
    fees_told: wire.MoneyJson | None
    fees_now: wire.MoneyJson | None
    detail: list[str]


class RestatementsAnswer(TypedDict):
    restatements: list[RestatementJson]
    next: str | None


# --- Risk ---


def risk(call: Call[Query]) -> RiskAnswer:
    app = call.world.app
    gauges, missing = limits.gauges(app)
    period = trailing(trading.today(app), RISK_DAYS)
    series, _ = trading.days(app, period)
    books, _ = trading.figures(app, period, account=False)
    try:
        positions = trading.open_positions(app)
    except LedgerError:
        positions = []
    return {
        "limits": [_limit(gauge) for gauge in gauges],
        "books": [_risk_of(call, one, books) for one in series],
        "exposure": _exposure(positions),
        "unread": call.wire.unread(missing),
    }


def _limit(one: limits.LimitGauge) -> LimitJson:
    owner = one.usage.party
    return {
        "subject": one.usage.subject,
        "limit": one.usage.measure.name,
        "of": owner.label,
        "mode": owner.book.mode.value,
        "currency": owner.book.currency,
        "agent": owner.line.key if owner.line else None,
        "used": None if one.usage.used is None else f"{one.usage.used:.4f}",
        "value": one.usage.value,
        "allowed": one.usage.limit,
        "level": one.seen.level.value,
        "detail": one.seen.detail,
    }


def _risk_of(call: Call[Query], series: Series, books: Sequence[Book]) -> RiskBookJson:
    curve = curve_of_series(series, call.world.runtime.inputs.basis)
    found = next((book for book in books if (book.mode, book.currency) == (series.mode, series.currency)), None)
    streaks, fall = (found.streaks if found else None), curve.drawdown
    return {
        "mode": series.mode.value,
        "currency": series.currency,
        "days": curve.n,
        "var": _share(curve.var),
        "cvar": _share(curve.cvar),
        "volatility": _share(curve.volatility),
        "sharpe": _share(curve.sharpe),
        "deepest": wire.money(fall.amount),
        "now": wire.money(fall.current),
        "streak": streaks.current if streaks else None,
        "longest_wins": streaks.longest_wins if streaks else None,
        "longest_losses": streaks.longest_losses if streaks else None,
    }


def _share(figure: float | None) -> str | None:
    return None if figure is None else f"{figure:.6f}"


def _exposure(positions: Iterable[Position]) -> list[ExposureJson]:
    """What is open in each market, size times price, or at its entry without one; the largest first."""
    held = defaultdict[tuple[Mode, str, str], list[Decimal | None]](list)
    unpriced = Counter[tuple[Mode, str, str]]()
    for position in positions:
        price = position.current_price or position.entry_price
        worth = abs(position.size * price) if position.size is not None and price is not None else None
        key = (position.mode, position.currency, position.market)
        held[key].append(worth)
        unpriced[key] += position.current_price is None
    rows = [(key, len(found), [one for one in found if one is not None]) for key, found in held.items()]
    rows.sort(key=lambda row: (row[0][0].value, row[0][1], -sum(row[2], Decimal(0)), row[0][2]))
    return [
        {
            "mode": mode.value,
            "currency": currency,
            "market": market,
            "positions": number,
            "unpriced": unpriced[mode, currency, market],
            "worth": {"amount": f"{sum(known, Decimal(0)):f}", "currency": currency} if known else None,
        }
        for (mode, currency, market), number, known in rows
    ]


# --- One agent ---


def agent(call: Call[Span]) -> AgentAnswer:
    """Everything of the agents of one name."""
    app, name = call.world.app, call.path["name"]
    try:
        rows, missing = trading.agent_rows(app)
        positions = trading.open_positions(app)
    except LedgerError:
        rows, missing, positions = [], trading.unread(app, ()), []
    own = [row for row in rows if row.agent.name == name]
    if not own and not missing:
        raise ProblemError(404, "there is no such agent", where="name", remedy="/api/v1/agents lists them")
    period = span_of(call.world, call.query, usual=timedelta(days=29))
    found, _ = trading.figures(app, period, account=False)
    today, _ = trading.figures(app, trading.today(app), account=False)
    series = [_own_series(call, day, name) for day in trading.days(app, period)[0]]
    return {
        "name": name,
        "agents": [call.wire.agent(row.agent, runs=row.runs, today=row.lines) for row in own],
        "books": [one for book in found if (one := _agent_book(book, today, name))["span"]],
        "series": [one for one in series if one["agents"]],
        "positions": [call.wire.position(position) for position in positions if position.agent == name],
        "unread": call.wire.unread(missing),
    }


def _agent_book(book: Book, today: Sequence[Book], name: str) -> AgentBookJson:
    now = book.counterpart(today)
    return {
        "mode": book.mode.value,
        "currency": book.currency,
        "today": _line_of(now, name) if now else None,
        "span": _line_of(book, name),
    }


def _line_of(book: Book, name: str) -> wire.LineJson | None:
    return next((wire.line(line) for line in book.lines if line.key == name), None)


def _own_series(call: Call[Any], series: Series, name: str) -> wire.SeriesJson:
    shown = series_of(call, series)
    return {**shown, "agents": [one for one in shown["agents"] if one["key"] == name]}


# --- What was told, and what is now ---


def restatements(call: Call[Paged]) -> RestatementsAnswer:
    limit, before = call.query.limit, row_of(call.query.cursor)
    with call.world.store.read() as connection:
        found = sent_figures.newest(connection, limit + 1, before)
    more = str(found[limit - 1][0]) if len(found) > limit else None
    return {"restatements": [_restatement(call, *one) for one in found[:limit]], "next": more}


def _restatement(call: Call[Paged], number: int, one: sent_figures.Restatement) -> RestatementJson:
    return {
        "id": number,
        "job": one.job,
        "period": one.label,
        "ledger": one.ledger,
        "mode": one.mode.value,
        "cause": CAUSES[one.cause],
        "told_at": call.wire.moment(one.told_at),
        "found_at": call.wire.moment(one.found_at),
        "trades_told": one.trades_before,
        "trades_now": one.trades,
        "pnl_told": wire.exactly(one.pnl_before),
        "pnl_now": wire.exactly(one.pnl),
        "fees_told": wire.money(one.fees_before),
        "fees_now": wire.money(one.fees),
        "detail": list(one.detail),
    }


ANALYSIS: tuple[Resource, ...] = (
    Resource("/risk", "Every limit and how much of it is used, value at risk, streaks and exposure", risk, RiskAnswer),
    Resource("/agents/{name:path}", "One agent: state, figures, series and positions", agent, AgentAnswer, Span),
    Resource(
        "/restatements", "Figures that have changed since a report told them", restatements, RestatementsAnswer, Paged
    ),
)
