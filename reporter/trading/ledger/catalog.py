"""What stands in a database: its tables with their columns, a sample of rows, and the words of a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, TableClause, column, func, inspect, select, table, text

from reporter.trading.ledger import mysql
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.sqlite_file import undisturbed

T = TypeVar("T")
Sample = Mapping[str, Any]
SAMPLED = 500  # rows from each end of a table

_WORDS = 40  # different words of a column

_TABLES_OF_SQLITE = text(
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
    "ORDER BY name"
)
_COLUMNS = text(
    "SELECT table_schema, table_name, column_name, data_type, column_default FROM information_schema.columns "
    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY table_schema, table_name, ordinal_position"
)
_COLUMNS_OF_MYSQL = text(
    "SELECT table_schema, table_name, column_name, data_type, column_default FROM information_schema.columns "
    "WHERE table_schema = database() ORDER BY table_name, ordinal_position"
)
_TABLE_OF_MYSQL = text(
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = :name"
)


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """A column as the database declares it. `default` is what fills it where a writer says nothing."""

    name: str
    type: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table or a view. `name` has its schema before it where that is not the usual one."""

    name: str
    columns: tuple[ColumnShape, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.columns)


def has_table(connection: Connection, name: str) -> bool:
    """Whether a database has a table. MySQL would be asked by DESCRIBE, which is no SELECT and so is refused."""
    if connection.dialect.name == "mysql":
        return bool(connection.execute(_TABLE_OF_MYSQL, {"name": name}).scalar())
    return bool(inspect(connection).has_table(name))


class SqlCatalog:
    """A database that speaks SQL; each question is a look of its own, so that no bot waits for all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tables(self) -> list[TableShape]:
        """All tables and views but the database's own."""
        return self._look(_of_sqlite if self._database.dialect == "sqlite" else _of_server)

    def count(self, shape: TableShape) -> int:
        counted = select(func.count()).select_from(clause(shape.name))
        return self._look(lambda connection: int(connection.execute(counted).scalar_one()))

    def sample(self, shape: TableShape) -> list[Sample]:
        """The first and, where the table is larger, the last rows of a table, by its own order; each with its
        `row_number`, where it has one."""
        number = self.row_number(shape)
        own = [text(f"{number} AS row_number")] if number else []
        wanted = select(*own, text("*")).select_from(clause(shape.name)).limit(SAMPLED)
        rows = self._rows(wanted)
        if len(rows) < SAMPLED or number is None:
            return rows
        last = self._rows(wanted.order_by(text(f"{number} DESC")))[::-1]
        known = {row["row_number"] for row in rows}  # the two ends of a table of less than a thousand rows overlap
        return rows + [row for row in last if row["row_number"] not in known]

    def words(self, shape: TableShape, name: str) -> dict[str, int]:
        """The words of a column, and in how many rows each stands."""
        one: ColumnElement[Any] = column(name)
        found = select(one, func.count()).select_from(clause(shape.name)).group_by(one).limit(_WORDS)
        rows = self._look(lambda connection: connection.execute(found).all())
        return {str(word): count for word, count in rows if word is not None}

    def row_number(self, shape: TableShape) -> str | None:
        """What a table that keeps no id of its own numbers its rows by."""
        if self._database.dialect != "sqlite":
            return None
        made = text("SELECT sql FROM sqlite_master WHERE name = :name AND type = 'table'")
        statement = self._look(lambda connection: connection.execute(made, {"name": shape.name}).scalar())
        return None if statement is None or "WITHOUT ROWID" in str(statement).upper() else "rowid"

    def _rows(self, wanted: Select[Any]) -> list[Sample]:
        rows = self._look(lambda connection: connection.execute(wanted).mappings().all())
        return [{name: mysql.legible(value) for name, value in row.items()} for row in rows]

    def _look(self, ask: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self._database.snapshot() as connection:
                return ask(connection)

        return undisturbed(once)


def _of_sqlite(connection: Connection) -> list[TableShape]:
    names = list(connection.execute(_TABLES_OF_SQLITE).scalars())
    return [TableShape(name, tuple(_columns_of_sqlite(connection, name))) for name in names]


def _columns_of_sqlite(connection: Connection, name: str) -> list[ColumnShape]:
    quoted = '"' + name.replace('"', '""') + '"'
    found = connection.exec_driver_sql(f"PRAGMA table_info({quoted})")
    return [ColumnShape(row[1], str(row[2] or "").upper(), str(row[4] or "")) for row in found]


def _of_server(connection: Connection) -> list[TableShape]:
    is_mysql = connection.dialect.name == "mysql"
    own = connection.execute(text(f"SELECT {'database()' if is_mysql else 'current_schema()'}")).scalar()
    found = connection.execute(_COLUMNS_OF_MYSQL if is_mysql else _COLUMNS).all()
    shapes = []
    for (schema, name), rows in groupby(found, key=lambda row: (row[0], row[1])):
        columns = tuple(ColumnShape(row[2], str(row[3]).upper(), str(row[4] or "")) for row in rows)
        shapes.append(TableShape(name if schema == own else f"{schema}.{name}", columns))
    return shapes


def table_names(connection: Connection) -> list[str]:
    """All tables and views, with their schemas where these are not the usual one."""
    if connection.dialect.name == "sqlite":
        return list(connection.execute(_TABLES_OF_SQLITE).scalars())
    return [shape.name for shape in _of_server(connection)]


def column_types(connection: Connection, name: str) -> dict[str, str]:
    """The columns of a table, each with its type as the database declares it."""
    if connection.dialect.name == "sqlite":
        return {one.name: one.type for one in _columns_of_sqlite(connection, name)}
    return {one.name: one.type for shape in _of_server(connection) if shape.name == name for one in shape.columns}


def clause(name: str) -> TableClause:
    """A table by its name, with its schema before it where that is not the usual one."""
    schema, _, own = name.rpartition(".")
    return table(own, schema=schema or None)


def shape_named(shapes: Sequence[TableShape], name: str) -> TableShape | None:
    return next((shape for shape in shapes if shape.name == name), None)
