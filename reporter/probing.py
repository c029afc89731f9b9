"""From what the config says of a probe to one that looks."""

from __future__ import annotations

from reporter.config import probes as models
from reporter.config import probes_network as network
from reporter.probes import Probe, Terms
from reporter.probes.http import HttpProbe
from reporter.probes.tcp import TcpProbe


def probe(name: str, entry: models.Probe) -> Probe:
    terms = _terms(name, entry)
    match entry:
        case network.TcpProbeConfig():
            return TcpProbe(terms, entry.host, entry.port)
        case network.HttpProbeConfig():
            return HttpProbe(terms, entry.url, entry.expect_status, entry.headers)


def _terms(name: str, entry: models.Probe) -> Terms:
    every = entry.every.total_seconds() if entry.every else None
    return Terms(name, every, entry.timeout.total_seconds(), entry.latency())
