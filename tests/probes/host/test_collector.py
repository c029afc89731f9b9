"""The figures of this very machine."""

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from reporter.probes.host import cgroup
from reporter.probes.host.collector import Machine
from reporter.probes.host.rates import RecentIncrease, network_cards
from tests.support.clocks import HandClock


def test_the_machine_tells_its_memory_disks_and_boot() -> None:
    host = Machine(["/"]).look()
    assert host.name
    assert host.cores == os.cpu_count()
    assert host.memory_used is not None
    assert 0 < host.memory_used < (host.memory_total or 0) == psutil.virtual_memory().total
    assert host.booted_at is not None
    assert abs(host.booted_at.timestamp() - psutil.boot_time()) <= 61


def test_the_moment_of_boot_does_not_jitter() -> None:
    machine = Machine([])
    moments = {machine.look().booted_at for _ in range(5)}
    assert len(moments) == 1
    assert moments.pop() < datetime.now(UTC) - timedelta(seconds=1)  # type: ignore[operator]


def test_a_disk_is_full_when_nobody_but_root_can_write_to_it() -> None:
    (disk,) = Machine(["/"]).look().disks
    usage = shutil.disk_usage("/")
    assert (disk.path, disk.total) == ("/", usage.used + usage.free)
    assert 0 < disk.used <= disk.total


def test_a_disk_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    host = Machine([str(tmp_path / "gone"), str(tmp_path)]).look()
    assert [disk.path for disk in host.disks] == [str(tmp_path)]


def test_all_real_disks_are_measured_when_none_is_named() -> None:
    disks = Machine().look().disks
    assert disks
    assert len({disk.path for disk in disks}) == len(disks)
    assert all(disk.inodes_total is None or 0 < (disk.inodes_used or 0) <= disk.inodes_total for disk in disks)


def test_the_network_has_a_rate_after_two_looks() -> None:
    clock = HandClock()
    machine = Machine([], clock=clock)
    assert machine.look().network is None
    clock.forward(seconds=30)
    network = machine.look().network
    assert network is not None
    assert network.received >= 0


def test_the_open_files_and_processes_are_counted() -> None:
    host = Machine([]).look()
    assert 0 < (host.files_used or 0) <= (host.files_total or 0)
    assert len(psutil.pids()) * 0.5 < (host.processes or 0) < len(psutil.pids()) * 2
    assert host.own.files_limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert (host.own.memory or 0) > 1024**2


def test_a_process_that_nobody_fetched_is_counted() -> None:
    before = Machine([]).look().zombies or 0
    child = subprocess.Popen([sys.executable, "-c", ""])
    for _ in range(100):
        if (Machine([]).look().zombies or 0) > before:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the dead child was not seen")
    child.wait()


def test_what_is_not_told_is_logged_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_temperatures", dict)
    machine = Machine([])
    with caplog.at_level("INFO"):
        untold = [machine.look().untold for _ in range(3)]
    assert all(("temperature", "no sensor") in names for names in untold)
    assert [r.getMessage() for r in caplog.records].count(
        "this machine does not report its temperature: no sensor"
    ) == 1


def test_what_was_counted_up_is_told_for_a_quarter_of_an_hour() -> None:
    clock = HandClock()
    lately = RecentIncrease(clock)
    told = []
    for count in (4, 5, 7, 7, 7, 7):
        told.append(lately.added(count))
        clock.forward(minutes=6)
    assert told == [0, 1, 3, 3, 2, 0]


def test_a_machine_can_be_given_a_name() -> None:
    assert Machine([], name="floor-1", shared=True).look().name == "floor-1"


def test_the_processor_has_no_figure_until_some_time_has_passed() -> None:
    assert Machine([]).look().cpu_percent is None


def test_the_processor_is_measured_between_looks_whatever_thread_looks() -> None:
    machine = Machine([])
    until = time.perf_counter() + 0.7
    while time.perf_counter() < until:
        pass
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(machine.look).result().cpu_percent
    assert busy is not None
    assert 100 / (os.cpu_count() or 1) * 0.5 < busy <= 100


def test_two_looks_in_a_row_share_a_figure() -> None:
    machine = Machine([])
    time.sleep(0.7)
    assert machine.look().cpu_percent == machine.look().cpu_percent is not None


@pytest.mark.parametrize("name", ["virtual_memory", "swap_memory", "getloadavg", "boot_time", "cpu_times", "cpu_count"])
def test_what_the_machine_hides_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden() -> None:
        raise PermissionError(13, "Permission denied", "/proc/stat")

    monkeypatch.setattr(psutil, name, hidden)
    host = Machine(["/"]).look()
    assert "permission denied" in [why for _, why in host.untold]
    told = {
        "virtual_memory": host.memory_total,
        "swap_memory": host.swap_total,
        "getloadavg": host.load,
        "boot_time": host.booted_at,
        "cpu_times": host.cpu_percent,
        "cpu_count": host.cores,
    }
    assert told[name] is None
    assert host.name


@pytest.fixture
def dead_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A path whose server is gone: whoever asks about it waits until the test is over."""
    path, over, real = "/mnt/nas", threading.Event(), os.statvfs

    def statvfs(asked: str) -> os.statvfs_result:
        if asked == path:
            over.wait(60)
        return real("/")

    monkeypatch.setattr(os, "statvfs", statvfs)
    yield path
    over.set()


def test_a_disk_that_never_answers_holds_up_nothing(dead_server: str) -> None:
    machine = Machine(["/", dead_server])
    first = machine.look()
    began = time.monotonic()
    second = machine.look()
    assert time.monotonic() - began < 1.5  # nobody waits again for a disk that hangs
    for host in (first, second):
        assert [disk.path for disk in host.disks] == ["/"]
        assert dict(host.untold)[f"disk {dead_server}"] == "no answer"
    assert sum(thread.name == "host-aside" for thread in threading.enumerate()) == 1


def mounted(path: str, *, on: str = "ext4", device: str = "", opts: str = "rw") -> Any:
    return SimpleNamespace(device=device or f"/dev/{path}", mountpoint=path, fstype=on, opts=opts)


def disks_of(monkeypatch: pytest.MonkeyPatch, devices: list[Any], *others: Any) -> list[str]:
    monkeypatch.setattr(psutil, "disk_partitions", lambda **given: [*others, *devices] if given["all"] else devices)
    return [disk.path for disk in Machine().look().disks]


def test_the_overlay_of_a_container_is_a_disk_beside_its_volumes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    volume = mounted(str(tmp_path), device="/dev/sda1")
    file = mounted("/etc/hostname", device="/dev/sda1")
    overlay = mounted("/", on="overlay", device="overlay")
    assert sorted(disks_of(monkeypatch, [file, volume], overlay)) == ["/", str(tmp_path)]


def test_every_mounted_disk_is_measured_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    root, data = mounted("/"), mounted(str(tmp_path), device="/dev/b")
    again = mounted(str(tmp_path / "data"), device="/dev/b")
    optical = mounted(str(tmp_path / "data"), on="iso9660", device="/dev/sr0")
    assert sorted(disks_of(monkeypatch, [root, again, data, optical])) == ["/", str(tmp_path)]


@pytest.mark.parametrize(("on", "opts"), [("squashfs", "rw"), ("overlay", "ro,relatime")])
def test_a_root_that_nobody_writes_to_is_no_disk(
    on: str, opts: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    volume = mounted(str(tmp_path))
    assert disks_of(monkeypatch, [volume], mounted("/", on=on, opts=opts)) == [str(tmp_path)]


def test_a_disk_whose_name_is_no_utf8_can_be_written_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/Fotos_\xfc"
    Path(os.fsdecode(folder)).mkdir()
    (path,) = disks_of(monkeypatch, [mounted(os.fsdecode(folder)), mounted("/", on="squashfs")])
    assert path == f"{tmp_path}/Fotos_�"
    (named,) = Machine([os.fsdecode(folder)]).look().disks
    assert named.path == path


def sensor(label: str, degrees: float) -> Any:
    return SimpleNamespace(label=label, current=degrees, high=None, critical=None)


@pytest.mark.parametrize(
    ("wanted", "hottest"),
    [
        ((), (88.0, "nct6775/AUXTIN1")),
        (("coretemp",), (48.0, "coretemp/Package id 0")),
        (("!nct6775/AUXTIN*",), (61.0, "nvme")),
        (("!nct6775", "!nvme"), (48.0, "coretemp/Package id 0")),
        (("nct6775/SYSTIN", "coretemp"), (48.0, "coretemp/Package id 0")),
        (("k10temp",), (None, "")),
    ],
)
def test_the_hottest_sensor_that_counts_is_named(
    wanted: tuple[str, ...], hottest: tuple[float | None, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        "coretemp": [sensor("Package id 0", 48.0), sensor("Core 1", 0.0)],
        "nct6775": [sensor("SYSTIN", 31.0), sensor("AUXTIN0", 127.0), sensor("AUXTIN1", 88.0), sensor("X", 128.0)],
        "nvme": [sensor("", 61.0), sensor("Composite", -62.0)],
    }
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: found)
    host = Machine([], sensors=wanted).look()
    assert (host.temperature, host.sensor) == hottest


GIB = 1024**3


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def group_2(at: str, limit: str = "max", used: int = 0, cache: int = 0, cpu: str = "max 100000") -> dict[str, str]:
    folder = f"sys/fs/cgroup/{at}".rstrip("/")
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 1\ninactive_file {cache}\nactive_file 10\nslab_reclaimable 5\n",
        f"{folder}/memory.events": "low 0\noom_kill 2\n",
        f"{folder}/cpu.max": f"{cpu}\n",
        f"{folder}/cpu.stat": "usage_usec 3000000\nuser_usec 1\n",
    }


VERSION_2 = {"sys/fs/cgroup/cgroup.controllers": "cpu memory\n"}


@pytest.mark.parametrize(
    ("path", "groups", "seen"),
    [
        ("/", [group_2("", "1000", 900, 300)], (585, 1000)),
        ("/bot", [group_2("bot", "1000", 400), group_2("", "max", 5000)], (385, 1000)),
        ("/a/b", [group_2("a/b", "1000", 200), group_2("a", "500", 499)], (484, 500)),  # the nearer to its limit
        ("/gone", [group_2("", "1000", 115)], (100, 1000)),  # a name outside the container
        ("/system.slice/reporter.service", [group_2("system.slice/reporter.service", "1000", 500)], None),
        ("/bots.slice/reporter.service", [group_2("bots.slice", "1000", 500)], (485, 1000)),
        ("/", [group_2("", "max", 500)], None),
        ("/", [group_2("", str(GIB), 500)], None),  # as much as the machine has
    ],
)
def test_a_limit_of_a_container_is_what_its_memory_is_held_against(
    path: str, groups: list[dict[str, str]], seen: tuple[int, int] | None, tmp_path: Path
) -> None:
    files = {**VERSION_2, "proc/self/cgroup": f"0::{path}\n", **{k: v for group in groups for k, v in group.items()}}
    if ".service" in path:
        (tmp_path / "sys/fs/cgroup" / path.lstrip("/")).mkdir(parents=True)
    found = cgroup.memory(GIB, tree(tmp_path, files))
    assert (found and (found.used, found.limit)) == seen
    assert found is None or found.killed == 2


@pytest.mark.parametrize("path", ["/docker/f00", "/"])
def test_a_limit_of_version_1_counts_as_well(path: str, tmp_path: Path) -> None:
    at = "docker/f00/" if path == "/docker/f00" else ""
    folder = f"sys/fs/cgroup/memory/{at}"
    files = {
        "proc/self/cgroup": f"5:cpuset:/\n4:memory:{path}\n3:cpu,cpuacct:{path}\n0::/\n",
        f"{folder}memory.limit_in_bytes": "1000\n",
        f"{folder}memory.usage_in_bytes": "900\n",
        f"{folder}memory.stat": "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 100\n",
        f"{folder}memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
        f"sys/fs/cgroup/cpu/{at}cpu.cfs_quota_us": "50000\n",
        f"sys/fs/cgroup/cpu/{at}cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/cpuacct/{at}cpuacct.usage": "7000000000\n",
    }
    root = tree(tmp_path, files)
    assert cgroup.memory(GIB, root) == cgroup.GroupMemory(500, 1000, 4)
    assert cgroup.cpu(8, root) == cgroup.GroupCpu(7.0, 0.5)


def test_a_machine_without_limits_has_none(tmp_path: Path) -> None:
    unlimited = {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    unlimited |= {"sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"}
    unlimited |= {"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n", "sys/fs/cgroup/cpuacct/cpuacct.usage": "1\n"}
    for files in ({}, {"proc/self/cgroup": "2:memory:/\n1:cpu,cpuacct:/\n", **unlimited}):
        root = tree(tmp_path, files)
        assert cgroup.memory(GIB, root) is None
        assert cgroup.cpu(8, root) is None


def test_the_processor_of_a_container_is_held_against_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock()
    monkeypatch.setattr(psutil, "cpu_count", lambda: 8)
    root = tree(tmp_path, {**VERSION_2, "proc/self/cgroup": "0::/\n", **group_2("", cpu="50000 100000")})
    machine = Machine([], clock=clock, root=root)
    clock.forward(seconds=10)
    tree(tmp_path, {"sys/fs/cgroup/cpu.stat": "usage_usec 7500000\n"})
    host = machine.look()
    assert host.cpu_percent == pytest.approx(90, rel=0.01)
    assert (host.cpu_limit, host.cores) == (0.5, 8)


def test_the_memory_of_a_container_is_told_with_its_limit(tmp_path: Path) -> None:
    root = tree(tmp_path, {**VERSION_2, "proc/self/cgroup": "0::/\n", **group_2("", "300000000", 250000015, 0)})
    host = Machine([], root=root).look()
    assert (host.memory_used, host.memory_total, host.memory_limited) == (250_000_000, 300_000_000, True)


def test_the_cache_of_zfs_is_not_in_use(tmp_path: Path) -> None:
    stats = f"9 1 0x01 3 816\nname type data\nsize 4 {10 * GIB}\nc_min 4 {2 * GIB}\nc_max 4 {12 * GIB}\n"
    zfs = Machine([], root=tree(tmp_path, {"proc/spl/kstat/zfs/arcstats": stats})).look()
    without = Machine([], root=tmp_path / "none").look()
    assert zfs.memory_used is not None
    assert without.memory_used is not None
    assert abs(without.memory_used - zfs.memory_used - 8 * GIB) < GIB


def card(received: int) -> Any:
    return SimpleNamespace(
        bytes_recv=received, bytes_sent=0, errin=0, errout=0, dropin=0, dropout=0, packets_recv=0, packets_sent=0
    )


@pytest.mark.parametrize(
    ("links", "cards"),
    [
        (
            ("eth0/device", "eth1/device", "bond0/lower_eth0", "br0/lower_bond0", "bond0.5/lower_bond0"),
            {"eth0", "eth1"},
        ),
        (("eth0/device", "eth1/device", "eth1/master/device"), {"eth0"}),  # accelerated networking in a cloud
        (("enp3s0/device", "vmbr0/lower_enp3s0", "tap100i0/x", "veth7/x", "wg0/x"), {"enp3s0"}),
        (("eth0/x", "lo/x"), {"eth0"}),  # within a container
        (("eth0/x", "eth0.7/lower_eth0", "wg0/x"), {"eth0"}),
    ],
)
def test_a_packet_is_counted_once(links: tuple[str, ...], cards: set[str], tmp_path: Path) -> None:
    for link in links:
        (tmp_path / "sys/class/net" / link).mkdir(parents=True, exist_ok=True)
    names = {link.partition("/")[0] for link in links}
    assert network_cards(names, tmp_path) == cards


def test_a_card_that_comes_or_goes_makes_no_traffic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock, found = HandClock(), {"eth0": card(1000)}
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: found)
    machine = Machine([], clock=clock, root=tmp_path)
    machine.look()
    found |= {"eth0": card(1300), "eth1": card(10**9)}
    clock.forward(seconds=30)
    network = machine.look().network
    assert network is not None
    assert network.received == pytest.approx(10, rel=0.01)
