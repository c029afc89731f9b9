"""The reporter's own health, from its store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from reporter.messages.message import Message, Run
from reporter.periods.civil import Unit, containing
from reporter.store import owed_periods, run_log, tables
from reporter.store.database import CHANNELS, TERMS, Store
from reporter.store.outbox import OutgoingMessage, enqueue
from reporter.store.self_health import self_health

NOW = datetime(2026, 10, 30, 14, 0, tzinfo=UTC)


def letter(store: Store, key: str, at: datetime) -> None:
    message = Message(title=(Run("text", key),))
    with store.begin() as connection:
        enqueue(connection, OutgoingMessage(key=key, channel="daily", kind="report", message=message), at)


def test_a_store_without_a_past_has_nothing_to_say(store: Store) -> None:
    with store.read() as connection:
        found = self_health(connection, NOW)
    assert (found.late, found.skipped, found.waiting, found.oldest, found.refused) == ((), 0, 0, None, 0)


def test_what_waits_and_what_was_refused_is_counted(store: Store) -> None:
    for key, minutes in (("a", 50), ("b", 20), ("c", 10)):
        letter(store, key, NOW - timedelta(minutes=minutes))
    with store.begin() as connection:
        dead = update(tables.outbox).where(tables.outbox.c.key == "a")
        connection.execute(dead.values(state="dead", settled_at=NOW - timedelta(hours=3)))
        found = self_health(connection, NOW)
    assert (found.waiting, found.oldest, found.refused) == (2, NOW - timedelta(minutes=20), 1)


def test_what_a_clock_that_ran_ahead_has_noted_does_not_count_as_new(store: Store) -> None:
    letter(store, "a", NOW)
    ahead = NOW + timedelta(days=18_000)
    with store.begin() as connection:
        connection.execute(update(tables.outbox).values(state="dead", settled_at=ahead))
        run_log.add_run(connection, run_log.RunRecord("1", "watch", "now", "interval", ahead, 0.0, "skipped"))
        found = self_health(connection, NOW)
    assert (found.refused, found.skipped) == (0, 0)


def test_a_job_that_owes_a_period_is_late_since_it_was_due(store: Store) -> None:
    day = containing(Unit.DAY, NOW - timedelta(days=1), "UTC")
    with store.begin() as connection:
        for period, due in ((day, day.end), (containing(Unit.DAY, NOW, "UTC"), NOW + timedelta(hours=1))):
            owed_periods.owe(connection, "daily", period, version=1, fire_at=None, due_at=due, now=NOW)
        found = self_health(connection, NOW)
    assert [(late.job, late.due_at) for late in found.late] == [("daily", day.end)]


def test_skipped_runs_count_for_an_hour(store: Store) -> None:
    with store.begin() as connection:
        for number, minutes in enumerate((5, 50, 70)):
            at = NOW - timedelta(minutes=minutes)
            run_log.add_run(connection, run_log.RunRecord(str(number), "watch", "now", "interval", at, 0.0, "skipped"))
        found = self_health(connection, NOW)
    assert found.skipped == 2


def test_a_job_that_the_daemon_does_not_run_any_more_is_not_late(store: Store) -> None:
    day = containing(Unit.DAY, NOW - timedelta(days=1), "UTC")
    with store.begin() as connection:
        for name in ("daily", "gone"):
            owed_periods.owe(connection, name, day, version=1, fire_at=None, due_at=day.end, now=NOW)
        run_log.remember(connection, TERMS, '{"daily": {}}')
        found = self_health(connection, NOW)
    assert [late.job for late in found.late] == ["daily"]


def test_what_waits_for_a_channel_that_the_config_has_no_more_is_not_late(store: Store) -> None:
    letter(store, "a", NOW - timedelta(minutes=50))
    with store.begin() as connection:
        run_log.remember(connection, CHANNELS, '["other"]')
        assert self_health(connection, NOW).oldest is None
        run_log.remember(connection, CHANNELS, '["daily", "other"]')
        assert self_health(connection, NOW).waiting == 1
