"""The `tls` probe: is the certificate of a TLS port valid, and for how long?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from reporter.alerts.model import Level
from reporter.config.limits import DEFAULT
from reporter.config.secrets import HomePath
from reporter.periods.clock import Clock
from reporter.probes.certificates import DaysLeft, Trust, days_left
from reporter.probes.connecting import connected
from reporter.probes.contact import reached
from reporter.probes.probe import ProbeResult, Terms
from reporter.probes.settings import PortProbeConfig, ProbeInputs


class TlsProbeConfig(PortProbeConfig):
    """Looks at the certificate of a port that speaks TLS."""

    kind: Literal["tls"]
    """`tls`."""
    certificate_days: DaysLeft = DEFAULT
    """From how many days on that its certificate is still valid: a warning, and critical."""
    server_name: str | None = Field(None, min_length=1, max_length=253)
    """The name that the certificate must be for, if that is not the host."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""

    def probe(self, given: ProbeInputs) -> TlsProbe:
        return TlsProbe(given.terms, given.clock, self)


@dataclass(frozen=True, slots=True)
class TlsProbe:
    """A TLS handshake with a port."""

    kind: ClassVar[str] = "tls"
    terms: Terms
    clock: Clock
    settings: TlsProbeConfig

    @property
    def host(self) -> str:
        return self.settings.host

    @property
    def trust(self) -> Trust:
        return Trust(self.settings.ca_file)

    def prepare(self) -> None:
        """Read the trusted certificates."""
        self.trust.prepare()

    async def look(self) -> ProbeResult:
        said, trust = self.settings, await self.trust.context()
        opened = await connected(said.host, said.port)
        reached(opened)
        _, writer = await asyncio.open_connection(sock=opened, ssl=trust, server_hostname=said.server_name or said.host)
        connection = writer.get_extra_info("ssl_object")
        writer.transport.abort()  # a polite end of TLS would wait for the other side
        left = days_left(connection, self.clock.wall().timestamp(), said.certificate_days.threshold)
        return ProbeResult(Level.OK, "online", measures=(left,) if left else ())
