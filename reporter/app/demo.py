"""The data of `reporter demo`: eight invented agents with sixty days of trades, in the native schema."""

from __future__ import annotations

import math
import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from reporter.errors import ReporterError
from reporter.trading.ledger.sources import native
from reporter.trading.trades import Mode, Money

DAYS = 60
EPOCH = datetime.fromtimestamp(0, UTC)
STARTING_BALANCES = (Money(Decimal(10_000), "USDT"), Money(Decimal("0.1"), "BTC"))
SNAPSHOT_EVERY = timedelta(hours=6)
FEE_RATE = 0.0005  # of the notional, on each of the two orders of a trade
ODDS_OF_A_FLAT_TRADE = 0.02
ODDS_OF_A_BAD_DAY = 0.04
FUNDING_RATE = 0.0001  # of the notional, at each of the three hours of the day at which longs pay shorts
FUNDING_EVERY = timedelta(hours=8)
TAGS = ("breakout", "pullback", "volume spike", "range")
EXITS = {
    1: ("take profit", "take profit", "trailing stop", "signal"),
    0: ("timeout",),
    -1: ("stop loss", "stop loss", "signal"),
}


@dataclass(frozen=True, slots=True)
class Market:
    """What is traded. `decimals` are those of its price; `cents` those of an amount in its quote currency."""

    name: str
    currency: str
    price: float
    decimals: int
    cents: int = 2

    def price_at(self, moment: datetime) -> float:
        """A calm made-up price: two slow waves around its mean."""
        days = moment.timestamp() / 86_400
        return self.price * (1 + 0.08 * math.sin(days / 9) + 0.015 * math.sin(days * 2.3))


BTC = Market("BTC/USDT", "USDT", 68_000, 1)
ETH = Market("ETH/USDT", "USDT", 2_600, 2)
SOL = Market("SOL/USDT", "USDT", 165, 3)
ETH_BTC = Market("ETH/BTC", "BTC", 0.0382, 6, cents=8)


@dataclass(frozen=True, slots=True)
class InventedAgent:
    """A made-up agent: `pace` trades a day on average, `skill` is the mean gain of a trade in units of its spread."""

    name: str
    strategy: str
    market: Market
    capital: str
    pace: int
    skill: float
    mode: Mode = Mode.LIVE


CAST = (
    InventedAgent("Momentum_BTC_v1", "Momentum", BTC, "2500", 14, 0.18),
    InventedAgent("Mean_Reversion_ETH", "Mean reversion", ETH, "2000", 10, -0.06),
    InventedAgent("Volume_BTC_v2", "Volume", BTC, "1500", 9, -0.02),
    InventedAgent("Momentum_ETH_v2", "Momentum", ETH, "1500", 8, 0.12),
    InventedAgent("Volume_ETH_v1", "Volume", ETH, "1500", 9, 0.10),
    InventedAgent("Mean_Reversion_BTC", "Mean reversion", BTC, "1000", 8, 0.08),
    InventedAgent("Momentum_SOL_v3", "Momentum", SOL, "1000", 11, 0.16, Mode.PAPER),
    InventedAgent("Rotation_ETH_BTC", "Rotation", ETH_BTC, "0.05", 6, 0.10, Mode.PAPER),
)


@dataclass(frozen=True, slots=True)
class Deal:
    """One made-up trade from its opening to its close."""

    reference: str
    actor: InventedAgent
    side: str
    size: float
    entry: float
    exit: float
    pnl: float
    fees: float
    opened_at: datetime
    closed_at: datetime
    tag: str
    reason: str

    @property
    def account(self) -> tuple[Mode, str]:
        return self.actor.mode, self.actor.market.currency

    @property
    def direction(self) -> int:
        return 1 if self.side == "long" else -1

    @property
    def funding(self) -> float:
        """What the longs paid and the shorts received while it was open; a part of its result."""
        hours = (self.closed_at - EPOCH) // FUNDING_EVERY - (self.opened_at - EPOCH) // FUNDING_EVERY
        return round(-self.direction * hours * FUNDING_RATE * self.size * self.entry, self.actor.market.cents)

    def price_at(self, moment: datetime) -> float:
        """The price has gone as far towards the exit as the time has towards the close."""
        way = (moment - self.opened_at) / (self.closed_at - self.opened_at)
        return round(self.entry + way * (self.exit - self.entry), self.actor.market.decimals + 3)

    def gain_at(self, moment: datetime) -> float:
        gain = (self.price_at(moment) - self.entry) * self.size * self.direction
        return round(gain, self.actor.market.cents)


def make(path: Path, now: datetime, seed: int = 1) -> None:
    """Write the demo database to a new file, as it stands at `now`.

    The days do not depend on `now`: with one seed, a past day always holds the same trades. Raises ReporterError if
    something is at `path` already, because it could be somebody's real database.
    """
    if path.exists():
        raise ReporterError(f"{path} exists already, and the demo writes no file but a new one: choose another name.")
    now = now.astimezone(UTC).replace(microsecond=0)
    deals = [deal for deal in _deals(now, seed) if deal.opened_at <= now]
    closed = sorted((deal for deal in deals if deal.closed_at <= now), key=lambda deal: deal.closed_at)
    running = [deal for deal in deals if deal.closed_at > now]
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(native.ddl("sqlite"))
        _insert(database, "agents", (_agent_row(actor, closed, now) for actor in CAST))
        _insert(database, "trades", map(_trade_row, closed))
        _insert(database, "positions", (_position_row(deal, now) for deal in running))
        _insert(database, "equity", _snapshots(deals, closed, now))


def _deals(now: datetime, seed: int) -> Iterator[Deal]:
    """All that the cast ever opens, from the first day to the one that holds `now`."""
    for back in range(DAYS, -1, -1):
        day = now.date() - timedelta(days=back)
        mood = _mood(day, seed)
        for actor in CAST:
            yield from _day_of(actor, day, mood, _luck(seed, day, actor.name))


def _mood(day: date, seed: int) -> float:
    """What the day does to everybody's skill: little as a rule, and much on a bad day."""
    luck = _luck(seed, day)
    return -0.9 if luck.random() < ODDS_OF_A_BAD_DAY else luck.gauss(0, 0.22)


def _luck(*key: object) -> random.Random:
    """Dice that always fall the same for the same key."""
    return random.Random("-".join(map(str, key)))  # noqa: S311 - nothing here is secret


def _day_of(actor: InventedAgent, day: date, mood: float, luck: random.Random) -> Iterator[Deal]:
    drift = 0.15 * math.sin(day.toordinal() / 11 + len(actor.name))
    midnight = datetime.combine(day, time(), UTC)
    for number in range(max(0, round(luck.gauss(actor.pace, actor.pace**0.5)))):
        opened_at = midnight + timedelta(seconds=luck.randrange(86_400))
        yield _deal(actor, f"{day}/{actor.name}/{number}", opened_at, actor.skill + drift + mood, luck)


def _deal(actor: InventedAgent, reference: str, opened_at: datetime, skill: float, luck: random.Random) -> Deal:
    market = actor.market
    direction = luck.choice((1, -1))
    entry = round(market.price_at(opened_at), market.decimals)
    stake = float(actor.capital) * luck.uniform(0.15, 0.3)
    size = round(stake / entry, 6)
    fees = round(2 * FEE_RATE * size * entry, market.cents)
    pnl = round(size * entry * 0.009 * luck.gauss(skill, 1), market.cents)
    if luck.random() < ODDS_OF_A_FLAT_TRADE:
        pnl = 0.0
    return Deal(
        reference=reference,
        actor=actor,
        side="long" if direction > 0 else "short",
        size=size,
        entry=entry,
        exit=round(entry + direction * (pnl + fees) / size, market.decimals + 3),
        pnl=pnl,
        fees=fees,
        opened_at=opened_at,
        closed_at=opened_at + timedelta(seconds=60 + round(luck.expovariate(1 / 7_200))),
        tag=_luck(reference, "entry").choice(TAGS),
        reason=_luck(reference, "exit").choice(EXITS[(pnl > 0) - (pnl < 0)]),
    )


Row = dict[str, str | float | None]


def _agent_row(actor: InventedAgent, closed: list[Deal], now: datetime) -> Row:
    """Made-up agents report every minute; this one did so some seconds ago."""
    return {
        "name": actor.name,
        "strategy": actor.strategy,
        "mode": actor.mode,
        "currency": actor.market.currency,
        "capital": actor.capital,
        "status": "active",
        "last_seen": _stamp(now - timedelta(seconds=5 + len(actor.name))),
        "created_at": _stamp(min(deal.opened_at for deal in closed if deal.actor is actor)),
    }


def _trade_row(deal: Deal) -> Row:
    return _common(deal) | {
        "exit_price": deal.exit,
        "pnl": deal.pnl,
        "fees": deal.fees,
        "closed_at": _stamp(deal.closed_at),
        "exit_reason": deal.reason,
        "funding": deal.funding,
        "volume": round(deal.size * (deal.entry + deal.exit), 8),
    }


def _position_row(deal: Deal, now: datetime) -> Row:
    """Prices are looked up a little before `now`, each market's at its own time."""
    priced_at = max(deal.opened_at, now - timedelta(seconds=7 * len(deal.actor.market.name)))
    return _common(deal) | {
        "current_price": deal.price_at(priced_at),
        "unrealised_pnl": deal.gain_at(priced_at),
        "priced_at": _stamp(priced_at),
    }


def _common(deal: Deal) -> Row:
    actor = deal.actor
    return {
        "reference": deal.reference,
        "agent": actor.name,
        "strategy": actor.strategy,
        "market": actor.market.name,
        "side": deal.side,
        "mode": actor.mode,
        "currency": actor.market.currency,
        "size": deal.size,
        "entry_price": deal.entry,
        "opened_at": _stamp(deal.opened_at),
        "entry_tag": deal.tag,
    }


def _snapshots(deals: list[Deal], closed: list[Deal], now: datetime) -> Iterator[Row]:
    """What each account was worth every six hours: its starting balance, what was realised and what was not yet."""
    starting = {money.currency: float(money.amount) for money in STARTING_BALANCES}
    accounts = {(actor.mode, actor.market.currency): starting[actor.market.currency] for actor in CAST}
    first = datetime.combine(now.date() - timedelta(days=DAYS), time(), UTC)
    pending = _unrealised(deals, first, now)
    coming = iter([*closed, None])
    deal = next(coming)
    for at in _every_six_hours(first, now):
        while deal and deal.closed_at <= at:
            accounts[deal.account] += deal.pnl
            deal = next(coming)
        for (mode, currency), balance in accounts.items():
            unrealised = round(pending.get((at, (mode, currency)), 0.0), 8)
            equity = round(balance + unrealised, 8)
            yield {"at": _stamp(at), "mode": mode, "currency": currency, "equity": equity, "unrealised": unrealised}


def _every_six_hours(first: datetime, now: datetime) -> Iterator[datetime]:
    at = first
    while at <= now:
        yield at
        at += SNAPSHOT_EVERY


Account = tuple[Mode, str]


def _unrealised(deals: list[Deal], first: datetime, now: datetime) -> dict[tuple[datetime, Account], float]:
    """The gain of what was open at each snapshot, by account."""
    gains: dict[tuple[datetime, Account], float] = defaultdict(float)
    for deal in deals:
        at = first + -((first - deal.opened_at) // SNAPSHOT_EVERY) * SNAPSHOT_EVERY
        while at < deal.closed_at and at <= now:
            gains[at, deal.account] += deal.gain_at(at)
            at += SNAPSHOT_EVERY
    return gains


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    rows = list(rows)
    if rows:
        columns = ", ".join(rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)  # noqa: S608 - our own names


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
