"""Boards of probes: readings as real probes make them."""

from __future__ import annotations

from datetime import timedelta

from reporter.alerts.model import Level
from reporter.alerts.readings import Reading
from tests.jobs.watch import NOW, Watch, alert, reading

MAIN = reading(
    "main",
    detail="online",
    kind="postgres",
    latency=0.0051,
    figures=(
        ("latency", "5ms"),
        ("connections", "8 of 50"),
        ("cache hits", "99.2%"),
        ("slow queries", "0"),
        ("last checkpoint", "2 minutes ago"),
        ("size", "234.0 MiB of 10.0 GiB (2.3%)"),
    ),
)
BOT = reading("bot", kind="sqlite", latency=0.0008, figures=(("latency", "1ms"), ("size", "12.0 MiB"), ("WAL", "0 B")))
DOWN = reading("replica", Level.CRITICAL, "refused", kind="postgres", latency=None)
CACHE = reading(
    "cache",
    kind="redis",
    latency=0.002,
    figures=(("latency", "2ms"), ("memory", "41.0 MiB of 256.0 MiB"), ("clients", "9 of 10000"), ("hits", "98.1%")),
)
ENDPOINTS = [
    reading("polymarket", kind="http", latency=0.12, figures=(("latency", "120ms"), ("certificate", "64 days"))),
    reading("binance", Level.WARNING, "slower than 500ms", kind="http", latency=2.3, figures=(("latency", "2.3s"),)),
    reading("ntp", Level.CRITICAL, "no answer within 5s", kind="icmp", latency=None),
]


def board(name: str, *readings: Reading, **given: object) -> Watch:
    """A board of these readings, of which `replica` has been down for a while."""
    return Watch(
        name=name,
        readings=list(readings),
        alerts=[alert("probe/replica", Level.CRITICAL, NOW - timedelta(minutes=12))],
        usual={"probe/main": 0.0042, "probe/cache": 0.0019, "probe/polymarket": 0.13},
        **given,  # type: ignore[arg-type]
    )
