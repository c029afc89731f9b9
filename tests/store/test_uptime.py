"""The spans in the store, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier

from sqlalchemy import func, select

from reporter.alerts.model import Level, Observation
from reporter.alerts.uptime import StateSpan
from reporter.store import tables, uptime
from reporter.store.database import Store

START = datetime(2026, 10, 30, 14, 58, tzinfo=UTC)
BEAT = timedelta(seconds=30)
LEVELS = {"o": Level.OK, "w": Level.WARNING, "c": Level.CRITICAL, "?": Level.UNKNOWN}


def told(store: Store, letters: str, start: datetime = START, subject: str = "probe/db") -> None:
    for number, letter in enumerate(letters):
        seen = Observation(subject, LEVELS[letter], f"it is {letter}", value=f"{number}s", figure=float(number))
        with store.begin() as connection:
            uptime.record(connection, [seen], start + number * BEAT, BEAT)


def spans(store: Store, subject: str = "probe/db") -> list[StateSpan]:
    with store.read() as connection:
        return uptime.of_subject(connection, subject, START - timedelta(days=99), START + timedelta(days=99))


def sketch(found: Sequence[StateSpan]) -> list[tuple[str, float, int]]:
    """Level, seconds, readings."""
    return [(span.level.value, (span.end - span.start).total_seconds(), span.readings) for span in found]


def test_readings_grow_into_spans(store: Store) -> None:
    told(store, "ooccoo" + "o" * 4)
    assert sketch(spans(store)) == [("ok", 60, 2), ("critical", 60, 2), ("ok", 150, 6)]
    assert spans(store)[-1].total == 4 + 5 + 6 + 7 + 8 + 9
    with store.read() as connection:
        found = uptime.uptimes(connection, START, START + timedelta(seconds=240))
    assert found["probe/db"].share == 0.75


def test_only_what_is_watched_all_the_time_has_uptime(store: Store) -> None:
    told(store, "ooo", subject="job/daily_summary")
    assert spans(store, "job/daily_summary") == []


def test_single_readings_are_kept_around_trouble_only(store: Store) -> None:
    told(store, "o" * 9 + "c" * 50 + "o" * 9)
    with store.read() as connection:
        kept = uptime.kept_readings(connection, "probe/db", START, START + timedelta(hours=1))
    assert [one.level.value[0] for one in kept] == ["o", *"c" * 21, "o"]
    assert (kept[0].at, kept[0].value, kept[0].detail) == (START + 8 * BEAT, "8s", None)
    assert kept[1].detail == "it is c"


def test_a_clock_that_ran_ahead_leaves_nothing_in_the_future(store: Store) -> None:
    told(store, "ooo")
    told(store, "ccc" * 50, START + timedelta(minutes=2))
    told(store, "o", START + timedelta(minutes=10))
    assert spans(store)[-1].end == START + timedelta(minutes=10)
    with store.read() as connection:
        later = uptime.between(connection, START + timedelta(minutes=11), START + timedelta(days=9))
        assert list(later) == []


def test_a_round_told_by_two_daemons_at_once_leaves_spans_in_order(store: Store) -> None:
    together = Barrier(2)

    def tell(offset: int) -> None:
        for number in range(20):
            together.wait(30)
            at = START + number * BEAT + timedelta(seconds=offset)
            seen = [Observation(f"probe/{name}", Level.OK if number % 7 else Level.CRITICAL) for name in "cab"]
            with store.begin() as connection:
                uptime.record(connection, seen, at, BEAT)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(tell, (0, 1)))
    for name in "abc":
        found = spans(store, f"probe/{name}")
        assert all(one.end <= following.start for one, following in pairwise(found))
        assert sum(span.readings for span in found) >= 39  # of two first readings at once, one is left out


def test_old_spans_are_joined_and_older_ones_forgotten(store: Store) -> None:
    hourly = [START + timedelta(hours=number) for number in range(-24 * 20, 0)]
    for at in hourly:
        with store.begin() as connection:
            uptime.record(connection, [Observation("probe/db", Level.OK, every=timedelta(hours=1))], at)
    before = spans(store)
    for _ in range(2):
        with store.begin() as connection:
            uptime.prune(connection, START, timedelta(days=15))
    found = spans(store)
    assert len(before) == 480
    assert len(found) < 24 * 9 + 8
    assert sum(span.readings for span in found) == sum(span.readings for span in before if span.start >= found[0].start)


def test_a_round_of_many_probes_adds_no_rows_while_all_is_well(store: Store) -> None:
    seen = [Observation(f"probe/api-{n}", Level.OK, "online", "12ms", figure=0.012) for n in range(200)]
    for number in range(4):
        with store.begin() as connection:
            uptime.record(connection, seen, START + number * BEAT, BEAT)
    with store.read() as connection:
        rows = [
            connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (tables.standing, tables.spans, tables.samples)
        ]
    assert rows == [200, 0, 0]


def test_the_mean_of_the_last_hour_is_over_its_spans(store: Store) -> None:
    told(store, "o" * 7)
    told(store, "oc", START + timedelta(hours=3), "probe/api")
    with store.read() as connection:
        assert uptime.means(connection, START) == {"probe/db": 3.0, "probe/api": 0.5}
        assert uptime.means(connection, START + timedelta(hours=1)) == {"probe/api": 0.5}
