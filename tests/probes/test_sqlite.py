"""The `sqlite` probe on files that are healthy, locked, damaged, missing or unreadable; it changes none."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reporter.probes.kinds.sqlite import SqliteProbe, SqliteProbeConfig
from reporter.probes.probe import Terms
from tests.probes.conftest import Rounds, StandingClock
from tests.probes.databases import Watch, told
from tests.support.servers import NOBODY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of a hundred pages, a third of them free."""
    found = tmp_path / "trades.sqlite"
    with closing(sqlite3.connect(found)) as connection:
        connection.execute("CREATE TABLE trades (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany("INSERT INTO trades (note) VALUES (?)", [("x" * 3000,)] * 99)
        connection.execute("DELETE FROM trades WHERE id > 66")
        connection.commit()
    return found


def test_a_file_that_is_well_shows_its_figures(path: Path, watch: Watch, clock: StandingClock) -> None:
    os.utime(path, (clock.now.timestamp(), clock.now.timestamp()))
    reading = watch("sqlite", path=str(path), size={"critical": "4 MiB"}).look(after=90)
    assert (reading.kind, told(reading)) == ("sqlite", "ok: online")
    assert 0 < (reading.latency or 0) < 1
    figures = dict(reading.figures)
    size = path.stat().st_size
    assert figures["size"] == f"{size / 1024:.1f} KiB of 4.0 MiB ({100 * size / 2**22:.1f}%)"
    assert 25 < float(figures["free pages"].removesuffix("%")) < 40
    assert (figures["last written"], figures["journal"]) == ("1m 30s ago", "delete")
    assert figures["integrity"] == "whole, checked just now"


def test_the_look_changes_nothing_and_leaves_nothing_beside(path: Path, watch: Watch) -> None:
    before = path.read_bytes(), path.stat().st_mtime_ns
    watch("sqlite", path=str(path)).look()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list(path.parent.iterdir()) == [path]


def test_limits_of_size_wal_free_pages_and_age(path: Path, watch: Watch, clock: StandingClock) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("INSERT INTO trades (note) VALUES ('y')")
        connection.commit()
        for file in (path, path.with_name(f"{path.name}-wal")):
            os.utime(file, (clock.now.timestamp(), clock.now.timestamp()))
        limits = {"size": {"warning": "1 KiB"}, "wal": {"warning": "4 KiB"}, "free": {"warning": 20}}
        reading = watch("sqlite", path=str(path), **limits, written={"critical": "1h"}).look(after=0)
    assert told(reading) == "warning: online, but size above 1.0 KiB, WAL above 4.0 KiB, free pages above 20%"
    assert dict(reading.figures)["journal"] == "wal"
    os.utime(path, (0, 0))
    assert told(watch("sqlite", path=str(path), written={"critical": "1h"}).look()) == (
        "critical: online, but nothing written since 1h ago"
    )


def test_files_that_are_none_or_not_there(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "letter").write_text("Dear friend, this is no database but a letter. " * 50)
    (tmp_path / "folder").mkdir()
    assert told(watch("sqlite", path=f"{tmp_path}/letter").look()) == (
        f"critical: {tmp_path}/letter is not a SQLite database"
    )
    (tmp_path / "empty").touch()
    for name, words in (
        ("nothing", "there is no file {}"),
        ("folder", "{} is a folder, not a file"),
        ("empty", "the file is empty: no database was ever written to it"),
    ):
        assert told(watch("sqlite", path=f"{tmp_path}/{name}").look()) == f"critical: {words.format(tmp_path / name)}"
    assert not (tmp_path / "nothing").exists()


def test_a_file_that_somebody_keeps_locked(path: Path, watch: Watch) -> None:
    probe = watch("sqlite", path=str(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        seen = probe.look()
    assert told(seen) == f"critical: {path} is locked, and after 0.5 s we do not wait any longer"
    assert told(probe.look()) == "ok: online"


def test_damage_is_found_by_reading_all_of_it_and_looked_for_again_soon(path: Path, watch: Watch) -> None:
    whole = path.read_bytes()
    probe = watch("sqlite", path=str(path), integrity_every="1d")
    assert told(probe.look()) == "ok: online"
    path.write_bytes(whole[:40960] + b"\xff" * 8192 + whole[49152:])
    assert told(probe.look(after=3600)) == "ok: online"  # it is not read again before its time
    seen = probe.look(after=86400)
    assert told(seen).startswith("critical: damaged: ")
    assert dict(seen.figures)["integrity"] == "damaged, checked just now"
    path.write_bytes(whole)
    assert told(probe.look(after=60)).startswith("critical: damaged: ")
    assert told(probe.look(after=600)) == "ok: online"


def test_a_damaged_head_is_told_at_once(path: Path, watch: Watch) -> None:
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 3996)
    assert told(watch("sqlite", path=str(path)).look()) == "critical: damaged: the database disk image is malformed"


def test_a_check_that_would_hold_up_the_writers_for_long_is_given_up(
    path: Path, clock: StandingClock, rounds: Rounds
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE many (id INTEGER PRIMARY KEY, a TEXT UNIQUE)")
        connection.executemany("INSERT INTO many (a) VALUES (?)", ((str(n),) for n in range(20_000)))
        connection.commit()
    settings = SqliteProbeConfig(kind="sqlite", path=path)
    (reading,) = rounds([SqliteProbe(Terms("db"), clock, path, settings, brief=0.0)]).probe_all()
    assert told(reading) == "ok: online"
    assert dict(reading.figures)["integrity"] == "not known: reading all of it takes longer than 0s"


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """With no more rights than anybody: root gives its own up for the while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def public(path: Path) -> Iterator[Path]:
    """The database in a folder that anybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        found = Path(shutil.copy(path, folder))
        yield found
        Path(folder).chmod(0o755)


def test_a_file_that_we_may_not_read_is_unknown(public: Path, watch: Watch) -> None:
    public.chmod(0)
    probe = watch("sqlite", path=str(public))
    with as_somebody_else():
        assert told(probe.look()) == (
            f"unknown: {public} cannot be opened: may this user read it, and enter {public.parent}?"
        )


def test_a_file_with_a_log_that_nobody_has_open_is_read_where_we_may_not_write(public: Path, watch: Watch) -> None:
    public.parent.chmod(0o755)
    with closing(sqlite3.connect(public)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
    public.parent.chmod(0o555)
    probe = watch("sqlite", path=str(public))
    with as_somebody_else():
        reading = probe.look()
    assert (told(reading), dict(reading.figures)["journal"]) == ("ok: online", "wal")


def test_a_file_that_was_written_in_the_future_is_not_fresh(path: Path, watch: Watch, clock: StandingClock) -> None:
    ahead = clock.now.timestamp() + 60 + 7200
    os.utime(path, (ahead, ahead))
    limited, free = watch("sqlite", path=str(path), written={"critical": "1h"}), watch("sqlite", path=str(path))
    assert told(limited.look(after=60)) == "unknown: online, but last written 2h ahead of this machine's clock"
    assert told(free.look(after=0)) == "ok: online"
