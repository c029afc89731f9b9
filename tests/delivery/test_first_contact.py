"""The first messages: the destination of each channel is known before anything is posted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from reporter.periods.clock import SystemClock
from tests.delivery.figures import numbers
from tests.delivery.traffic import Traffic, carry, until
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord
from tests.support.discord.faults import Hang
from tests.support.processes import daemon, reporter
from tests.support.stage import Stage

ONE_PLACE = {"first": "floor", "second": "floor"}
IN_TURN = [("second" if number % 2 else "first", number) for number in range(8)]


def test_the_first_messages_of_two_names_of_one_channel_keep_their_order(tmp_path: Path) -> None:
    clock = HandClock()
    with LocalDiscord(limits=False, now=clock.wall) as discord:
        traffic = Traffic(tmp_path, discord, ONE_PLACE, clock=clock)
        traffic.queue_all(IN_TURN)
        carry(traffic, clock, timedelta(hours=1))
        traffic.close()
        assert numbers(discord.messages("floor")) == list(range(8))


def test_two_names_of_one_webhook_are_served_as_one(tmp_path: Path) -> None:
    clock = HandClock()
    with LocalDiscord(limits=False, now=clock.wall) as discord:
        traffic = Traffic(tmp_path, discord, ONE_PLACE, clock=clock)
        traffic.environ["HOOK_second"] = traffic.environ["HOOK_first"]
        traffic.restart()
        traffic.queue_all(IN_TURN)
        carry(traffic, clock, timedelta(hours=1))
        traffic.close()
        assert numbers(discord.messages("floor")) == list(range(8))


def test_a_name_that_speaks_up_later_still_gets_its_turn(tmp_path: Path) -> None:
    with LocalDiscord(limits=False, latency=0.05) as discord:
        traffic = Traffic(tmp_path, discord, ONE_PLACE)
        traffic.queue("first", range(1))
        traffic.flow(30)
        traffic.queue_all([("second", 1), ("first", 2), ("second", 3), ("first", 4)])
        traffic.flow(30)
        traffic.close()
        assert numbers(discord.messages("floor")) == list(range(5))


def test_a_channel_that_keeps_silent_at_first_holds_no_other_up(tmp_path: Path) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a", "silent": "silent"})
        discord.fail(Hang(20), webhook="silent", times=2)  # the planner asks it for the time
        traffic.queue_all([("silent", 0), ("a", 0), ("a", 1)])
        with traffic.flowing():
            discord.wait_for("a", 2, seconds=10)
            assert discord.messages("silent") == []
            discord.close()
        traffic.close()


def test_each_channel_is_looked_at_once(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(12)]
    with LocalDiscord(limits=False, latency=0.02) as discord:
        traffic = Traffic(tmp_path, discord, {name: name for name in names})
        traffic.queue_all([(name, number) for number in range(2) for name in names])
        traffic.flow(30)
        traffic.close()
        looks = [request.webhook for request in discord.requests if request.method == "GET"]
        assert all(looks.count(name) <= 2 for name in names)  # the other one asks for the time


def test_a_retry_reaches_a_running_daemon_that_has_found_the_channel_dead(tmp_path: Path) -> None:
    with LocalDiscord(limits=False) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a"})
        discord.revoke("a")
        with daemon(tmp_path, SystemClock().wall(), traffic.environ) as running:
            traffic.queue("a", range(2))
            running.says("is closed to us")
            discord.restore("a")
            stage = Stage(tmp_path)
            stage.environ = traffic.environ
            said = reporter(stage, "outbox", "retry", "--channel", "a")
            assert "2 messages sent, 0 still waiting" in said.stdout
            traffic.queue("a", range(2, 4))
            until(lambda: traffic.done, 30, lambda: f"{traffic.counts()}\n{running.log}")
        traffic.close()
        assert numbers(discord.messages("a")) == [0, 1, 2, 3]
