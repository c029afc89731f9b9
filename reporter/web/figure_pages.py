"""What the pages about figures show: the Overview, curves, risk, distribution, one agent, and what was restated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import Field

from reporter.alerts.model import Level
from reporter.jobs.kit.status_board import WORST_FIRST
from reporter.periods.civil import Covers
from reporter.periods.time_text import duration_text
from reporter.web import analysis, resources, trade_resource
from reporter.web import distribution as distributions
from reporter.web.charts import HEIGHT, WIDTH, Candle, CurveScale, balances, below_peak, candle_chart, curve
from reporter.web.resource import Call, Paged, Query, Span
from reporter.web.wire import AgentSeriesJson, MoneyJson, SeriesJson

T = TypeVar("T")

Facts = dict[str, Any]

RANGES = {"7 days": 7, "30 days": 30, "90 days": 90, "1 year": 365}
MOST_MONTHS = 12
"""So many months are shown as calendars: more make a page that nobody reads."""
MOST_AGENTS = 8
"""So many curves of agents are told apart."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SIDES = {
    "weekday": ("By weekday", "Weekday"),
    "hour": ("By hour", "Hour"),
    "market": ("By market", "Market"),
    "exit_reason": ("By exit", "Exit"),
}


class EquityQuery(Span):
    scale: Annotated[Literal["linear", "log"], Field(description="Scale of the balance")] = "linear"


def asked(call: Call[Any], handler: Callable[[Call[Any]], Any], query: Query | None = None) -> Any:
    """The answer of another resource to the same caller."""
    return handler(Call(call.world, call.actor, query or Query(), call.path))


def more_of(query: Query, cursor: str | None) -> str:
    """The query of the next page; empty where there is none."""
    return urlencode({**given(query), "cursor": cursor}) if cursor else ""


def given(query: Query) -> dict[str, str]:
    """What a query says, as it stands in an address."""
    return {name: str(value) for name, value in query.model_dump(by_alias=True, exclude_none=True).items() if value}


def ranges(call: Call[Any]) -> list[tuple[str, str]]:
    today = call.world.now.astimezone(call.world.runtime.zone).date()
    return [(label, f"{today - timedelta(days=days - 1)}") for label, days in RANGES.items()]


# --- Overview ---


def overview(call: Call[Query]) -> Facts:
    trouble = asked(call, resources.incident_list, resources.IncidentsQuery(state="open", limit=20))["incidents"]
    waiting = [one for one in asked(call, resources.jobs)["jobs"] if one["next_at"] and Covers(one["covers"]).closed]
    series = asked(call, resources.series, Span())["series"]  # as the page Equity asks: kept for both
    return {
        "today": asked(call, resources.books, resources.BooksQuery()),
        "days": {(one["mode"], one["currency"]): _lately(one) for one in series},
        "open": sorted(trouble, key=lambda one: WORST_FIRST.index(Level(one["level"]))),
        "next": sorted(waiting, key=lambda one: datetime.fromisoformat(one["next_at"]))[:5],
    }


def _lately(one: SeriesJson) -> Facts:
    made = sum(map(Decimal, one["pnl"]), Decimal(0))
    return {
        "pnl": {"amount": f"{made:f}", "currency": one["currency"]},
        "sharpe": one["sharpe"],
        "number": len(one["days"]),
    }


# --- Curves ---


def equity(call: Call[EquityQuery]) -> Facts:
    span = Span.model_validate({"from": call.query.first, "to": call.query.last})
    found = asked(call, resources.series, span)
    days = found["series"][0]["days"] if found["series"] else [call.query.first or "", call.query.last or ""]
    return {
        "series": found,
        "curves": [
            {**curve_facts(one, one["currency"], call.query.scale), "months": calendars(one)} for one in found["series"]
        ],
        "weekdays": WEEKDAYS,
        "first": days[0],
        "last": days[-1],
        "ranges": ranges(call),
        "scale": call.query.scale,
    }


def curve_facts(one: SeriesJson, title: str, scale: str = "linear") -> Facts:
    """A book's curve with those of its agents, all from the balance that the book began with."""
    daily = list(map(Decimal, one["pnl"]))
    opening = Decimal(one["opening"]["amount"] if one["opening"] else 0)
    values, agents = balances(opening, daily), sorted(one["agents"], key=_movement, reverse=True)[:MOST_AGENTS]
    own = [balances(opening, list(map(Decimal, agent["pnl"]))) for agent in agents] if len(one["agents"]) > 1 else []
    over, falls = CurveScale.over(values, *own, logarithmic=scale == "log"), below_peak(values)

    def money(amount: Decimal) -> dict[str, str]:
        return {"amount": f"{amount:f}", "currency": one["currency"]}

    return {
        "series": one,
        "title": title,
        "what": "Balance" if one["opening"] else "Realised P&L, added up",
        "scale": "log" if over.logarithmic else "linear",
        "chart": curve(values, over),
        "others": [
            {"label": agent["label"], "made": money(row[-1] - opening), "line": drawn.line}
            for agent, row in zip(agents, own, strict=False)
            if (drawn := curve(row, over))
        ],
        "fall": curve(falls) if any(falls) else None,
        "made": money(sum(daily, Decimal(0))),
        "low": money(min(values)),
        "high": money(max(values)),
        "deepest": money(min(falls)),
        "labels": ["before", *one["days"]],
        "readings": [f"{value:f}" for value in values],
    }


def calendars(one: SeriesJson) -> list[Facts]:
    """The months of a book's series, the newest of them, each with its weeks and days and what they made.

    A day is `large` that made at least half of what the most moving of these days did.
    """
    days = [(date.fromisoformat(day), Decimal(pnl)) for day, pnl in zip(one["days"], one["pnl"], strict=True)]
    months = [list(own) for _, own in groupby(days, key=lambda day: (day[0].year, day[0].month))][-MOST_MONTHS:]
    most = max((abs(pnl) for own in months for _, pnl in own), default=Decimal(0))

    def money(amount: Decimal) -> MoneyJson:
        return {"amount": f"{amount:f}", "currency": one["currency"]}

    def cell(day: date, pnl: Decimal) -> Facts:
        return {"day": day, "pnl": money(pnl), "large": 2 * abs(pnl) >= most > 0}

    return [
        {
            "name": f"{own[0][0]:%Y-%m}",
            "made": money(sum((pnl for _, pnl in own), Decimal(0))),
            "weeks": weeks(own[0][0], [cell(*day) for day in own]),
        }
        for own in months
    ]


def weeks(first: date, days: Sequence[T]) -> list[list[T | None]]:
    """Days from the first on as a calendar has them, a week a row; None before the first and after the last."""
    cells: list[T | None] = [*[None] * first.weekday(), *days]
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def _movement(agent: AgentSeriesJson) -> Decimal:
    return sum((abs(Decimal(one)) for one in agent["pnl"]), Decimal(0))


# --- Risk, distribution, one agent, restatements ---


def risk(call: Call[Query]) -> Facts:
    return {"risk": analysis.risk(call), "days": analysis.RISK_DAYS}


def distribution(call: Call[Span]) -> Facts:
    found = distributions.distribution(call)
    return {"found": found, "books": [_spread(one) for one in found["books"]], "ranges": ranges(call)}


def _spread(book: distributions.DistributionJson) -> Facts:
    most = max((step["trades"] for step in book["results"]), default=0)
    width = WIDTH / max(len(book["results"]), 1)
    sides = [
        {"title": _SIDES[side["by"]][0], "column": _SIDES[side["by"]][1], "lines": side["lines"]}
        for side in book["sides"]
    ]
    bars = [_bar(step, place * width, width, most) for place, step in enumerate(book["results"])]
    return {
        "book": book,
        "bars": bars,
        "sides": sides,
        "most": most,
        "holding": [{**step, "label": _holding_text(step)} for step in book["holding"]],
        "tagged": any(pair["entry_tag"] for pair in book["tags"]),
    }


def _holding_text(step: distributions.HoldingJson) -> str:
    least, below = (duration_text(seconds, units=1) for seconds in (step["least"], step["below"]))
    if least is None:
        return f"under {below}"
    return f"{least} to {below}" if below else f"{least} and more"


def _bar(step: distributions.StepJson, x: float, width: float, most: int) -> Facts:
    height = HEIGHT * step["trades"] / most if most else 0
    gain = step["least"] is not None and Decimal(step["least"]) >= 0
    return {
        "x": f"{x + 1:.1f}",
        "width": f"{width - 2:.1f}",
        "y": f"{HEIGHT - height:.1f}",
        "height": f"{height:.1f}",
        "sign": "up" if gain else "down",
        "trades": step["trades"],
        "label": _step_text(step),
    }


def _step_text(step: distributions.StepJson) -> str:
    if step["least"] is None:
        return f"below {step['below']}"
    return f"{step['least']} or more" if step["below"] is None else f"{step['least']} to {step['below']}"


def agent(call: Call[Span]) -> Facts:
    found, name = analysis.agent(call), call.path["name"]
    trades = resources.TradesQuery.model_validate(
        {"from": call.query.first, "to": call.query.last, "agent": name, "limit": 20}
    )
    curves = [_own_curve(series, own) for series in found["series"] for own in series["agents"]]
    days = found["series"][0]["days"] if found["series"] else [call.query.first or "", call.query.last or ""]
    return {
        "title": name,
        "found": found,
        "curves": curves,
        "trades": asked(call, resources.trades, trades),
        "first": days[0],
        "last": days[-1],
        "ranges": ranges(call),
    }


def _own_curve(series: SeriesJson, own: AgentSeriesJson) -> Facts:
    return curve_facts({**series, "opening": None, "pnl": own["pnl"], "agents": []}, series["currency"])


def restated(call: Call[Paged]) -> Facts:
    found = analysis.restatements(call)
    return {"found": found, "more": more_of(call.query, found["next"])}


def trade(call: Call[trade_resource.TradeQuery]) -> Facts:
    found = trade_resource.trade(call)
    own, seconds = found["trade"], found["candle_seconds"]
    if seconds is None:
        return {**found, "chart": None}
    prices = [
        Candle(datetime.fromisoformat(one["began"]), *(Decimal(one[name]) for name in ("open", "high", "low", "close")))
        for one in found["candles"]
    ]
    marked = [datetime.fromisoformat(moment) for moment in (own["opened_at"], own["closed_at"]) if moment]
    return {**found, "chart": candle_chart(prices, timedelta(seconds=seconds), marked)}
