"""What systemd hears of the daemon: ready, reloading, alive, stopping; and what makes it hear nothing more."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.probes.loop import LoopThread
from reporter.scheduler.liveness import DELIVERY, PLANNER, STANDS_STILL, Liveness
from reporter.scheduler.service_notify import ServiceNotify
from tests.support.clocks import HandClock
from tests.support.processes import daemon, until
from tests.support.stage import DAILY, Stage


class Systemd:
    """The socket that a unit of Type=notify has, and what came there."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(30)

    def hears(self, line: str) -> list[str]:
        """Wait for a message with such a line; returns its lines."""
        while True:
            lines = self._socket.recv(4096).decode().split("\n")
            if any(part.startswith(line) for part in lines):
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(str(tmp_path / "notify"))
    yield made
    made.close()


def test_a_daemon_reports_that_it_is_ready_alive_reloading_and_stopping(
    stage: Stage, tmp_path: Path, systemd: Systemd
) -> None:
    stage.report("daily", DAILY).on_screen("  daily:")
    stage.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    with daemon(stage.folder, stage.clock.wall(), stage.environ) as running:
        assert systemd.hears("READY=1")[1].startswith("STATUS=1 job by config version ")
        assert systemd.hears("WATCHDOG=1") == ["WATCHDOG=1"]
        running.send(signal.SIGHUP)
        began = int(systemd.hears("RELOADING=1")[1].removeprefix("MONOTONIC_USEC="))
        assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - began / 1e6 < 60
        systemd.hears("READY=1")
        stage.write("config/reporter.yaml", "version: 1\nchanels: {}\n")
        assert systemd.hears("READY=1")[1].endswith("; the edited config cannot be used")
        running.send(signal.SIGTERM)
        systemd.hears("STOPPING=1")


def test_an_abstract_address_is_understood_and_no_address_is_no_trouble(tmp_path: Path) -> None:
    listening = Systemd(f"\0{tmp_path}")
    ServiceNotify({"NOTIFY_SOCKET": f"@{tmp_path}"}).ready("a\nREADY=0")
    assert listening.hears("READY=1") == ["READY=1", "STATUS=a⏎READY=0"]
    listening.close()
    for environ in ({}, {"NOTIFY_SOCKET": f"@{tmp_path}"}, {"NOTIFY_SOCKET": "/nowhere"}):
        ServiceNotify(environ).alive()


def test_a_part_that_hangs_is_named_and_one_that_only_fails_is_not() -> None:
    clock = HandClock()
    liveness = Liveness(clock, 10)
    clock.forward(seconds=STANDS_STILL + 31)
    assert liveness.hung() == "the planner has stood still for 5m 31s"
    liveness.looked(PLANNER)
    assert liveness.hung() == "delivery has stood still for 5m 31s"
    liveness.looked(DELIVERY)
    assert liveness.hung() is None
    assert liveness.stuck() is not None  # no turn succeeded, which the heartbeat says
    assert liveness.hung(**{"the probes' loop": 400.0}) == "the probes' loop has stood still for 6m 40s"


def test_a_loop_of_probes_that_is_blocked_does_not_answer() -> None:
    loop, go_on = LoopThread("probes"), threading.Event()

    async def block() -> None:
        go_on.wait(30)

    blocking = loop.run(block())
    assert loop.rested() < 30
    until(lambda: loop.rested() > 0.02, lambda: "it answers")
    go_on.set()
    blocking.result(30)
    until(lambda: loop.rested() == 0, lambda: "it does not answer")
    loop.end()
