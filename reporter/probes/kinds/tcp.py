"""The `tcp` probe: does a port accept connections, and does it send the expected text?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from reporter.alerts.model import Level
from reporter.config.secrets import SecretOrText
from reporter.probes.connecting import connected
from reporter.probes.contact import reached
from reporter.probes.probe import ProbeResult, Terms
from reporter.probes.settings import PortProbeConfig, ProbeInputs

# An answer is read up to so many bytes.
_ENOUGH = 64 * 1024


class TcpProbeConfig(PortProbeConfig):
    """Opens a connection and closes it."""

    kind: Literal["tcp"] = "tcp"
    """`tcp` is what a probe with an `address` is."""
    send: SecretOrText | None = None
    """What to say when connected: text, or a reference to a secret. A line needs its end: `"PING\\r\\n"`."""
    expect_text: str | None = Field(None, min_length=1)
    """Text that the answer must contain."""

    def probe(self, given: ProbeInputs) -> TcpProbe:
        return TcpProbe(given.terms, self)


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """A connection to a port, closed again at once, unless there is something to send or to expect."""

    kind: ClassVar[str] = "tcp"
    terms: Terms
    settings: TcpProbeConfig

    @property
    def host(self) -> str:
        return self.settings.host

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        opened = await connected(self.settings.host, self.settings.port)
        reached(opened)
        reader, writer = await asyncio.open_connection(sock=opened)
        try:
            writer.write(self.settings.send.reveal().encode() if self.settings.send else b"")
            await writer.drain()
            return await self._heard(reader)
        finally:
            writer.close()

    async def _heard(self, reader: asyncio.StreamReader) -> ProbeResult:
        heard, expected = b"", (self.settings.expect_text or "").encode()
        while expected not in heard:
            more = await reader.read(4096) if len(heard) < _ENOUGH else b""
            if not more:
                return ProbeResult(Level.CRITICAL, "does not answer with the text that it should")
            heard += more
        return ProbeResult(Level.OK, "online")
