"""The store's file: closed to others whatever the umask, opened through no link, saved when it is lost."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reporter.errors import StoreError, StoreLostError
from reporter.store.database import Store, fact, open_store
from reporter.store.run_log import remember
from tests.support.processes import reporter
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

FILE = "state/reporter.sqlite"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Store]:
    store = open_store(str(tmp_path / FILE))
    store.hold()
    note(store, "before")
    yield store
    store.close()


def note(store: Store, text: str) -> None:
    with store.begin() as connection:
        remember(connection, "note", text)


def noted(store: Store) -> str | None:
    with store.read() as connection:
        return fact(connection, "note")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_state_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        store = open_store(str(tmp_path / FILE))
        store.hold()
        store.join_senders()
        note(store, "x")
        assert mode(tmp_path / "state") == 0o700
        assert {path.name: mode(path) for path in (tmp_path / "state").iterdir() if mode(path) != 0o600} == {}
        store.close()
    finally:
        os.umask(before)


def test_an_older_store_is_closed_to_others_and_its_group_stays(tmp_path: Path) -> None:
    open_store(str(tmp_path / FILE)).close()
    (tmp_path / FILE).chmod(0o644)
    open_store(str(tmp_path / FILE)).close()
    assert mode(tmp_path / FILE) == 0o640


def test_the_lock_is_not_written_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keys")
    store = open_store(str(tmp_path / FILE))
    (tmp_path / f"{FILE}.lock").symlink_to(precious)
    with pytest.raises(StoreError, match=r"reporter\.sqlite\.lock cannot be opened"):
        store.hold()
    store.close()
    assert precious.read_text() == "keys"


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o1777)
    with pytest.raises(StoreError, match=r"chmod o-w .*/state"):
        open_store(str(tmp_path / FILE))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_puts_nothing_into_the_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 4711, 4711)
    with pytest.raises(StoreError, match="run this as the user 4711"):
        open_store(str(tmp_path / FILE))
    assert list((tmp_path / "state").iterdir()) == []


def test_a_ghost_is_neither_read_nor_written(tmp_path: Path, held: Store) -> None:
    (tmp_path / FILE).unlink()
    for use in (noted, lambda store: note(store, "into the ghost")):
        with pytest.raises(StoreError, match="was deleted while it was in use"):
            use(held)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_store_that_was_deleted_is_written_again(tmp_path: Path, held: Store, folder_too: bool) -> None:
    shutil.rmtree(tmp_path / "state") if folder_too else (tmp_path / FILE).unlink()
    assert "nothing is lost" in (held.save_lost() or "")
    assert noted(held) == "before"
    note(held, "after")
    held.close()
    assert mode(tmp_path / FILE) == 0o600
    assert sqlite3.connect(tmp_path / FILE).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = open_store(str(tmp_path / FILE))
    assert noted(again) == "after"
    again.close()


def test_where_a_store_was_replaced_what_it_held_is_kept_beside(tmp_path: Path, held: Store) -> None:
    other = open_store(str(tmp_path / "other.sqlite"))
    note(other, "another")
    other.close()
    (tmp_path / "other.sqlite").replace(tmp_path / FILE)
    assert "with 0 unsent messages, is in" in (held.save_lost() or "")
    assert noted(held) == "another"
    [kept] = (tmp_path / "state").glob("*.replaced-*")
    before = open_store(str(kept))
    assert (noted(before), mode(kept)) == ("before", 0o600)
    before.close()
    assert held.save_lost() is None


def test_a_file_that_is_no_store_ends_the_daemon_and_what_it_held_is_kept(tmp_path: Path, held: Store) -> None:
    (tmp_path / "rubbish").write_bytes(b"no database at all" * 100)
    (tmp_path / "rubbish").replace(tmp_path / FILE)
    with pytest.raises(StoreLostError, match=r"was replaced while the daemon ran.*It cannot be used"):
        held.save_lost()
    assert len(list((tmp_path / "state").glob("*.replaced-*"))) == 1


def test_what_cannot_be_saved_now_is_saved_later(tmp_path: Path, held: Store) -> None:
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StoreError, match="what it held cannot be saved"):
        held.save_lost()
    (tmp_path / "state").unlink()
    assert "nothing is lost" in (held.save_lost() or "")
    assert noted(held) == "before"


def test_two_daemons_never_hold_a_store_that_was_written_again(tmp_path: Path, held: Store) -> None:
    shutil.rmtree(tmp_path / "state")
    other = open_store(str(tmp_path / FILE))
    other.hold()
    with pytest.raises(StoreLostError, match="another reporter daemon"):
        held.save_lost()
    other.close()


def test_a_backup_is_whole_while_others_write(tmp_path: Path, held: Store) -> None:
    stopping, numbers = threading.Event(), itertools.count()

    def write() -> None:
        while not stopping.is_set():
            note(held, str(next(numbers)))

    writing = threading.Thread(target=write)
    writing.start()
    held.backup(tmp_path / "copy.sqlite")
    stopping.set()
    writing.join()
    assert mode(tmp_path / "copy.sqlite") == 0o600
    copy = open_store(str(tmp_path / "copy.sqlite"))
    assert noted(copy) == "before" or int(noted(copy) or "") <= next(numbers)
    copy.close()


def test_the_command_writes_a_backup_that_can_be_put_in_place(stage: Stage) -> None:
    stage.report("daily", DAILY).on_screen("  daily:").app.close()
    before = os.umask(0o000)
    done = reporter(stage, "store", "backup", "--out", str(stage.folder / "copy.sqlite"))
    os.umask(before)
    assert (done.returncode, done.stderr) == (0, f"written to {stage.folder / 'copy.sqlite'}\n")
    assert mode(stage.folder / "copy.sqlite") == 0o600
    assert {path.name for path in (stage.folder / "state").iterdir()} <= {"reporter.sqlite"}
    (stage.folder / "copy.sqlite").replace(stage.folder / FILE)
    assert reporter(stage, "runs").returncode == 0


def test_a_write_of_another_process_changes_the_stamp_and_a_look_does_not(held: Store) -> None:
    before = held.write_stamp()
    assert before is not None
    assert noted(held) == "before"
    assert held.write_stamp() == before
    assert held.file is not None
    other = open_store(str(held.file))
    note(other, "after, and long enough for another page of the log" * 100)
    assert held.write_stamp() != before
    other.close()


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
@pytest.mark.parametrize("open_now", [False, True], ids=["closed", "in use"])
def test_another_programs_database_is_no_store_and_stays_as_it_is(tmp_path: Path, journal: str, open_now: bool) -> None:
    folder = tmp_path / "bot"
    folder.mkdir(mode=0o700)
    bot = sqlite3.connect(folder / "bot.sqlite")
    bot.execute(f"PRAGMA journal_mode = {journal}")
    bot.execute("CREATE TABLE trades (id INTEGER PRIMARY KEY)")
    bot.commit()
    if not open_now:
        bot.close()
    (folder / "bot.sqlite").chmod(0o664)
    before = {path.name: (mode(path), path.read_bytes()) for path in folder.iterdir() if path.suffix != ".sqlite-shm"}
    with pytest.raises(StoreError, match=r"bot.sqlite is the database of another program: it has the table trades"):
        open_store(str(folder / "bot.sqlite"))
    after = {path.name: (mode(path), path.read_bytes()) for path in folder.iterdir() if path.suffix != ".sqlite-shm"}
    assert after == before
    bot.close()


def test_the_tables_of_another_on_a_server_are_not_taken_for_ours(server: PostgreSQL) -> None:
    url = server.new_database()
    with psycopg.connect(url) as bot:
        bot.execute("CREATE TABLE events (id bigint)")
    with pytest.raises(StoreError, match="has a table events already, which is another program's"):
        open_store(url)
    with psycopg.connect(url) as bot:
        assert bot.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone() == (1,)
        bot.execute("DROP TABLE events")
        bot.execute("CREATE TABLE trades (id bigint)")
    open_store(url).close()
