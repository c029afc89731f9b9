"""Is the certificate of a TLS port good, and for how long?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import Clock
from reporter.probes.certificates import Trust, days_left
from reporter.probes.connecting import connected
from reporter.probes.contact import reached
from reporter.probes.probe import ProbeResult, Terms


@dataclass(frozen=True, slots=True)
class TlsProbe:
    """A TLS handshake with a port. `limits` are days that the certificate is still valid.

    `server_name` is the name that the certificate must be for, where that is not `host`.
    """

    kind: ClassVar[str] = "tls"
    terms: Terms
    clock: Clock
    host: str
    port: int
    limits: Threshold
    trust: Trust = Trust()
    server_name: str | None = None

    def prepare(self) -> None:
        """Read the certificates that we trust."""
        self.trust.prepare()

    async def look(self) -> ProbeResult:
        trust = self.trust.context()
        opened = await connected(self.host, self.port)
        reached(opened)
        _, writer = await asyncio.open_connection(sock=opened, ssl=trust, server_hostname=self.server_name or self.host)
        connection = writer.get_extra_info("ssl_object")
        writer.transport.abort()  # a polite end of TLS would wait for the other side
        left = days_left(connection, self.clock.wall().timestamp(), self.limits)
        return ProbeResult(Level.OK, "online", measures=(left,) if left else ())
