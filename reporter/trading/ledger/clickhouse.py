"""ClickHouse as a source of rows, by its official driver: every question only reads, and ends in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from reporter.errors import LedgerError
from reporter.trading.ledger.catalog import ColumnShape, TableShape
from reporter.trading.ledger.connection import SourceVersion
from reporter.trading.ledger.files import FileCatalog
from reporter.trading.ledger.mysql import code_of
from reporter.trading.ledger.postgres_readonly import reads

SCHEMES = ("clickhouse", "clickhouses", "clickhousedb")
# What a SELECT may do there beside reading the database's own tables: read files, other servers and programs, wait,
# write a file, or undo the limits of a question.
_ACTS = re.compile(
    r"\b((?:url|file|remote|remoteSecure|cluster|clusterAllReplicas|s3|gcs|hdfs|azureBlobStorage|mysql|postgresql|mongodb|redis"
    r"|jdbc|odbc|sqlite|executable|input|iceberg\w*|deltaLake\w*|hudi\w*|paimon\w*|ytsaurus|arrowFlight|sleep|sleepEachRow)"
    r"(?:Cluster)?(?=\s*\()|INTO\s+OUTFILE|SETTINGS)",
    re.IGNORECASE,
)
_REASONS = {
    "UNKNOWN_TABLE": "a table is missing",
    "UNKNOWN_IDENTIFIER": "a column is missing",
    "UNKNOWN_DATABASE": "there is no such database",
    "AUTHENTICATION_FAILED": "the account or its password is refused",
    "ACCESS_DENIED": "the account may not read it: GRANT SELECT on its tables",
    "TIMEOUT_EXCEEDED": "it did not answer in time",
    "READONLY": "a statement that would have written was refused",
}


class ClickHouse:
    """One database of a server. `timeout` is in seconds, for each question. Raises LedgerError for a wrong address."""

    dialect = "clickhouse"
    file: Path | None = None

    def __init__(self, name: str, url: str, timeout: float) -> None:
        self.name = name
        self._timeout = timeout
        try:
            self._url = make_url(url)
        except (ArgumentError, ValueError):
            raise LedgerError(f"{name}: this is neither a file nor a database URL") from None

    def __repr__(self) -> str:
        return f"ClickHouse({self.name!r})"

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._url.set(password=None).render_as_string()

    @contextmanager
    def snapshot(self) -> Iterator[ClickHouseLook]:
        """A look; each of its questions sees the state of its own moment. Raises LedgerError."""
        try:
            import clickhouse_connect  # noqa: PLC0415 - an optional extra
            from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415
        except ImportError:
            raise LedgerError(
                f"{self.name}: reading ClickHouse needs its driver: pip install 'reporter[clickhouse]'"
            ) from None
        try:
            client = clickhouse_connect.get_client(**self._connection())
            try:
                yield ClickHouseLook(client)
            finally:
                client.close()
        except LedgerError as error:
            raise LedgerError(f"{self.name}: {error}") from None
        except Error as error:
            raise LedgerError(f"{self.name}: {self._reason(str(error))}") from None

    def version(self, _look: ClickHouseLook, _tables: object) -> SourceVersion:
        """Nothing tells but the rows themselves, which the server looks through quickly."""
        return SourceVersion(None)

    def _connection(self) -> dict[str, Any]:
        url, secure = self._url, self._url.drivername == "clickhouses"
        return {
            "host": url.host or "localhost",
            "port": url.port or (8443 if secure else 8123),
            "username": url.username,
            "password": url.password or "",
            "database": url.database or "default",
            "secure": secure,
            "connect_timeout": self._timeout,
            "send_receive_timeout": self._timeout + 1,
            "query_retries": 0,
            "autogenerate_session_id": False,
            "settings": {"readonly": 2, "max_execution_time": max(1, round(self._timeout))},
        }

    def _reason(self, words: str) -> str:
        said = next((meaning for code, meaning in _REASONS.items() if f"({code})" in words), "")
        words = " ".join(words.split())[:300]
        words = words.replace(self._url.password, "***") if self._url.password else words
        return f"{said} ({words})" if said else words


class ClickHouseLook:
    """A connection for some questions."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def columns(self, sql: str) -> list[ColumnShape]:
        """The columns of what a statement gives."""
        found = self._client.query(only_reads(f"SELECT * FROM ({sql}) LIMIT 0"))  # noqa: S608 - one SELECT that reads
        return [ColumnShape(name, kind.name) for name, kind in zip(found.column_names, found.column_types, strict=True)]

    def rows(self, sql: str) -> Iterator[dict[str, Any]]:
        """The rows that a statement gives, however many."""
        with self._client.query_rows_stream(only_reads(sql)) as stream:
            names = stream.source.column_names
            for row in stream:
                yield {name: _legible(value) for name, value in zip(names, row, strict=True)}

    def checksum(self, sql: str) -> object:
        """What differs once a row of what a statement gives has come, gone or changed; the server adds it up."""
        asked = only_reads(f"SELECT count(), sum(cityHash64(*)) FROM ({sql})")  # noqa: S608 - one SELECT that reads
        return tuple(self._client.query(asked).first_row)


class ClickHouseCatalog(FileCatalog):
    """What stands in a database of ClickHouse."""

    def tables(self) -> list[TableShape]:
        listed = (
            "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
        )
        tables: dict[str, list[ColumnShape]] = {}
        with self._database.snapshot() as look:
            for row in look.rows(listed):
                tables.setdefault(row["table"], []).append(ColumnShape(row["name"], row["type"]))
        return [TableShape(name, tuple(columns)) for name, columns in tables.items()]

    def row_number(self, shape: TableShape) -> str | None:  # noqa: ARG002
        return None


def only_reads(sql: str) -> str:
    """A statement that only reads tables of the database. Raises LedgerError for any other."""
    word = acting(sql)
    if word or not reads(sql):
        raise LedgerError(f"{word} does more than read" if word else "a statement that would have written was refused")
    return sql


def acting(sql: str) -> str | None:
    """The first word in a statement that does more than read, where one is known to."""
    found = _ACTS.search(code_of(sql)[0])
    return " ".join(found[1].split()) if found else None


def _legible(value: Any) -> Any:
    """A time without a zone is UTC there; a FixedString comes as bytes that are filled up with zeros."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return value.rstrip(b"\0").decode(errors="replace") if isinstance(value, bytes) else value
