"""Measures this machine: processor, memory, disks, network, clock and more."""

from __future__ import annotations

import logging
import os
import resource
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil

from reporter.periods.clock import Clock, SystemClock
from reporter.probes.host import kernel
from reporter.probes.host.facts import Disk, Host, Own
from reporter.probes.host.rates import CpuShare, Lately, NetworkRates

log = logging.getLogger(__name__)
T = TypeVar("T")

# Loop devices and optical disks are full by nature.
_FULL_BY_NATURE = {"squashfs", "iso9660", "udf", "erofs"}


class Machine:
    """Looks at the machine. What it does not tell is None in what `look` returns; nothing here raises.

    `disks` are paths on the file systems to measure, all real ones without it. `name` is what the machine is called,
    its host name without it. `shared`: see Host.
    """

    def __init__(
        self,
        disks: Sequence[str] | None = None,
        *,
        name: str | None = None,
        shared: bool = False,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._disks = None if disks is None else tuple(disks)
        self._name = name
        self._shared = shared
        self._cpu = CpuShare()
        self._network = NetworkRates(clock)
        self._killed = Lately(clock)
        self._own = _told(psutil.Process)
        self._steered = False
        self._untold: dict[str, str] = {}

    def look(self) -> Host:
        """The machine now. Does not wait: what is a rate is that since the look before, or since the start."""
        memory = self._asked("memory", psutil.virtual_memory)
        swap = self._asked("swap", psutil.swap_memory)
        files = self._asked("open files", kernel.files)
        processes = self._asked("processes", kernel.processes)
        return Host(
            name=self._name or socket.gethostname(),
            cpu_percent=self._asked("CPU", self._cpu.percent),
            cores=self._asked("cores", psutil.cpu_count),
            load=self._asked("load", psutil.getloadavg),
            memory_used=memory and memory.total - memory.available,
            memory_total=memory and memory.total,
            swap_used=swap and swap.used,
            swap_total=swap and swap.total,
            disks=tuple(self._measured()),
            booted_at=self._asked("boot", _booted_at),
            temperature=self._asked("temperature", _temperature),
            network=self._asked("network", self._network.look),
            clock_error=self._asked("clock", self._clock_error),
            files_used=files and files[0],
            files_total=files and files[1],
            processes=processes and processes[0],
            zombies=processes and processes[1],
            killed=self._asked("kills for want of memory", lambda: self._killed.added(kernel.killed_for_memory())),
            own=self._own_process(),
            shared=self._shared,
            untold=tuple(self._untold.items()),
        )

    def _measured(self) -> Iterator[Disk]:
        paths = self._disks
        if paths is None:
            paths = self._asked("disks", _real_disks) or ("/",)
        for path in paths:
            disk = self._asked(f"disk {path}", lambda path=path: _disk(path))  # type: ignore[misc]
            if disk is not None:
                yield disk

    def _clock_error(self) -> float:
        """By how many seconds the clock may be wrong. Where nobody ever steered it, the kernel does not know."""
        error, steered = kernel.clock()
        self._steered = self._steered or steered
        if not self._steered:
            raise OSError("no time service keeps it right")
        return error

    def _own_process(self) -> Own:
        own = self._own
        if own is None:
            return Own()
        memory = _told(own.memory_info)
        return Own(memory and memory.rss, _told(own.num_threads), _told(own.num_fds), _told(_files_limit))

    def _asked(self, name: str, ask: Callable[[], T]) -> T | None:
        """What the machine answers; where it does not, the reason is kept, and logged once."""
        try:
            answer = ask()
        except _REFUSALS as error:
            if name not in self._untold:
                log.info("this machine does not tell its %s: %s", name, _why(error))
            self._untold[name] = _why(error)
            return None
        self._untold.pop(name, None)
        return answer


_REFUSALS = (OSError, AttributeError, NotImplementedError, RuntimeError, ValueError, psutil.Error)


def _told(ask: Callable[[], T]) -> T | None:
    """What the machine answers; None where it has no such thing or does not let us see it."""
    try:
        return ask()
    except _REFUSALS:
        return None


def _why(error: Exception) -> str:
    """A reason without paths, for it may be shown."""
    if isinstance(error, OSError):
        return error.strerror.lower() if error.strerror else str(error)
    if isinstance(error, AttributeError | NotImplementedError):
        return "this system has no such figure"
    return str(error) or type(error).__name__


def _real_disks() -> tuple[str, ...]:
    """Where a file system of a device is mounted, each device once; one may be mounted in many places."""
    found: dict[str, str] = {}
    for part in psutil.disk_partitions(all=False):
        if part.fstype not in _FULL_BY_NATURE and Path(part.mountpoint).is_dir():
            known = found.get(part.device)
            found[part.device] = min(known or part.mountpoint, part.mountpoint, key=len)
    return tuple(sorted(found.values()))


def _disk(path: str) -> Disk:
    """Used and total as `df` counts them: what only root may fill is left out, so that full means full."""
    usage = psutil.disk_usage(path)
    nodes = os.statvfs(path)
    counted = nodes.f_files > 0  # btrfs and others make inodes as they need them
    free = nodes.f_favail
    used = nodes.f_files - nodes.f_ffree
    return Disk(path, usage.used, usage.used + usage.free, used if counted else None, used + free if counted else None)


def _booted_at() -> datetime:
    """To the minute: the kernel works it out from the wall clock each time anew, and is a second off now and then."""
    return datetime.fromtimestamp(psutil.boot_time(), UTC).replace(second=0, microsecond=0)


def _temperature() -> float:
    sensors: dict[str, list[Any]] = psutil.sensors_temperatures()
    # Some sensors that are wired to nothing show the ends of their scale.
    shown = [one.current for group in sensors.values() for one in group if one.current and 0 < one.current < 150]
    if not shown:
        raise OSError("no sensor")
    return float(max(shown))


def _files_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
