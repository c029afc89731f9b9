"""What the health probe looks at, as plain values: a machine, ledgers, agents, readings and open alerts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition
from reporter.alerts.readings import Reading
from reporter.alerts.self_health import SelfHealth
from reporter.alerts.uptime import StateSpan, Uptime
from reporter.errors import LedgerError
from reporter.jobs.context import Context, Job, Params, Report
from reporter.jobs.loader import load_catalog, stock_home
from reporter.messages.message import Message
from reporter.messages.templates.renderer import Renderer
from reporter.periods.civil import Covers, Period, before, covered
from reporter.plans.model import TradingPlan
from reporter.probes.host.facts import Disk, Host, Own
from reporter.trading.books import (
    ANY_TRADE,
    AllTime,
    Book,
    BookLine,
    By,
    Facet,
    LedgerHealth,
    LeftOut,
    RankedTrades,
    RankPlace,
    Series,
    TradeFilter,
    TradeOrder,
    TradePage,
    TradePlace,
    Unrated,
)
from reporter.trading.signals import Signal
from reporter.trading.targets import Targets
from reporter.trading.trades import Agent, Arrivals, EquityPoint, Mode, OpenKey, Position, Trade, WrittenEvents

NOW = datetime(2026, 10, 30, 14, 2, 30, tzinfo=UTC)
GIB = 1024**3

HOST = Host(
    name="box-1",
    cpu_percent=12.4,
    cores=2,
    load=(0.9, 0.5, 0.3),
    memory_used=3 * GIB,
    memory_total=8 * GIB,
    swap_used=0,
    swap_total=0,
    disks=(Disk("/", used=40 * GIB, total=100 * GIB),),
    booted_at=datetime(2026, 10, 23, 0, 2, tzinfo=UTC),
    own=Own(memory=66 * 1024**2, threads=9, files=30, files_limit=1024),
)
NOTHING_TOLD = Host("box-1", None, None, None, None, None, None, None, (), None)
AT_WORK = SelfHealth(seconds=0.002)


@dataclass
class StillFloor:
    """A floor that is asked for nothing but its health and its agents."""

    ledgers: Sequence[LedgerHealth] = ()
    crew: Sequence[Agent] = ()
    broken: bool = False

    def health(self) -> list[LedgerHealth]:
        return list(self.ledgers)

    def agents(self) -> list[Agent]:
        if self.broken:
            raise LedgerError("no ledger can be read")
        return list(self.crew)

    def performance(
        self, period: Period, *, by: By = "agent", daily: bool = False, account: bool = False
    ) -> list[Book]:
        return []

    def daily_series(self, period: Period, *, whole: bool = False) -> list[Series]:
        return []

    def all_time(self, until: datetime) -> list[AllTime]:
        return []

    def closed_trades(self, period: Period, *, limit: int | None = None) -> list[Trade]:
        return []

    def newest_trades(
        self, period: Period, limit: int, *, only: TradeFilter = ANY_TRADE, after: TradePlace | None = None
    ) -> TradePage:
        return TradePage((), None)

    def ranked_trades(
        self,
        period: Period,
        limit: int,
        order: TradeOrder,
        *,
        only: TradeFilter = ANY_TRADE,
        after: Mapping[str, RankPlace] | None = None,
    ) -> RankedTrades:
        return RankedTrades(())

    def count_trades(
        self, period: Period, *, only: TradeFilter = ANY_TRADE, by: Facet | None = None
    ) -> Mapping[str, int]:
        return {}

    def stream(self, period: Period, only: Collection[str] = ()) -> Iterator[Trade]:
        return iter(())

    def stream_days(self, period: Period, only: Collection[str] = ()) -> Iterator[tuple[date, Mode, BookLine]]:
        return iter(())

    def left_out(self, period: Period, only: Collection[str] = ()) -> list[LeftOut]:
        return []

    def unrated(self, period: Period, only: Collection[str] = ()) -> list[Unrated]:
        return []

    def names(self) -> list[str]:
        return [one.ledger for one in self.ledgers]

    def arrivals(
        self,
        ledger: str,
        period: Period,
        known: Collection[str],
        *,
        most: int = 1000,
        positions: bool = False,
        held: Collection[OpenKey] = (),
        fills: bool = False,
    ) -> Arrivals:
        return Arrivals(ledger=ledger, closed=(), ids={})

    def written_events(
        self, ledger: str, after: int | None, among: Collection[int] = (), *, most: int = 1000
    ) -> WrittenEvents | None:
        return None

    def open_positions(self) -> list[Position]:
        return []

    def equity(self, period: Period) -> list[EquityPoint]:
        return []


@dataclass
class StillHistory:
    """A store of our own in which only these alerts stand."""

    alerts: Sequence[AlertState] = ()
    started: datetime | None = None
    work: SelfHealth = AT_WORK
    past: Mapping[str, Sequence[StateSpan]] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)

    def signals(self, since: datetime) -> Sequence[Signal]:
        return []

    def prices(self, market: str, source: str, since: datetime, until: datetime) -> list[tuple[datetime, Decimal]]:
        return []

    def self_health(self) -> SelfHealth:
        return self.work

    def uptime(self, period: Period) -> Mapping[str, Uptime]:
        return {}

    def spans(self, subject: str, period: Period) -> Sequence[StateSpan]:
        return self.past.get(subject, ())

    def means(self) -> Mapping[str, float]:
        return self.usual

    def open_alerts(self) -> list[AlertState]:
        return list(self.alerts)

    def transitions(self, period: Period) -> list[Transition]:
        return []

    def started_at(self) -> datetime | None:
        return self.started

    def unread_since(self, ledger: str) -> datetime | None:
        return None

    def plans(self, first: date, last: date) -> Sequence[TradingPlan]:
        return ()


@dataclass
class Watch:
    """One round of the health probe over these things."""

    host: Host = HOST
    ledgers: Sequence[LedgerHealth] = ()
    agents: Sequence[Agent] = ()
    readings: Sequence[Reading] = ()
    alerts: Sequence[AlertState] = ()
    params: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    broken: bool = False
    started: datetime | None = None
    work: SelfHealth = AT_WORK
    past: Mapping[str, Sequence[StateSpan]] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)
    ours: bool = True
    name: str = "health_probe"

    def context(self, params: type[Params]) -> Context[Any]:
        period = covered(Covers.NOW, self.now, "UTC")
        return Context(
            now=self.now,
            period=period,
            previous=before(period),
            ledger=StillFloor(self.ledgers, self.agents, self.broken),
            host=lambda: self.host,
            probe_all=lambda: self.readings,
            readings=lambda wanted: [one for one in self.readings if {one.kind, one.name} & set(wanted)],
            targets=Targets(),
            history=StillHistory(self.alerts, self.started, self.work, self.past, self.usual),
            params=params.model_validate(self.params),
            log=logging.getLogger(f"reporter.jobs.{self.name}"),
            ours=self.ours,
        )

    def outcomes(self) -> list[Report | Observation]:
        job = stock_job(self.name)
        return [one for one in job.function(self.context(job.params)) if isinstance(one, Report | Observation)]

    def seen(self) -> dict[str, Observation]:
        """What was observed, by subject."""
        return {found.subject: found for found in self.outcomes() if isinstance(found, Observation)}

    def boards(self) -> list[Report]:
        return [found for found in self.outcomes() if isinstance(found, Report)]

    def board(self) -> Report:
        (board,) = self.boards()
        return board

    def message(self) -> Message:
        """The board as it is written by its template."""
        return self.written(self.board())

    def written(self, board: Report) -> Message:
        facts = {"period": covered(Covers.NOW, self.now, "UTC"), "now": self.now, **board.facts}
        name = board.template or self.name
        return Renderer([stock_home() / "templates"], stock=stock_home() / "templates").render(
            name, facts, tone=board.tone, at=self.now
        )


def stock_job(name: str) -> Job:
    catalog = load_catalog([stock_home()])
    assert name in catalog.jobs, catalog.problems
    return catalog.jobs[name]


def health_probe() -> Job:
    return stock_job("health_probe")


def ledger(name: str = "floor", **given: Any) -> LedgerHealth:
    facts: dict[str, Any] = {"reachable": True, "latency": 0.005, "newest_trade_at": NOW - timedelta(minutes=4)}
    return LedgerHealth(ledger=name, kind="native", **{**facts, **given})


def agent(name: str, seen: timedelta | None = timedelta(seconds=15), **given: Any) -> Agent:
    return Agent(name=name, last_seen=None if seen is None else NOW - seen, **{"ledger": "floor", **given})


def reading(name: str, level: Level = Level.OK, detail: str = "online", **given: Any) -> Reading:
    known: dict[str, Any] = {"kind": "http", "latency": 0.12, **given}
    seen = Observation(f"probe/{name}", level, detail, figure=known["latency"])
    return Reading(name=name, observation=seen, at=NOW, **known)


def alert(subject: str, level: Level, since: datetime, detail: str = "") -> AlertState:
    seen = Observation(subject, level, detail)
    return AlertState(subject, Phase.OPEN, level, since, observation=seen, opened_at=since)
