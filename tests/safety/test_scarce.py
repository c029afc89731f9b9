"""Where the machine gives no more files or room, the daemon lives on and loses nothing."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from reporter.periods.clock import SystemClock
from tests.delivery.test_store_full import WATCH, full, told
from tests.delivery.traffic import until
from tests.support.discord import LocalDiscord
from tests.support.processes import Process, daemon
from tests.support.stage import Stage


@contextmanager
def limited(process: Process, what: int, most: int) -> Iterator[None]:
    pid = process.process.pid
    soft, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, what, (soft, hard))


@contextmanager
def no_more_files(process: Process) -> Iterator[None]:
    opened = max(int(path.name) for path in Path(f"/proc/{process.process.pid}/fd").iterdir()) + 1
    with limited(process, resource.RLIMIT_NOFILE, opened):
        yield


@pytest.mark.parametrize("scarce", [no_more_files, full], ids=["files", "disk"])
def test_a_daemon_that_gets_nothing_more_lives_and_sends_its_alert_once(
    stage: Stage, discord: LocalDiscord, scarce: Callable[[Process], AbstractContextManager[None]]
) -> None:
    trouble = stage.folder / "trouble"
    stage.report("watch", WATCH.replace("TROUBLE", str(trouble)))
    stage.on_discord(discord, "  watch: {channel: daily}", channels=["daily"])
    with daemon(stage.folder, SystemClock().wall(), stage.environ) as running:
        running.says("nothing new")
        with scarce(running):
            trouble.touch()
            before = running.log.count("\n")
            until(lambda: running.log.count("\n") > before + 3, 30, lambda: running.log)
        until(lambda: "The loss is too large" in told(discord), 30, lambda: running.log)
        assert running.process.poll() is None
        assert running.stop() < 30
    assert told(discord).count("limit/loss") == 1
