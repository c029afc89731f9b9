"""An upgrade of the store: from every version, killed at any moment, and back by the copy; nothing is lost."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reporter.errors import StoreError
from reporter.store.database import open_store
from reporter.store.self_health import self_health
from reporter.store.tables import HEAD
from reporter.store.upgrade_copies import COPIES, copies
from tests.store.kept_stores import MOMENT, ROWS, kept, unpacked, versions
from tests.support.paths import ROOT

OLDER = [version for version in versions() if kept(version).exists() and version != HEAD]
# What tables and columns are called since.
RENAMED = {"lanes": "channel_states", "place": "destination", "expires_at": "keep_until"}

Rows = dict[str, list[dict[str, Any]]]


def rows(file: Path) -> Rows:
    """Every row of every table but the version, under today's names."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            RENAMED.get(name, name): [
                {RENAMED.get(key, key): row[key] for key in row.keys()}  # noqa: SIM118 - a row is no mapping
                for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2')
            ]
            for name in names
            if name != "alembic_version"
        }


def lost(before: Rows, after: Rows) -> list[str]:
    """The rows that were there before and are not, or not the same in the columns that both have."""
    return [
        f"{table}: {row}"
        for table, old in before.items()
        for number, row in enumerate(old)
        if not (found := after[table][number : number + 1])
        or any(found[0][column] != value for column, value in row.items() if column in found[0])
    ]


def test_a_store_of_this_version_is_kept() -> None:
    missing = [version for version in versions() if not kept(version).exists()]
    assert missing == [], "run `python -m tests.store.kept_stores`, and commit what it makes"


@pytest.mark.parametrize("version", OLDER)
def test_nothing_is_lost_on_the_way_from_any_version_nor_on_the_way_back(tmp_path: Path, version: str) -> None:
    file = unpacked(version, tmp_path / "state/reporter.sqlite")
    before = rows(file)
    with closing(open_store(str(file))) as store, store.read() as connection:
        self_health(connection, MOMENT)
    assert all(len(found) == ROWS for found in before.values())
    assert lost(before, rows(file)) == []
    [copy] = copies(file)
    assert rows(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    copy.replace(file)
    with closing(open_store(str(file))):
        assert lost(before, rows(file)) == []


def test_only_the_newest_copies_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "state/reporter.sqlite"
    for version in OLDER[-4:]:
        unpacked(version, file)
        open_store(str(file)).close()
        time.sleep(0.01)
    assert sorted(copy.name[-4:] for copy in copies(file)) == OLDER[-COPIES:]


def test_without_room_for_the_copy_nothing_is_upgraded(tmp_path: Path) -> None:
    file = unpacked(OLDER[0], tmp_path / "state/reporter.sqlite")
    before = rows(file)
    (tmp_path / f"state/reporter.sqlite.before-upgrade-from-{OLDER[0]}").mkdir()  # a name that is taken
    with pytest.raises(StoreError, match=r"is not upgraded, because no copy of it can be kept: Is a directory\. Make"):
        open_store(str(file))
    assert rows(file) == before


UPGRADE = """
import sys
import reporter.store.migrate, sqlalchemy.dialects.sqlite, alembic.ddl
from reporter.store.database import open_store
for file in sys.argv[1:]:
    print("ready", flush=True)
    input()
    open_store(file).close()
"""


def upgrading(files: Sequence[Path]) -> subprocess.Popen[str]:
    """A process that upgrades the files, each when it reads a line."""
    command = [sys.executable, "-c", UPGRADE, *map(str, files)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _begin(process, wait=False)
    return process


def _begin(process: subprocess.Popen[str], *, wait: bool = True) -> None:
    assert process.stdin
    assert process.stdout
    if wait:
        process.stdin.write("go\n")
        process.stdin.flush()
    process.stdout.readline()


@pytest.fixture(scope="module")
def span(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an upgrade from the oldest version takes here, in seconds: the moments of death lie within."""
    folder = tmp_path_factory.mktemp("span")
    files = [unpacked(OLDER[0], folder / f"{number}/reporter.sqlite") for number in range(2)]
    process = upgrading(files)
    _begin(process)  # the first one loads what is loaded once
    began = time.monotonic()
    process.communicate("go\n")
    return time.monotonic() - began


@pytest.mark.parametrize("turn", [*range(3), *(pytest.param(turn, marks=pytest.mark.full) for turn in range(3, 50))])
def test_an_upgrade_that_is_killed_is_whole_or_undone_and_the_next_start_ends_it(
    tmp_path: Path, span: float, turn: int
) -> None:
    draw = random.Random(turn)
    warm = unpacked(OLDER[0], tmp_path / "warm/reporter.sqlite")
    file = unpacked(draw.choice(OLDER), tmp_path / "state/reporter.sqlite")
    before = rows(file)
    process = upgrading([warm, file])
    _begin(process)
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()
    time.sleep(span * draw.random())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert lost(before, rows(file)) == []
    open_store(str(file)).close()
    assert lost(before, rows(file)) == []
    assert not [path for path in file.parent.iterdir() if path.name.endswith(".part")]
    assert [copy for copy in copies(file) if rows(copy) != before] == []
