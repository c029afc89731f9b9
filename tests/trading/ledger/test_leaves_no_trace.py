"""Whoever reads a bot's SQLite file leaves its folder as it was, in every state that the bot can leave it in."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reporter.trading.ledger import sqlite_file
from reporter.trading.ledger.sqlite_file import (
    DisturbedError,
    SqliteFile,
    open_sqlite,
    reading,
    sqlite_reason,
    undisturbed,
)
from tests.probes.databases import open_files
from tests.support.processes import until
from tests.trading.ledger.users import BOT, User, folder_of_the_bot, state_of

DOORS = ["performance", "export", "check", "sqlite", "sql"]
STATES = ["closed", "running", "killed", "killed before it wrote", "without WAL", "without WAL and running"]
FIGURES = "2 trades, 3"


@pytest.fixture(scope="module")
def reporter() -> Iterator[User]:
    with User("reporter") as user:
        yield user


@pytest.fixture
def bot() -> Iterator[User]:
    with User("bot") as user:
        yield user


@pytest.fixture
def path() -> Iterator[Path]:
    with folder_of_the_bot() as folder:
        yield folder / "trades.sqlite"


def bring_about(state: str, bot: User, path: Path) -> None:
    """Two trades of 1 and 2, and the bot in that state."""
    mode = "delete" if "without WAL" in state else "wal"
    assert bot("open", path, mode) == mode
    bot("make")
    bot("trade", 1)
    bot("close")
    bot("open", path, mode)
    bot("trade", 2)
    if state == "killed before it wrote":
        bot("close")
        bot("open", path, mode)
    if state in {"closed", "without WAL"}:
        bot("close")
    if "killed" in state:
        bot.kill()


@pytest.mark.parametrize("state", STATES)
def test_no_door_leaves_a_trace_and_none_misses_a_row(state: str, bot: User, reporter: User, path: Path) -> None:
    bring_about(state, bot, path)
    before = state_of(path.parent)
    for door in DOORS:
        answer = reporter(door, path)
        expected = {"performance": FIGURES, "export": FIGURES, "check": "answers"}.get(door, "ok: ")
        assert answer.startswith(expected), (door, answer)
        assert state_of(path.parent) == before, door
    with User("bot") as again:
        assert again("open", path, "wal" if "without" not in state else "delete") in {"wal", "delete"}
        assert again("trade", 4) == "done"
    assert reporter("performance", path) == "3 trades, 7"


def test_a_folder_that_may_not_be_written_can_be_read(bot: User, reporter: User, path: Path) -> None:
    bring_about("closed", bot, path)
    path.parent.chmod(0o750)
    path.chmod(0o640)
    assert reporter("performance", path) == FIGURES


def test_a_log_that_may_only_be_read_is_read(bot: User, reporter: User, path: Path) -> None:
    bring_about("running", bot, path)
    for file in path.parent.iterdir():
        file.chmod(0o640)
    path.parent.chmod(0o750)
    before = state_of(path.parent)
    assert reporter("performance", path) == FIGURES
    assert state_of(path.parent) == before


def test_a_write_that_was_never_finished_is_not_taken_back_by_us(bot: User, reporter: User, path: Path) -> None:
    bring_about("without WAL and running", bot, path)
    bot("hold", 5000)
    bot.kill()
    before = state_of(path.parent)
    assert path.with_name(f"{path.name}-journal").name in before
    for door in DOORS:
        assert "holds a write that its bot did not finish; the bot takes it back when" in reporter(door, path), door
        assert state_of(path.parent) == before, door
    with User("bot") as again:
        again("open", path, "delete")
    assert reporter("performance", path) == FIGURES


def test_rows_of_a_log_without_its_index_are_not_left_out_but_named(bot: User, reporter: User, path: Path) -> None:
    bring_about("killed", bot, path)
    path.with_name(f"{path.name}-shm").unlink()
    before = state_of(path.parent)
    for door in DOORS:
        assert f"{path}-wal holds rows that cannot be read without a {path.name}-shm" in reporter(door, path), door
        assert state_of(path.parent) == before, door


@pytest.mark.skipif(os.geteuid() != 0, reason="of two users, which needs root")
def test_an_index_that_we_may_not_read_is_named(bot: User, reporter: User, path: Path) -> None:
    bring_about("running", bot, path)
    index = path.with_name(f"{path.name}-shm")
    index.chmod(0o600)
    assert f"{index} cannot be opened: this user must be allowed to read it" in reporter("performance", path)


def test_an_empty_file_keeps_what_stands_beside_it(reporter: User, path: Path) -> None:
    path.touch()
    path.with_name(f"{path.name}-wal").write_bytes(b"rows of another day")
    for file in path.parent.iterdir():
        os.chown(file, BOT, BOT) if os.geteuid() == 0 else None
        file.chmod(0o660)
    before = state_of(path.parent)
    for door in DOORS:
        reporter(door, path)
        assert state_of(path.parent) == before, door


def count(path: Path) -> int:
    with reading(path, 10) as connection:
        found: int = connection.execute("SELECT count(*) FROM trades").fetchone()[0]
        return found


def test_a_bot_that_starts_in_the_middle_gets_its_rows_read(bot: User, path: Path) -> None:
    bring_about("closed", bot, path)
    began: list[str] = []

    def look() -> int:
        with reading(path, 10) as connection:
            connection.execute("SELECT count(*) FROM trades").fetchone()
            if not began:
                began.extend([bot("open", path, "wal"), bot("trade", 3), bot("sql", "PRAGMA wal_checkpoint")])
            found: int = connection.execute("SELECT count(*) FROM trades").fetchone()[0]
            return found

    assert undisturbed(look) == 3
    assert began == ["wal", "done", "done"]
    owners = {file.name: file.stat().st_uid for file in path.parent.iterdir()}
    assert set(owners) == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert len(set(owners.values())) == 1


def test_a_bot_that_opens_its_file_for_each_write_is_read_too(bot: User, path: Path) -> None:
    bring_about("closed", bot, path)
    looks: list[int] = []

    def look() -> int:
        with reading(path, 10) as connection:
            looks.append(connection.execute("SELECT count(*) FROM trades").fetchone()[0])
            bot("open", path, "wal")
            assert bot("trade", 3) == "done"
            bot("close")
            return looks[-1]

    assert undisturbed(look) == 3
    assert looks == [2, 3]
    bot("open", path, "wal")
    bot("close")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_a_changing_file_seems_to_say_does_not_count(bot: User, path: Path) -> None:
    bring_about("closed", bot, path)

    def look() -> None:
        with reading(path, 10):
            bot("open", path, "wal")
            bot("trade", 3)
            raise sqlite3.DatabaseError("database disk image is malformed")

    with pytest.raises(DisturbedError):
        look()


def test_a_look_that_ends_takes_the_lock_of_no_other(bot: User, path: Path) -> None:
    bring_about("without WAL and running", bot, path)
    with closing(open_sqlite(path, 10, copy=False)) as first:
        first.execute("BEGIN")
        first.execute("SELECT count(*) FROM trades").fetchone()
        assert count(path) == 2
        assert "locked" in bot("trade", 3)
    assert bot("trade", 3) == "done"


def test_no_descriptor_stays_open_after_the_looks(bot: User, path: Path) -> None:
    bring_about("running", bot, path)
    count(path)
    before = open_files()
    with closing(open_sqlite(path, 10)), closing(open_sqlite(path, 10)):
        for _ in range(3):
            count(path)
    assert open_files() == before


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match=f"{tmp_path} is a folder, not a file"):
        open_sqlite(tmp_path, 10)
    with pytest.raises(sqlite3.OperationalError, match=r"there is no file .*/none") as caught:
        open_sqlite(tmp_path / "none", 10)
    assert sqlite_reason(caught.value, tmp_path / "none") == f"there is no file {tmp_path / 'none'}"


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


class Beside:
    """Looks at a large file without WAL. In each but the last that is told of, the bot begins to wait with a write."""

    def __init__(self, bot: User, path: Path, last: int) -> None:
        bring_about("without WAL and running", bot, path)
        assert bot("sql", "PRAGMA busy_timeout = 60000") == "done"
        self.bot, self.path, self.last, self.looks = bot, path, last, 0
        self.writing = threading.Thread()

    def look(self) -> int:
        self.looks += 1
        if self.writing.ident:
            self.writing.join()
        with reading(self.path, 60) as connection:
            found: int = connection.execute("SELECT count(*) FROM trades").fetchone()[0]
            if self.looks < self.last:
                self.writing = threading.Thread(target=self.bot, args=("trade", 3))
                self.writing.start()
                connection.execute(ENDLESS)
            self.at_last(connection)
            return found

    def at_last(self, connection: SqliteFile) -> None:
        """What is done in the last look."""


@pytest.fixture
def all_is_large(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in (("SMALL", 0), ("MIDDLING", 0), ("BRIEF", 60.0)):
        monkeypatch.setattr(sqlite_file, name, value)
    return monkeypatch


@pytest.mark.usefixtures("all_is_large")
def test_a_look_at_a_large_file_gives_way_to_a_write_that_waits(bot: User, path: Path) -> None:
    beside = Beside(bot, path, last=2)
    assert undisturbed(beside.look) == 3
    assert beside.looks == 2


def test_the_look_after_one_that_gave_way_is_at_a_copy(bot: User, path: Path, all_is_large: pytest.MonkeyPatch) -> None:
    all_is_large.setattr(sqlite_file, "MIDDLING", 1_000_000)

    class Copied(Beside):
        def at_last(self, connection: SqliteFile) -> None:
            assert self.bot("trade", 4) == "done"

    assert undisturbed(Copied(bot, path, last=2).look) == 3
    assert count(path) == 4


@pytest.mark.usefixtures("all_is_large")
def test_the_last_look_gives_way_no_more(bot: User, path: Path) -> None:
    class Held(Beside):
        def at_last(self, connection: SqliteFile) -> None:
            self.writing = threading.Thread(target=self.bot, args=("trade", 3))
            self.writing.start()
            until(connection.hold.keeps_a_writer_waiting, lambda: "the bot does not write")
            found = connection.execute(ENDLESS.replace("FROM n)", "FROM n LIMIT 100000)"))
            assert found.fetchone()[0] == 100_000

    beside = Held(bot, path, last=4)
    assert undisturbed(beside.look) == 5
    beside.writing.join()
    assert (beside.looks, count(path)) == (4, 6)
