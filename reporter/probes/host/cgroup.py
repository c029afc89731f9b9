"""What a container may use of its machine: the limits of control groups, versions 1 and 2 (cgroups(7))."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """Memory in bytes: what the group uses, without what the kernel can take back at once, and its limit. `killed` is
    how many of its processes were killed at that limit; None where the kernel does not count them."""

    used: int
    limit: int
    killed: int | None


@dataclass(frozen=True, slots=True)
class GroupCpu:
    """The processor time that the group has used, in seconds, and how many cores it may keep busy."""

    used: float
    cores: float


def memory(total: int, root: Path = _ROOT) -> GroupMemory | None:
    """The group that is nearest to its limit; None where no limit is below `total`, the memory of the machine."""
    found = [*map(_memory_2, _folders("", root)), *map(_memory_1, _folders("memory", root))]
    limited = [group for group in found if group is not None and 0 < group.limit < total]
    return max(limited, key=lambda group: group.used / group.limit, default=None)


def cpu(cores: int, root: Path = _ROOT) -> GroupCpu | None:
    """The group that may use the fewest cores; None where no limit is below `cores`, those of the machine."""
    mounts = root / "sys/fs/cgroup"
    found = [*map(_cpu_2, _folders("", root))]
    found += [_cpu_1(group, mounts / "cpuacct" / group.relative_to(mounts / "cpu")) for group in _folders("cpu", root)]
    limited = [group for group in found if group is not None and 0 < group.cores < cores]
    return min(limited, key=lambda group: group.cores, default=None)


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """The groups that this process is in, from its own to the outermost that can be seen. Version 2 has no name.

    The limit of a systemd service is left out: when the reporter is one, that is the reporter's own limit and says
    nothing of its machine.
    """
    mount = root / "sys/fs/cgroup" / controller
    path = _path(controller, root)
    if path is None or not (controller or (mount / "cgroup.controllers").exists()):
        return
    group = mount / path
    if not group.is_dir():
        group = mount  # a container sees only its own group, under the name of the root
    if group != mount and group.name.endswith(".service"):
        group = group.parent
    while True:
        yield group
        if group == mount:
            return
        group = group.parent


def _path(controller: str, root: Path) -> str | None:
    """Where a process stands below the mount point, by /proc/self/cgroup: lines such as `4:memory:/docker/f00`."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text("utf-8", "replace").splitlines():
            _, controllers, path = (*line.split(":", 2), "", "")[:3]
            if controller in controllers.split(","):
                return path.lstrip("/")
    return None


def _memory_2(folder: Path) -> GroupMemory | None:
    limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
    if limit is None or used is None:
        return None
    stat = _table(folder / "memory.stat")
    free = sum(stat.get(name, 0) for name in ("inactive_file", "active_file", "slab_reclaimable"))
    return GroupMemory(max(0, used - free), limit, _table(folder / "memory.events").get("oom_kill"))


def _memory_1(folder: Path) -> GroupMemory | None:
    limit, used = _number(folder / "memory.limit_in_bytes"), _number(folder / "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    stat = _table(folder / "memory.stat")
    free = sum(stat.get(f"total_{name}", stat.get(name, 0)) for name in ("inactive_file", "active_file"))
    return GroupMemory(max(0, used - free), limit, _table(folder / "memory.oom_control").get("oom_kill"))


def _cpu_2(folder: Path) -> GroupCpu | None:
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = map(int, (folder / "cpu.max").read_text("ascii").split())
        return GroupCpu(_table(folder / "cpu.stat")["usage_usec"] / 1e6, quota / period)
    return None


def _cpu_1(folder: Path, account: Path) -> GroupCpu | None:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    used = _number(account / "cpuacct.usage")
    return GroupCpu(used / 1e9, quota / period) if quota and period and used is not None else None


def _number(file: Path) -> int | None:
    """The one number of a file; None for `max`, and where there is no such file."""
    with suppress(OSError, ValueError):
        return int(file.read_text("ascii"))
    return None


def _table(file: Path) -> dict[str, int]:
    """A file of lines such as `usage_usec 1234`."""
    with suppress(OSError, ValueError):
        pairs = (line.split() for line in file.read_text("ascii").splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    return {}
