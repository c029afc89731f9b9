"""The machine, as this very one tells it."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from reporter.host import Machine


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
