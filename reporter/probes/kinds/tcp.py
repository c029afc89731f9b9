"""Does something accept connections there, and does it say what it should?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from reporter.alerts.model import Level
from reporter.probes.connecting import connected
from reporter.probes.contact import reached
from reporter.probes.probe import ProbeResult, Terms

# What somebody says is read up to so many bytes.
_ENOUGH = 64 * 1024


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """A connection to a port, closed again at once, unless there is something to `send` or to `expect`."""

    kind: ClassVar[str] = "tcp"
    terms: Terms
    host: str
    port: int
    send: bytes = b""
    expect: bytes = b""

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        opened = await connected(self.host, self.port)
        reached(opened)
        reader, writer = await asyncio.open_connection(sock=opened)
        try:
            writer.write(self.send)
            await writer.drain()
            return await self._heard(reader)
        finally:
            writer.close()

    async def _heard(self, reader: asyncio.StreamReader) -> ProbeResult:
        heard = b""
        while self.expect not in heard:
            more = await reader.read(4096) if len(heard) < _ENOUGH else b""
            if not more:
                return ProbeResult(Level.CRITICAL, "does not answer with the text that it should")
            heard += more
        return ProbeResult(Level.OK, "online")
