"""From what the config says of a probe to one that looks into a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from reporter.alerts import Level
from reporter.clock import Clock
from reporter.config import probes_databases as models
from reporter.config.probes_common import Limits
from reporter.config.settings import Settings
from reporter.probes import NEVER, Probe, Terms
from reporter.probes.certificates import Trust
from reporter.probes.postgres import PostgresLimits, PostgresProbe
from reporter.probes.redis import RedisLimits, RedisProbe
from reporter.probes.sql import Expectation, SqlProbe
from reporter.probes.sqlite import SqliteLimits, SqliteProbe
from reporter.secret import Secret


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


L = TypeVar("L", bound=_Record)


def database_probe(terms: Terms, entry: models.DatabaseProbe, clock: Clock, ledgers: Mapping[str, Secret]) -> Probe:
    """`ledgers` are the addresses of the trading databases, by their names."""
    match entry:
        case models.PostgresProbeConfig():
            url = entry.url or ledgers[entry.ledger or ""]
            return PostgresProbe(terms, clock, url, _limits(PostgresLimits, entry))
        case models.SqliteProbeConfig(integrity_every=every):
            path = entry.path or _file(ledgers[entry.ledger or ""])
            return SqliteProbe(terms, clock, path, _limits(SqliteLimits, entry), _plain(every))
        case models.SqlProbeConfig(query=query):
            return SqlProbe(terms, clock, _target(entry.url or ledgers[entry.ledger or ""]), query, _expectation(entry))
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


def _limits(kind: type[L], entry: Settings) -> L:
    """The limits of a probe, which the config calls by the same names."""
    return kind(**{field.name: _plain(getattr(entry, field.name)) for field in fields(kind)})


def _plain(value: Any) -> Any:
    match value:
        case Limits():
            return value.threshold()
        case timedelta():
            return value.total_seconds()
    return value
