"""The figures of a machine at one moment. A figure that the machine does not provide is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Disk:
    """One mounted file system; sizes in bytes. Some file systems have no fixed number of inodes."""

    path: str
    used: int
    total: int
    inodes_used: int | None = None
    inodes_total: int | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """All real network cards together, since the look before: bytes a second, and packets a second that were lost."""

    received: float
    sent: float
    errors: float
    dropped: float
    packets: float


@dataclass(frozen=True, slots=True)
class Own:
    """The reporter's own process: memory in bytes, threads, open files and how many it may open."""

    memory: int | None = None
    threads: int | None = None
    files: int | None = None
    files_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """The machine at one moment. Percentages are 0..100, sizes bytes; what a machine does not tell is None.

    `shared` says that reporters of other machines keep their records in the same store, so that what is seen of this
    one needs its name. `untold` names what this machine never tells, each with the reason.
    """

    name: str
    cpu_percent: float | None
    cores: int | None
    load: tuple[float, float, float] | None
    memory_used: int | None
    memory_total: int | None
    swap_used: int | None
    swap_total: int | None
    disks: tuple[Disk, ...]
    booted_at: datetime | None
    temperature: float | None = None  # of the hottest sensor, in degrees Celsius
    network: Network | None = None
    clock_error: float | None = None  # by so many seconds the clock may be wrong, as the kernel estimates it
    files_used: int | None = None
    files_total: int | None = None
    processes: int | None = None
    zombies: int | None = None
    killed: int | None = None  # processes that were killed in the last quarter of an hour for want of memory
    own: Own = Own()
    shared: bool = False
    untold: tuple[tuple[str, str], ...] = ()
