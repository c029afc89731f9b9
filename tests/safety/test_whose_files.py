"""A home that somebody else could have written to is refused at every door, with the sentence that mends it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reporter.app.home import FolderHome
from reporter.errors import ConfigError
from reporter.jobs.loader import stock_home
from reporter.trusted_files import distrust
from tests.support.clocks import HandClock
from tests.support.processes import daemon, reporter
from tests.support.stage import DAILY, Stage

DOORS = ("check", "run", "run-job daily", "preview daily", "jobs")
MARK = "import pathlib; pathlib.Path(__file__).with_name('was_run').touch()\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def home(stage: Stage) -> Stage:
    docstring, _, rest = DAILY.partition("\n")
    stage.report("daily", f"{docstring}\n{MARK}{rest}").on_screen("  daily:")
    return stage


def was_run(home: Stage) -> bool:
    return (home.folder / "jobs/was_run").exists()


@pytest.mark.parametrize(
    ("place", "door"), [("config", "check"), ("config/reporter.yaml", "check"), *(("", door) for door in DOORS)]
)
def test_a_home_that_others_can_write_to_is_refused(home: Stage, place: str, door: str) -> None:
    (home.folder / place).chmod(0o777)
    done = reporter(home, *door.split())
    assert done.returncode == 78
    assert f"chmod o-w {home.folder / place}" in done.stdout + done.stderr
    assert not was_run(home) or place  # the jobs stand in a folder of their own
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("place", "door"), [("jobs", "check"), ("jobs", "run-job daily"), ("jobs/daily.py", "check")])
def test_a_job_that_others_can_write_to_is_not_run(home: Stage, place: str, door: str) -> None:
    (home.folder / place).chmod(0o757)
    done = reporter(home, *door.split())
    assert done.returncode != 0
    assert f"others can write to the {'file' if '.' in place else 'folder'} {home.folder / place}" in (
        done.stdout + done.stderr
    )
    assert not was_run(home)


@pytest.mark.parametrize("place", ["templates", "templates/daily.md.j2"])
def test_a_template_that_others_can_write_to_is_not_rendered(home: Stage, place: str) -> None:
    (home.folder / place).chmod(0o757)
    for door in ("check", "preview daily"):
        done = reporter(home, *door.split())
        assert done.returncode == 1
        assert f"chmod o-w {home.folder / place}" in done.stdout + done.stderr


@as_root
@pytest.mark.parametrize("place", ["", "config/reporter.yaml", "jobs/daily.py", "templates/daily.md.j2"])
def test_what_belongs_to_somebody_else_is_refused(home: Stage, place: str) -> None:
    os.chown(home.folder / place, 4711, 4711)
    done = reporter(home, "check")
    assert done.returncode != 0
    assert f"{home.folder / place} belongs to 4711 and not to root" in done.stdout
    assert f"chown root {home.folder / place}, or run this as the user 4711" in done.stdout


def test_a_mapping_is_part_of_the_home(home: Stage) -> None:
    ledger = "ledgers: {bot: {kind: mapping, url: bot.sqlite, mapping: config/map.yaml}}\n"
    config = home.folder / "config/reporter.yaml"
    config.write_text(config.read_text() + ledger)
    home.write("config/map.yaml", "table: t\ncolumns: {}\n").chmod(0o666)
    assert "others can write to the file" in reporter(home, "check").stdout


def test_a_running_daemon_keeps_what_it_has_when_its_files_become_open_to_others(home: Stage) -> None:
    with daemon(home.folder, home.clock.wall(), home.environ) as running:
        running.says("daily: every day at 00:00")
        (home.folder / "config").chmod(0o777)
        running.says("the edited config cannot be used; still running version")
        assert f"chmod o-w {home.folder / 'config'}" in running.log
        (home.folder / "config").chmod(0o755)
        running.says("applied: no job changed")


def test_a_secret_in_a_file_is_watched_as_the_config_is(stage: Stage) -> None:
    url = stage.write("hook", "https://discord.com/api/webhooks/1/first\n")
    url.chmod(0o600)
    stage.write("config/reporter.yaml", "version: 1\nchannels: {daily: {webhook: file:hook}}\njobs: {}\n")
    home = FolderHome(stage.folder, clock=HandClock(), environ={})
    home.build().close()
    assert [home.edited(), home.edited()] == [False, False]
    url.write_text("https://discord.com/api/webhooks/1/second\n")
    assert [home.edited(), home.edited()] == [False, True]
    home.build().close()
    assert [home.edited(), home.edited()] == [False, False]
    url.unlink()
    assert [home.edited(), home.edited()] == [False, True]
    with pytest.raises(ConfigError):
        home.build()
    url.write_text("https://discord.com/api/webhooks/1/third\n")
    url.chmod(0o600)
    assert [home.edited(), home.edited()] == [False, True]


@pytest.mark.parametrize("place", ["config/reporter.yaml", "hook", "map.yaml"])
def test_a_pipe_is_no_file_of_a_home(stage: Stage, place: str) -> None:
    mapped = "ledgers: {bot: {kind: mapping, url: bot.sqlite, mapping: map.yaml}}"
    stage.write(
        "config/reporter.yaml", f"version: 1\nchannels: {{daily: {{webhook: file:hook}}}}\njobs: {{}}\n{mapped}"
    )
    stage.write("map.yaml", "table: t\n")
    stage.write("hook", "https://discord.com/api/webhooks/1/x").chmod(0o600)
    (stage.folder / place).unlink()
    os.mkfifo(stage.folder / place, 0o600)
    with pytest.raises(ConfigError, match="a pipe or a device, and no file"):
        FolderHome(stage.folder, clock=HandClock(), environ={}).build()


def test_a_secret_has_an_end(stage: Stage) -> None:
    stage.write("hook", "x" * 70_000).chmod(0o600)
    stage.write("config/reporter.yaml", "version: 1\nchannels: {daily: {webhook: file:hook}}\njobs: {}\n")
    with pytest.raises(ConfigError, match="is larger than a secret"):
        FolderHome(stage.folder, clock=HandClock(), environ={}).build()


def test_the_program_itself_is_trusted_with_its_stock_files(tmp_path: Path) -> None:
    stock = stock_home() / "jobs" / "daily_summary.py"
    assert distrust(stock, stock_home()) is None
    assert distrust(tmp_path / "jobs" / "none.py", tmp_path) is None
