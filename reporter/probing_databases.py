"""From what the config says of a probe to one that looks into a database."""

from __future__ import annotations

from dataclasses import Field, fields
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from reporter.clock import Clock
from reporter.config import probes_databases as models
from reporter.config.probes_common import Limits
from reporter.config.settings import Settings
from reporter.probes import Probe, Terms
from reporter.probes.certificates import Trust
from reporter.probes.postgres import PostgresLimits, PostgresProbe
from reporter.probes.redis import RedisLimits, RedisProbe


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


L = TypeVar("L", bound=_Record)


def database_probe(terms: Terms, entry: models.DatabaseProbe, clock: Clock) -> Probe:
    match entry:
        case models.PostgresProbeConfig():
            return PostgresProbe(terms, clock, entry.url, _limits(PostgresLimits, entry))
        case models.RedisProbeConfig():
            return RedisProbe(terms, clock, entry.url, _limits(RedisLimits, entry), Trust(entry.ca_file, entry.verify))


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
