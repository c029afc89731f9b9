"""From what the config says of a probe to one that looks into a database."""

from __future__ import annotations

from dataclasses import Field, fields
from datetime import timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar
from zoneinfo import ZoneInfo

from reporter.alerts.model import Level
from reporter.config.base import Settings
from reporter.config.models import Config
from reporter.config.probes import databases as models
from reporter.config.probes.common import ProbeLimits
from reporter.periods.clock import Clock
from reporter.probes.certificates import Trust
from reporter.probes.kinds.postgres import PostgresLimits, PostgresProbe
from reporter.probes.kinds.redis import RedisLimits, RedisProbe
from reporter.probes.kinds.sql import Expectation, SqlProbe
from reporter.probes.kinds.sqlite import SqliteLimits, SqliteProbe
from reporter.probes.kinds.trades import FrequencyCheck, TradesProbe
from reporter.probes.probe import NEVER, Probe, Terms
from reporter.secret import Secret
from reporter.trading.ledger.connection import strict_address
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


L = TypeVar("L", bound=_Record)


class Ledgers:
    """The trading databases of a config, for probes that look into them."""

    def __init__(self, settings: Config) -> None:
        self.zone: tzinfo = ZoneInfo(settings.timezone)
        self._entries = settings.ledgers

    def url(self, name: str | None) -> Secret:
        """A ledger's address; the config holds that there is one of that name. Raises LedgerError.

        It is spelled as those read it who are stricter than SQLAlchemy: a password may hold a slash there.
        """
        entry = self._entries[name or ""]
        return strict_address(name or "", entry.url)

    @cached_property
    def floor(self) -> Portfolio:
        """All of them together."""
        return Portfolio(
            [
                LedgerSettings(name=name, kind=entry.kind, url=entry.url, mode=entry.mode)
                for name, entry in self._entries.items()
            ]
        )


def database_probe(terms: Terms, entry: models.DatabaseProbe, clock: Clock, ledgers: Ledgers) -> Probe:
    """A probe that looks into a database of its own, or into one of the trading databases."""
    match entry:
        case models.PostgresProbeConfig():
            url = entry.url or ledgers.url(entry.ledger)
            return PostgresProbe(terms, clock, url, _limits(PostgresLimits, entry))
        case models.SqliteProbeConfig(integrity_every=every):
            path = entry.path or _file(ledgers.url(entry.ledger))
            return SqliteProbe(terms, clock, path, _limits(SqliteLimits, entry), _plain(every))
        case models.SqlProbeConfig(query=query):
            return SqlProbe(terms, clock, _target(entry.url or ledgers.url(entry.ledger)), query, _expectation(entry))
        case models.TradesProbeConfig():
            return TradesProbe(terms, clock, ledgers.floor, _pacing(entry, ledgers.zone))
        case models.RedisProbeConfig():
            return RedisProbe(terms, clock, entry.url, _limits(RedisLimits, entry), Trust(entry.ca_file, entry.verify))


def _file(url: Secret) -> Path:
    """The file of a SQLite database, of which the config makes a URL."""
    return Path(url.reveal().partition(":///")[2].partition("?")[0])


def _target(url: Secret) -> Secret | Path:
    return _file(url) if url.reveal().startswith("sqlite") else url


def _expectation(entry: models.SqlProbeConfig) -> Expectation:
    return Expectation(
        name=entry.shows_as,
        above=entry.above.threshold() if entry.above else NEVER,
        below=entry.below.threshold() if entry.below else NEVER,
        equals=entry.equals,
        age=entry.age.threshold() if entry.age else None,
        rows=entry.rows.threshold() if entry.rows else None,
        min_rows=entry.min_rows.threshold() if entry.min_rows else None,
        empty=Level(entry.empty),
    )


def _pacing(entry: models.TradesProbeConfig, zone: tzinfo) -> FrequencyCheck:
    return FrequencyCheck(
        ledger=entry.ledger,
        agent=entry.agent,
        zone=zone,
        history=entry.history,
        rarity=entry.rarity,
        limits=entry.silence.threshold(),
    )


def _limits(kind: type[L], entry: Settings) -> L:
    """The limits of a probe, which the config calls by the same names."""
    return kind(**{field.name: _plain(getattr(entry, field.name)) for field in fields(kind)})


def _plain(value: Any) -> Any:
    match value:
        case ProbeLimits():
            return value.threshold()
        case timedelta():
            return value.total_seconds()
    return value
