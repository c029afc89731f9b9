"""Delivery to Telegram: nothing is lost, copies are marked, the pace is kept, and a dead chat is asked once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reporter.messages.message import Attachment, Message, Run, Text
from reporter.store import outbox
from tests.delivery.courier import AheadClock, start
from tests.delivery.telegram_traffic import TelegramTraffic, repeats, told
from tests.delivery.traffic import LARGE, carry, until
from tests.support.clocks import HandClock
from tests.support.telegram import Fault, Hang, Limited, LocalTelegram, Reset, Status, Truncate
from tests.support.telegram.pictures import png

HOUR = timedelta(hours=1)
LOST: dict[str, Fault] = {
    "reset": Reset(accept=True),
    "half an answer": Truncate(),
    "504": Status(504, accept=True),
    "silence": Hang(0.2, accept=True),
}
REFUSED: dict[str, Fault] = {"503": Status(503), "reset": Reset(), "429": Limited(35), "a proxy's page": Status(407)}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def telegram(clock: HandClock) -> Iterator[LocalTelegram]:
    with LocalTelegram(now=clock.wall, monotonic=clock.monotonic) as local:
        yield local


@pytest.fixture
def traffic(tmp_path: Path, clock: HandClock, telegram: LocalTelegram) -> Iterator[TelegramTraffic]:
    made = TelegramTraffic(tmp_path, telegram, "a", "b", clock=clock)
    made.queue_all([("a", 0), ("b", 0)])
    carry(made, clock, HOUR)  # a first message is behind us
    yield made
    made.close()


def queue(traffic: TelegramTraffic, size: int = 0) -> None:
    traffic.queue_all([(channel, number) for number in range(1, 4) for channel in ("a", "b")], size=size)


@pytest.mark.parametrize("name", REFUSED)
def test_what_nobody_took_is_told_once_and_in_order(
    traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram, name: str
) -> None:
    telegram.fail(REFUSED[name], chat="a")
    queue(traffic)
    carry(traffic, clock, HOUR)
    assert [told(telegram.messages(chat)) for chat in ("a", "b")] == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("name", LOST)
def test_each_lost_answer_makes_one_more_copy_that_says_so(
    traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram, name: str
) -> None:
    telegram.fail(LOST[name], chat="a")
    queue(traffic, LARGE)
    carry(traffic, clock, HOUR)
    assert sorted(told(telegram.messages("a"))) == [0, 1, 1, 2, 3]
    assert (told(telegram.messages("b")), repeats(telegram.everything())) == ([0, 1, 2, 3], 1)


@pytest.mark.parametrize("fault", [Status(503), None], ids=["503", "refused"])
def test_an_outage_of_ten_seconds_delays_and_loses_nothing(
    traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram, fault: Fault | None
) -> None:
    end = clock.now + timedelta(seconds=10)
    with telegram.broken(fault) if fault else telegram.down():
        queue(traffic)
        carry(traffic, clock, end - clock.now)
    carry(traffic, clock, HOUR)
    assert [told(telegram.messages(chat)) for chat in ("a", "b")] == [[0, 1, 2, 3]] * 2
    assert (telegram.messages("a")[1].at - end).total_seconds() <= 30


def test_6502_characters_arrive_in_order(traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram) -> None:
    queue(traffic, 6502)
    carry(traffic, clock, HOUR)
    shown = [message.text for message in telegram.messages("a")[1:]]
    assert [text.split("\n")[0] for text in shown] == [f"No {number}" for number in (1, 1, 2, 2, 3, 3)]
    assert ["1/2" in text for text in shown] == [True, False] * 3
    assert all(sum(text.count("word") for text in shown[at : at + 2]) == 1300 for at in (0, 2, 4))


def test_a_board_of_text_and_picture_is_edited_in_place(
    traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram
) -> None:
    for turn in range(3):
        picture = Attachment("chart.png", png(turn + 2), shown=True)
        text = Text(((Run("text", f"turn {turn} " + "word " * 300),),))
        message = Message(title=(Run("text", "Board"),), body=(text,), attachments=(picture,))
        board = outbox.OutgoingMessage(key=f"b/{turn}", channel="a", kind="board", message=message, slot="pnl")
        with traffic.app.store.begin() as connection:
            outbox.enqueue(connection, board, clock.wall())
        carry(traffic, clock, HOUR)
        clock.forward(seconds=30)
    written, shown = telegram.messages("a")[1:]
    assert written.text.startswith("Board\n\nturn 2")
    assert (shown.files, shown.silent) == ({"chart.png": png(4)}, True)


def test_the_pace_of_a_group_is_kept_ahead_of_time(
    traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram
) -> None:
    began = clock.now
    traffic.queue("a", range(1, 46), size=LARGE)
    carry(traffic, clock, HOUR)
    assert told(telegram.messages("a")) == list(range(46))
    assert telegram.limited == 0
    assert 110 < (clock.now - began).total_seconds() < 190


def test_a_dead_chat_is_told_once_and_gets_everything_when_it_is_open_again(
    traffic: TelegramTraffic, clock: HandClock, telegram: LocalTelegram
) -> None:
    telegram.shut("a")
    queue(traffic)
    carry(traffic, clock, HOUR)
    traffic.restart()
    carry(traffic, clock, HOUR)
    dead = str(telegram.chat("a"))
    assert [request.status for request in telegram.requests if request.chat == dead].count(403) == 1
    assert sum("is closed to us" in message.text for message in telegram.messages("alarm")) == 1
    assert told(telegram.messages("b")) == [0, 1, 2, 3]
    traffic.write_channels({name: telegram.chat(name) for name in ("alarm", "b")} | {"a": telegram.chat("new")})
    traffic.restart()
    carry(traffic, clock, HOUR)
    assert told(telegram.messages("new")) == [1, 2, 3]


def test_what_may_have_arrived_is_held_where_that_is_wanted(
    tmp_path: Path, clock: HandClock, telegram: LocalTelegram
) -> None:
    traffic = TelegramTraffic(tmp_path, telegram, "a", clock=clock, entry=", doubt: hold")
    telegram.fail(Reset(accept=True), chat="a", method="sendMessage")
    traffic.queue("a", range(3))
    carry(traffic, clock, HOUR)
    traffic.close()
    assert told(telegram.messages("a")) == [0, 1, 2]
    assert any("is held until a person decides" in message.text for message in telegram.messages("alarm"))


@pytest.mark.parametrize("rounds", [1, pytest.param(40, marks=pytest.mark.full)])
def test_kills_lose_nothing_and_mark_copies(tmp_path: Path, rounds: int) -> None:
    """Each new process is so far ahead that what the dead one held is free."""
    luck, clock = random.Random(rounds), AheadClock()
    with LocalTelegram(limits=False, latency=0.02) as telegram:
        traffic = TelegramTraffic(tmp_path, telegram, "a", clock=clock)
        for turn in range(rounds + 1):
            traffic.queue("a", range(turn * 3, turn * 3 + 3), size=LARGE)
            clock.ahead += 600.0
            seen = len(telegram.messages("a"))
            process = start(traffic.folder, traffic.environ, clock.ahead)
            if turn < rounds:
                until(lambda seen=seen: len(telegram.messages("a")) > seen, 60, lambda: "nothing is sent", pause=0.002)  # type: ignore[misc]
                time.sleep(luck.uniform(0, 0.1))
            else:
                # Of three messages a round sends about one, and a group takes twenty in a minute.
                until(lambda: traffic.done, 900, lambda: f"left over: {traffic.counts()}")
            process.kill()
            process.join()
        traffic.close()
        messages = telegram.messages("a")
        numbers = told(messages)
        assert set(numbers) == set(range(3 * rounds + 3))
        assert len(numbers) - len(set(numbers)) <= repeats(messages) <= rounds
