"""Finds the trades of a period by their keys in a database that has no index on the closing time.

Rows are written in the order in which positions are opened, so the trades of a day stand close together. Of each block
of keys it is kept when the first and the last of its trades closed; what was open then is kept by its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, or_, text

from reporter.trading.ledger.sources.base import Source

# Closed trades of a block: to look through one takes a millisecond.
SIZE = 2_000
# The last hour of a block with a trade whose time cannot be read: it belongs to every stretch.
ANY_HOUR = 2**31 - 1
# So many stretches of keys, and keys of positions that were open, one question names.
_RANGES = 20
# After every time that is stored.
FAR = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """Closed trades from one key to another, and the hours, counted since 1970, of the first and last closing."""

    first: int
    last: int
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class KeyMap:
    """The blocks in the order of their keys, and the keys of what was open when they were looked at."""

    blocks: Sequence[KeyBlock] = ()
    open: Sequence[int] = ()

    @property
    def last(self) -> int | None:
        """The last key that is known."""
        return self.blocks[-1].last if self.blocks else None

    def ranges(self, since: datetime | None, until: datetime) -> list[tuple[int, int]]:
        """The stretches of keys that may hold a trade that closed in a stretch of time."""
        start = None if since is None else hour_of(since)
        end, found = hour_of(until), list[tuple[int, int]]()
        before = -2
        for place, block in enumerate(self.blocks):
            if (start is None or block.newest >= start) and (block.oldest <= end or block.newest == ANY_HOUR):
                if place == before + 1:
                    found[-1] = (found[-1][0], block.last)
                else:
                    found.append((block.first, block.last))
                before = place
        return found if len(found) <= _RANGES else [(found[0][0], found[-1][1])]

    def hour_after(self, start: int, end: int, most: int) -> int:
        """The hour up to which about so many trades closed after an hour, `end` at the latest."""
        seen = 0
        for block in sorted((one for one in self.blocks if one.newest >= start), key=attrgetter("oldest")):
            if seen >= most:
                return min(max(block.oldest, start + 1), end)
            seen += block.last - block.first + 1
        return end


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Among which rows of a table trades are: its `key`, and the map of it. A `Keys`."""

    known: KeyMap
    key: ColumnElement[Any]

    def among(self, since: datetime | None, until: datetime) -> ColumnElement[bool]:
        """Whether a row may be a trade that closed in a stretch of time. The `values` are parameters."""
        key, values = self.key, self.values(since, until)

        def value(name: str) -> BindParameter[Any]:
            return bindparam(name, values[name])

        ends = [name.removeprefix("first_key_") for name in values if name.startswith("first_key_")]
        parts = [and_(key >= value(f"first_key_{end}"), key <= value(f"last_key_{end}")) for end in ends]
        if "open_keys" in values:
            parts.append(key.in_(bindparam("open_keys", values["open_keys"], expanding=True)))
        return or_(*parts, key > value("known_key"))

    def values(self, since: datetime | None, until: datetime) -> dict[str, Any]:
        """The parameters by which a statement that was built for one stretch of time is asked about another, if both
        have as many."""
        found: dict[str, Any] = {"known_key": self.known.last}
        for number, (first, last) in enumerate(self.known.ranges(since, until)):
            found |= {f"first_key_{number}": first, f"last_key_{number}": last}
        return found | ({"open_keys": list(self.known.open)} if self.known.open else {})

    def first(self) -> ColumnElement[bool]:
        """Whether a row may be the trade that closed first."""
        first = min((block.oldest for block in self.known.blocks if block.oldest), default=0)
        return self.among(None, datetime.fromtimestamp(first * 3600, UTC))

    def last(self) -> ColumnElement[bool]:
        """Whether a row may be the trade that closed last."""
        last = max((block.newest for block in self.known.blocks if block.newest != ANY_HOUR), default=0)
        return self.among(datetime.fromtimestamp(last * 3600, UTC), FAR)

    def hour_after(self, start: int, end: int, most: int) -> int:
        """The hour up to which about so many trades closed after an hour, `end` at the latest."""
        return self.known.hour_after(start, end, most)


def hour_of(moment: datetime) -> int:
    """The hour, counted since 1970, that a moment lies in."""
    return int(moment.timestamp() // 3600)


def has_index(connection: Connection, source: Source) -> bool:
    """Whether an index leads to the trades that closed in a stretch of time."""
    column: Any = source.closed_at
    name, of = column.name, column.table.name
    if connection.dialect.name == "sqlite":
        listed = text("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :of AND sql IS NOT NULL")
        return any(_first_column(sql) == name for sql in connection.execute(listed, {"of": of}).scalars())
    if connection.dialect.name == "postgresql":
        asked = text(
            "SELECT count(*) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid "
            "AND a.attnum = i.indkey[0] JOIN pg_catalog.pg_class c ON c.oid = i.indrelid "
            "WHERE c.relname = :of AND a.attname = :name AND pg_catalog.pg_table_is_visible(c.oid)"
        )
        return bool(connection.execute(asked, {"of": of, "name": name}).scalar())
    return True  # elsewhere nothing is known: the database finds its own way


def _first_column(sql: str) -> str:
    return sql.partition("(")[2].split(",")[0].split(")")[0].strip().strip('"`[]').split(" ")[0].strip('"`[]')


def statement(dialect: str, source: Source) -> str:
    """What makes the index that a database lacks."""
    column: Any = source.closed_at
    name, of = column.name, column.table.name
    if dialect == "postgresql":
        return f"CREATE INDEX CONCURRENTLY ON {of} USING brin ({name})"
    return f"CREATE INDEX {of}_{name} ON {of} ({name})"
