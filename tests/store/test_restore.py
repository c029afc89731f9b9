"""The commands that show, restore and compact a store: nothing is lost, and nothing happens under a daemon."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reporter.cli import main
from reporter.errors import StoreError
from reporter.store.contents import contents
from reporter.store.database import fact, open_store, store_as_it_is
from reporter.store.restore import compact, restore
from reporter.store.run_log import remember
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage


def note(file: Path, words: str) -> None:
    with closing(open_store(str(file))) as store, store.begin() as connection:
        remember(connection, "note", words)


def noted(file: Path) -> str | None:
    with closing(open_store(str(file))) as store, store.read() as connection:
        return fact(connection, "note")


def copied(file: Path, to: Path) -> Path:
    with closing(open_store(str(file))) as store:
        store.backup(to)
    return to


@pytest.fixture
def file(tmp_path: Path) -> Path:
    note(tmp_path / "state/reporter.sqlite", "then")
    return tmp_path / "state/reporter.sqlite"


def test_a_copy_takes_the_place_of_the_store_which_is_kept(file: Path, tmp_path: Path) -> None:
    copy = copied(file, tmp_path / "copy.sqlite")
    note(file, "now")
    with copy.open("rb") as source:
        _, kept = restore(file, source)
    assert kept is not None
    assert (noted(file), noted(kept)) == ("then", "now")
    assert {path.name for path in file.parent.iterdir()} == {file.name, f"{file.name}.lock", kept.name}


def test_what_only_the_journal_holds_is_kept_too(file: Path, tmp_path: Path) -> None:
    copy = copied(file, tmp_path / "copy.sqlite")
    with closing(sqlite3.connect(file)) as open_elsewhere:
        open_elsewhere.execute("BEGIN").execute("SELECT * FROM facts").fetchall()
        note(file, "now")
        with copy.open("rb") as source:
            _, kept = restore(file, source)
    assert kept is not None
    assert (noted(file), noted(kept)) == ("then", "now")


def test_a_copy_takes_the_place_of_a_store_that_is_damaged_or_gone(file: Path, tmp_path: Path) -> None:
    copy = copied(file, tmp_path / "copy.sqlite")
    for damage in (lambda: file.write_bytes(b"no database" * 999), file.unlink):
        damage()
        with copy.open("rb") as source:
            restore(file, source)
        assert noted(file) == "then"


@pytest.mark.parametrize("kind", ["text", "empty", "damaged", "another", "newer"])
def test_a_copy_that_is_no_sound_store_is_refused_and_nothing_changes(file: Path, tmp_path: Path, kind: str) -> None:
    copy = copied(file, tmp_path / "copy.sqlite")
    match kind:
        case "text" | "empty":
            copy.write_text("a text" if kind == "text" else "")
        case "damaged":
            copy.write_bytes(copy.read_bytes()[: -4096 * 3])
        case _:
            change = "DROP TABLE alembic_version" if kind == "another" else "UPDATE alembic_version SET version_num='9'"
            with closing(sqlite3.connect(copy)) as connection, connection:
                connection.execute(change)
    with copy.open("rb") as source, pytest.raises(StoreError, match=r"the copy is|does not know"):
        restore(file, source)
    assert noted(file) == "then"
    assert {path.name for path in file.parent.iterdir()} == {file.name, f"{file.name}.lock"}


def test_a_store_is_not_replaced_under_a_daemon(file: Path, tmp_path: Path) -> None:
    copy = copied(file, tmp_path / "copy.sqlite")
    with closing(open_store(str(file))) as store, copy.open("rb") as source:
        store.hold()
        with pytest.raises(StoreError, match="stop the daemon"):
            restore(file, source)


def test_a_compacted_store_is_smaller_and_holds_the_same(file: Path) -> None:
    with closing(open_store(str(file))) as store:
        with store.begin() as connection:
            for number in range(1500):
                remember(connection, f"padding {number}", "x" * 500)
        with store.begin() as connection:
            connection.exec_driver_sql("DELETE FROM facts WHERE name LIKE 'padding%'")
        before, after = compact(file)  # while it is open
        assert after < before / 2
    assert noted(file) == "then"


def test_a_store_is_not_compacted_without_room(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(file.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StoreError, match="there is no room to compact the store"):
        compact(file)


def test_the_overview_names_rows_and_damage_and_changes_no_version(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0011'")
        connection.execute("DROP TABLE audit")
    with closing(store_as_it_is(str(file))) as store:
        found = contents(store)
    assert (found.version, found.damage) == ("0011", "")
    assert {table.name: table.rows for table in found.tables}["facts"] == 1
    assert "audit" not in {table.name for table in found.tables}


def test_the_commands_say_what_they_did(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.report("daily", DAILY).on_screen("  daily:").run("daily")
    stage.close()
    monkeypatch.setenv("STORE", stage.environ["STORE"])
    copy = str(stage.folder / "copy.sqlite")
    done = [main(["--home", str(stage.folder), "store", *words.split()]) for words in (f"backup --out {copy}", "info")]
    told = capsys.readouterr().out
    assert "sound     yes" in told
    assert [line.split()[1] for line in told.splitlines() if line.startswith("runs ")] == ["1"]
    done += [main(["--home", str(stage.folder), "store", *words.split()]) for words in (f"restore {copy}", "compact")]
    assert "before-restore" in capsys.readouterr().out
    assert done == [0, 0, 0, 0]


def test_a_store_on_postgresql_is_shown_whole(server: PostgreSQL) -> None:
    with closing(open_store(server.url(schema=server.new_schema()))) as store:
        found = contents(store)
    assert (found.damage, found.unused) == ("", 0)
    assert all(table.size for table in found.tables)
