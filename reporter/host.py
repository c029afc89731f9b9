"""The machine that we run on: processor, memory, disks, load and uptime."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import psutil

from reporter.context import Disk, Host

T = TypeVar("T")

# Seconds. The kernel counts in hundredths of a second: the share of a shorter time is mostly rounding.
_SHORTEST_WINDOW = 0.5


@dataclass(frozen=True, slots=True)
class _Ticks:
    """Processor time since the machine started, in seconds over all cores."""

    busy: float
    total: float


class Machine:
    """Looks at the machine. What it does not tell is None in what `look` returns; nothing here raises.

    `disks` are paths on the file systems to measure.
    """

    def __init__(self, disks: Sequence[str] = ("/",)) -> None:
        self._disks = tuple(disks)
        self._cpu = _Cpu()

    def look(self) -> Host:
        """The machine now. Does not wait: the processor's share is that since the look before, or since the start."""
        memory = _told(psutil.virtual_memory)
        swap = _told(psutil.swap_memory)
        return Host(
            name=socket.gethostname(),
            cpu_percent=self._cpu.percent(),
            cores=_told(psutil.cpu_count),
            load=_told(psutil.getloadavg),
            memory_used=memory and memory.total - memory.available,
            memory_total=memory and memory.total,
            swap_used=swap and swap.used,
            swap_total=swap and swap.total,
            disks=tuple(disk for path in self._disks if (disk := _disk(path))),
            booted_at=_told(_booted_at),
        )


class _Cpu:
    """The share of processor time that was used between two looks.

    psutil's own `cpu_percent` remembers a look for each thread, so in a pool of threads it compares with a look of long
    ago or with none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        cores = _told(psutil.cpu_count)
        self._shortest = _SHORTEST_WINDOW * (cores or 1)
        self._before = _told(_ticks)
        self._percent: float | None = None

    def percent(self) -> float | None:
        """0..100 over all cores; None until there is something to compare with."""
        with self._lock:
            now = _told(_ticks)
            if now and self._before and now.total - self._before.total >= self._shortest:
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


def _disk(path: str) -> Disk | None:
    """Used and total as `df` counts them: what only root may fill is left out, so that full means full."""
    usage = _told(lambda: psutil.disk_usage(path))
    return usage and Disk(path=path, used=usage.used, total=usage.used + usage.free)


def _booted_at() -> datetime:
    """To the minute: the kernel works it out from the wall clock each time anew, and is a second off now and then."""
    return datetime.fromtimestamp(psutil.boot_time(), UTC).replace(second=0, microsecond=0)


def _told(ask: Callable[[], T]) -> T | None:
    """What the machine answers; None where it has no such thing or does not let us see it."""
    try:
        return ask()
    except (OSError, AttributeError, NotImplementedError, RuntimeError, ValueError, psutil.Error):
        return None
