"""Does something accept connections there?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from reporter.alerts import Level
from reporter.probes import Sight


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """A connection to a port, closed again at once without a word. Times are seconds."""

    name: str
    host: str
    port: int
    every: float | None = None
    timeout: float = 5.0
    warn_above: float | None = None

    @property
    def kind(self) -> str:
        return "tcp"

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> Sight:
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.close()
        return Sight(Level.OK, "online")
