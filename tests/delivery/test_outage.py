"""Ten minutes without Discord: unexpired messages arrive in order and marked late, boards arrive once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from reporter.delivery.worker import LATE
from reporter.store import outbox
from tests.delivery.figures import figures, record
from tests.delivery.traffic import Traffic, carry, letter
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord

CHANNELS = ("a", "b", "c", "d", "e")
# How long messages are kept: for ever, for two days, an hour, some minutes.
AGES = (None, timedelta(days=2), timedelta(hours=1), timedelta(minutes=12), timedelta(minutes=2))
MESSAGES, OUTAGE = 500, timedelta(minutes=10)


@dataclass(frozen=True)
class Told:
    """A message as it arrived: its number, its footer, and when."""

    number: int
    footer: str
    at: datetime


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def discord(clock: HandClock) -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False, now=clock.wall) as local:
        yield local


def told(discord: LocalDiscord, channel: str, word: str = "No") -> list[Told]:
    """The messages of a channel whose title begins with a word."""
    embeds = [(embed, message.at) for message in discord.messages(channel) for embed in message.embeds]
    return [
        Told(int(embed["title"].rpartition(" ")[2]), embed.get("footer", {}).get("text", ""), at)
        for embed, at in embeds
        if embed["title"].startswith(word)
    ]


def queue_one(traffic: Traffic, number: int) -> None:
    """The next message: a report, or each tenth time an alert; and each time the board of its channel."""
    channel, keep = CHANNELS[number % len(CHANNELS)], AGES[number // len(CHANNELS) % len(AGES)]
    one = replace(letter(channel, number, kind="alert" if number % 10 == 0 else "report"), keep=keep)
    with traffic.app.store.begin() as connection:
        outbox.enqueue(connection, one, traffic.clock.wall())
    queue_board(traffic, channel, number)


def queue_board(traffic: Traffic, channel: str, number: int) -> None:
    board = replace(letter(channel, number, kind="board", word="Board"), key=f"{channel}/board/{number}", slot="board")
    with traffic.app.store.begin() as connection:
        outbox.enqueue(connection, board, traffic.clock.wall())


def test_after_an_outage_all_that_is_still_kept_arrives(
    tmp_path: Path, clock: HandClock, discord: LocalDiscord
) -> None:
    traffic = Traffic(tmp_path, discord, {name: name for name in CHANNELS}, clock=clock)
    began = clock.now
    with discord.down():
        for number in range(MESSAGES):
            queue_one(traffic, number)
            clock.forward(seconds=OUTAGE.total_seconds() / MESSAGES)
            if number % 25 == 0:
                carry(traffic, clock, timedelta(0))
    carry(traffic, clock, timedelta(hours=2))
    for name in CHANNELS:
        queue_board(traffic, name, MESSAGES)
    carry(traffic, clock, timedelta(minutes=1))
    states = traffic.counts()
    traffic.close()
    arrived = {name: told(discord, name) for name in CHANNELS}
    created = {number: began + number * OUTAGE / MESSAGES for number in range(MESSAGES)}
    expired = MESSAGES - sum(map(len, arrived.values()))
    whole = replace(figures(discord, {}), sent=MESSAGES, requests=len(discord.everything()))
    record(f"outage of 10 min, mixed age limits: {expired} were not wanted any more", whole)
    assert states.keys() == {"sent", "expired", "superseded"}
    for name, found in arrived.items():
        assert kept_and_missing(name, found, created) == []
        assert in_order(found)
        assert [one for one in found if not says_how_late(one, created[one.number])] == []
        assert [one.number for one in told(discord, name, "Board")] == [MESSAGES]


def kept_and_missing(channel: str, found: list[Told], created: dict[int, datetime]) -> list[int]:
    """Numbers that did not arrive though they were still kept when it had all arrived."""
    last = max(one.at for one in found)
    missing = created.keys() - {one.number for one in found}
    return [
        number
        for number in missing
        if CHANNELS[number % len(CHANNELS)] == channel
        and ((keep := AGES[number // len(CHANNELS) % len(AGES)]) is None or created[number] + keep > last)
    ]


def in_order(found: list[Told]) -> bool:
    """Alerts first; within alerts and within the rest in the order of writing; each once."""
    order = [(one.number % 10 != 0, one.number) for one in found]
    return all(before < after for before, after in pairwise(order))


def says_how_late(one: Told, created: datetime) -> bool:
    late = one.at - created
    said = re.search(r"delivered (\d+)([mh]) late", one.footer)
    return (int(said[1]) == int(late.total_seconds() // {"m": 60, "h": 3600}[said[2]])) if said else late < LATE
