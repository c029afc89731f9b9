"""What is in a store of any version: its rows, their size and age, and whether it is sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, inspect, select, text

from reporter.store import tables
from reporter.store.database import Store, version_of

# What SQLite says of a database that is sound.
SOUND = "ok"


@dataclass(frozen=True, slots=True)
class TableContents:
    """One table. `size` is in bytes with its indexes, None where the database does not tell."""

    name: str
    rows: int
    size: int | None
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class StoreContents:
    """A whole store. `unused` are bytes of the file that hold nothing; `damage` is empty for one that is sound."""

    version: str | None
    size: int
    unused: int
    damage: str
    tables: tuple[TableContents, ...]


def contents(store: Store) -> StoreContents:
    """Look at a store, and change nothing. Raises StoreError."""
    with store.read() as connection:
        there = set(inspect(connection).get_table_names())
        sizes = _sizes(connection)
        known = [table for name, table in tables.metadata.tables.items() if name in there]
        return StoreContents(
            version=version_of(connection),
            size=_size(connection),
            unused=_unused(connection),
            damage=damage(connection),
            tables=tuple(_table(connection, table, sizes) for table in known),
        )


def damage(connection: Connection) -> str:
    """What is wrong with the pages and indexes of a SQLite file; empty if nothing is, and for PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return ""
    found = connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars().all()
    return "" if list(found) == [SOUND] else "; ".join(map(str, found))


def _table(connection: Connection, table: Table, sizes: Mapping[str, int]) -> TableContents:
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    moments = [column for column in table.c if isinstance(column.type, tables.UtcTime) and column.name in there]
    moment = next((column for column in moments if column.name in _WHEN), None)
    rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
    oldest = newest = None
    if moment is not None:
        oldest, newest = connection.execute(select(func.min(moment), func.max(moment))).one()
    return TableContents(table.name, rows, sizes.get(table.name), oldest, newest)


# The columns that say when a row was made.
_WHEN = {"at", "created_at", "started_at", "opened_at", "received_at", "sent_at", "told_at", "found_at", "said_at"}


def _sizes(connection: Connection) -> dict[str, int]:
    """Bytes by table; empty where SQLite was built without what counts them."""
    if connection.dialect.name != "sqlite":
        sized = (
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)"
        )
        return {str(name): int(size) for name, size in connection.execute(text(sized))}
    if not connection.exec_driver_sql("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'").first():
        return {}
    counted = (
        "SELECT schema.tbl_name, sum(stat.pgsize) FROM dbstat AS stat JOIN sqlite_schema AS schema "
        "ON schema.name = stat.name WHERE stat.aggregate = 1 GROUP BY 1"
    )
    return {str(name): int(size) for name, size in connection.execute(text(counted))}


def _size(connection: Connection) -> int:
    if connection.dialect.name != "sqlite":
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    return _pragma(connection, "page_count") * _pragma(connection, "page_size")


def _unused(connection: Connection) -> int:
    if connection.dialect.name != "sqlite":
        return 0
    return _pragma(connection, "freelist_count") * _pragma(connection, "page_size")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
