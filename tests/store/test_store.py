"""Our own store: created, migrated, held by one daemon, and refused politely."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade as alembic_upgrade
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, delete, func, inspect, select, text, update

from reporter.errors import StoreBusyError, StoreError
from reporter.store import channel_states, outbox_admin, run_log, tables
from reporter.store.database import Store, fact, open_store
from reporter.store.migrate import settings, upgrade
from tests.delivery.traffic import until
from tests.support.servers import PostgreSQL

# What a store of version 0002 may hold: a channel, a message in two parts that was sent, and a message that waits.
OLDER = """
INSERT INTO lanes (channel, address, place, ready_at, failures, error, posts)
VALUES ('daily', 'a', '777', :now, 1, 'away', '[]');
INSERT INTO outbox (id, key, part, "of", channel, kind, severity, priority, message, reference, state, attempts,
                    maybe_sent, created_at, not_before, expires_at, run_id)
VALUES (1, 'k', 1, 2, 'daily', 'report', 'info', 1, '{}', 'r', 'sent', 1, false, :now, :now, :soon, 'run'),
       (2, 'l', 1, 0, 'daily', 'report', 'info', 1, '{}', 's', 'waiting', 0, false, :now, :now, NULL, 'run');
INSERT INTO sent (outbox_id, channel, message_id, place, sent_at, edited)
VALUES (1, 'daily', '42', '777', :now, false)
"""


def test_a_new_store_is_what_the_migrations_would_have_made(tmp_path: Path, store: Store) -> None:
    walked = create_engine(f"sqlite:///{tmp_path / 'walked.sqlite'}")
    with walked.begin() as connection:
        tables.alembic_version.create(connection)
        upgrade(connection, None)
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        made_by_hand = {name: inspect(connection).get_columns(name) for name in tables.metadata.tables}
    with store.read() as connection:
        at_once = {name: inspect(connection).get_columns(name) for name in tables.metadata.tables}
        assert [[c["name"] for c in at_once[t]] for t in at_once] == [
            [c["name"] for c in made_by_hand[t]] for t in at_once
        ]
    walked.dispose()


def test_the_newest_migration_is_the_version_of_a_new_store(store: Store) -> None:
    with store.begin() as connection:
        assert ScriptDirectory.from_config(settings(connection)).get_current_head() == tables.HEAD
        assert connection.execute(select(tables.alembic_version.c.version_num)).scalar() == tables.HEAD


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_older_store_keeps_its_channels_and_its_messages(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    server: PostgreSQL | None = request.getfixturevalue("server") if kind == "postgresql" else None
    url = server.url(schema=server.new_schema()) if server else f"sqlite:///{tmp_path / 'older.sqlite'}"
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    moment = datetime(2026, 10, 31, tzinfo=UTC)
    with engine.begin() as connection:
        tables.alembic_version.create(connection)
        alembic_upgrade(settings(connection), "0002")
        ahead = {"now": moment, "soon": moment + timedelta(hours=1)}
        for statement in OLDER.split(";"):
            connection.execute(text(statement), ahead)
    engine.dispose()
    with closing(open_store(url)) as store, store.read() as connection:
        [state] = channel_states.all_states(connection)
        assert (state.channel, state.destination, state.error) == ("daily", "777", "away")
        one, two = outbox_admin.of_run(connection, "run")
        assert (one.parts, one.keep_until, one.message_id) == (2, moment + timedelta(hours=1), "42")
        assert (two.parts, two.keep_until, two.error) == (None, None, "away")


def test_a_store_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "reporter.sqlite"
    store = open_store(str(path))
    with store.begin() as connection:
        connection.execute(tables.alembic_version.update().values(version_num="9999"))
    store.close()
    with pytest.raises(StoreError, match="version 9999, which this program does not know"):
        open_store(str(path))


def test_a_second_daemon_is_refused_by_name_and_welcome_after_the_first_is_gone(tmp_path: Path) -> None:
    path = str(tmp_path / "reporter.sqlite")
    first, second = open_store(path), open_store(path)
    first.hold()
    with pytest.raises(StoreBusyError, match=r"another reporter daemon \(process \d+\) already uses the store"):
        second.hold()
    first.close()
    second.hold()
    second.close()


def test_what_fails_halfway_leaves_nothing(store: Store) -> None:
    with suppress(ZeroDivisionError), store.begin() as connection:
        run_log.remember(connection, "half", "done")
        run_log.remember(connection, "whole", str(1 / 0))
    with store.read() as connection:
        assert fact(connection, "half") is None


def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    with closing(open_store(str(tmp_path / "reporter.sqlite"))) as store, store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(store: Store) -> None:
    berlin = timezone(timedelta(hours=2))
    given = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    with store.begin() as connection:
        connection.execute(
            tables.schedules.insert().values(job="j", version=1, spec="s", zone="UTC", active_from=given)
        )
        kept = connection.execute(select(tables.schedules.c.active_from)).scalar_one()
        latest = connection.execute(select(func.max(tables.schedules.c.active_from))).scalar_one()
        connection.execute(delete(tables.schedules))
    assert kept == latest == given
    assert kept.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="a moment without a zone"), store.begin() as connection:
        connection.execute(select(tables.runs).where(tables.runs.c.started_at > datetime(2026, 1, 1)))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite://", "a store in memory would forget what was sent"),
        ("mongo://x", "`store` is neither a path nor a database URL|cannot be opened|mongo"),
        ("/proc/nowhere/reporter.sqlite", "cannot be opened"),
        ("postgresql://who:hunter2secret@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_a_store_that_cannot_be_opened_is_told_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        open_store(url)
    assert "hunter2secret" not in str(caught.value)


def test_one_who_writes_for_ever_stops_no_other_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.store.database.BUSY", 0.1)
    with closing(open_store(str(tmp_path / "store.sqlite"))) as store:
        with store.begin(), pytest.raises(StoreError, match="writing to it for"), store.begin():
            pass
        with store.begin() as connection:
            assert fact(connection, "any") is None


def test_two_daemons_that_change_the_channels_of_one_destination_do_not_wait_for_each_other(server: PostgreSQL) -> None:
    def enters() -> None:
        with store.begin() as connection:
            channel_states.lock_channels(connection, "a", "there", now)

    def somebody_waits() -> bool:
        with server.connect() as connection:
            row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return row != (0,)

    now, url = datetime.now(UTC), server.url(schema=server.new_schema())
    with closing(open_store(url)) as store, ThreadPoolExecutor(1) as pool:
        with store.begin() as connection:
            for name in ("b", "a"):
                channel_states.lock_channels(connection, name, "there", now)
                channel_states.save(connection, name, destination="one")
            connection.execute(update(tables.channel_states).values(lease="mine"))
        with store.begin() as connection:
            channel_states.lock_leased(connection, "mine", "b")
            channel_states.save(connection, "b", failures=1)
            other = pool.submit(enters)
            until(somebody_waits, 30, lambda: "nobody waits")
            channel_states.release(connection, "mine")
        other.result()
