"""Hostile servers, files and users, and how a probe survives them."""

import os
import re
import resource
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme
from pydantic import ValidationError

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement
from reporter.probes.probe import ProbeResult, Terms
from tests.probes.conftest import Rounds, StandingClock
from tests.probes.databases import Watch, open_files, told, wait_until
from tests.probes.servers import (
    Behaviour,
    answers,
    drips,
    drips_its_head,
    greets,
    hangs,
    never_ends,
    over_tls,
    says,
    serving,
)
from tests.probes.test_postgres import refuses
from tests.support.servers import PostgreSQL


@dataclass
class Saying:
    """A probe that sees what it is told to see."""

    kind: ClassVar[str] = "odd"
    host: ClassVar[None] = None
    sight: ProbeResult
    terms: Terms = field(default_factory=lambda: Terms("odd"))

    def prepare(self) -> None:
        pass

    async def look(self) -> ProbeResult:
        return self.sight


def unreadable(_: float) -> str:
    raise OverflowError("cannot convert float infinity to integer")


def test_a_figure_that_cannot_be_shown_is_told_in_each_round(rounds: Rounds, clock: StandingClock) -> None:
    looked = rounds([Saying(ProbeResult(Level.OK, "online", measures=(Measurement("age", 1.0, shown=unreadable),)))])
    for _ in range(3):
        (reading,) = looked.probe_all()
        assert reading.fresh
        assert told(reading) == "unknown: the probe failed: OverflowError"
        clock.pass_by(30)


def test_what_others_have_written_is_one_short_line_that_hides_nothing(rounds: Rounds) -> None:
    text = "up\n\x1b[2Jdb is fine \u202e" + "x" * 10_000
    (reading,) = rounds([Saying(ProbeResult(Level.OK, text, value=text, figures=(("version", text),)))]).probe_all()
    seen = reading.observation
    for said in (seen.detail, seen.value or "", reading.figures[0][1]):
        assert said.startswith("up⏎␛[2Jdb is fine ")
        assert said.endswith("x…")
        assert len(said) <= 500


def a_redis_that_says(*answers: bytes) -> Behaviour:
    """Answers each command with the next of these."""

    def behave(connection: socket.socket) -> None:
        for answer in answers:
            if not connection.recv(4096):
                return
            connection.sendall(answer)
        connection.recv(4096)

    return behave


def bulk(text: str) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


@pytest.mark.parametrize(
    "figures",
    [
        "connected_slaves:inf",
        "connected_slaves:nan\r\nrole:master",
        "used_memory:inf\r\nmaxmemory:nan",
        "used_memory:1e400\r\nused_memory_rss:nan",
        "maxclients:-inf\r\nconnected_clients:1e309",
        "server_time_usec:inf\r\nrdb_last_save_time:nan\r\nuptime_in_seconds:inf",
        "db0:keys=" + "9" * 5000,
        "redis_version:" + "x\x1b[2J" * 100_000,
    ],
)
def test_a_server_with_impossible_figures_is_told_in_each_round(figures: str, watch: Watch) -> None:
    with serving(a_redis_that_says(b"+PONG\r\n", bulk(figures))) as port:
        probe = watch("redis", url=f"redis://127.0.0.1:{port}", replicas=1)
        for _ in range(2):
            reading = probe.look()
            assert reading.fresh
            assert all(len(figure) <= 100 and figure.isprintable() for _, figure in reading.figures)


@pytest.mark.parametrize(
    "answer",
    [
        b"$" + b"9" * 5000 + b"\r\n",
        "$٣\r\n".encode(),
        b"$99999999999\r\n",
        b"$-1\r\n",
        b"*3\r\n$4\r\n",
        b"x" * 200_000,
    ],
)
def test_a_server_that_announces_the_impossible_is_no_redis(answer: bytes, watch: Watch) -> None:
    with serving(a_redis_that_says(answer)) as port:
        probe = watch("redis", url=f"redis://127.0.0.1:{port}")
        assert told(probe.look()) == "critical: answered with something that is not Redis"


def test_a_server_that_repeats_a_password_does_not_get_it_shown(watch: Watch) -> None:
    with serving(a_redis_that_says(b"-s3cr3t is wrong\r\n")) as port:
        probe = watch("redis", url=f"redis://:s3cr3t@127.0.0.1:{port}")
        assert told(probe.look()) == "critical: answered with an error of its own"


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("redis", "redis://bot:hunter2,x/y@127.0.0.1:6379"),
        ("redis", "redis://bot:hunter2/x@127.0.0.1:6379"),
        ("redis", "redis://127.0.0.1:1,127.0.0.1:hunter2"),
        ("postgres", "postgresql://bot:hunter2,x/y@127.0.0.1:5432/db"),
        ("postgres", "postgresql://127.0.0.1:1,127.0.0.1:hunter2/db"),
        ("http", "http://bot:hunter2@[::1/"),
        ("http", "http://127.0.0.1:hunter2/"),
        ("http", "http://bot:hunter2/x@127.0.0.1/"),
        ("http", "http://127.0.0.1:0/hunter2"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_a_word_of_it(kind: str, url: str, watch: Watch) -> None:
    with pytest.raises(ValidationError, match="must be an") as refused:
        watch(kind, url=url)
    assert "hunter2" not in str(refused.value)


def test_several_hosts_of_postgresql_are_an_address(watch: Watch) -> None:
    for places in ("127.0.0.1:1,127.0.0.1:1", "[::1]:1,127.0.0.1", "a,b:5433"):
        watch("postgres", url=f"postgresql://bot:x@{places}/db")


def test_a_size_of_nothing_is_a_limit_like_any_other(watch: Watch, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as file:
        file.execute("CREATE TABLE trades (id)")
    seen = watch("sqlite", path=str(tmp_path / "bot.sqlite"), size={"critical": "0 B"}).look()
    assert told(seen) == "critical: online, but size above 0 B"


def test_braces_in_a_name_are_part_of_it(watch: Watch, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as file:
        file.execute("CREATE TABLE trades (id)")
    query = "SELECT '2020-01-01'"
    age = watch("sql", url=str(tmp_path / "bot.sqlite"), query=query, age={"warning": "1d"}, shows_as="{a} {limit.b}")
    assert told(age.look()) == "warning: answers, but {a} {limit.b} older than 1 day"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT hex(zeroblob(400000000))",
        "SELECT printf('%.*c', 900000000, 'x')",
        "SELECT length(randomblob(900000000))",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT group_concat(x) FROM n",
        "SELECT load_extension('/tmp/evil.so')",
        "SELECT writefile('/tmp/evil', 'x')",
    ],
)
def test_a_query_of_a_sqlite_file_has_bounds_of_time_and_memory(query: str, watch: Watch, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as file:
        file.execute("CREATE TABLE trades (id)")
    probe = watch("sql", url=str(tmp_path / "bot.sqlite"), query=query, timeout="500ms")
    began = time.monotonic()
    assert probe.look().observation.level in {Level.UNKNOWN, Level.CRITICAL}
    assert time.monotonic() - began < 20  # else it would not end


def test_rows_that_are_counted_are_not_kept(watch: Watch, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as file:
        file.execute("CREATE TABLE trades (id)")
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT zeroblob(1000000) FROM n LIMIT 900"
    probe = watch("sql", url=str(tmp_path / "bot.sqlite"), query=query, rows={"warning": 900})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert told(probe.look()) == "warning: answers, but rows above 900"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB; all of them are 900 MB


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/db?sslmode=hunter2", "postgresql://127.0.0.1/db?port=hunter2"]
)
def test_what_is_said_of_a_wrong_address_shows_no_part_of_it(url: str, watch: Watch) -> None:
    seen = told(watch("postgres", url=url).look())
    assert '"***"' in seen
    assert "hunter2" not in seen


def test_a_password_in_an_addresses_query_is_hidden_as_well(watch: Watch) -> None:
    with serving(refuses("who are you, hunter2?")) as port:
        seen = watch("postgres", url=f"postgresql://bot@127.0.0.1:{port}/x?password=hunter2").look()
    assert told(seen) == "critical: it says: who are you, ***?"


def test_the_address_of_a_ledger_is_read_as_the_ledger_reads_it(watch: Watch) -> None:
    with serving(refuses("no password for hunter2/x")) as port:
        ledgers = {"main": {"kind": "native", "url": f"postgresql://bot:hunter2/x@127.0.0.1:{port}/x"}}
        seen = watch("postgres", ledgers=ledgers, ledger="main").look()
    assert told(seen) == "critical: it says: no password for ***"


@pytest.mark.parametrize("kind", ["http", "https"])
@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (drips, "critical: its answer had not ended after 2s"),
        (drips_its_head, "critical: no answer within 2s"),
        (hangs, "critical: no answer within 2s"),
        (never_ends, "ok: online"),
    ],
)
def test_an_answer_that_never_ends_takes_no_longer_than_its_time(
    behave: Behaviour, words: str, kind: str, watch: Watch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    served = over_tls(behave, authority.issue_cert("localhost")) if kind == "https" else behave
    with serving(served) as port:
        trust = {"ca_file": str(tmp_path / "ca.pem")} if kind == "https" else {}
        timeout = "20s" if words.startswith("ok") else "2s"
        probe = watch("http", url=f"{kind}://localhost:{port}/", timeout=timeout, **trust)
        began = time.monotonic()
        assert told(probe.look()) == words
        assert time.monotonic() - began < 20  # else it would not end


def test_an_answer_of_ten_gigabytes_leaves_nothing_behind(watch: Watch) -> None:
    with serving(never_ends) as port:
        probe = watch("http", url=f"http://127.0.0.1:{port}/", expect_text="xx")
        probe.look()
        files, memory = open_files(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            assert told(probe.look()) == "ok: online"
        wait_until(lambda: open_files() <= files)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20_000  # KiB; one megabyte of each is read


def test_redirects_in_a_circle_are_followed_five_times(watch: Watch) -> None:
    asked: list[bytes] = []
    with serving(says("", status=302, headers="Location: /again\r\n", seen=asked)) as port:
        seen = told(watch("http", url=f"http://127.0.0.1:{port}/", follow_redirects=True).look())
    assert seen == "critical: redirects more than 5 times"
    assert len(asked) == 6


def test_a_certificate_that_is_not_valid_yet_is_refused(watch: Watch, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    begins = datetime.now(UTC) + timedelta(days=1)
    leaf = authority.issue_cert("localhost", not_before=begins, not_after=begins + timedelta(days=30))
    with serving(over_tls(greets, leaf)) as port:
        for where in ({"url": f"https://localhost:{port}/"}, {"kind": "tls", "address": f"localhost:{port}"}):
            seen = told(watch(**{"kind": "http", **where}, ca_file=str(tmp_path / "ca.pem")).look())
            assert seen == "critical: certificate refused: certificate is not yet valid"


def test_a_server_that_speaks_ipv6_alone_is_found(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def both(_host: str, port: int, *_: int) -> list[tuple[Any, ...]]:
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(socket.AF_INET, *stream, ("127.0.0.1", port)), (socket.AF_INET6, *stream, ("::1", port, 0, 0))]

    with serving(answers(200), over_ipv6=True) as port:
        for probe in ({"kind": "http", "url": f"http://[::1]:{port}/"}, {"kind": "tcp", "address": f"[::1]:{port}"}):
            assert told(watch(**probe).look()) == "ok: online"
        monkeypatch.setattr(socket, "getaddrinfo", both)
        for probe in ({"kind": "http", "url": f"http://six.example:{port}/"},
                      {"kind": "tcp", "address": f"six.example:{port}"}):  # fmt: skip
            assert told(watch(**probe).look()) == "ok: online"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle'", "pg_terminate_backend"),
        ("SELECT Pg_Advisory_Lock (1)", "pg_advisory_lock"),
        ("WITH a AS (SELECT dblink_exec('x', 'DROP TABLE trades')) SELECT 1", "dblink_exec"),
        ("SELECT lo_create(0)", "lo_create"),
        ("SELECT pg_create_physical_replication_slot('x')", "pg_create_physical_replication_slot"),
        ('SELECT pg_catalog."pg_sleep"/* a comment */(1)', "pg_sleep"),
        ("SELECT '/*', pg_notify('a', 'b'), '*/'", "pg_notify"),
        ("SELECT 'it''s', e'it\\'s', $a$ ' $a$, lowrite(1, '')", "lowrite"),
        ("SELECT txid_current()", "txid_current"),
        ("SELECT /* it's /* one */ */ pg_sleep(1) --'", "/*"),
        ('SELECT U&"pg\\005fsleep"(1)', "U&"),
    ],
)
def test_a_query_that_does_more_than_read_is_refused(query: str, name: str, watch: Watch) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"calls `{name}`, which does more than read")):
        watch("sql", url="postgresql://127.0.0.1:1/x", query=query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'pg_sleep(1)' AS a -- pg_sleep(1)",
        "SELECT count(*) FROM pg_proc WHERE proname IN ('pg_notify', 'dblink')",
        "SELECT extract(epoch FROM now() - date_trunc('hour', clock_timestamp()))",
        "SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity",
        """SELECT '{"a": [1, 2]}'::jsonb -> 'a' ->> 1""",
        "SELECT pg_size_pretty(pg_database_size(current_database())), random() < 2 LIMIT 0",
        "SELECT to_char(now(), 'YYYY'), row_number() OVER (ORDER BY 1), 1 = ANY (ARRAY[1]) LIMIT 0",
        "SELECT count(*) FROM pg_stat_get_activity(NULL), generate_series(1, 3) WHERE NOT pg_is_in_recovery()",
        "SHOW server_version",
    ],
)
def test_ordinary_questions_are_asked(query: str, watch: Watch, server: PostgreSQL) -> None:
    seen = watch("sql", url=server.url(), query=query, rows={"warning": 9}).look()
    assert told(seen) == "ok: answers"


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("pg_stat_clear_snapshot()", "pg_stat_clear_snapshot"),
        ("pg_ls_dir('.')", "pg_ls_dir"),
        ("brin_summarize_new_values('x')", "brin_summarize_new_values"),
        ("pg_catalog.ts_stat('SELECT 1')", "ts_stat"),
        ('"Odd one"()', "Odd one"),
        ("mine(1)", "mine"),
    ],
)
def test_what_the_server_knows_to_be_volatile_is_not_called(
    called: str, name: str, watch: Watch, server: PostgreSQL
) -> None:
    schema = server.new_schema()
    with server.connect(schema) as connection:
        connection.execute("CREATE FUNCTION \"Odd one\"() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CREATE FUNCTION mine(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    seen = watch("sql", url=server.url(schema=schema), query=f"SELECT 1 FROM (SELECT {called}) AS a").look()
    assert told(seen) == (
        f"unknown: the query calls {name}, which may do more than read: if it does not, declare it STABLE"
    )


REACHING = """
CREATE TABLE trades (id int, note text);
INSERT INTO trades VALUES (1, 'x');
CREATE FUNCTION acts() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it was run''; END';
CREATE FUNCTION acts_on(trades) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it was run''; END';
CREATE FUNCTION acts_on(int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it was run''; END';
CREATE FUNCTION random_mine() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it was run''; END';
CREATE FUNCTION reads(int DEFAULT acts()) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = acts_on);
CREATE AGGREGATE total(int) (SFUNC = acts_on, STYPE = int, INITCOND = '0');
CREATE DOMAIN positive AS int CHECK (acts() > value);
CREATE VIEW ends AS SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid();
CREATE VIEW deeper AS SELECT * FROM ends;
CREATE VIEW "by operator" AS SELECT id === 1 AS same FROM trades;
CREATE VIEW well AS SELECT count(*) AS n, max(now()) FROM trades WHERE note LIKE '%x%' AND id IN (1, 2);
"""


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM ends", "the view ends calls pg_terminate_backend, which does more than read"),
        ('SELECT * FROM {}."deeper"', "the view ends calls pg_terminate_backend, which does more than read"),
        ('SELECT same FROM "by operator"', "the view by operator calls the operator ==="),
        ("SELECT 1 === 1", "the query calls the operator ==="),
        ("SELECT 1===-1", "the query calls the operator ==="),
        ("SELECT 1 OPERATOR({}.===) 1", "the query calls the operator ==="),
        ("SELECT total(id) FROM trades", "the query calls the aggregate total"),
        ("SELECT t.acts_on FROM trades t", "the query calls acts_on"),
        ("SELECT (trades).acts_on FROM trades", "the query calls acts_on"),
        ("SELECT random_mine()", "the query calls random_mine"),
        ("SELECT reads()", "the default of reads calls acts"),
        ("SELECT 5::positive", "the type positive calls acts"),
        ("SELECT 1+--'\n acts() --'", "the query calls acts"),
    ],
)
def test_what_a_query_reaches_without_naming_it_is_not_run(
    query: str, words: str, watch: Watch, server: PostgreSQL
) -> None:
    schema = server.new_schema()
    with server.connect(schema) as connection:
        connection.execute(REACHING)
    seen = watch("sql", url=server.url(schema=schema), query=query.format(schema), rows={"warning": 9}).look()
    assert told(seen).startswith(f"unknown: {words}")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT n FROM well",
        "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks USING (pid) WHERE a.datname = current_database()",
        "SELECT count(*) FROM information_schema.tables",
        "SELECT t.id - 1 AS x FROM trades t WHERE t.note !~~ 'a%' AND NOT t.id BETWEEN 3 AND 4",
    ],
)
def test_what_only_reads_is_asked(query: str, watch: Watch, server: PostgreSQL) -> None:
    schema = server.new_schema()
    with server.connect(schema) as connection:
        connection.execute(REACHING)
    assert told(watch("sql", url=server.url(schema=schema), query=query, rows={"warning": 9}).look()) == "ok: answers"


def test_a_function_of_ones_own_that_is_declared_to_read_is_called(watch: Watch, server: PostgreSQL) -> None:
    schema = server.new_schema()
    with server.connect(schema) as connection:
        connection.execute("CREATE FUNCTION mine() RETURNS int STABLE LANGUAGE sql AS 'SELECT 7'")
    seen = watch("sql", url=server.url(schema=schema), query="SELECT mine()", above={"warning": 7}).look()
    assert told(seen) == "warning: answers, but value above 7"


@pytest.mark.parametrize(
    ("mode", "timeout", "words"),
    [
        (
            "delete",
            "20s",
            "unknown: it did not answer in time; a large file that is not in WAL mode is read for 2 s at",
        ),
        ("wal", "4s", "critical: "),
    ],
)
def test_a_slow_query_of_a_large_file_without_wal_lets_its_bot_write_soon(
    mode: str, timeout: str, words: str, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("SMALL", "MIDDLING"):
        monkeypatch.setattr(f"reporter.trading.ledger.sqlite_file.{size}", 0)
    endless = "WITH RECURSIVE n(i) AS (SELECT count(*) FROM trades UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    file = tmp_path / "bot.sqlite"
    with closing(sqlite3.connect(file)) as kept, ThreadPoolExecutor() as pool:
        kept.execute(f"PRAGMA journal_mode = {mode}")
        kept.execute("CREATE TABLE trades (id)")
        if mode == "delete":
            kept.close()
        looking = pool.submit(watch("sql", url=str(file), query=endless, timeout=timeout).look)
        time.sleep(0.5)
        bot = "import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2])"
        write = "INSERT INTO trades VALUES (1)"  # it gives up after five seconds
        subprocess.run([sys.executable, "-W", "ignore", "-c", bot, str(file), write], check=True)  # with its own locks
        assert mode == "delete" or not looking.done()
    assert told(looking.result()).startswith(words)


def test_a_pipe_in_place_of_certificates_holds_nobody_up(watch: Watch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ca.pem")
    with serving(greets) as port:
        probe = watch("tls", address=f"127.0.0.1:{port}", ca_file=str(tmp_path / "ca.pem"))
        seen = told(probe.look())
    assert seen == f"unknown: the trusted certificates in {tmp_path}/ca.pem cannot be read: it is no file"


def test_a_link_that_leads_nowhere_does_not_hide_the_files_beside_it(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_text("backup")
    (tmp_path / "b.gz").symlink_to(tmp_path / "gone")
    assert told(watch("file", path=str(tmp_path / "*.gz")).look()) == "ok: there"
