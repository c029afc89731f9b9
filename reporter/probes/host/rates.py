"""Figures of the machine that are rates: differences to the counters of the previous round."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from reporter.periods.clock import Clock
from reporter.probes.host import cgroup
from reporter.probes.host.facts import Network

# Seconds. The kernel counts in hundredths of a second: the share of a shorter time is mostly rounding.
_SHORTEST_WINDOW = 0.5
# Cards that are no cables: what goes through them goes through a real one as well, or never leaves the machine.
_NOT_REAL = ("lo", "veth", "docker", "br-", "virbr", "ifb", "dummy", "tun", "tap", "wg", "cni", "flannel", "cali")
# What happens once is reported for so many seconds.
_LATELY = 900.0


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Processor time in seconds, used and in all, of `cores`."""

    busy: float
    total: float
    cores: float


class CpuShare:
    """The share of processor time that was used between two looks: of the machine, or of what its container may use.

    psutil's own `cpu_percent` remembers a look for each thread, so in a pool of threads it compares with a look of long
    ago or with none.
    """

    def __init__(self, clock: Clock, root: Path) -> None:
        self._clock = clock
        self._root = root
        self._lock = threading.Lock()
        self._before: _Ticks | None = None
        self._percent: float | None = None
        with suppress(OSError, RuntimeError, ValueError, psutil.Error):  # the first look asks again, and says why not
            self._before = self._ticks()

    def percent(self) -> tuple[float | None, float | None]:
        """0..100 over all cores, None until there is something to compare with; and how many cores the container may
        use, None where it may use all. Raises what psutil raises."""
        with self._lock:
            now, before = self._ticks(), self._before
            if before is None or before.cores != now.cores:
                self._before, self._percent = now, None
            elif now.total - before.total >= _SHORTEST_WINDOW * now.cores:
                self._percent = 100 * _share(before, now)
                self._before = now
            return self._percent, now.cores if now.cores < _cores() else None

    def _ticks(self) -> _Ticks:
        if group := cgroup.cpu(_cores(), self._root):
            return _Ticks(group.used, self._clock.monotonic() * group.cores, group.cores)
        times = psutil.cpu_times()
        # Linux counts the time of guests within that of user and nice.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return _Ticks(total - times.idle - getattr(times, "iowait", 0.0), total, _cores())


def _cores() -> int:
    return psutil.cpu_count() or 1


def _share(before: _Ticks, now: _Ticks) -> float:
    """The busy part (0..1) of the time between two counts. The kernel may count idle time backwards a little."""
    return min(1.0, max(0.0, (now.busy - before.busy) / (now.total - before.total)))


class NetworkRates:
    """What went through the network cards between two looks, each packet counted once."""

    def __init__(self, clock: Clock, root: Path) -> None:
        self._clock = clock
        self._root = root
        self._lock = threading.Lock()
        self._before: tuple[float, dict[str, _Traffic]] | None = None
        self._rates: Network | None = None

    def look(self) -> Network | None:
        """None until there is something to compare with."""
        with self._lock:
            now, counted = self._clock.monotonic(), _traffic(self._root)
            if self._before is None:
                self._before = now, counted
                return None
            then, before = self._before
            if now - then >= _SHORTEST_WINDOW:
                cards = before.keys() & counted.keys()
                risen = [sum(max(0, counted[card][i] - before[card][i]) for card in cards) for i in range(5)]
                self._rates = Network(*(count / (now - then) for count in risen))
                self._before = now, counted
            return self._rates


# Bytes received and sent, errors, packets dropped, packets: since the machine started.
_Traffic = tuple[int, int, int, int, int]


def _traffic(root: Path) -> dict[str, _Traffic]:
    """The counts of each card that is counted."""
    found = psutil.net_io_counters(pernic=True)
    cards = network_cards(found, root)
    if not cards:
        raise OSError("no network card")
    return {
        name: (
            card.bytes_recv,
            card.bytes_sent,
            card.errin + card.errout,
            card.dropin + card.dropout,
            card.packets_recv + card.packets_sent,
        )
        for name, card in found.items()
        if name in cards
    }


def network_cards(names: Iterable[str], root: Path) -> set[str]:
    """The cards through which each packet goes once.

    Those are the devices of the machine, by /sys/class/net. What stands on top of them, such as a bridge, a bond, a
    VLAN, a tunnel or the end of a container's cable, carries the same packets again. A container has no device, but the
    end of one cable.
    """
    folder = root / "sys/class/net"
    devices = {name for name in names if (folder / name / "device").exists()}
    if devices:
        # A device whose master is a device too is a part of it, as with accelerated networking in a cloud.
        return {name for name in devices if not (folder / name / "master" / "device").exists()}
    plain = {name for name in names if not name.startswith(_NOT_REAL)}
    return {name for name in plain if not any((folder / name).glob("lower_*"))}


class RecentIncrease:
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
