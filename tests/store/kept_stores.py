"""A store of each version, made by its migrations, with rows in every table: `python -m tests.store.kept_stores`.

It makes those that are missing, and changes none that is there: what a version wrote is history.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, create_engine
from sqlalchemy import types as kinds

from reporter.store import tables
from reporter.store.migrate import FOLDER, upgrade
from tests.support.paths import ROOT

STORES = ROOT / "tests" / "data" / "stores"
ROWS = 3
MOMENT = datetime(2026, 10, 30, 12, tzinfo=UTC)
# What a column of this name holds, where code of ours reads it as more than a text.
WORDS = {
    "state": ("waiting", "sent", "dead"),
    "level": ("ok", "warning", "critical"),
    "severity": ("info", "warning", "critical"),
    "outcome": ("done", "failed", "skipped"),
    "currency": ("USDT", "BTC", "EUR"),
}


def versions() -> list[str]:
    """The numbers of all migrations, the oldest first."""
    return [script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()][::-1]


def kept(version: str) -> Path:
    return STORES / f"{version}.sqlite.gz"


def unpacked(version: str, target: Path) -> Path:
    """The store of this version, as a file of one's own."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.write_bytes(gzip.decompress(kept(version).read_bytes()))
    target.chmod(0o600)
    return target


def make(version: str, target: Path) -> None:
    """A new store of this version with rows in every table."""
    engine = create_engine(f"sqlite:///{target}")
    with engine.begin() as connection:
        tables.alembic_version.create(connection)
        upgrade(connection, None, version)
        found = MetaData()
        found.reflect(connection)
        for table in found.sorted_tables:
            if table.name != tables.alembic_version.name:
                _fill(connection, table)
    engine.dispose()
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("VACUUM")


def _fill(connection: Connection, table: Table) -> None:
    rows = [{column.name: _value(column.name, column.type, row) for column in table.c} for row in range(ROWS)]
    connection.execute(table.insert(), rows)


def _value(name: str, kind: kinds.TypeEngine[Any], row: int) -> object:
    match kind:
        case kinds.Boolean():
            return row % 2 == 1
        case kinds.Float() | kinds.Numeric():
            return row + 0.5
        case kinds.Integer():
            return row + 1
        case kinds.DateTime():
            return (MOMENT + timedelta(hours=row)).replace(tzinfo=None)
        case kinds.LargeBinary():
            return bytes([row])
        case kinds.Text():  # JSON, as a rule
            return "{}"
    return WORDS[name][row] if name in WORDS else f"{name[:10]}{row}"


def main() -> None:
    STORES.mkdir(exist_ok=True)
    for version in versions():
        if not kept(version).exists():
            with TemporaryDirectory() as scratch:
                make(version, Path(scratch, "made"))
                kept(version).write_bytes(gzip.compress(Path(scratch, "made").read_bytes(), 9, mtime=0))
            print(f"made {kept(version).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
