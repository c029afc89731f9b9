"""A database of somebody's own tables, read by a mapping."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    TableClause,
    TextClause,
    column,
    select,
    table,
    text,
)

from reporter.errors import LedgerError, nearest
from reporter.trading.ledger import mysql, postgres_readonly
from reporter.trading.ledger.catalog import column_types, table_names
from reporter.trading.ledger.clickhouse import ClickHouse, ClickHouseLook
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.derived import DerivedDatabase, DerivedRows, LaterRows
from reporter.trading.ledger.files import TABLE, FileLook, Files, named
from reporter.trading.ledger.mapping import LedgerMapping, SideTable, expect_types, mapped, read_mapping, side_tables
from reporter.trading.ledger.postgres_statements import acting

_STREAMED = {"stream_results": True, "yield_per": 5000}


def mapped_database(database: Database | Files | ClickHouse, given: Mapping[str, Any]) -> DerivedDatabase:
    """A database whose trades are what the mapping makes of its rows. Raises LedgerError for a wrong mapping."""
    if isinstance(database, Files):
        own = given if "table" in given or "query" in given else {"table": TABLE, **given}
        _expect_nothing_beside(read_mapping(own))
        return DerivedDatabase(database, partial(_derive_from_files, own), FileLook.stamp)
    mapping = read_mapping(given)
    if isinstance(database, ClickHouse):
        _expect_nothing_beside(mapping)
        return DerivedDatabase(database, partial(_derive_from_files, given), partial(_changed_rows, mapping))
    tables = _tables(mapping)
    return DerivedDatabase(database, partial(_derive, given), partial(_changed, mapping), tables)


def _expect_nothing_beside(mapping: LedgerMapping) -> None:
    if one := next(iter(mapping.beside), None):
        by_hand = "; write the rates by hand here" if one == "rates" else ""
        raise LedgerError(f"mapping.{one}: a table beside the trades is read from SQL databases{by_hand}")


def _tables(mapping: LedgerMapping) -> list[str]:
    """All tables that the rows are made of, quoted; none where a query leaves that unknown."""
    named_tables = [mapping.table, *(side.table for side in mapping.beside.values())]
    quoted = [".".join(f'"{part}"' for part in name.split(".")) for name in named_tables if name]
    return quoted if len(quoted) == len(named_tables) else []


def _derive(given: Mapping[str, Any], connection: Connection) -> Callable[[], DerivedRows]:
    unchecked = read_mapping(given)
    statement, known = _statement(unchecked, connection)
    if unchecked.contract and unchecked.table:
        expect_types(unchecked, column_types(connection, unchecked.table))
    mapping = read_mapping(given, known)  # again, now that the columns are known
    legible = mysql.legible if connection.dialect.name == "mysql" else None
    beside = {name: _spooled(side, connection, legible) for name, side in mapping.beside.items()}
    sides = side_tables(given, {name: names for name, (names, _) in beside.items()})
    found = connection.execute(statement, execution_options=_STREAMED)
    return partial(_made, mapping, list(found.keys()), LaterRows(map(tuple, found)), legible, sides, beside)


# The names of columns, and the rows.
Spooled = tuple[list[str], LaterRows]


def _spooled(own: SideTable, connection: Connection, legible: Callable[[Any], Any] | None) -> Spooled:
    found = connection.execute(_of_side(own, connection), execution_options=_STREAMED)
    names = list(found.keys())
    return names, LaterRows(tuple(map(legible, row) if legible else row) for row in found)


def _of_side(own: SideTable, connection: Connection) -> Any:
    """The statement that gives the rows of a table beside that of the trades."""
    if own.query:
        return _only_reads(own.query, connection.dialect.name, f"mapping.{own.name}.query")
    named_table = _table(str(own.table))
    _expect_table(connection, named_table, f"mapping.{own.name}.table")
    return select(text("*")).select_from(named_table)


def _by_name(spooled: Spooled) -> Iterator[dict[str, Any]]:
    names, rows = spooled
    yield from (dict(zip(names, row, strict=True)) for row in rows)


def _made(
    mapping: LedgerMapping,
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    legible: Callable[[Any], Any] | None,
    sides: Mapping[str, SideTable],
    beside: Mapping[str, Spooled],
) -> DerivedRows:
    if "rates" in sides:
        mapping = replace(mapping, rates=sides["rates"].rates(_by_name(beside["rates"])))
    more = {name: side.read(_by_name(beside[name])) for name, side in sides.items() if name != "rates"}
    plain = (map(legible, row) for row in rows) if legible else rows
    return mapped(mapping, (dict(zip(names, row, strict=True)) for row in plain), more)


def _changed_rows(mapping: LedgerMapping, look: ClickHouseLook) -> object:
    known = {one.name for one in look.columns(_chosen(mapping))}
    return look.checksum(_chosen(mapping, sorted(mapping.used & known)))


def _chosen(mapping: LedgerMapping, columns: Collection[str] = ()) -> str:
    """The statement that gives the rows, of a table some columns or all."""
    if mapping.query:
        return mapping.query.rstrip().rstrip(";")
    table = ".".join(map(named, str(mapping.table).split(".")))
    return f"SELECT {', '.join(map(named, columns)) or '*'} FROM {table}"  # noqa: S608 - quoted


def _derive_from_files(given: Mapping[str, Any], look: FileLook | ClickHouseLook) -> Callable[[], DerivedRows]:
    mapping = read_mapping(given)
    sql = _chosen(mapping)
    columns = look.columns(sql)
    expect_types(mapping, {one.name: one.type for one in columns})
    known = [one.name for one in columns]
    return partial(mapped, read_mapping(given, known), LaterRows(look.rows(sql)))


def _statement(mapping: LedgerMapping, connection: Connection) -> tuple[Any, list[str]]:
    """What is asked, and the columns that come of it. Raises LedgerError for a table that is not there."""
    if mapping.query:
        query = _only_reads(mapping.query, connection.dialect.name)
        return query, list(connection.execute(query).keys())
    own = _table(str(mapping.table))
    _expect_table(connection, own)
    known = list(connection.execute(select(text("*")).select_from(own).limit(0)).keys())
    return select(*(column(one) for one in known)).select_from(own), known


def _table(name: str) -> TableClause:
    schema, _, own = name.rpartition(".")
    return table(own, schema=schema or None)


def _expect_table(connection: Connection, own: TableClause, place: str = "mapping.table") -> None:
    """Raises LedgerError, with the tables that there are, where it is none of them."""
    tables = table_names(connection)
    name = f"{own.schema}.{own.name}" if own.schema else own.name
    if name not in tables and (own.schema or connection.dialect.name == "mysql" or not _elsewhere(name, tables)):
        near = nearest(name, tables)
        hint = f"did you mean `{near}`?" if near else f"there are: {', '.join(sorted(tables)[:20]) or 'none'}"
        raise LedgerError(f"{place}: there is no table {name}; {hint}")


def _elsewhere(name: str, tables: Collection[str]) -> bool:
    """Whether another schema has such a table: PostgreSQL may look for it there."""
    return any(one.endswith(f".{name}") for one in tables)


def _only_reads(query: str, dialect: str, place: str = "mapping.query") -> TextClause:
    if not postgres_readonly.reads(query) or ";" in query.rstrip().rstrip(";"):
        raise LedgerError(f"{place}: write one SELECT statement")
    if name := (mysql.acting if dialect == "mysql" else acting)(query):
        raise LedgerError(f"{place}: {name} does more than read")
    return text(query)


def _changed(mapping: LedgerMapping, connection: Connection) -> object:
    """What differs once a row has come or gone, or once a value that counts has changed."""
    beside = [_hash(connection.execute(_of_side(side, connection))) for side in mapping.beside.values()]
    return (*beside, _changed_trades(mapping, connection))


def _changed_trades(mapping: LedgerMapping, connection: Connection) -> object:
    statement, known = _statement(mapping, connection)
    if mapping.query:
        return _hash(connection.execute(statement))
    used = sorted(mapping.used & set(known))
    query: Any = select(*(column(one) for one in used)).select_from(_table(str(mapping.table)))
    return _hash(connection.execute(query, execution_options=_STREAMED))


def _hash(rows: Iterable[Any]) -> int:
    """Of the rows as a set: a database may give them in another order without any change."""
    return sum(hash(tuple(row)) for row in rows)
