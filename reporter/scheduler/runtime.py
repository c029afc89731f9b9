"""Everything loaded from the config and the home folder: every job with all that it needs. A reload replaces it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from reporter.actions.action import Action
from reporter.alerts.maintenance import MaintenanceWindow
from reporter.alerts.pings import PingRule
from reporter.alerts.readings import Reading, Standing
from reporter.delivery.channels import Channel
from reporter.delivery.heartbeat import Heartbeat
from reporter.inbox.settings import EventSettings, WebSettings
from reporter.jobs.binding import BoundJob
from reporter.messages.formats import Formats
from reporter.messages.rasterizer import Rasterizer
from reporter.messages.templates.renderer import Renderer
from reporter.notify.settings import NotifySettings
from reporter.plans.settings import PlanListener, PlanSettings
from reporter.probes.host.facts import Host
from reporter.scheduler.chat_settings import ChatSettings
from reporter.scheduler.clock_check import ForeignClock
from reporter.scheduler.logs import LogSettings
from reporter.trading.audit import AuditRule
from reporter.trading.books import Ledger
from reporter.trading.exchange_rates import Rates
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.markets import PricedMarket, Quote
from reporter.trading.return_ratios import Basis
from reporter.trading.targets import Targets


@dataclass(frozen=True, slots=True)
class JobInputs:
    """What jobs may look at. `basis` is the year that ratios are annualised for."""

    ledger: Ledger
    host: Callable[[], Host]
    probe_all: Callable[[Standing], Sequence[Reading]]
    readings: Callable[[Collection[str], Standing], Sequence[Reading]]
    targets: Targets
    basis: Basis
    rates: Rates
    formats: Formats
    audit: tuple[AuditRule, ...] = ()
    quotes: Callable[[], Sequence[Quote]] = tuple
    markets: tuple[PricedMarket, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long our own past is kept: `history` is messages, runs and alerts, `uptime` the spans of each subject."""

    history: timedelta
    uptime: timedelta


@dataclass(frozen=True, slots=True)
class Runtime:
    """The jobs of the config and what runs them.

    `broken` holds the jobs that the config names and whose file cannot be loaded, and why. `version` is a short
    fingerprint of config and home. `clocks` are clocks of other machines to compare ours with. `ledger_warnings` says
    where our rights on a ledger are too wide. `web` is where to listen; without it there is no listener. `answers`
    holds the job that answers each question of people, such as `pnl weekly`. `portfolio` is the ledgers, for roll-ups
    of them. `plans` is None where nobody writes plans, and `plan_listener` where no program may read them.
    `chat` says who may ask in chat. `pings` are the jobs that report themselves.
    A figure that was sent and differs by `restate_above` or more (in units of its currency) is restated.
    """

    jobs: Mapping[str, BoundJob]
    broken: Mapping[str, str]
    version: str
    inputs: JobInputs
    notify: NotifySettings
    events: EventSettings
    retention: Retention
    heartbeat: Heartbeat | None
    clocks: Mapping[str, ForeignClock]
    ledger_warnings: Callable[[], Sequence[str]]
    closers: tuple[Callable[[], None], ...]
    probes_rested: Callable[[], float] = float
    charts: Rasterizer = field(default_factory=Rasterizer)
    web: WebSettings | None = None
    answers: Mapping[str, BoundJob] = field(default_factory=dict)
    actions: Mapping[str, Action] = field(default_factory=dict)
    restate_above: Decimal = Decimal("0.01")
    portfolio: Portfolio = field(default_factory=lambda: Portfolio([]))
    plans: PlanSettings | None = None
    plan_listener: PlanListener | None = None
    log: LogSettings = field(default_factory=LogSettings)
    chat: ChatSettings | None = None
    pings: Mapping[str, PingRule] = field(default_factory=dict)

    @property
    def channels(self) -> Mapping[str, Channel]:
        return self.notify.channels

    @property
    def renderer(self) -> Renderer:
        return self.notify.renderer

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of every time that people read."""
        return self.notify.zone

    @property
    def maintenance(self) -> Sequence[MaintenanceWindow]:
        return self.notify.rules.windows

    def describe(self, job: str) -> str | None:
        """A job's name and schedule in words; None if the config has no such job."""
        bound = self.jobs.get(job)
        return f"{bound.name}, {bound.schedule.describe()}" if bound else None

    def close(self) -> None:
        for close in self.closers:
            close()
