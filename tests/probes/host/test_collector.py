"""The machine, as this very one tells it."""

import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from reporter.probes.host.collector import Machine
from reporter.probes.host.rates import Lately
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
    assert [r.getMessage() for r in caplog.records].count("this machine does not tell its temperature: no sensor") == 1


def test_what_was_counted_up_is_told_for_a_quarter_of_an_hour() -> None:
    clock = HandClock()
    lately = Lately(clock)
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
