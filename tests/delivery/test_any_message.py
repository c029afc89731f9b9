"""A strict Discord accepts any message, and the result is complete or names what was cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporter.messages.message import Code, Line, Message, Table, Text
from reporter.store import outbox
from tests.delivery.outlets.messages import messages
from tests.delivery.traffic import Traffic, carry
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord, Posted

# One of these stands where something was left out.
MARKS = ("…", "characters more", "too large for Discord")
some_messages = st.lists(messages, min_size=1, max_size=5)
all_kinds = settings(max_examples=4, suppress_health_check=list(HealthCheck))


class Carried:
    """One home for all examples: what matters is what each of them adds to the channel."""

    def __init__(self, traffic: Traffic, clock: HandClock) -> None:
        self._traffic = traffic
        self._clock = clock
        self._numbers = count()

    def bring(self, some: Iterable[Message]) -> list[Posted]:
        """Deliver messages; returns what arrived."""
        there = len(self._traffic.discord.messages("a"))
        with self._traffic.app.store.begin() as connection:
            for message in some:
                key = f"any/{next(self._numbers)}"
                letter = outbox.OutgoingMessage(key=key, channel="a", kind="report", message=message)
                outbox.enqueue(connection, letter, self._clock.wall())
        carry(self._traffic, self._clock, timedelta(hours=1))
        assert self._traffic.counts().keys() == {"sent"}
        return self._traffic.discord.messages("a")[there:]


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    clock = HandClock()
    with LocalDiscord(limits=False, now=clock.wall) as discord:
        traffic = Traffic(tmp_path_factory.mktemp("any"), discord, {"a": "a"}, clock=clock)
        yield Carried(traffic, clock)
        traffic.close()


def words(texts: Iterable[str]) -> Counter[str]:
    """The letters and digits: what stands between them may be escaped, made visible or dropped."""
    return Counter(character for text in texts for character in text if character.isalnum())


def said(message: Message) -> Iterator[str]:
    """All that a message says."""
    yield from _in_line(message.title)
    yield from _in_line(message.footer)
    for block in (*message.body, *(block for field in message.fields for block in field.blocks)):
        match block:
            case Text():
                yield from (text for line in block.lines for text in _in_line(line))
            case Code():
                yield block.text
            case Table():
                yield from (cell for row in (block.header, *block.rows) for cell in row)
    for field in message.fields:
        yield from _in_line(field.name)


def _in_line(line: Line) -> Iterator[str]:
    """A moment is shown by Discord in the reader's own words."""
    return (run.text for run in line if run.kind != "time")


def arrives(carried: Carried, some: list[Message]) -> None:
    arrived = carried.bring(some)
    shown = "\n".join(message.text for message in arrived)
    missing = words(text for message in some for text in said(message)) - words([shown])
    assert not missing or any(mark in shown for mark in MARKS)
    assert not any(message.warnings for message in arrived)
    files = Counter(content for message in arrived for content in message.files.values())
    assert files >= Counter(file.content for message in some for file in message.attachments)


@given(some_messages)
@settings(all_kinds)
def test_any_messages_arrive_whole_or_say_what_was_cut(carried: Carried, some: list[Message]) -> None:
    arrives(carried, some)


@pytest.mark.full
@given(some_messages)
@settings(all_kinds, max_examples=200)
def test_many_messages_arrive_whole_or_say_what_was_cut(carried: Carried, some: list[Message]) -> None:
    arrives(carried, some)
