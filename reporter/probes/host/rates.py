"""Figures of the machine that are rates: differences to the counters of the previous round."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import psutil

from reporter.periods.clock import Clock
from reporter.probes.host.facts import Network

# Seconds. The kernel counts in hundredths of a second: the share of a shorter time is mostly rounding.
_SHORTEST_WINDOW = 0.5
# Cards that are no cables: what goes through them goes through a real one as well, or leaves the machine nowhere.
_NOT_REAL = ("lo", "veth", "docker", "br-", "virbr", "ifb", "dummy", "tun", "tap", "wg", "cni", "flannel", "cali")
# What happens once is told for so many seconds.
_LATELY = 900.0


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Processor time since the machine started, in seconds over all cores."""

    busy: float
    total: float


class CpuShare:
    """The share of processor time that was used between two looks.

    psutil's own `cpu_percent` remembers a look for each thread, so in a pool of threads it compares with a look of long
    ago or with none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: _Ticks | None = None
        self._percent: float | None = None
        self._shortest = _SHORTEST_WINDOW
        try:
            self._shortest *= psutil.cpu_count() or 1
            self._before = _ticks()
        except (OSError, RuntimeError, ValueError, psutil.Error):
            pass  # the first look asks again, and says why not

    def percent(self) -> float | None:
        """0..100 over all cores; None until there is something to compare with. Raises what psutil raises."""
        with self._lock:
            now = _ticks()
            if self._before is None:
                self._before = now
            elif now.total - self._before.total >= self._shortest:
                self._percent = 100 * _share(self._before, now)
                self._before = now
            return self._percent


def _share(before: _Ticks, now: _Ticks) -> float:
    """The busy part (0..1) of the time between two counts. The kernel may count idle time backwards a little."""
    return min(1.0, max(0.0, (now.busy - before.busy) / (now.total - before.total)))


def _ticks() -> _Ticks:
    times = psutil.cpu_times()
    # Linux counts the time of guests within that of user and nice.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return _Ticks(busy=total - times.idle - getattr(times, "iowait", 0.0), total=total)


class NetworkRates:
    """What went through the real network cards between two looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._before: tuple[float, list[int]] | None = None
        self._rates: Network | None = None

    def look(self) -> Network | None:
        """None until there is something to compare with."""
        with self._lock:
            now, counted = self._clock.monotonic(), _traffic()
            before, counts = self._before or (now, counted)
            if now - before >= _SHORTEST_WINDOW:
                rates = [max(0, new - old) / (now - before) for new, old in zip(counted, counts, strict=True)]
                self._rates = Network(*rates)
            if self._before is None or now - before >= _SHORTEST_WINDOW:
                self._before = now, counted
            return self._rates


def _traffic() -> list[int]:
    """Bytes received and sent, errors, packets dropped, packets: since the machine started."""
    cards = [card for name, card in psutil.net_io_counters(pernic=True).items() if not name.startswith(_NOT_REAL)]
    if not cards:
        raise OSError("no network card")
    return [
        sum(card.bytes_recv for card in cards),
        sum(card.bytes_sent for card in cards),
        sum(card.errin + card.errout for card in cards),
        sum(card.dropin + card.dropout for card in cards),
        sum(card.packets_recv + card.packets_sent for card in cards),
    ]


class Lately:
    """How far a counter has gone up within the last quarter of an hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def added(self, count: int) -> int:
        now = self._clock.monotonic()
        self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _LATELY:
            self._seen.popleft()
        return max(0, count - self._seen[0][1])
