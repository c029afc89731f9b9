"""A full disk: nothing is lost, nothing is sent twice, and work continues when there is room again."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reporter.periods.clock import SystemClock
from tests.delivery.figures import numbers
from tests.delivery.traffic import Traffic, until
from tests.support.discord import LocalDiscord
from tests.support.processes import Process, daemon
from tests.support.stage import Stage


@contextmanager
def full(process: Process) -> Iterator[None]:
    """For a while a process can write no file beyond its first bytes, as if the disk were full."""
    pid = process.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


WATCH = '''\
from pathlib import Path
from reporter import Context, Level, Observation, job

@job(covers="now", schedule="every 1s")
def watch(ctx: Context):
    """Looks at a limit."""
    lost = Path("TROUBLE").exists()
    yield Observation("limit/loss", Level.CRITICAL if lost else Level.OK, "the loss is too large")
'''


def test_an_alert_goes_out_while_the_store_is_full(stage: Stage, discord: LocalDiscord) -> None:
    trouble = stage.folder / "trouble"
    stage.report("watch", WATCH.replace("TROUBLE", str(trouble)))
    stage.on_discord(discord, "  watch: {channel: daily}", channels=["daily"])
    with daemon(stage.folder, SystemClock().wall(), stage.environ) as running:
        running.says("nothing new")
        with full(running):
            trouble.touch()
            until(lambda: "The loss is too large" in told(discord), 20, lambda: running.log)
            assert "sent from memory" in told(discord)
        until(lambda: "can be written again" in told(discord), 20, lambda: running.log)
    assert told(discord).count("limit/loss") == 1


def told(discord: LocalDiscord) -> str:
    return "\n".join(message.text for message in discord.messages("daily"))


def test_what_waits_while_the_store_is_full_goes_out_afterwards(tmp_path: Path) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a"})
        with daemon(tmp_path, SystemClock().wall(), traffic.environ) as running:
            traffic.queue("a", range(3))
            discord.wait_for("a", 3)
            until(lambda: traffic.done, 30, lambda: str(traffic.counts()))
            with full(running):
                traffic.queue("a", range(3, 6))
                running.says("the store cannot be used")
                assert numbers(discord.messages("a")) == [0, 1, 2]
            discord.wait_for("a", 6)
            until(lambda: traffic.done, 30, lambda: str(traffic.counts()))
        traffic.close()
        assert numbers(discord.messages("a")) == [0, 1, 2, 3, 4, 5]


def test_a_full_store_is_tried_again_at_leisure(tmp_path: Path) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a"})
        with daemon(tmp_path, SystemClock().wall(), traffic.environ) as running:
            traffic.queue("a", range(1))
            discord.wait_for("a", 1)
            traffic.queue("a", range(1, 2))
            with full(running):
                running.says("delivery to a: the store cannot be used")
                time.sleep(2.0)
                assert running.log.count("delivery to a: the store cannot be used") <= 2
            discord.wait_for("a", 2)
        traffic.close()


def test_what_was_sent_when_the_store_filled_up_is_not_sent_again(tmp_path: Path) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a"})
        with daemon(tmp_path, SystemClock().wall(), traffic.environ) as running:
            traffic.queue("a", range(1))
            until(lambda: traffic.done, 30, lambda: str(traffic.counts()))
            discord.latency = 1.0
            asked = len(discord.requests)
            traffic.queue("a", range(1, 3))
            until(lambda: traffic.counts().get("sending", 0) > 0, 30, lambda: str(traffic.counts()))
            with full(running):
                running.says("the store cannot be used")
                until(lambda: len(discord.requests) > asked, 30, lambda: "nothing was sent")
            discord.latency = 0.0
            until(lambda: traffic.done, 30, lambda: str(traffic.counts()))
        traffic.close()
        assert numbers(discord.messages("a")) == [0, 1, 2]
