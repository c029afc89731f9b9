"""In which order messages leave, and what a clock that ran ahead has noted of a channel."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from reporter.messages.message import Message, Run, Severity
from reporter.store import channel_states, outbox, tables
from reporter.store.database import Store
from reporter.store.outbox import Kind, OutgoingMessage, enqueue

NOW = datetime(2026, 10, 30, 14, 0, tzinfo=UTC)


def put(store: Store, key: str, kind: Kind, *, channel: str = "daily", severity: Severity = Severity.INFO) -> None:
    message = Message(title=(Run("text", key),), severity=severity)
    slot = key if kind == "board" else None
    with store.begin() as connection:
        enqueue(connection, OutgoingMessage(key=key, channel=channel, kind=kind, message=message, slot=slot), NOW)


def in_doubt(store: Store, key: str) -> None:
    with store.begin() as connection:
        connection.execute(update(tables.outbox).where(tables.outbox.c.key == key).values(state="unclear"))


def order(store: Store) -> list[str]:
    with store.begin() as connection:
        return [row.message.title[0].text for row in outbox.upcoming(connection, ["daily"], NOW, 10)]


@pytest.fixture
def queue(store: Store) -> Store:
    put(store, "board", "board")
    put(store, "report", "report")
    put(store, "warning", "alert", severity=Severity.WARNING)
    put(store, "critical", "alert", severity=Severity.CRITICAL)
    put(store, "later report", "report")
    return store


def test_critical_alerts_go_first_and_boards_last(queue: Store) -> None:
    assert order(queue) == ["critical", "warning", "report", "later report", "board"]


@pytest.mark.parametrize("key", ["board", "later report"])
def test_what_is_in_doubt_goes_before_everything(queue: Store, key: str) -> None:
    in_doubt(queue, key)
    assert order(queue)[:2] == [key, "critical"]


def test_the_channel_with_the_most_urgent_message_is_served_first(store: Store) -> None:
    for channel, kind in (("boards", "board"), ("reports", "report"), ("alerts", "alert")):
        put(store, channel, kind, channel=channel)  # type: ignore[arg-type]
    with store.read() as connection:
        assert list(outbox.backlog(connection, NOW).items()) == [
            ("alerts", True),
            ("reports", False),
            ("boards", False),
        ]
    in_doubt(store, "boards")
    with store.read() as connection:
        assert outbox.backlog(connection, NOW)["boards"]  # a doubt may use what is kept for alerts


@pytest.mark.parametrize(("ahead", "kept"), [(timedelta(days=1), 0), (timedelta(seconds=30), 5)])
def test_a_full_pace_of_a_clock_that_ran_ahead_is_forgotten(store: Store, ahead: timedelta, kept: int) -> None:
    posts = [(NOW + ahead).timestamp()] * 5
    with store.begin() as connection:
        channel_states.lock_channels(connection, "daily", "address", NOW)
        channel_states.save(connection, "daily", posts=json.dumps(posts))
        outbox.rewind(connection, NOW)
        state = channel_states.channel_state(connection, "daily")
    assert state is not None
    assert len(state.posts) == kept
