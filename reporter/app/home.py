"""Home folders: find one, read its config, jobs and templates, watch it for edits, create a new one."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import TextIO
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from reporter.app.check import Finding, check_channels, check_ledgers, check_templates
from reporter.app.config_lint import settings_without_effect
from reporter.config import loading, models
from reporter.config.alert_rules import rules
from reporter.config.alerts import RoutesConfig
from reporter.config.host import HeartbeatConfig
from reporter.config.rates import as_rates
from reporter.delivery.channels import Channel, Routes
from reporter.delivery.heartbeat import Heartbeat
from reporter.delivery.outlets.outlet import Delivered, Never, Outlet
from reporter.errors import ConfigError, LedgerError, Problem, ReporterError
from reporter.jobs.binding import BoundJob, bind
from reporter.jobs.loader import Catalog, fingerprint, job_files, load_catalog, stock_home
from reporter.messages.formats import COMMON_CURRENCIES, CurrencyFormat, Formats, plural
from reporter.messages.quiet_hours import QuietRules
from reporter.messages.templates.renderer import Renderer
from reporter.notify.settings import NotifySettings
from reporter.periods.clock import Clock
from reporter.probes.factory import probes_of
from reporter.probes.host.collector import Machine
from reporter.scheduler.clock_check import ForeignClock
from reporter.scheduler.runtime import Runtime
from reporter.secret import Secret
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings

log = logging.getLogger(__name__)

CONFIG = Path("config", "reporter.yaml")


_EMPTY = "`reporter schema` lists the keys; `reporter init` makes a config that explains them, in a folder without one"


# A file's path, inode, time of change in nanoseconds and size in bytes.
Stamp = tuple[str, int, int, int]


def find_home(given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home to use: the one named, `$REPORTER_HOME`, this folder, or /etc/reporter. Raises ConfigError."""
    named = given or environ.get("REPORTER_HOME")
    places = [Path(named)] if named else [Path(), Path("/etc/reporter")]
    for place in places:
        if (place / CONFIG).is_file():
            return place
    hint = f"make one with `reporter init {named or 'DIR'}`, or look at the demo with `reporter demo`"
    looked = " or ".join(str(place / CONFIG) for place in places)
    raise ConfigError([Problem(looked, "there is no config here", hint=hint)])


@dataclass(frozen=True, slots=True)
class _Loading:
    """One reading of the config and the home, and what is wrong with it."""

    loaded: loading.Loaded
    catalog: Catalog
    jobs: Sequence[BoundJob]
    problems: list[Problem]


class FolderHome:
    """A home in a folder, laid over the stock that comes with the program."""

    def __init__(
        self, folder: Path, *, clock: Clock, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.path = folder / CONFIG
        self.homes = (folder, stock_home())
        self.warnings: tuple[Problem, ...] = ()
        self.catalog = Catalog()
        self.store = Secret("")  # the URL of our own database, once the config was read
        self._clock = clock
        self._stream = stream
        self._environ = environ
        self._version = ""
        self._taken: frozenset[Stamp] = frozenset()
        self._pending = self._taken

    def wire(self) -> Runtime:
        """Read everything anew. Raises ConfigError with all problems, and changes nothing then."""
        self._taken = self._pending = self._stamps()
        self._version = self._fingerprint()
        read = self._read()
        runtime = self._wire(read)
        if read.problems:
            runtime.close()
            raise ConfigError(read.problems)
        self.catalog = read.catalog
        self.store = read.loaded.store
        known = self.warnings
        self.warnings = (
            *read.loaded.warnings,
            *settings_without_effect(read.loaded, read.jobs),
            *read.catalog.problems,
        )
        for problem in self.warnings:
            if problem not in known:  # once, and not again at each edit of something else
                log.warning("%s", problem)
        return runtime

    def check(self) -> Iterator[Finding]:
        """Look for mistakes in all that a daemon would use: config, jobs, templates, databases, channels.

        What is sound is looked at although something else is wrong.
        """
        try:
            read = self._read()
        except ConfigError as error:
            yield from (Finding("config", str(problem)) for problem in error.problems)
            yield from (Finding("job", str(problem)) for problem in load_catalog(self.homes).problems)
            return
        runtime = self._wire(read)
        yield from self._check_config(read, runtime)
        yield from (Finding("job", str(problem)) for problem in read.catalog.problems)
        yield from check_templates(runtime)
        yield from check_ledgers(runtime)
        yield from check_channels(runtime)
        runtime.close()

    def _check_config(self, read: _Loading, runtime: Runtime) -> Iterator[Finding]:
        yield from (Finding("config", str(problem)) for problem in read.problems)
        yield from (Finding("advice", str(problem)) for problem in read.loaded.warnings)
        if read.problems:
            return
        yield Finding("", f"{self.path} can be used: {_counted(runtime)}")
        if not runtime.jobs:
            yield Finding("advice", "it names no job, so nothing is told: write `daily_summary:` under `jobs:`")
        yield from (Finding("advice", str(problem)) for problem in settings_without_effect(read.loaded, read.jobs))

    def _read(self) -> _Loading:
        """Everything that the files say. Raises ConfigError where nothing of the config can be read."""
        loaded = loading.look_through(self.path, self._environ)
        if not loaded.document.text.strip():  # what a full disk or an editor at work leaves behind
            raise ConfigError([Problem(str(self.path), "this file is empty", hint=_EMPTY)])
        catalog = load_catalog(self.homes)
        jobs, problems = bind(loaded, catalog)
        return _Loading(loaded, catalog, jobs, [*loaded.problems, *problems])

    def edited(self) -> bool:
        """Whether the files differ from those last read, and have stood still since the last look."""
        now = self._stamps()
        settled = now == self._pending
        self._pending = now
        return settled and now != self._taken

    def _stamps(self) -> frozenset[Stamp]:
        """What tells a file from its edited self without reading it: this is asked every other second."""
        found = [self.path, *job_files(self.homes).values()]
        stats = [(path, path.stat()) for path in found if path.is_file()]
        return frozenset((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in stats)

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(fingerprint(self.homes).encode())
        digest.update(self.path.read_bytes() if self.path.is_file() else b"")
        return digest.hexdigest()[:8]

    def _wire(self, read: _Loading) -> Runtime:
        """All that can be opened; what never can is added to the problems."""
        loaded, settings = read.loaded, read.loaded.config
        floor = _floor(read)
        # Where something is wrong nobody will probe, and a probe may need what is wrong.
        probes = probes_of(settings, self._clock, [] if read.problems else None)
        channels = dict(self._channels(read))
        return Runtime(
            jobs={bound.name: bound for bound in read.jobs},
            ledger=floor,
            host=self._machine(loaded).look,
            probe_all=probes.probe_all,
            readings=probes.readings,
            targets=settings.targets.as_targets(),
            basis=settings.figures.as_basis(),
            rates=as_rates(settings.rates),
            formats=formats(settings),
            notify=NotifySettings(
                channels=channels,
                renderer=Renderer(
                    [home / "templates" for home in self.homes], formats(settings), stock=stock_home() / "templates"
                ),
                zone=ZoneInfo(settings.timezone),
                routes=_routes(settings.alerts.routes),
                rules=rules(settings.alerts, settings.probes, settings.timezone),
            ),
            broken=_broken(loaded, read.catalog),
            keep_history=settings.keep_history,
            keep_uptime=settings.keep_uptime,
            heartbeat=self._heartbeat(settings.heartbeat),
            version=self._version,
            warnings=floor.warnings,
            clocks={**_ledger_clocks(settings, floor), **_channel_clocks(channels)},
            closers=(floor.close, probes.close, *(channel.outlet.close for channel in channels.values())),
        )

    def _machine(self, loaded: loading.Loaded) -> Machine:
        entry = loaded.config.host
        shared = not loaded.store.reveal().startswith("sqlite") and "://" in loaded.store.reveal()
        return Machine(entry.disks, name=entry.name, shared=shared, clock=self._clock)

    def _heartbeat(self, entry: HeartbeatConfig | None) -> Heartbeat | None:
        return None if entry is None else Heartbeat(entry.url, entry.every.total_seconds(), entry.fail, self._clock)

    def _channels(self, read: _Loading) -> Iterator[tuple[str, Channel]]:
        for name, entry in read.loaded.config.channels.items():
            try:
                yield name, self._channel(name, entry, read.loaded.config)
            except ReporterError as error:
                read.problems.append(read.loaded.problem(("channels", name), str(error)))

    def _channel(self, name: str, entry: models.ChannelConfig, settings: models.Config) -> Channel:
        outlet = self._outlet(entry, settings)
        etiquette = QuietRules(entry.noise, entry.quiet_hours, entry.digest_at, ZoneInfo(settings.timezone))
        if isinstance(entry, models.DiscordChannel):
            address = hashlib.sha256(entry.webhook.reveal().encode()).hexdigest()[:16]
            return Channel(name, outlet, address, entry.keep, etiquette, hold_doubtful=entry.doubt == "hold")
        return Channel(name, outlet, "console", quiet_rules=etiquette, pictures=entry.pictures is not None)

    def _outlet(self, entry: models.ChannelConfig, settings: models.Config) -> Outlet:
        """Open a channel; the libraries of a kind are loaded only where it is used."""
        if isinstance(entry, models.ConsoleChannel):
            from reporter.delivery.outlets.console import ConsoleOutlet  # noqa: PLC0415

            folder = self.homes[0] / entry.pictures if entry.pictures else None
            return ConsoleOutlet(self._stream or sys.stdout, zone=ZoneInfo(settings.timezone), pictures=folder)
        from reporter.delivery.outlets.discord.outlet import DiscordOutlet  # noqa: PLC0415

        return DiscordOutlet(
            entry.webhook,
            base_url=settings.discord.base_url,
            username=entry.username,
            avatar_url=entry.avatar_url,
            thread_id=entry.thread_id,
            thread_name=entry.thread_name,
            bot_token=entry.bot_token,
            mention=entry.mentions,
            monotonic=self._clock.monotonic,
        )


def _floor(read: _Loading) -> Portfolio:
    """The ledgers that can be read one day."""
    usable: list[LedgerSettings] = []
    for one in ledger_settings(read.loaded.config):
        try:
            Portfolio([one])
        except LedgerError as error:
            why = str(error).removeprefix(f"{one.name}: ")
            read.problems.append(read.loaded.problem(("ledgers", one.name, "url"), why))
        else:
            usable.append(one)
    return Portfolio(usable)


def ledger_settings(settings: models.Config) -> list[LedgerSettings]:
    return [
        LedgerSettings(
            name=name, kind=entry.kind, url=entry.url, starting_balance=entry.starting_balance, mode=entry.mode
        )
        for name, entry in settings.ledgers.items()
    ]


def formats(settings: models.Config) -> Formats:
    own = {currency: CurrencyFormat(entry.sign, entry.decimals) for currency, entry in settings.money.items()}
    return Formats(
        currencies={**COMMON_CURRENCIES, **own},
        thousands=settings.format.separator,
        point=settings.format.point,
        zone=settings.timezone,
    )


def make_home(folder: Path) -> list[Path]:
    """Lay out a home that is ready to edit; what is there already is left alone. Returns what was made."""
    made: list[Path] = []
    for name in ("config", "jobs", "templates"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for source in (CONFIG, CONFIG.with_name("schema.json")):
        target = folder / source
        if not target.exists():
            shutil.copyfile(stock_home() / source, target)
            made.append(target)
    return made


def _broken(loaded: loading.Loaded, catalog: Catalog) -> dict[str, str]:
    told = {Path(problem.file).stem: str(problem) for problem in catalog.problems}
    return {name: told.get(name, "cannot be loaded") for name in loaded.config.jobs if name in catalog.broken}


def _counted(runtime: Runtime) -> str:
    return f"{plural(len(runtime.jobs), 'job')}, {plural(len(runtime.channels), 'channel')}"


def _ledger_clocks(settings: models.Config, floor: Portfolio) -> dict[str, ForeignClock]:
    """The clocks of database servers on other machines."""

    def ask(name: str) -> datetime | None:
        return next((one.clock for one in floor.health() if one.ledger == name), None)

    far = [name for name, entry in settings.ledgers.items() if _elsewhere(entry.url.reveal())]
    return {f"the server of ledger {name}": partial(ask, name) for name in far}


def _elsewhere(url: str) -> bool:
    """Whether a database is on another machine, and with it its clock."""
    host = urlsplit(url).hostname if "://" in url else None
    return host is not None and not host.startswith("127.") and host not in {"localhost", "::1", gethostname()}


def _channel_clocks(channels: Mapping[str, Channel]) -> dict[str, ForeignClock]:
    """The clocks of the services behind the channels; a channel that is gone is not asked again."""
    gone: set[str] = set()

    def ask(channel: Channel) -> datetime | None:
        if channel.address in gone:
            return None
        verdict = channel.outlet.look()
        if isinstance(verdict, Never) and verdict.gone:
            gone.add(channel.address)
        return verdict.date if isinstance(verdict, Delivered) else None

    served = [channel for channel in channels.values() if channel.outlet.kind != "console"]
    return {f"{channel.outlet.kind} (channel {channel.name})": partial(ask, channel) for channel in served}


def _routes(entry: RoutesConfig) -> Routes:
    return Routes(entry.critical or (), entry.warning or (), entry.all or (), entry.fallback or ())
