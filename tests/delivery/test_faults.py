"""Faults on the way delay messages, but lose none, and double or reorder none where the outcome can be known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.delivery.figures import Figures, figures, numbers, record
from tests.delivery.traffic import BOT, Traffic, carry
from tests.support.clocks import HandClock
from tests.support.discord import Ban, Fault, Limited, LocalDiscord, Reset, Status, Truncate
from tests.support.discord.faults import Hang

HOUR = timedelta(hours=1)
# The message was taken, and its answer lost.
LOST: dict[str, Fault] = {
    "reset": Reset(accept=True),
    "half an answer": Truncate(),
    "504": Status(504, accept=True),
    "silence": Hang(0.2, accept=True),
}
# Nobody took the message.
REFUSED: dict[str, Fault] = {
    "503": Status(503),
    "reset": Reset(),
    "429 of a webhook": Limited(7.5),
    "429 of a channel": Limited(65, scope="shared"),
    "429 for all": Limited(0.3, scope="global"),
    "429 without a header": Limited(7.5, header=False),
    "ban": Ban(),
    "ban with an hour": Ban(3600),
}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def discord(clock: HandClock) -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False, now=clock.wall) as local:
        yield local


@pytest.fixture
def traffic(tmp_path: Path, clock: HandClock, discord: LocalDiscord) -> Iterator[Traffic]:
    made = acquainted(Traffic(tmp_path, discord, {"a": "a", "b": "b"}, clock=clock), clock)
    yield made
    made.close()


def acquainted(traffic: Traffic, clock: HandClock) -> Traffic:
    """A first message is behind us, so that a fault meets the messages that follow."""
    for channel in ("a", "b"):
        traffic.queue(channel, range(1))
    carry(traffic, clock, HOUR)
    return traffic


def after(traffic: Traffic, clock: HandClock, case: str, span: timedelta = HOUR) -> Figures:
    carry(traffic, clock, span)
    found = figures(traffic.discord, {"a": 4, "b": 4})
    record(case, replace(found, over=None))
    return found


def repeats(discord: LocalDiscord) -> int:
    return sum("may be a repeat" in embed["footer"]["text"] for m in discord.everything() for embed in m.embeds)


@pytest.mark.parametrize("name", REFUSED)
def test_what_nobody_took_is_told_once_and_in_order(
    traffic: Traffic, clock: HandClock, discord: LocalDiscord, name: str
) -> None:
    discord.fail(REFUSED[name], webhook="a")
    traffic.queue_all([(channel, number) for number in range(1, 4) for channel in ("a", "b")])
    found = after(traffic, clock, f"refused once: {name}", timedelta(hours=2))
    assert (found.lost, found.doubled, found.inversions) == (0, 0, 0)


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", LOST)
def test_without_a_bot_each_lost_answer_makes_one_more_copy_that_says_so(
    traffic: Traffic, clock: HandClock, discord: LocalDiscord, name: str, times: int
) -> None:
    discord.fail(LOST[name], webhook="a", times=times)
    traffic.queue_all([(channel, number) for number in range(1, 4) for channel in ("a", "b")])
    found = after(traffic, clock, f"{times} answers lost, no bot: {name}")
    assert (found.lost, found.doubled, found.inversions) == (0, times, 0)
    assert repeats(discord) == times


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", LOST)
def test_with_a_bot_a_lost_answer_makes_no_copy(
    tmp_path: Path, clock: HandClock, discord: LocalDiscord, name: str, times: int
) -> None:
    traffic = with_bot(tmp_path, clock, discord, discord.bot())
    for number in range(1, 4):
        traffic.queue("a", range(number, number + 1))
        if number > 3 - times:
            discord.fail(LOST[name], webhook="a")
        carry(traffic, clock, HOUR)
    traffic.queue("b", range(1, 4))
    found = after(traffic, clock, f"{times} answers lost, bot: {name}")
    traffic.close()
    assert (found.lost, found.doubled, found.inversions) == (0, 0, 0)
    assert repeats(discord) == 0


def test_a_bot_that_may_not_read_history_proves_nothing(
    tmp_path: Path, clock: HandClock, discord: LocalDiscord
) -> None:
    traffic = with_bot(tmp_path, clock, discord, discord.bot("blind", history=False))
    discord.fail(Reset(accept=True), webhook="a")
    traffic.queue_all([(channel, number) for number in range(1, 4) for channel in ("a", "b")])
    found = after(traffic, clock, "answer lost, bot without the right to read history")
    traffic.close()
    assert (found.lost, found.doubled, repeats(discord)) == (0, 1, 1)


@pytest.mark.parametrize("content", [True, False])
def test_strangers_in_the_channel_do_not_deceive_a_bot(
    tmp_path: Path, clock: HandClock, discord: LocalDiscord, *, content: bool
) -> None:
    traffic = with_bot(tmp_path, clock, discord, discord.bot("reader", content=content))
    stranger = discord.webhook("stranger", channel="a")
    discord.fail(Reset(accept=True), webhook="a")
    traffic.queue("a", range(1, 4))
    traffic.queue("b", range(1, 4))
    for _ in range(3):
        httpx.post(stranger, json={"content": "hello"})
        carry(traffic, clock, timedelta(0))
    found = after(traffic, clock, f"answer lost, strangers, bot {'reads' if content else 'sees no content'}")
    traffic.close()
    assert (found.lost, found.doubled, found.inversions, repeats(discord)) == (0, 0, 0, 0)


def with_bot(folder: Path, clock: HandClock, discord: LocalDiscord, token: str) -> Traffic:
    hooks = {"a": "a", "b": "b"}
    return acquainted(Traffic(folder, discord, hooks, clock=clock, entry=BOT, environ={"BOT": token}), clock)


@pytest.mark.parametrize("seconds", [*(pytest.param(each, marks=pytest.mark.full) for each in (10, 120)), 600])
@pytest.mark.parametrize("fault", [Status(503), Reset(), None], ids=["503", "reset", "refused"])
def test_after_an_outage_it_goes_on_soon(
    traffic: Traffic, clock: HandClock, discord: LocalDiscord, fault: Fault | None, seconds: int
) -> None:
    with discord.broken(fault) if fault else discord.down():
        traffic.queue_all([(channel, number) for number in range(1, 4) for channel in ("a", "b")])
        end = clock.now + timedelta(seconds=seconds)
        carry(traffic, clock, end - clock.now)
    clock.now = max(clock.now, end)
    over = clock.now
    found = after(traffic, clock, f"outage of {seconds} s ({type(fault).__name__ if fault else 'refused'})")
    assert (found.lost, found.doubled, found.inversions) == (0, 0, 0)
    late = [(discord.messages(name)[1].at - over).total_seconds() for name in ("a", "b")]
    assert max(late) <= 90


def test_a_dead_webhook_is_asked_no_more_and_all_goes_out_when_it_is_renewed(
    traffic: Traffic, clock: HandClock, discord: LocalDiscord
) -> None:
    discord.revoke("a")
    traffic.queue_all([(channel, number) for number in range(1, 4) for channel in ("a", "b")])
    carry(traffic, clock, HOUR)
    traffic.restart()
    carry(traffic, clock, HOUR)
    assert discord.journal.after_death("a") == 0
    assert numbers(discord.messages("b")) == [0, 1, 2, 3]
    assert any("is closed to us" in message.text for message in discord.messages("alarm"))
    traffic.environ["HOOK_a"] = discord.webhook("renewed", channel="a")
    traffic.restart()
    assert after(traffic, clock, "webhook revoked and renewed").faultless
