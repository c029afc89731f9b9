"""The signals of agents, as their events tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reporter.trading.markets import PricedMarket

BUY, SELL = {"buy", "long", "yes", "up"}, {"sell", "short", "no", "down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What one agent or strategy thinks of a market."""

    at: datetime
    """When it was given."""
    name: str
    """The strategy, else the agent, else the program."""
    market: str
    """The market in the words of the event."""
    way: str
    """In capitals: `BUY`, `SHORT`, `NEUTRAL`; the words are the event's."""
    strength: Any = None
    """A number or a word; None where the event has none."""

    @property
    def mark(self) -> str:
        """Green for one that buys, red for one that sells."""
        way = self.way.casefold()
        return "🟢" if way in BUY else "🔴" if way in SELL else "🟡"

    def is_of(self, market: str) -> bool:
        """Whether it is of a market of this name: `btc` has `BTC`, `BTC/USDT` and `BTC-USD-UP-15m`."""
        own, wanted = self.market.casefold(), market.casefold()
        return own == wanted or own.startswith((f"{wanted}/", f"{wanted}-", f"{wanted}_"))


def signal_of(at: datetime, name: str, fields: Mapping[str, Any]) -> Signal | None:
    """The signal of an event's fields; None where they name no market or no way."""

    def named(*names: str) -> Any:
        return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)

    market, way = named("market", "pair", "symbol", "asset"), named("signal", "signal_type", "side", "action")
    if market is None or way is None:
        return None
    whose = str(named("strategy", "agent") or name)
    return Signal(at=at, name=whose, market=str(market), way=str(way).upper(), strength=named("strength", "confidence"))


def latest_signals(signals: Iterable[Signal], market: str, priced: PricedMarket | None = None) -> list[Signal]:
    """The newest signal of each name about a market, or about what it prices, in the order in which they came."""
    found: dict[str, Signal] = {}
    for one in sorted(signals, key=lambda one: one.at):
        if one.is_of(market) or (priced and priced.prices(one.market)):
            found.pop(one.name, None)
            found[one.name] = one
    return list(found.values())
