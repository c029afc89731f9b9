"""The distribution of results: by size, weekday, hour, market and exit, by tag and exit together, by holding time."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from typing_extensions import TypedDict

from reporter.errors import LedgerError
from reporter.operations import trading
from reporter.trading.books import ANY_TRADE, Book, By
from reporter.trading.trades import Mode, Money, Trade
from reporter.web import wire
from reporter.web.bounded_search import newest_in_parts
from reporter.web.resource import Call, OfLedgers, Resource, Span, span_of

NEWEST = 10_000
"""So many trades, the newest of a span, make the steps, the pairs of tags and the holding times."""
SIDES: tuple[By, ...] = ("weekday", "hour", "market", "exit_reason")
STEPS = 10
"""Steps of the distribution on either side of nothing."""
HOLDING = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
)
"""Where one step of holding times ends and the next begins."""
MOST_PAIRS = 50
"""Pairs of tag and exit that are shown, those with the most trades first."""


class StepJson(TypedDict):
    least: str | None
    below: str | None
    trades: int


class SideJson(TypedDict):
    by: str
    lines: list[wire.LineJson]


class SumJson(TypedDict):
    trades: int
    wins: int
    pnl: wire.MoneyJson


class TagsJson(SumJson):
    entry_tag: str | None
    exit_reason: str | None


class BoundsJson(TypedDict):
    least: float | None
    below: float | None


class HoldingJson(BoundsJson, SumJson):
    """Trades that were held for so long, in seconds."""


class DistributionJson(TypedDict):
    mode: str
    currency: str
    trades: int
    counted: int
    results: list[StepJson]
    sides: list[SideJson]
    tags: list[TagsJson]
    pairs: int
    holding: list[HoldingJson]


DistributionAnswer = TypedDict(
    "DistributionAnswer",
    {"from": str, "to": str, "books": list[DistributionJson], "unread": list[wire.UnreadJson]},
)


@dataclass(slots=True)
class Sum:
    """What some trades made together."""

    trades: int = 0
    wins: int = 0
    pnl: Decimal = Decimal(0)

    def add(self, pnl: Decimal) -> None:
        self.trades += 1
        self.wins += pnl > 0
        self.pnl += pnl


@dataclass(slots=True)
class Made:
    """What the trades of one book made: each result, and sums by tag and exit and by holding time.

    A trade whose holding time is not known is in no step of holding times.
    """

    results: list[Decimal] = field(default_factory=list)
    by_tags: defaultdict[tuple[str | None, str | None], Sum] = field(default_factory=lambda: defaultdict(Sum))
    by_holding: defaultdict[int, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, trade: Trade) -> None:
        pnl = trade.pnl.amount
        self.results.append(pnl)
        self.by_tags[trade.entry_tag, trade.exit_reason].add(pnl)
        if trade.held is not None:
            self.by_holding[bisect_right(HOLDING, trade.held)].add(pnl)


@OfLedgers
def distribution(call: Call[Span]) -> DistributionAnswer:
    app, period = call.world.app, span_of(call.world, call.query, usual=timedelta(days=29))
    by_side = {side: trading.figures(app, period, side, account=False) for side in SIDES}
    books, missing = by_side["weekday"]
    made = defaultdict[tuple[Mode, str], Made](Made)
    with suppress(LedgerError):  # what could not be read stands in `unread`
        for trades in newest_in_parts(app.runtime.inputs.ledger, period, ANY_TRADE, NEWEST if books else 0):
            for trade in trades:
                made[trade.mode, trade.pnl.currency].add(trade)
    days = period.days()
    return {
        "from": days[0].label,
        "to": days[-1].label,
        "books": [_distribution(book, made[book.mode, book.currency], by_side) for book in books],
        "unread": call.wire.unread(missing),
    }


def _distribution(book: Book, made: Made, by_side: Mapping[By, tuple[Sequence[Book], object]]) -> DistributionJson:
    sides: list[SideJson] = []
    for side, (books, _) in by_side.items():
        found = book.counterpart(books)
        sides.append({"by": side, "lines": [wire.line(line) for line in found.lines] if found else []})
    pairs = sorted(made.by_tags.items(), key=lambda pair: (-pair[1].trades, pair[0][0] or "", pair[0][1] or ""))
    return {
        "mode": book.mode.value,
        "currency": book.currency,
        "trades": book.trades,
        "counted": len(made.results),
        "results": steps_of(made.results),
        "sides": sides,
        "tags": [
            {"entry_tag": entry, "exit_reason": exit_, **_sum(found, book.currency)}
            for (entry, exit_), found in pairs[:MOST_PAIRS]
        ],
        "pairs": len(pairs),
        "holding": [
            {**_bounds(place), **_sum(made.by_holding[place], book.currency)} for place in sorted(made.by_holding)
        ],
    }


def _sum(found: Sum, currency: str) -> SumJson:
    return {
        "trades": found.trades,
        "wins": found.wins,
        "pnl": wire.exactly(Money(found.pnl, currency)),
    }


def _bounds(place: int) -> BoundsJson:
    """The holding times of a step in seconds: from `least` on, and shorter than `below`; None has no bound."""
    return {
        "least": HOLDING[place - 1].total_seconds() if place else None,
        "below": HOLDING[place].total_seconds() if place < len(HOLDING) else None,
    }


def steps_of(made: Sequence[Decimal]) -> list[StepJson]:
    """How many results lie in each step: steps of one width on either side of 0, and one beyond each end."""
    if not made:
        return []
    sizes = sorted(map(abs, made))
    width = _round_step(sizes[int(len(sizes) * Decimal("0.95")) - 1 if len(sizes) > 1 else 0] / STEPS)
    edges = [width * number for number in range(-STEPS, STEPS + 1)]
    counts = [0] * (len(edges) + 1)
    for amount in made:
        counts[bisect_right(edges, amount)] += 1
    ends = [None, *(f"{edge:f}" for edge in edges), None]
    found: list[StepJson] = [
        {"least": ends[place], "below": ends[place + 1], "trades": number} for place, number in enumerate(counts)
    ]
    while len(found) > 1 and not found[0]["trades"]:
        found.pop(0)
    while len(found) > 1 and not found[-1]["trades"]:
        found.pop()
    return found


def _round_step(width: Decimal) -> Decimal:
    """The next 1, 2 or 5 of a power of ten that is not less."""
    if width <= 0:
        return Decimal(1)
    unit = Decimal(10) ** width.adjusted()
    return next((unit * step for step in (1, 2, 5) if unit * step >= width), unit * 10)


DISTRIBUTION = Resource(
    "/distribution",
    "Results by size, weekday, hour, market, exit, tag and holding time",
    distribution,
    DistributionAnswer,
    Span,
)
