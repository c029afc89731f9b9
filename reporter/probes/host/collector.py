"""Measures this machine: processor, memory, disks, network, clock and more."""

from __future__ import annotations

import logging
import os
import resource
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil

from reporter.periods.clock import Clock, SystemClock
from reporter.periods.deadlines import SideThreads, SideWork
from reporter.probes.host import cgroup, kernel
from reporter.probes.host.cgroup import GroupMemory
from reporter.probes.host.facts import Disk, Host, Own
from reporter.probes.host.rates import CpuShare, NetworkRates, RecentIncrease
from reporter.secret import without_surrogates

log = logging.getLogger(__name__)
T = TypeVar("T")

# Loop devices and optical disks are full by nature.
_FULL_BY_NATURE = {"squashfs", "iso9660", "udf", "erofs"}
# How many seconds a disk or the sensors may take; one of a server that is gone never answers.
_PATIENCE = 2.0
# No part of a computer that runs is so hot, in degrees Celsius. Sensors that are wired to nothing show the ends of
# their scale, such as 127 or 128.
_TOO_HOT = 125.0


class Machine:
    """Looks at the machine. What it does not report is None in what `look` returns; nothing here raises.

    `disks` are paths on the file systems to measure, all real ones without it. `sensors` are patterns of the sensors
    that count, such as `coretemp` or `nct6775/SYSTIN`; one that begins with `!` is left out. `name` is what the machine
    is called, its host name without it. `shared`: see Host. `root` is where /proc and /sys are.
    """

    def __init__(
        self,
        disks: Sequence[str] | None = None,
        *,
        sensors: Sequence[str] = (),
        name: str | None = None,
        shared: bool = False,
        clock: Clock | None = None,
        root: Path = Path("/"),
    ) -> None:
        clock = clock or SystemClock()
        self._disks = None if disks is None else tuple(disks)
        self._sensors = tuple(sensors)
        self._name = name
        self._shared = shared
        self._root = root
        self._cpu = CpuShare(clock, root)
        self._network = NetworkRates(clock, root)
        self._killed = RecentIncrease(clock)
        self._own = _told(psutil.Process)
        self._steered = False
        self._untold: dict[str, str] = {}
        self._side_threads = SideThreads("host-aside")

    def look(self) -> Host:
        """The machine now. A figure that is a rate is that since the look before, or since the start.

        Disks and sensors are asked in threads of their own, for two seconds at most.
        """
        temperature = self._side_threads.begin("temperature", lambda: _temperature(self._sensors))
        disks = list(self._measuring())
        memory = self._asked("memory", psutil.virtual_memory)
        swap = self._asked("swap", psutil.swap_memory)
        files = self._asked("open files", kernel.files)
        processes = self._asked("processes", kernel.processes)
        group = memory and self._asked("limits", lambda: cgroup.memory(memory.total, self._root))
        cpu, cpu_limit = self._asked("CPU", self._cpu.percent) or (None, None)
        hottest = self._asked("temperature", lambda: temperature.result(_PATIENCE))
        return Host(
            name=self._name or without_surrogates(socket.gethostname()),
            cpu_percent=cpu,
            cores=self._asked("cores", psutil.cpu_count),
            load=self._asked("load", psutil.getloadavg),
            memory_used=group.used if group else memory and memory.total - memory.available - _shrinkable(self._root),
            memory_total=group.limit if group else memory and memory.total,
            swap_used=swap and swap.used,
            swap_total=swap and swap.total,
            disks=tuple(self._measured(disks)),
            booted_at=self._asked("boot", _booted_at),
            temperature=hottest and hottest[0],
            sensor=hottest[1] if hottest else "",
            network=self._asked("network", self._network.look),
            clock_error=self._asked("clock", self._clock_error),
            files_used=files and files[0],
            files_total=files and files[1],
            processes=processes and processes[0],
            zombies=processes and processes[1],
            killed=self._asked("kills for want of memory", lambda: self._killed.added(_kills(group))),
            own=self._own_process(),
            shared=self._shared,
            untold=tuple(self._untold.items()),
            memory_limited=group is not None,
            cpu_limit=cpu_limit,
        )

    def _measuring(self) -> Iterator[tuple[str, SideWork[Disk | None]]]:
        """The disks, each measured in a thread of its own."""
        found: list[tuple[str, ...]] = [(path,) for path in self._disks or ()]
        if self._disks is None:
            found = self._asked("disks", _mount_points) or [("/",)]
        for paths in found:
            measuring = self._side_threads.begin(paths, partial(_disk, paths, named=self._disks is not None))
            yield without_surrogates(paths[0]), measuring

    def _measured(self, measuring: Iterable[tuple[str, SideWork[Disk | None]]]) -> Iterator[Disk]:
        for name, disk in measuring:
            if found := self._asked(f"disk {name}", lambda disk=disk: disk.result(_PATIENCE)):  # type: ignore[misc]
                yield found

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
                log.info("this machine does not report its %s: %s", name, _why(error))
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
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError):
        return error.strerror.lower() if error.strerror else str(error)
    if isinstance(error, AttributeError | NotImplementedError):
        return "this system has no such figure"
    return str(error) or type(error).__name__


def _mount_points() -> list[tuple[str, ...]]:
    """Where each file system of a device is mounted, shortest first, and the root, whatever it is on: that of a
    container is an overlay."""
    found: dict[str, list[str]] = {}
    for part in psutil.disk_partitions(all=False):
        if part.fstype not in _FULL_BY_NATURE:
            found.setdefault(part.device, []).append(part.mountpoint)
    roots = [part for part in psutil.disk_partitions(all=True) if part.mountpoint == "/"]
    # What is mounted last hides the others. A root that nobody can write to does not fill.
    fills = not roots or (roots[-1].fstype not in _FULL_BY_NATURE and "ro" not in roots[-1].opts.split(","))
    if fills and not any("/" in paths for paths in found.values()):
        found[""] = ["/"]
    return sorted(tuple(sorted(paths, key=len)) for paths in found.values())


def _disk(paths: Sequence[str], *, named: bool) -> Disk | None:
    """Used and total as `df` counts them: what only root may fill is left out, so that full means full.

    The first folder of the paths counts: a single file of a device may be mounted too, and None is what has only such.
    """
    path = paths[0] if named else next((path for path in paths if Path(path).is_dir()), None)
    if path is None:
        return None
    usage = psutil.disk_usage(path)
    nodes = os.statvfs(path)
    counted = nodes.f_files > 0  # btrfs and others make inodes as they need them
    free = nodes.f_favail
    used = nodes.f_files - nodes.f_ffree
    return Disk(
        without_surrogates(path),
        usage.used,
        usage.used + usage.free,
        used if counted else None,
        used + free if counted else None,
    )


def _shrinkable(root: Path) -> int:
    """How many bytes the cache of ZFS gives back when they are needed: the kernel counts them as used."""
    with suppress(OSError, ValueError, IndexError):
        rows = (root / "proc/spl/kstat/zfs/arcstats").read_text("ascii").splitlines()[2:]
        stats = {name: int(value) for name, _, value in (row.split() for row in rows)}
        return max(0, stats.get("size", 0) - stats.get("c_min", 0))
    return 0


def _kills(group: GroupMemory | None) -> int:
    """How many processes were killed for want of memory: of the container at its limit, else of the machine."""
    return kernel.killed_for_memory() if group is None or group.killed is None else group.killed


def _booted_at() -> datetime:
    """To the minute: the kernel works it out from the wall clock each time anew, and is a second off now and then."""
    return datetime.fromtimestamp(psutil.boot_time(), UTC).replace(second=0, microsecond=0)


def _temperature(wanted: Sequence[str]) -> tuple[float, str]:
    """The temperature of the hottest sensor that counts, and its name, such as `coretemp/Package id 0`."""
    sensors: dict[str, list[Any]] = psutil.sensors_temperatures()
    shown = [
        (float(sensor.current), f"{chip}/{sensor.label}".rstrip("/"))
        for chip, group in sensors.items()
        for sensor in group
        if sensor.current and 0 < sensor.current < _TOO_HOT and _counts(chip, sensor.label, wanted)
    ]
    if not shown:
        raise OSError("no sensor")
    return max(shown)


def _counts(chip: str, label: str, wanted: Sequence[str]) -> bool:
    """Whether a sensor is wanted, by patterns of its chip or of `CHIP/LABEL`."""

    def fits(pattern: str) -> bool:
        return fnmatchcase(chip, pattern) or fnmatchcase(f"{chip}/{label}", pattern)

    if any(fits(pattern[1:]) for pattern in wanted if pattern.startswith("!")):
        return False
    named = [pattern for pattern in wanted if not pattern.startswith("!")]
    return not named or any(map(fits, named))


def _files_limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
