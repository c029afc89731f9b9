"""A trading database for tests: native SQLite, read by the real Portfolio, rendered by the real Renderer."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reporter.alerts.model import AlertState, Transition
from reporter.alerts.self_health import SelfHealth
from reporter.alerts.uptime import StateSpan, Uptime
from reporter.jobs.context import Context, Job, Report
from reporter.jobs.loader import load_catalog
from reporter.messages.message import Message, plain, plain_blocks
from reporter.messages.templates.renderer import Renderer
from reporter.periods.civil import Period, asked, before, covered
from reporter.plans.model import TradingPlan
from reporter.trading.books import Ledger
from reporter.trading.exchange_rates import Rates
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources import native
from reporter.trading.return_ratios import NEVER_CLOSES, Basis
from reporter.trading.signals import Signal
from reporter.trading.targets import Targets
from reporter.trading.trades import Money
from tests.support.paths import ROOT

HOME = ROOT
RENDERER = Renderer([HOME / "templates"], stock=HOME / "templates")


def usdt(amount: str) -> Money:
    return Money(Decimal(amount), "USDT")


TARGETS = Targets(
    daily_pnl={"USDT": usdt("50")},
    drawdown={"USDT": usdt("100")},
    win_rate=Decimal("0.52"),
    review_win_rate=Decimal("0.45"),
)


@dataclass(frozen=True)
class Closed:
    """A closed trade, as a test writes it: when (UTC), by whom, and what it made."""

    at: str
    agent: str
    pnl: str
    market: str = "BTC/USDT"
    mode: str = "live"
    currency: str = "USDT"
    fees: str | None = "0.4"


@dataclass(frozen=True)
class Idle:
    """An agent that is known whether it trades or not."""

    name: str
    capital: str | None = None
    mode: str = "live"
    currency: str = "USDT"


@dataclass(frozen=True)
class NoHistory:
    """A store of our own that has seen nothing, but since when ledgers are away and how what was watched fared."""

    since: dict[str, datetime] = field(default_factory=dict)
    fared: Mapping[str, Uptime] = field(default_factory=dict)
    planned: Sequence[TradingPlan] = ()

    def open_alerts(self) -> list[AlertState]:
        return []

    def transitions(self, period: Period) -> list[Transition]:
        return []

    def started_at(self) -> datetime | None:
        return None

    def uptime(self, period: Period) -> Mapping[str, Uptime]:
        return self.fared

    def spans(self, subject: str, period: Period) -> list[StateSpan]:
        return []

    def self_health(self) -> SelfHealth:
        return SelfHealth()

    def signals(self, since: datetime) -> Sequence[Signal]:
        return []

    def prices(self, market: str, source: str, since: datetime, until: datetime) -> list[tuple[datetime, Decimal]]:
        return []

    def means(self) -> Mapping[str, float]:
        return {}

    def unread_since(self, ledger: str) -> datetime | None:
        return self.since.get(ledger)

    def plans(self, first: date, last: date) -> Sequence[TradingPlan]:
        return [plan for plan in self.planned if first.isoformat() <= plan.newest.day <= last.isoformat()]


def database(path: Path, trades: Iterable[Closed] = (), agents: Iterable[Idle] = ()) -> Path:
    """A trading database of these trades and agents at `path`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")  # a file without it is read for 2 s at most
        connection.executescript(native.ddl("sqlite"))
        connection.executemany(
            "INSERT INTO trades (closed_at, agent, pnl, market, side, mode, currency, fees) "
            "VALUES (?, ?, ?, ?, 'long', ?, ?, ?)",
            [(t.at, t.agent, t.pnl, t.market, t.mode, t.currency, t.fees) for t in trades],
        )
        connection.executemany(
            "INSERT INTO agents (name, capital, mode, currency) VALUES (?, ?, ?, ?)",
            [(a.name, a.capital, a.mode, a.currency) for a in agents],
        )
    return path


def pay(path: Path, *paid: tuple[str, str]) -> Path:
    """Let snapshots tell of payments at these times (UTC), below 0 those taken out; none does at the very first."""
    told = [("2026-01-01 00:00:00", "0"), *paid]
    with closing(sqlite3.connect(path)) as connection, connection:
        statement = "INSERT INTO equity (at, currency, equity, deposited) VALUES (?, 'USDT', 1000, ?)"
        connection.executemany(statement, told)
    return path


def rows(path: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What the bare database says, for a recount; a statement may also change a row."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query, values).fetchall()


def floor(*paths: Path, starting: Sequence[Money] = ()) -> Portfolio:
    """These databases as one floor, each named like its file."""
    return Portfolio(
        [LedgerSettings(name=p.stem, kind="native", url=str(p), starting_balance=tuple(starting)) for p in paths]
    )


def freqtrade(folder: Path) -> Portfolio:
    """A real freqtrade database of September and October 2026, copied: reading one makes files beside it."""
    copy = shutil.copy(HOME / "tests" / "data" / "freqtrade.sqlite", folder)
    settings = LedgerSettings(name="ft", kind="freqtrade", url=str(copy), starting_balance=(usdt("10000"),))
    return Portfolio([settings])


def reports(
    name: str,
    ledger: Ledger,
    now: str,
    *,
    targets: Targets = TARGETS,
    since: dict[str, datetime] | None = None,
    basis: Basis = NEVER_CLOSES,
    fared: Mapping[str, Uptime] | None = None,
    rates: Rates | None = None,
    drawn: list[list[str]] | None = None,
    at: str | None = None,
    **params: int | bool,
) -> list[tuple[Report, Message]]:
    """What a job of this home yields at `now` (UTC), and how its template tells each; into `drawn`, its pictures."""
    job = _jobs()[name]
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    asked_for = asked(job.covers, datetime.fromisoformat(at).replace(tzinfo=UTC), moment, "UTC") if at else None
    period = asked_for or covered(job.covers, moment, "UTC")
    context: Context[Any] = Context(
        now=moment,
        period=period,
        previous=before(period),
        ledger=ledger,
        host=lambda: pytest.fail("a report of trades asked the machine"),
        probe_all=lambda: pytest.fail("a report of trades asked the probes"),
        readings=lambda _: pytest.fail("a report of trades asked the probes"),
        targets=targets,
        history=NoHistory(since or {}, fared or {}),
        params=job.params(**params),
        log=logging.getLogger(name),
        basis=basis,
        rates=rates or {},
    )
    found = [one for one in job.function(context) if isinstance(one, Report)]
    if drawn is not None:
        drawn += [RENDERER.draw(name, _facts(context, one), at=moment) for one in found]
    return [(one, RENDERER.render(name, _facts(context, one), tone=one.tone, at=moment)) for one in found]


@cache
def _jobs() -> Mapping[str, Job]:
    return load_catalog([HOME]).jobs


def told(name: str, ledger: Ledger, now: str, **given: Any) -> Message:
    """The one message that `reports` makes."""
    [(_, message)] = reports(name, ledger, now, **given)
    return message


def drawn(name: str, ledger: Ledger, now: str, **given: Any) -> list[str]:
    """The pictures, as SVG, of the one report that a job yields."""
    pictures: list[list[str]] = []
    reports(name, ledger, now, drawn=pictures, **given)
    [svgs] = pictures
    return svgs


def _facts(context: Context[Any], report: Report) -> dict[str, Any]:
    return {
        "period": context.period,
        "previous": context.previous,
        "now": context.now,
        "books": report.books,
        "params": context.params,
        "targets": context.targets,
        "basis": context.basis,
        **report.facts,
    }


def text_of(message: Message) -> str:
    """All that a message says, without its marks."""
    parts = [plain(message.title), *plain_blocks(message.body)]
    for part in message.fields:
        parts += [plain(part.name), *plain_blocks(part.blocks)]
    return "\n".join([*parts, plain(message.footer)])


def shape_of(message: Message) -> list[tuple[bool, int]]:
    """The structure of a message: of each field whether it stands in the grid, and how many lines it has."""
    return [(part.inline, len(list(plain_blocks(part.blocks)))) for part in message.fields]
