"""The figures of a machine at one moment. A figure that the machine does not provide is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Disk:
    """One mounted file system."""

    path: str
    """Where the file system is mounted."""
    used: int
    """Used space, in bytes."""
    total: int
    """Whole space, in bytes."""
    inodes_used: int | None = None
    """Used inodes; None where their number is not fixed."""
    inodes_total: int | None = None
    """All inodes; None where their number is not fixed."""


@dataclass(frozen=True, slots=True)
class Network:
    """All real network cards together, since the look before."""

    received: float
    """Received bytes a second."""
    sent: float
    """Sent bytes a second."""
    errors: float
    """Packets with errors a second."""
    dropped: float
    """Dropped packets a second."""
    packets: float
    """All packets a second."""


@dataclass(frozen=True, slots=True)
class Own:
    """The reporter's own process."""

    memory: int | None = None
    """Memory of the reporter, in bytes."""
    threads: int | None = None
    """Its threads."""
    files: int | None = None
    """Its open files."""
    files_limit: int | None = None
    """How many files it may open."""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine at one moment. A figure that the machine does not provide is None."""

    name: str
    """The machine's name."""
    cpu_percent: float | None
    """Processor use, in percent (0 to 100)."""
    cores: int | None
    """Processor cores."""
    load: tuple[float, float, float] | None
    """Load averages of 1, 5 and 15 minutes."""
    memory_used: int | None
    """Used memory, in bytes."""
    memory_total: int | None
    """Whole memory, in bytes."""
    swap_used: int | None
    """Used swap, in bytes."""
    swap_total: int | None
    """Whole swap, in bytes."""
    disks: tuple[Disk, ...]
    """The mounted file systems."""
    booted_at: datetime | None
    """When the machine started."""
    temperature: float | None = None
    """Temperature of the hottest sensor, in °C."""
    network: Network | None = None
    """Traffic of all real network cards together."""
    clock_error: float | None = None
    """How wrong the clock may be, in seconds, as the kernel estimates it."""
    files_used: int | None = None
    """Open files of the whole machine."""
    files_total: int | None = None
    """How many files the machine may open."""
    processes: int | None = None
    """All processes."""
    zombies: int | None = None
    """Dead processes that nobody collected."""
    killed: int | None = None
    """Processes killed in the last 15 minutes for want of memory."""
    own: Own = Own()
    """The reporter's own process."""
    shared: bool = False
    """Whether reporters of other machines use the same store."""
    untold: tuple[tuple[str, str], ...] = ()
    """The figures that this machine does not provide, each with the reason."""
    sensor: str = ""
    """The hottest sensor, such as `coretemp/Package id 0`."""
    memory_limited: bool = False
    """Whether memory is that of a container with a limit."""
    cpu_limit: float | None = None
    """How many cores a container with a limit may use; processor use is a share of them."""
