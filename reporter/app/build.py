"""Builds the runtime from what a home's files say. What cannot be built is a problem at its line of the config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, NoReturn, TextIO, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from reporter.app.actions import actions_of
from reporter.app.channels import Services, open_channels
from reporter.app.chat import chat_settings
from reporter.app.events import event_rules, ping_rules, web_settings
from reporter.app.plans import plan_listener, plan_settings
from reporter.config import models
from reporter.config.alert_rules import rules
from reporter.config.loading import Loaded
from reporter.config.log import MEGABYTE, SMALLEST, LevelName, LogConfig
from reporter.config.mappings import mapping_of
from reporter.config.rates import as_rates
from reporter.delivery.channels import Channel, Routes
from reporter.delivery.heartbeat import Heartbeat
from reporter.delivery.outlets.outlet import Delivered, Never
from reporter.errors import ConfigError, LedgerError, Problem
from reporter.inbox.settings import EventSettings
from reporter.jobs.binding import BoundJob, answering
from reporter.jobs.loader import Catalog, stock_home
from reporter.messages.formats import COMMON_CURRENCIES, CurrencyFormat, Formats
from reporter.messages.templates.renderer import Renderer
from reporter.notify.settings import NotifySettings
from reporter.periods.clock import Clock
from reporter.probes.factory import probes_of
from reporter.probes.host.collector import Machine
from reporter.probes.ledgers import Ledgers
from reporter.scheduler.clock_check import ForeignClock
from reporter.scheduler.logs import LogSettings
from reporter.scheduler.runtime import JobInputs, Retention, Runtime
from reporter.secret import Secret
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings, PriceSettings
from reporter.trading.markets import Quote

if TYPE_CHECKING:
    from reporter.probes.quotes import Quotes


@dataclass(frozen=True, slots=True)
class HomeContents:
    """One reading of a home: its config, its jobs, and what is wrong with them. The first of `homes` is the user's."""

    homes: tuple[Path, ...]
    loaded: Loaded
    catalog: Catalog
    jobs: Sequence[BoundJob]
    problems: Sequence[Problem]
    version: str
    environ: Mapping[str, str] = field(default_factory=dict)


def build(
    contents: HomeContents, clock: Clock, stream: TextIO | None, services: Services
) -> tuple[Runtime, list[Problem]]:
    """Open all that can be opened; returns it with every problem, those of the contents first."""
    settings, machine = contents.loaded.config, contents.loaded.config.host
    portfolio, bad_ledgers = _portfolio(contents.loaded, clock.wall)
    channels, bad_channels = open_channels(contents.loaded, contents.homes[0], stream, services)
    problems = [*contents.problems, *bad_ledgers, *bad_channels]
    # Where something is wrong nobody will probe, and a probe may need what is wrong.
    unprobed = contents.loaded.missing("probes")
    probes = probes_of(settings, clock, [] if unprobed or contents.problems or bad_ledgers else None)
    formats = _formats(settings)
    folders = [home / "templates" for home in contents.homes]
    renderer = Renderer(folders, formats, stock=stock_home() / "templates")
    runtime = Runtime(
        jobs={bound.name: bound for bound in contents.jobs},
        broken=_broken(contents),
        answers=answering(contents.loaded, contents.catalog, contents.jobs),
        version=contents.version,
        inputs=JobInputs(
            ledger=portfolio,
            host=Machine(
                machine.disks,
                sensors=machine.sensors,
                name=machine.name,
                shared=_is_shared(contents.loaded),
                clock=clock,
            ).look,
            probe_all=_refusal(unprobed) if unprobed else probes.probe_all,
            readings=_refusal(unprobed) if unprobed else probes.readings,
            targets=settings.targets.as_targets(),
            basis=settings.figures.as_basis(),
            rates=as_rates(settings.rates),
            formats=formats,
            quotes=_quotes(settings, clock.wall),
            markets=tuple(entry.as_priced(name) for name, entry in settings.markets.items()),
            audit=tuple(entry.as_rule(name) for name, entry in settings.audit.items()),
        ),
        notify=NotifySettings(
            channels=channels,
            renderer=renderer,
            zone=ZoneInfo(settings.timezone),
            routes=_routes(settings),
            rules=rules(settings.alerts, settings.probes, settings.timezone),
        ),
        events=EventSettings(channels, renderer, event_rules(settings)),
        web=web_settings(settings),
        actions=actions_of(settings),
        plans=plan_settings(settings),
        pings=ping_rules(settings),
        chat=chat_settings(settings),
        plan_listener=plan_listener(settings),
        log=_log_settings(settings.log, contents.homes[0], contents.environ),
        retention=Retention(settings.keep_history, settings.keep_uptime),
        heartbeat=_heartbeat(settings, clock),
        clocks={**_ledger_clocks(settings, portfolio), **_channel_clocks(channels)},
        portfolio=portfolio,
        restate_above=Decimal(str(settings.figures.restate_above)),
        ledger_warnings=portfolio.warnings,
        probes_rested=probes.rested,
        closers=(portfolio.close, probes.close, *(channel.outlet.close for channel in channels.values())),
    )
    return runtime, problems


def _quotes(settings: models.Config, now: Callable[[], datetime]) -> Callable[[], Sequence[Quote]]:
    """What asks the markets; nothing of it is loaded before a job asks."""
    made: list[Quotes] = []

    def ask() -> Sequence[Quote]:
        from reporter.probes import quotes  # noqa: PLC0415 - loaded only where it is used

        if not made:
            made.append(quotes.Quotes(settings.markets, Ledgers(settings.ledgers, settings.timezone), now))
        return made[0].ask()

    return ask


def _portfolio(loaded: Loaded, now: Callable[[], datetime]) -> tuple[Portfolio, list[Problem]]:
    """The ledgers whose settings can be used."""
    usable: list[LedgerSettings] = []
    problems: list[Problem] = []
    for name, entry in loaded.config.ledgers.items():
        if entry.url.missing:  # a command that uses ledgers was told so before
            continue
        try:
            settings = LedgerSettings(
                name=name,
                kind=entry.kind,
                url=entry.url,
                starting_balance=entry.starting_balance,
                mode=entry.mode,
                mapping=mapping_of(entry.mapping),
                prices=_prices(entry.prices),
                fresh=entry.fresh.as_rule(loaded.config.timezone) if entry.fresh else None,
            )
            Portfolio([settings])
        except LedgerError as error:
            problems.append(loaded.problem(("ledgers", name, "url"), str(error).removeprefix(f"{name}: ")))
        else:
            usable.append(settings)
    return Portfolio(usable, now=now), problems


def _log_settings(entry: LogConfig, home: Path, environ: Mapping[str, str]) -> LogSettings:
    """The config's word, else the environment's, else the default."""
    level = environ.get("LOG_LEVEL", "").upper()
    file = entry.file or environ.get("LOG_FILE")
    return LogSettings(
        format=entry.format,
        level=entry.level or (level if level in get_args(LevelName) else "INFO"),
        levels=dict(entry.levels),
        file=home / file if file else None,
        max_size=_of(entry, "max_size", environ.get("LOG_MAX_SIZE_MB"), MEGABYTE, SMALLEST),
        keep=_of(entry, "keep", environ.get("LOG_BACKUP_COUNT"), 1, 1),
    )


def _of(entry: LogConfig, key: str, text: str | None, unit: int, least: int) -> int:
    """A number of the config; where it is left out, that of the environment, if it is one that the config takes."""
    found = int(text) * unit if text and text.isascii() and text.isdigit() else 0
    return found if key not in entry.model_fields_set and found >= least else int(getattr(entry, key))


def _prices(entry: models.PricesConfig | None) -> PriceSettings | None:
    if entry is None:
        return None
    username = None if entry.username is None else Secret(entry.username)
    return PriceSettings(
        kind=entry.kind,
        url=entry.url,
        exchange=entry.exchange,
        username=username,
        password=entry.password,
        path=entry.path,
    )


def _refusal(problems: Sequence[Problem]) -> Callable[..., NoReturn]:
    """What probes a home whose probes' secrets are not all there."""

    def refuse(*_: object) -> NoReturn:
        raise ConfigError(list(problems))

    return refuse


def _formats(settings: models.Config) -> Formats:
    own = {currency: CurrencyFormat(entry.sign, entry.decimals) for currency, entry in settings.money.items()}
    return Formats(
        currencies={**COMMON_CURRENCIES, **own},
        thousands=settings.format.separator,
        point=settings.format.point,
        zone=settings.timezone,
    )


def _routes(settings: models.Config) -> Routes:
    entry = settings.alerts.routes
    return Routes(entry.critical or (), entry.warning or (), entry.all or (), entry.fallback or ())


def _heartbeat(settings: models.Config, clock: Clock) -> Heartbeat | None:
    entry = settings.heartbeat
    if entry is None or entry.url.missing or (entry.proxy is not None and entry.proxy.missing):
        return None
    return Heartbeat(
        entry.url, entry.every.total_seconds(), entry.fail, clock, proxy=entry.proxy, ca_file=entry.ca_file
    )


def _is_shared(loaded: Loaded) -> bool:
    """Whether daemons of several machines may work on the store."""
    url = "" if loaded.store.missing else loaded.store.reveal()
    return "://" in url and not url.startswith("sqlite")


def _broken(contents: HomeContents) -> dict[str, str]:
    reasons = {Path(problem.file).stem: str(problem) for problem in contents.catalog.problems}
    named = [name for name in contents.loaded.config.jobs if name in contents.catalog.broken]
    return {name: reasons.get(name, "cannot be loaded") for name in named}


def _ledger_clocks(settings: models.Config, portfolio: Portfolio) -> dict[str, ForeignClock]:
    """The clocks of database servers on other machines."""

    def ask(name: str) -> datetime | None:
        return next((health.clock for health in portfolio.health() if health.ledger == name), None)

    far = [name for name, entry in settings.ledgers.items() if not entry.url.missing and _elsewhere(entry.url.reveal())]
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

    remote = [channel for channel in channels.values() if channel.outlet.kind != "console" and not channel.unavailable]
    return {f"{channel.outlet.kind} (channel {channel.name})": partial(ask, channel) for channel in remote}
