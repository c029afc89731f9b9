"""What the config says of a probe, with the way from there to the probe. Each kind adds its own keys."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from reporter.alerts.thresholds import NEVER, Threshold
from reporter.config.addresses import HostAndPort
from reporter.config.limits import plain_number
from reporter.config.probes import ProbeSettings
from reporter.config.types import Duration, Name, mistake
from reporter.periods.clock import Clock
from reporter.probes.ledgers import Ledgers
from reporter.probes.probe import Probe, Terms
from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class ProbeInputs:
    """What a probe is made of besides its own settings."""

    terms: Terms
    clock: Clock
    ledgers: Ledgers


class ProbeConfig(ProbeSettings):
    """One probe in the config."""

    def probe(self, given: ProbeInputs) -> Probe:
        """The probe that looks. Raises LedgerError for a ledger whose address cannot be read."""
        raise NotImplementedError

    def terms(self, name: str) -> Terms:
        """What holds for a probe of any kind, in seconds."""
        return Terms(name, plain_number(self.every), self.timeout.total_seconds(), self.latency)

    @property
    def latency(self) -> Threshold:
        """From where on an answer is slow, in seconds."""
        return NEVER


class AskedProbeConfig(ProbeConfig):
    """A probe whose answer takes time."""

    warn_above: Duration | None = None
    """An answer slower than this is a warning."""
    critical_above: Duration | None = None
    """An answer slower than this is critical."""
    clear_below: Duration | None = None
    """Answers are no longer slow when they are faster than this; than 95% of `warn_above` if left out."""

    @property
    def latency(self) -> Threshold:
        warning, critical, leave = map(plain_number, (self.warn_above, self.critical_above, self.clear_below))
        return Threshold(warning, critical, leave)

    @model_validator(mode="after")
    def _slower_is_worse(self) -> Self:
        for mild, bad in (("clear_below", "warn_above"), ("warn_above", "critical_above")):
            better, worse = getattr(self, mild), getattr(self, bad)
            if better is not None and worse is not None and better > worse:
                raise mistake(f"`{mild}` is longer than `{bad}`", f"`{bad}` must be the longer of the two")
        if self.clear_below is not None and self.warn_above is None:
            raise mistake("`clear_below` needs `warn_above`", "write from where on an answer is slow")
        return self


class PortProbeConfig(AskedProbeConfig):
    """A probe that reaches its target by host and port."""

    address: HostAndPort
    """`host:port`; an IPv6 host in brackets."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


class DatabaseProbeConfig(AskedProbeConfig):
    """A database by its own address, or by the name of the ledger that it is."""

    ledger: Name | None = None
    """One of the ledgers, instead of an address of its own."""

    address_key: ClassVar[str] = "url"

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (getattr(self, self.address_key) is None) == (self.ledger is None):
            key = self.address_key
            raise mistake(f"needs either `{key}` or `ledger`", f"write `{key}: …`, or `ledger: NAME` for a ledger")
        return self


POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
# A host, in brackets if it is an IPv6 address, and its port.
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d{0,5})?")


def server_address(*schemes: str, example: str) -> AfterValidator:
    """Accepts an address with one of these schemes whose host and port can be read."""

    def check(url: Secret) -> Secret:
        if url.missing:
            return url
        if not url.reveal().startswith(tuple(f"{scheme}://" for scheme in schemes)) or not _readable(url):
            raise mistake(f"must be an address such as {example}", "keep it in a variable, and write `env:NAME`")
        return url

    return AfterValidator(check)


def _readable(url: Secret) -> bool:
    """Whether host and port can be told: a password with a slash that is not written as `%2F` ends up in them.
    PostgreSQL takes several of them, between commas."""
    with suppress(ValueError):
        parts = urlsplit(url.reveal())
        places = parts.netloc.rpartition("@")[2].split(",")
        if len(places) > 1 and parts.scheme.startswith("postgres"):
            return all(_PLACE.fullmatch(place) for place in places)
        return parts.port is None or parts.port > 0
    return False
