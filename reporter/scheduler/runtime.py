"""Everything loaded from the config and the home folder: every job with all that it needs. A reload replaces it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from reporter.alerts.maintenance import MaintenanceWindow
from reporter.alerts.readings import Reading, Standing
from reporter.delivery.channels import Channel
from reporter.delivery.heartbeat import Heartbeat
from reporter.jobs.binding import BoundJob
from reporter.messages.formats import Formats
from reporter.messages.rasterizer import Rasterizer
from reporter.messages.templates.renderer import Renderer
from reporter.notify.settings import NotifySettings
from reporter.probes.host.facts import Host
from reporter.scheduler.clock_check import ForeignClock
from reporter.trading.books import Ledger
from reporter.trading.exchange_rates import Rates
from reporter.trading.risk import NEVER_CLOSES, Basis
from reporter.trading.targets import Targets


@dataclass(frozen=True, slots=True)
class Runtime:
    """The jobs and their world, immutable."""

    jobs: Mapping[str, BoundJob]
    ledger: Ledger
    host: Callable[[], Host]
    probe_all: Callable[[Standing], Sequence[Reading]]
    readings: Callable[[Collection[str], Standing], Sequence[Reading]]
    targets: Targets
    notify: NotifySettings
    broken: Mapping[str, str]  # jobs that the config names and whose file cannot be loaded, and why
    keep_history: timedelta  # how long our own past is remembered
    keep_uptime: timedelta  # and how long, how each thing that is watched stood
    version: str  # a short fingerprint of config and home
    basis: Basis = NEVER_CLOSES  # the year that ratios are made for
    rates: Rates = field(default_factory=dict)  # what currencies are worth in others
    formats: Formats = field(default_factory=Formats)  # how figures read
    heartbeat: Heartbeat | None = None  # who is told that we live
    warnings: Callable[[], Sequence[str]] = tuple  # what is too wide about our rights on the ledgers
    clocks: Mapping[str, ForeignClock] = field(default_factory=dict)  # those that are not this machine's, to be asked
    charts: Rasterizer = field(default_factory=Rasterizer)
    closers: tuple[Callable[[], None], ...] = field(default=())

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
        """When trouble is expected."""
        return self.notify.rules.windows

    def describe(self, job: str) -> str | None:
        """A job's name and schedule in words; None if the config has no such job."""
        bound = self.jobs.get(job)
        return f"{bound.name}, {bound.schedule.describe()}" if bound else None

    def close(self) -> None:
        for close in self.closers:
            close()
