"""The `postgres` probe on healthy and broken servers, over real connections."""

import asyncio
import os
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from reporter.alerts.model import Level
from reporter.probes.postgres_session import SessionRefusedError, session
from reporter.secret import Secret
from tests.probes.databases import Watch, open_files, told, wait_until
from tests.probes.servers import greets, hangs, nobody_listening, serving
from tests.support.servers import PASSWORD, PostgreSQL, postgresql

PLAIN = "plain"
# What only something that waits for a dead server can take.
HANGS = 30.0


@pytest.fixture(scope="module")
def plain(server: PostgreSQL) -> str:
    """The address of the server for a role that may do nothing but log in."""
    with server.connect() as connection:
        connection.execute(f"DROP ROLE IF EXISTS {PLAIN}")
        connection.execute(f"CREATE ROLE {PLAIN} LOGIN PASSWORD 'plain-secret'")
    return server.url(role=PLAIN, password="plain-secret")


def test_a_server_that_is_well_shows_its_figures_in_order(server: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=server.url(), size={"critical": "10 GiB"})
    probe.look()
    reading = probe.look()
    assert (reading.kind, told(reading)) == ("postgres", "ok: online")
    assert 0 < (reading.latency or 0) < 5
    names = [name for name, _ in reading.figures]
    assert names[:4] == ["connections", "slow queries", "idle in transaction", "waiting for a lock"]
    figures = dict(reading.figures)
    assert re.fullmatch(r"\d+ of 100", figures["connections"])
    assert (figures["slow queries"], figures["waiting for a lock"]) == ("0", "none")
    assert re.fullmatch(r"[\d.]+ MiB of 10\.0 GiB \(0\.\d%\)", figures["size"])
    assert " ago" in figures["last checkpoint"]
    assert figures["deadlocks"] == "none in 1m"
    assert re.fullmatch(r"\d+\.\d+", figures["version"])


def test_a_look_leaves_no_session_behind(server: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=server.url())
    for _ in range(3):
        probe.look()
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reporter' AND pid <> pg_backend_pid()"
    with server.connect() as connection:
        wait_until(lambda: connection.execute(ours).fetchall() == [(0,)])


def test_a_server_must_be_what_it_should_be(server: PostgreSQL, watch: Watch) -> None:
    assert told(watch("postgres", url=server.url(), expect_role="primary").look()) == "ok: online"
    wrong = watch("postgres", url=server.url(), expect_role="standby").look()
    assert told(wrong) == "critical: online, but it should be a standby"


def test_a_role_that_may_not_see_others_says_what_to_grant(plain: str, watch: Watch) -> None:
    reading = watch("postgres", url=plain).look()
    figures = dict(reading.figures)
    assert told(reading) == "ok: online"
    assert figures["sessions of others"] == "hidden without pg_monitor"
    assert "slow queries" not in figures
    assert re.fullmatch(r"\d+ of 100", figures["connections"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "wrong-secret"}, "critical: the password is refused"),
        ({"database": "nothing"}, "critical: there is no such database"),
    ],
)
def test_who_is_not_let_in_is_told_why(changed: dict[str, str], words: str, server: PostgreSQL, watch: Watch) -> None:
    assert told(watch("postgres", url=server.url(**changed)).look()) == words


def test_nobody_there_is_refused_and_a_wrong_name_is_not_known(watch: Watch) -> None:
    with nobody_listening() as port:
        assert told(watch("postgres", url=f"postgresql://a:b@127.0.0.1:{port}/x").look()) == "critical: refused"
    seen = watch("postgres", url="postgresql://a:b@nothing-here.invalid/x").look()
    down = "unknown: names cannot be looked up: the name server does not answer"
    assert told(seen) in {"critical: the host's name is not known", down}


def test_an_address_that_cannot_be_read_is_our_own_fault_and_shows_no_password(watch: Watch) -> None:
    seen = watch("postgres", url="postgresql://bot:hunter2@host:5432/x?nonsense=1").look()
    assert told(seen).startswith("unknown: its address cannot be read: write postgresql://USER")
    assert "hunter2" not in f"{seen}"


def refuses(message: str) -> Callable[[socket.socket], None]:
    """Speaks PostgreSQL's protocol as far as to say why not."""

    def behave(connection: socket.socket) -> None:
        length, code = struct.unpack("!II", connection.recv(8))
        if code == 80877103:  # asks for TLS
            connection.sendall(b"N")
            length, _ = struct.unpack("!II", connection.recv(8))
        connection.recv(length - 8)
        fields = f"SFATAL\0VFATAL\0C53300\0M{message}\0\0".encode()
        connection.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    return behave


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("sorry, too many clients already", "it has no connection left to give (max_connections)"),
        (
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "it has no connection left to give (max_connections)",
        ),
        ("no more connections allowed (max_client_conn)", "its pooler has no connection left to give"),
        ("the database system is starting up", "it is starting up"),
        ("the database system is shutting down", "it is shutting down"),
        ("the database system is in recovery mode", "it is recovering from a crash"),
        (
            'no pg_hba.conf entry for host "10.0.0.1", user "bot", database "x", no encryption',
            "its pg_hba.conf does not let this machine and role in",
        ),
        ('Datenbank „x" von hunter2 gesperrt', 'it says: Datenbank „x" von *** gesperrt'),
    ],
)
def test_the_reason_that_a_server_gives_is_told_in_words(message: str, words: str, watch: Watch) -> None:
    with serving(refuses(message)) as port:
        seen = watch("postgres", url=f"postgresql://bot:hunter2@127.0.0.1:{port}/x").look()
    assert told(seen) == f"critical: {words}"


def test_other_things_than_postgresql_are_told_as_such(watch: Watch) -> None:
    with serving(greets) as port:
        seen = watch("postgres", url=f"postgresql://a:b@127.0.0.1:{port}/x").look()
    assert told(seen) == "critical: answered with something that is not PostgreSQL"
    with serving(lambda connection: connection.close()) as port:
        seen = watch("postgres", url=f"postgresql://a:b@127.0.0.1:{port}/x").look()
    assert told(seen) == "critical: closed the connection"


def test_something_that_never_speaks_gives_no_answer_and_leaves_nothing_behind(watch: Watch) -> None:
    with serving(hangs) as port:
        probe = watch("postgres", url=f"postgresql://a:b@127.0.0.1:{port}/x", timeout="300ms")
        began, open_before = time.monotonic(), open_files()
        assert told(probe.look()) == "critical: no answer within 300ms"
        assert time.monotonic() - began < HANGS
    assert open_files() <= open_before + 4  # the loop's own


def test_a_query_that_runs_for_long_is_a_warning_and_its_text_is_not_told(server: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=server.url(), slow_after="100ms")
    with running(server, "SELECT pg_sleep(30), 'hunter3'"):
        time.sleep(0.3)
        seen = probe.look()
    assert told(seen) == "warning: online, but queries run for longer than 100ms"
    figures = dict(seen.figures)
    assert figures["slow queries"] == "1"
    assert figures["slowest query"].endswith(" so far")
    assert "hunter3" not in str(seen)
    assert told(probe.look()) == "ok: online"


@contextmanager
def running(server: PostgreSQL, statement: str) -> Iterator[None]:
    """The statement runs in a session of its own until the end, when it is cancelled."""
    with server.connect() as connection:
        thread = threading.Thread(target=_attempt, args=(connection, statement))
        thread.start()
        try:
            yield
        finally:
            connection.cancel()
            thread.join()


def _attempt(connection: psycopg.Connection[Any], statement: str) -> None:
    try:
        connection.execute(statement)
    except psycopg.errors.QueryCanceled:
        return


def test_one_who_holds_a_lock_and_one_who_waits_are_told_both(server: PostgreSQL, watch: Watch) -> None:
    name = f"{server.new_schema()}.held"
    limits = {"idle_in_transaction": {"warning": "100ms"}, "lock_wait": {"warning": "50ms", "critical": "100ms"}}
    probe = watch("postgres", url=server.url(), **limits)
    with server.connect() as connection, psycopg.connect(server.url()) as holder:
        connection.execute(f"CREATE TABLE {name} ()")
        holder.execute(f"LOCK {name}")
        with running(server, f"SELECT FROM {name}"):
            time.sleep(0.3)
            seen = probe.look()
    assert told(seen) == (
        "critical: online, but a session has waited for a lock for more than 100ms, "
        "a transaction is open and idle for more than 100ms"
    )


@pytest.fixture(scope="module")
def small() -> Iterator[PostgreSQL]:
    """A server of our own with few connections, to be stopped and filled up."""
    with postgresql(max_connections=8, superuser_reserved_connections=0, autovacuum="off") as started:
        yield started


def test_connections_that_run_out_are_told_before_and_when_they_do(small: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=small.url(), connections={"warning": 60, "critical": 100})
    assert told(probe.look()) == "ok: online"
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(small.connect())
        assert told(probe.look()) == "warning: online, but connections above 5 of 8"
        for _ in range(3):
            held.enter_context(small.connect())
        assert told(probe.look()) == "critical: it has no connection left to give (max_connections)"
    time.sleep(0.2)
    assert told(probe.look()) == "ok: online"


def test_wal_that_is_kept_for_somebody_who_is_away(small: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=small.url(), kept_wal={"warning": "1 KiB"})
    with small.connect() as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('gone', true)")
        connection.execute("CREATE TABLE filled AS SELECT generate_series(1, 1000)")
        kept = "warning: online, but more than 1.0 KiB of WAL is kept for a standby that is away"
        wait_until(lambda: told(probe.look()) == kept)
        connection.execute("SELECT pg_drop_replication_slot('gone')")
    assert told(probe.look()) == "ok: online"


def test_an_old_checkpoint_counts_only_where_much_was_written_since(small: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=small.url(), checkpoint={"warning": "10ms"})
    with small.connect() as connection:
        connection.execute("CHECKPOINT")
        wait_until(lambda: dict(probe.look().figures)["last checkpoint"].endswith("ago, little written since"))
        assert told(probe.look()) == "ok: online"
        connection.execute("CREATE TABLE bulk AS SELECT repeat('x', 100) FROM generate_series(1, 200000)")
        wait_until(lambda: told(probe.look()) == "warning: online, but no checkpoint since 10ms ago")


def test_a_server_that_hangs_gives_no_answer_and_is_well_again_after(small: PostgreSQL, watch: Watch) -> None:
    probe = watch("postgres", url=small.url(), timeout="500ms")
    assert told(probe.look()) == "ok: online"
    with small.held():
        before, began = open_files(), time.monotonic()
        for _ in range(3):
            assert told(probe.look()) == "critical: no answer within 500ms"
        assert time.monotonic() - began < HANGS
        assert open_files() <= before
    assert told(probe.look()) == "ok: online"


def test_a_session_that_hangs_in_the_midst_of_an_answer_is_left_at_once(small: PostgreSQL) -> None:
    async def stuck() -> None:
        async with session(Secret(small.url()), 60) as asked:
            (row,) = await asked.ask("SELECT pg_backend_pid() AS pid")
            os.kill(row["pid"], signal.SIGSTOP)
            try:
                async with asyncio.timeout(0.2):
                    await asked.ask("SELECT 1")
            finally:
                os.kill(row["pid"], signal.SIGCONT)

    before, began = open_files(), time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(stuck())
    assert time.monotonic() - began < HANGS
    assert open_files() <= before


def test_no_session_can_write_nor_smuggle_a_second_statement(server: PostgreSQL) -> None:
    async def ask(statement: str) -> str:
        async with session(Secret(server.url()), 5) as asked:
            with pytest.raises(SessionRefusedError) as refused:
                await asked.ask(statement)
            return str(refused.value)

    assert asyncio.run(ask("CREATE TABLE smuggled ()")) == "a statement that would have written was refused"
    assert "multiple commands" in asyncio.run(ask("COMMIT; CREATE TABLE smuggled ()"))


def test_a_server_that_is_killed_is_down_and_comes_back(watch: Watch) -> None:
    with postgresql() as server:
        probe = watch("postgres", url=server.url())
        assert told(probe.look()) == "ok: online"
        server.kill()
        assert told(probe.look()) == "critical: refused"


def test_no_secret_is_in_what_is_told_or_logged(
    server: PostgreSQL, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="psycopg")
    wrong = watch("postgres", url=server.url(password="not-the-secret"))
    right = watch("postgres", url=server.url())
    shown = f"{wrong.look()} {right.look()} {wrong.probe!r} {right.probe!r} {caplog.text}"
    assert PASSWORD not in shown
    assert "not-the-secret" not in shown


@pytest.mark.full
def test_an_older_server_shows_the_same_figures(watch: Watch) -> None:
    with postgresql(oldest=True) as server:
        reading = watch("postgres", url=server.url()).look()
    assert told(reading) == "ok: online"
    assert {"connections", "slow queries", "last checkpoint", "size"} <= dict(reading.figures).keys()


@pytest.mark.full
def test_replication_is_seen_from_both_sides(watch: Watch) -> None:
    with postgresql(wal_receiver_status_interval=1) as primary:
        one = watch("postgres", url=primary.url(), standbys=1, replication_lag={"warning": "1s"})
        assert told(one.look()) == "warning: online, but fewer standbys than 1 are connected"
        with postgresql(follows=primary, wal_receiver_status_interval=1) as standby:
            other = watch("postgres", url=standby.url(), replication_lag={"warning": "1s"})
            wait_until(lambda: dict(one.look().figures).get("standbys") == "1")
            assert told(other.look()) == "ok: online, a standby"
            assert dict(other.look().figures)["primary"] == "connected"
            misplaced = watch("postgres", url=standby.url(), expect_role="primary").look()
            words = "critical: online, a standby, but it takes no writes: it should be a primary"
            assert told(misplaced) == words
            with standby.connect() as connection, primary.connect() as writer:
                connection.execute("SELECT pg_wal_replay_pause()")
                writer.execute("CREATE TABLE written AS SELECT generate_series(1, 1000)")
                wait_until(lambda: one.look().observation.level is Level.WARNING)
                assert told(one.look()) == "warning: online, but replication lag above 1s"
                assert told(other.look()) == "warning: online, a standby, but behind its primary above 1s"
                connection.execute("SELECT pg_wal_replay_resume()")
            wait_until(lambda: one.look().observation.level is Level.OK)
            primary.kill()
            wait_until(lambda: dict(other.look().figures)["primary"] == "not connected")
