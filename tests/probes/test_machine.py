"""Files, processes and units of this machine, as they are."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reporter.alerts.model import Level
from reporter.alerts.readings import Reading
from reporter.probes.probe import Probe
from tests.probes.conftest import Rounds, StandingClock
from tests.probes.databases import configured


def look(rounds: Rounds, probe: Probe) -> Reading:
    (reading,) = rounds([probe]).probe_all()
    return reading


def file(path: Path, **said: Any) -> Probe:
    return configured("alive", kind="file", **{"path": path, **said})


def written(path: Path, *, ago: float, content: bytes = b"alive") -> Path:
    path.write_bytes(content)
    os.utime(path, (time.time() - ago, time.time() - ago))
    return path


@pytest.mark.parametrize(
    ("ago", "level", "detail"),
    [
        (5, Level.OK, "there"),
        (200, Level.WARNING, "there, but not written for 2m"),
        (900, Level.CRITICAL, "there, but not written for 10m"),
        (-50, Level.OK, "there"),
    ],
)
def test_a_file_that_an_agent_touches_shows_that_it_lives(
    ago: float, level: Level, detail: str, rounds: Rounds, tmp_path: Path
) -> None:
    probe = file(written(tmp_path / "alive", ago=ago), age={"warning": "120s", "critical": "600s"})
    reading = look(rounds, probe)
    assert (reading.observation.level, reading.observation.detail) == (level, detail)
    assert [name for name, _ in reading.figures] == ["age", "size"]
    assert reading.latency is None


def test_a_file_of_the_future_says_nothing_of_how_old_it_is(rounds: Rounds, tmp_path: Path) -> None:
    path = written(tmp_path / "alive", ago=-7205)
    aged, sized = (
        look(rounds, file(path, age={"warning": "120s"})),
        look(rounds, file(path, size={"warning": "1000 B"})),
    )
    assert aged.observation.level is Level.UNKNOWN
    assert aged.observation.detail == "it was last written 2h ahead of this machine's clock"
    assert sized.observation.level is Level.OK


def test_a_file_that_is_not_there_is_critical_unless_it_should_not_be(rounds: Rounds, tmp_path: Path) -> None:
    path = tmp_path / "crashed"
    gone, well = look(rounds, file(path)), look(rounds, file(path, absent=True))
    path.touch()
    crashed = look(rounds, file(path, absent=True))
    assert (gone.observation.level, gone.observation.detail) == (Level.CRITICAL, "is not there")
    assert well.observation.level is Level.OK
    assert (crashed.observation.level, crashed.observation.detail) == (Level.CRITICAL, "is there, and should not be")


def test_a_folder_is_no_file(rounds: Rounds, tmp_path: Path) -> None:
    (tmp_path / "backups" / "newer").mkdir(parents=True)
    folder = look(rounds, file(tmp_path / "backups")).observation
    words = "is a folder: write `/*` behind its path for the newest file in it"
    assert (folder.level, folder.detail) == (Level.CRITICAL, words)
    assert look(rounds, file(tmp_path / "backups" / "*")).observation.detail == "is not there"
    written(tmp_path / "backups" / "a.gz", ago=60)
    assert look(rounds, file(tmp_path / "backups" / "*")).observation.detail == "there"


def test_of_several_files_the_newest_counts(rounds: Rounds, tmp_path: Path) -> None:
    written(tmp_path / "a.gz", ago=90_000)
    written(tmp_path / "b.gz", ago=60, content=b"")
    reading = look(rounds, file(tmp_path / "*.gz", age={"warning": "1h"}, min_size={"warning": "1 B"}))
    assert reading.observation.detail == "there, but size below 1 B"
    assert dict(reading.figures)["age"].startswith("1m")


def test_a_file_that_we_may_not_see_is_unknown(rounds: Rounds, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    path = loop / "x"
    path.parent.symlink_to(loop)
    deep = file(tmp_path / ("x" * 300))
    assert look(rounds, deep).observation.level is Level.UNKNOWN
    assert look(rounds, file(path)).observation.level is not Level.OK


def test_a_file_on_a_disk_that_hangs_holds_up_nobody_else(rounds: Rounds, tmp_path: Path) -> None:
    class Hanging(Path(tmp_path).__class__):  # type: ignore[misc]
        def exists(self) -> bool:
            time.sleep(1.5)
            return True

    hung = file(Hanging(tmp_path), timeout="200ms")
    well = file(written(tmp_path / "alive", ago=1))
    probes = rounds([hung, well], deadline=1)
    first, second = probes.probe_all(), probes.probe_all()
    assert [one.observation.detail for one in first] == ["no answer within 200ms", "there"]
    assert second[1].observation.level is Level.OK


@contextmanager
def sleeper(mark: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told from all others by a word in its command line."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", mark])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def process(mark: str, **said: Any) -> Probe:
    return configured("bot", kind="process", command=mark, **said)


def test_a_process_runs_until_it_is_killed(rounds: Rounds, tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    probes = rounds([process(mark)])
    with sleeper(mark):
        up = probes.probe_all()[0]
    down = probes.probe_all()[0].observation
    assert (up.observation.level, up.observation.detail) == (Level.OK, "running")
    assert {name for name, _ in up.figures} == {"memory", "running for"}
    assert (down.level, down.detail) == (Level.CRITICAL, "not running")


def test_processes_are_counted(rounds: Rounds, tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    with sleeper(mark), sleeper(mark):
        few = look(rounds, process(mark, at_least=3)).observation
        many = look(rounds, process(mark, at_most=1)).observation
    assert (few.level, few.detail) == (Level.CRITICAL, "2 running, expected 3")
    assert (many.level, many.detail) == (Level.CRITICAL, "2 running, allowed 1")


def test_what_has_just_been_started_again_is_young(rounds: Rounds, tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    with sleeper(mark):
        seen = look(rounds, process(mark, running_for={"warning": "5m"})).observation
    assert (seen.level, seen.detail) == (Level.WARNING, "running, but started less than 5m ago")


def test_processor_time_is_a_share_of_the_time_between_two_looks(
    rounds: Rounds, clock: StandingClock, tmp_path: Path
) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text(str(os.getpid()))
    probe = configured("me", clock, kind="process", pidfile=pidfile, cpu={"warning": 1})
    probes = rounds([probe])
    first = dict(probes.probe_all()[0].figures)
    deadline = time.process_time() + 0.3
    while time.process_time() < deadline:
        pass
    clock.pass_by(10)
    second = dict(probes.probe_all()[0].figures)
    assert "CPU" not in first
    assert float(second["CPU"].removesuffix("%")) >= 2


def test_a_pid_file_names_the_process(rounds: Rounds, tmp_path: Path) -> None:
    pidfile = tmp_path / "bot.pid"
    probe = configured("bot", kind="process", pidfile=pidfile)
    details = [look(rounds, probe).observation.detail]
    for content in (str(os.getpid()), "4194304999", "none"):
        pidfile.write_text(content)
        details.append(look(rounds, probe).observation.detail)
    assert details == ["not running", "running", "not running", "the pid file holds no number"]


SYSTEMCTL = """#!/bin/sh
cat {folder}/said
test -e {folder}/refuses && cat {folder}/refuses >&2 && exit 1
test -e {folder}/hangs && exec sleep 30
exit 0
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that says what stands in the folder's file `said`."""
    program = tmp_path / "systemctl"
    program.write_text(SYSTEMCTL.format(folder=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def unit(clock: Any = None, **said: Any) -> Probe:
    return configured("bot", clock, kind="unit", unit="bot.service", timeout="1s", **said)


@pytest.mark.parametrize(
    ("said", "level", "detail"),
    [
        ("LoadState=loaded\nActiveState=active\nSubState=running\n", Level.OK, "active (running)"),
        ("LoadState=not-found\nActiveState=inactive\nSubState=dead\n", Level.CRITICAL, "there is no such unit"),
        ("ActiveState=activating\nSubState=start\n", Level.WARNING, "activating (start)"),
        (
            "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\n",
            Level.CRITICAL,
            "activating (auto-restart), expected active: exit-code",
        ),
        ("ActiveState=failed\nSubState=failed\nResult=oom-kill\n", Level.CRITICAL, "failed, expected active: oom-kill"),
    ],
)
def test_a_unit_is_as_systemd_says(said: str, level: Level, detail: str, systemd: Path, rounds: Rounds) -> None:
    (systemd / "said").write_text(said)
    seen = look(rounds, unit()).observation
    assert (seen.level, seen.detail) == (level, detail)


def test_restarts_are_counted_over_an_hour(systemd: Path, rounds: Rounds, clock: StandingClock) -> None:
    probes = rounds([unit(clock, restarts={"warning": 1, "critical": 5})])
    levels = []
    for count, passed in ((7, 0), (7, 60), (8, 60), (12, 60), (12, 3600)):
        (systemd / "said").write_text(f"ActiveState=active\nSubState=running\nNRestarts={count}\nMemoryCurrent=1024\n")
        clock.pass_by(passed)
        levels.append(probes.probe_all()[0].observation.level)
    assert levels == [Level.OK, Level.OK, Level.WARNING, Level.CRITICAL, Level.OK]


@pytest.mark.parametrize(
    ("refusal", "detail"),
    [
        (
            "System has not been booted with systemd as init system (PID 1). Can't operate.",
            "this machine runs without systemd",
        ),
        ("Failed to connect to bus: Host is down", "systemd cannot be asked: its bus does not answer"),
        ("whatever", "systemctl refused to answer"),
    ],
)
def test_a_machine_without_systemd_is_unknown(refusal: str, detail: str, systemd: Path, rounds: Rounds) -> None:
    (systemd / "said").touch()
    (systemd / "refuses").write_text(refusal)
    seen = look(rounds, unit()).observation
    assert (seen.level, seen.detail) == (Level.UNKNOWN, detail)


def test_no_systemctl_at_all_is_unknown(rounds: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = look(rounds, unit()).observation
    assert (seen.level, seen.detail) == (Level.UNKNOWN, "there is no systemd on this machine")


def test_a_process_that_stands_still_runs_all_the_same(rounds: Rounds, tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    with sleeper(mark) as stopped:
        stopped.send_signal(signal.SIGSTOP)
        seen = look(rounds, process(mark)).observation
    assert seen.level is Level.OK
