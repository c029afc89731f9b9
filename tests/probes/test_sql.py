"""The `sql` probe on the results of a user's queries, in SQLite and in PostgreSQL."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reporter.alerts.model import Level
from reporter.probes.kinds.sql import SqlProbeConfig, judged
from tests.probes.conftest import StandingClock
from tests.probes.databases import Watch, told
from tests.support.servers import PostgreSQL

ROWS = [(1, "open", 2.5), (2, "open", 0.5), (3, "stuck", None)]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with a table of orders."""
    create = "CREATE TABLE orders (id INTEGER, state TEXT, size REAL)"
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "orders.sqlite")) as connection:
            connection.execute(create)
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ROWS)
            connection.commit()
        return str(tmp_path / "orders.sqlite")
    server: PostgreSQL = request.getfixturevalue("server")
    schema = server.new_schema()
    with server.connect(schema) as postgres, postgres.cursor() as cursor:
        cursor.execute(create)
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", ROWS)
    return server.url(schema=schema)


@pytest.mark.parametrize(
    ("query", "expected", "words"),
    [
        ("SELECT count(*) FROM orders", {"above": {"warning": 5}}, "ok: answers"),
        ("SELECT count(*) FROM orders WHERE state = 'stuck'", {"above": {"critical": 1}, "shows_as": "stuck orders"},
         "critical: answers, but stuck orders above 1"),
        ("SELECT sum(size) FROM orders;", {"below": {"warning": 5}, "shows_as": "size"},
         "warning: answers, but size below 5"),
        ("SELECT state FROM orders WHERE id = 3", {"equals": "open", "shows_as": "state"},
         "critical: state is stuck, not open"),
        ("SELECT state FROM orders WHERE id = 2", {"equals": "open"}, "ok: answers"),
        ("WITH one AS (SELECT 1.0 AS a) SELECT a FROM one -- a comment", {"equals": 1}, "ok: answers"),
        ("SELECT * FROM orders", {"rows": {"warning": 3}}, "warning: answers, but rows above 3"),
        ("SELECT * FROM orders", {"min_rows": {"critical": 3}}, "critical: answers, but rows below 3"),
        ("SELECT size FROM orders WHERE id = 3", {"above": {"warning": 1}}, "unknown: value: nothing"),
        ("SELECT size FROM orders WHERE id = 9", {"empty": "critical", "shows_as": "last order"},
         "critical: last order: nothing"),
        ("SELECT state FROM orders", {}, "unknown: the query gives more than one row: add up or sort, and LIMIT 1"),
        ("SELECT id, size FROM orders LIMIT 1", {},
         "unknown: the query gives more than one column: SELECT the one that counts"),
        ("SELECT state FROM orders WHERE id = 1", {"above": {"warning": 1}},
         "unknown: the query gives open, which is no number"),
        ("SELECT state FROM orders WHERE id = 1", {"age": {"warning": "1h"}},
         "unknown: the query gives open, which is no time"),
    ],
)  # fmt: skip
def test_an_answer_is_held_to_what_is_expected(
    query: str, expected: dict[str, Any], words: str, url: str, watch: Watch
) -> None:
    assert told(watch("sql", url=url, query=query, **expected).look()) == words


def test_what_cannot_be_asked_is_unknown_and_says_why(url: str, watch: Watch) -> None:
    seen = told(watch("sql", url=url, query="SELECT missing FROM orders").look())
    assert seen.startswith("unknown: the query cannot be asked: a column is missing (")
    seen = told(watch("sql", url=url, query="SELECT id FORM orders").look())
    assert seen.startswith("unknown: the query cannot be asked: ")
    assert "syntax error" in seen
    two = told(watch("sql", url=url, query="SELECT 1; SELECT 2").look())
    assert two.startswith("unknown: the query cannot be asked: ")


def test_values_that_nobody_can_read_are_unknown(server: PostgreSQL, watch: Watch) -> None:
    for query in ("SELECT timestamptz 'infinity'", "SELECT 1 / 0", "SELECT 'x'::int"):
        seen = told(watch("sql", url=server.url(), query=query).look())
        assert seen.startswith("unknown: the query cannot be asked: "), seen
    nan = watch("sql", url=server.url(), query="SELECT 'NaN'::float8", above={"warning": 1}).look()
    assert told(nan) == "unknown: the query gives nan, which is no number"


@pytest.mark.parametrize("query", ["DELETE FROM orders", "COMMIT; DELETE FROM orders", "PRAGMA journal_mode = wal"])
def test_only_a_select_is_taken(query: str, watch: Watch, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="must be a SELECT"):
        watch("sql", url=str(tmp_path / "orders.sqlite"), query=query)


@pytest.mark.parametrize(
    "query", ["WITH gone AS (DELETE FROM orders RETURNING 1) SELECT 1", "SELECT 1); DELETE FROM orders; SELECT (1"]
)
def test_what_only_looks_like_a_select_writes_nothing(query: str, url: str, watch: Watch) -> None:
    assert watch("sql", url=url, query=query).look().observation.level is Level.UNKNOWN
    assert told(watch("sql", url=url, query="SELECT count(*) FROM orders", equals=3).look()) == "ok: answers"


def test_a_query_that_takes_too_long_is_given_up_and_leaves_no_one_at_work(url: str, watch: Watch) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    probe, began = watch("sql", url=url, query=endless, timeout="500ms"), time.monotonic()
    assert told(probe.look()) in {"critical: no answer within 500ms", "critical: it did not answer in time"}
    assert time.monotonic() - began < 20  # else it would not end


def test_of_many_rows_a_thousand_are_counted(url: str, watch: Watch) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, i FROM n"
    assert dict(watch("sql", url=url, query=many, min_rows={"warning": 1}).look().figures)["rows"] == "1,000"


def test_a_time_must_not_lie_back_too_far(server: PostgreSQL, watch: Watch, clock: StandingClock) -> None:
    at = (clock.now - timedelta(hours=2)).isoformat()
    query, limits = f"SELECT timestamptz '{at}'", {"warning": "1h", "critical": "3h"}
    probe = watch("sql", url=server.url(), query=query, age=limits, shows_as="last candle")
    assert told(probe.look()) == "warning: answers, but last candle older than 1h"
    assert told(probe.look(after=3600)) == "critical: answers, but last candle older than 3h"
    assert dict(probe.look().figures)["last candle"] == "3h 2m"


def expecting(**said: Any) -> SqlProbeConfig:
    return SqlProbeConfig.model_validate({"kind": "sql", "ledger": "bot", "query": "SELECT 1", **said})


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 10, 30, 12, tzinfo=UTC),
        datetime(2026, 10, 30, 12),  # noqa: DTZ001 - as databases give it
        "2026-10-30 12:00:00",
        "2026-10-30T14:00:00+02:00",
        1793361600,
        1793361600000,
        "1793361600.0",
    ],
)
def test_a_time_is_read_in_whatever_form_it_is_kept(value: object) -> None:
    sight = judged([(value,)], expecting(age={}), datetime(2026, 10, 30, 12, 30, tzinfo=UTC))
    assert sight.measures[0].figure == 1800


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (30, "ok: answers"),
        (7200, "unknown: heartbeat lies 2h ahead: is it kept in UTC, and are the clocks right?"),
    ],
)
def test_a_time_to_come_says_nothing_of_how_old_it_is(
    ahead: int, words: str, url: str, watch: Watch, clock: StandingClock
) -> None:
    moment = clock.now + timedelta(seconds=60 + ahead)
    query = f"SELECT '{moment:%Y-%m-%d %H:%M:%S}'"
    assert told(watch("sql", url=url, query=query, age={"warning": "1m"}, shows_as="heartbeat").look()) == words


def test_a_long_value_of_others_is_cut_and_stays_in_one_line() -> None:
    expected = expecting(shows_as="note", equals="ok")
    sight = judged([("x\n# @everyone " * 30,)], expected, datetime(2026, 10, 30, tzinfo=UTC))
    assert sight.detail.startswith("note is x # @everyone x #")
    assert len(sight.detail) < 90
