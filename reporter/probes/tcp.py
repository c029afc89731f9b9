"""Does something accept connections there?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from reporter.alerts import Level
from reporter.probes import Sight, Terms


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """A connection to a port, closed again at once without a word."""

    kind: ClassVar[str] = "tcp"
    terms: Terms
    host: str
    port: int

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> Sight:
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.close()
        return Sight(Level.OK, "online")
