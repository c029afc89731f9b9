"""Where the machine gives no more files or room, the daemon lives on and loses nothing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from reporter.periods.clock import SystemClock
from tests.delivery.test_store_full import WATCH, full, told
from tests.delivery.traffic import until
from tests.support.discord import LocalDiscord
from tests.support.paths import ROOT
from tests.support.processes import Process, daemon
from tests.support.stage import Stage

SENTENCE = "reporter: this machine gives no more memory or threads, so reporter ends; nothing is lost"


def ended(process: Process) -> bool:
    return process.process.poll() is not None


@contextmanager
def limited(process: Process, what: int, most: int) -> Iterator[None]:
    pid = process.process.pid
    soft, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
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


@contextmanager
def no_more_memory(process: Process) -> Iterator[None]:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    held = int(status.partition("VmSize:")[2].split()[0]) << 10
    with limited(process, resource.RLIMIT_AS, held):
        yield


def test_a_daemon_without_memory_goes_on_or_ends_and_its_alert_is_sent_once(
    stage: Stage, discord: LocalDiscord
) -> None:
    trouble = stage.folder / "trouble"
    stage.report("watch", WATCH.replace("TROUBLE", str(trouble)))
    stage.on_discord(discord, "  watch: {channel: daily}", channels=["daily"])
    with daemon(stage.folder, SystemClock().wall(), stage.environ) as running:
        running.says("nothing new")
        with no_more_memory(running):
            trouble.touch()
            before = running.log.count("\n")
            until(lambda: ended(running) or running.log.count("\n") > before + 3, 60, lambda: running.log)
        until(lambda: ended(running) or "The loss is too large" in told(discord), 60, lambda: running.log)
        if ended(running):
            assert running.process.returncode == 1
        else:
            assert running.stop() < 30
    with daemon(stage.folder, SystemClock().wall(), stage.environ) as running:
        until(lambda: "The loss is too large" in told(discord), 60, lambda: running.log)
    assert told(discord).count("limit/loss") == 1


@pytest.mark.parametrize("megabytes", [45, 60, 80])
def test_a_start_without_memory_is_a_sentence(stage: Stage, megabytes: int) -> None:
    stage.report("watch", WATCH.replace("TROUBLE", str(stage.folder / "trouble"))).on_screen("  watch:")

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    found = subprocess.run(
        [sys.executable, "-m", "reporter", "--home", str(stage.folder), "run"],
        cwd=ROOT, env={"PATH": os.environ["PATH"], **stage.environ}, capture_output=True, text=True, timeout=120,
        check=False, preexec_fn=bounded,
    )  # fmt: skip
    if found.returncode in {-signal.SIGABRT, -signal.SIGSEGV} or "lost sys.stderr" in found.stderr:
        return  # so little that Python itself ends, and systemd starts it again
    assert found.returncode == 1
    assert SENTENCE in found.stderr
