"""`reporter doctor`: each thing that can be wrong is named with its remedy, and the bundle holds no secret."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reporter.app.doctor.bundle import bundle
from reporter.app.doctor.diagnosis import Diagnosis
from reporter.app.doctor.examination import examine
from reporter.app.doctor.machine import clock, room
from reporter.app.doctor.own_store import own_store
from reporter.app.doctor.program import follows
from reporter.app.doctor.service import daemons, is_daemon, service
from reporter.app.extras import MODULES, needed
from reporter.app.home import FolderHome
from reporter.cli import main
from reporter.config.models import Config
from reporter.control.client import is_reached
from reporter.store.database import open_store
from tests.support.discord.local import LocalDiscord
from tests.support.paths import ROOT
from tests.support.stage import DAILY, Stage

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)


def home_of(stage: Stage) -> FolderHome:
    return FolderHome(stage.folder, clock=stage.clock, environ=stage.environ)


def troubles(stage: Stage) -> list[Diagnosis]:
    stage.close()
    usual = {"daemon", "libraries", "zone", "disk"}  # which depend on the machine of the test
    return [one for one in examine(home_of(stage), is_reached) if one.verdict != "ok" and one.about not in usual]


@pytest.fixture
def well(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.report("daily", DAILY).on_discord(discord, "  daily:").run("daily")
    assert troubles(stage) == []
    return stage


def change(stage: Stage, statement: str) -> None:
    with closing(sqlite3.connect(stage.environ["STORE"])) as connection, connection:
        connection.execute(statement)


def open_to_all(stage: Stage) -> None:
    Path(stage.environ["STORE"]).chmod(0o644)


def damaged(stage: Stage) -> None:
    Path(stage.environ["STORE"]).write_bytes(b"no database" * 1000)


@pytest.mark.parametrize(
    ("break_it", "about", "words", "remedy"),
    [
        (open_to_all, "store", "every user can read", "chmod o-rwx"),
        (damaged, "store", "not a database", "reporter store restore FILE"),
        (
            lambda stage: change(stage, "UPDATE alembic_version SET version_num = '9999'"),
            "store",
            "a newer reporter made the store",
            "upgrade reporter",
        ),
        (
            lambda stage: change(stage, "UPDATE channel_states SET dead_since = '2026-10-30', error = 'gone'"),
            "channel",
            "daily takes nothing since 2026-10-30 00:00 UTC: gone",
            "reporter channels test daily",
        ),
        (lambda stage: stage.write("config/reporter.yaml", "jobs: {dayly: }\n"), "config", "dayly", ""),
        (lambda stage: stage.write("templates/daily.md.j2", "{{ broken"), "template", "daily.md.j2", ""),
    ],
    ids=["open", "damaged", "newer", "dead channel", "config", "template"],
)
def test_what_is_wrong_is_named_with_its_remedy(
    well: Stage, break_it: Callable[[Stage], None], about: str, words: str, remedy: str
) -> None:
    break_it(well)
    found = [one for one in troubles(well) if one.about == about]
    assert [one.text for one in found if words in one.text and remedy in one.remedy] != [], found


def test_extras_that_the_config_needs() -> None:
    config = Config.model_validate(
        {
            "ledgers": {
                "a": {"kind": "freqtrade", "url": "mysql://db/x"},
                "b": {"kind": "mapping", "url": "t.parquet", "mapping": "m.yaml"},
                "c": {"kind": "mapping", "url": "clickhouse://db/z", "mapping": "m.yaml"},
            },
            "markets": {"btc": {"exchange": "kraken", "symbol": "BTC/USDT"}},
            "store": "postgresql://db/y",
            "web": {},
        }
    )
    assert needed(config) == {"ccxt", "clickhouse", "duckdb", "mysql", "postgres", "web"}


@pytest.mark.parametrize(
    ("here", "tested", "whether"),
    [
        ("3.20", "3.18", True),
        ("3.18.1", "3.18", True),
        ("3.17", "3.18", False),
        ("4.0", "3.18", False),
        ("3.9", "3.18", False),
    ],
)
def test_a_newer_release_of_a_library_is_no_trouble(here: str, tested: str, whether: bool) -> None:
    assert follows(here, tested) is whether


def test_each_extra_is_known() -> None:
    assert {*MODULES, "dev"} == set(distribution("reporter").metadata.get_all("Provides-Extra") or ())


def test_a_clock_that_another_contradicts(well: Stage) -> None:
    elsewhere = {"the exchange": lambda: well.clock.wall() + timedelta(hours=1)}
    first, *_ = clock(replace(well.app.runtime, clocks=elsewhere), well.clock)
    assert first.verdict == "wrong"
    assert "by the exchange it is 2026-10-31 13:00" in first.text
    assert "timedatectl" in first.remedy


def test_a_zone_that_is_not_the_machines_is_trouble_only_where_nobody_chose_it(well: Stage) -> None:
    here = well.clock.wall().astimezone().utcoffset()
    zone = ZoneInfo("Asia/Tokyo" if here != timedelta(hours=9) else "UTC")
    runtime = replace(well.app.runtime, notify=replace(well.app.runtime.notify, zone=zone))
    assert [one.verdict for one in clock(runtime, well.clock) if one.about == "zone"] == ["warning"]
    assert [one.verdict for one in clock(runtime, well.clock, chosen=True) if one.about == "zone"] == ["ok"]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    [found, *_] = room({"the store": tmp_path})
    assert (found.verdict, found.text) == ("wrong", f"1000 B free for the store in {tmp_path}")


@pytest.mark.parametrize(
    ("words", "whether"),
    [
        (["/opt/reporter/bin/python", "/opt/reporter/bin/reporter", "--home", "/etc/reporter", "run"], True),
        (["python3", "-m", "reporter", "run"], True),
        (["python3", "-m", "reporter", "runs"], False),
        (["vi", "run", "x"], False),
    ],
)
def test_a_daemon_is_known_by_its_command_line(words: list[str], whether: bool) -> None:
    assert is_daemon(words) is whether


def test_two_daemons_on_one_home(tmp_path: Path) -> None:
    idle, pipe = [sys.executable, "-c", "print(flush=True); input()", "reporter"], subprocess.PIPE
    by_variable = os.environ | {"REPORTER_HOME": str(tmp_path)}
    running = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environ)
        for command, environ in (([*idle, "--home", str(tmp_path), "run"], None), ([*idle, "run"], by_variable))
    ]
    for process in running:
        assert process.stdout
        process.stdout.readline()
    [found] = daemons(tmp_path)
    for process in running:
        process.communicate()
    assert (found.verdict, found.text[:27]) == ("wrong", "2 daemons run on this home:")


def test_daemons_that_share_a_store_are_no_trouble(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print(flush=True); input()", "reporter", "--home", str(tmp_path), "run"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for process in running:
        assert process.stdout
        process.stdout.readline()
    [found] = daemons(tmp_path, shared=True)
    for process in running:
        process.communicate(b"\n")
    assert (found.verdict, found.text[:41]) == ("ok", "2 run on this home and share its store: p")


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    [found] = own_store(str(tmp_path / "file" / "reporter.sqlite"), NOW)
    assert found.verdict == "wrong"
    assert f"cannot create {tmp_path}/file/reporter.sqlite: {tmp_path}/file is no folder" in found.text
    [fresh] = own_store(str(tmp_path / "state" / "reporter.sqlite"), NOW)
    assert (fresh.verdict, fresh.text) == (
        "ok",
        f"there is none yet: the first start creates {tmp_path}/state/reporter.sqlite",
    )


LOOKS = """
import os, sys
from datetime import UTC, datetime
from reporter.app.doctor.own_store import own_store
os.setgroups([]); os.setuid(65534)
for one in own_store(sys.argv[1], datetime.now(UTC)):
    print(one.verdict, one.text, "->", one.remedy)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("owner", "mode", "folder_mode", "said"),
    [
        (0, 0o644, 0o755, "{file} belongs to root, and nobody runs this -> run commands as root"),
        (65534, 0o400, 0o755, "nobody cannot write to {file} -> chmod u+rwX {file}"),
        (65534, 0o600, 0o755, "nobody cannot write to {file.parent} -> chmod u+rwX {file.parent}"),
        (65534, 0o602, 0o777, "every user can write to {file} -> chmod o-rwx {file}"),
    ],
)
def test_a_store_that_its_user_cannot_use_is_named_with_who_may(
    owner: int, mode: int, folder_mode: int, said: str
) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        file = Path(place, "state", "reporter.sqlite")
        file.parent.mkdir()
        with closing(open_store(str(file))):
            pass
        os.chown(file, owner, -1)
        file.chmod(mode)
        file.parent.chmod(folder_mode)
        looked = subprocess.run(
            [sys.executable, "-c", LOOKS, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert said.format(file=file) in looked.stdout, looked


def test_a_home_that_is_no_service(tmp_path: Path) -> None:
    [found] = service(tmp_path, is_reached)
    assert found.verdict == "ok"


def test_the_bundle_tells_what_happened_and_no_secret(well: Stage) -> None:
    well.environ["DAILY_TOKEN"] = "swordfish-swordfish"
    well.write("state/log", "posted to https://u:swordfish@example.org\n")
    config = (well.folder / "config/reporter.yaml").read_text()
    well.write("config/reporter.yaml", config + "log: {file: state/log}\n")
    home = home_of(well)
    text = bundle(home, list(examine(home, is_reached)))
    assert [title for title in ("doctor", "versions", "config", "store", "log") if f"=== {title} ===" not in text] == []
    assert " daily told " in text
    assert "cannot be had" not in text
    assert "swordfish" not in text
    assert all(value not in text for name, value in well.environ.items() if value.startswith("http"))


def test_the_command_fails_where_something_is_wrong(
    well: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in well.environ.items():
        monkeypatch.setenv(name, value)
    home = ["--home", str(well.folder), "doctor"]
    damaged(well)
    assert main(home) == 1
    assert "1 thing wrong" in capsys.readouterr().out
    assert main([*home, "--json"]) == 1
    assert '"verdict": "wrong"' in capsys.readouterr().out
    assert main([*home, "--bundle", str(well.folder / "bundle.txt")]) == 0
    assert (well.folder / "bundle.txt").stat().st_mode & 0o777 == 0o600
