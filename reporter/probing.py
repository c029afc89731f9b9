"""From what the config says of a probe to one that looks."""

from __future__ import annotations

from reporter.config import probes as models
from reporter.probes import Probe
from reporter.probes.http import HttpProbe
from reporter.probes.tcp import TcpProbe


def probe(name: str, entry: models.Probe) -> Probe:
    every = entry.every.total_seconds() if entry.every else None
    warn_above = entry.warn_above.total_seconds() if entry.warn_above else None
    timeout = entry.timeout.total_seconds()
    if isinstance(entry, models.TcpProbeConfig):
        return TcpProbe(name, entry.host, entry.port, every, timeout, warn_above)
    return HttpProbe(
        name, entry.url, every, timeout, warn_above, expect_status=entry.expect_status, headers=entry.headers
    )
