"""Whatever a daemon reads or writes is taken away under it: it says so in one sentence, works on, and takes it up
again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reporter.periods.clock import SystemClock
from tests.support.processes import Process, daemon
from tests.support.stage import Stage

# Root may read what is closed to all; root without these two capabilities may not.
NO_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
PULSE = '''\
"""Shows that the daemon works."""
from reporter import Context, job

@job(covers="now", schedule="every 1s")
def pulse(ctx: Context) -> list:
    return []
'''
CLOSED = "cannot be read: Permission denied"
PLACES = {
    "": f"config/reporter.yaml: {CLOSED}",
    "config": f"config/reporter.yaml: {CLOSED}",
    "config/reporter.yaml": f"config/reporter.yaml: {CLOSED}",
    "jobs": f"/jobs: {CLOSED}",
    "templates": f"/templates: {CLOSED}",
}


@pytest.fixture
def home(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage.report("pulse", PULSE)
    stage.on_screen("  pulse: {}")
    stage.environ["STORE"] = str(tmp_path_factory.mktemp("state") / "reporter.sqlite")
    return stage


def works(running: Process) -> None:
    """Wait for some more turns of the job, and so for many looks at the files."""
    running.says("nothing new", times=running.log.count("nothing new") + 2)


def test_a_folder_or_file_that_is_closed_is_one_sentence_and_taken_up_again(home: Stage) -> None:
    with daemon(home.folder, SystemClock().wall(), home.environ, started_by=NO_RIGHTS) as running:
        running.says("nothing new")
        for turn, (name, sentence) in enumerate(PLACES.items(), 1):
            place, told = home.folder / name, running.log.count(sentence)
            mode = place.stat().st_mode
            place.chmod(0)
            running.says(sentence, times=told + 1)
            works(running)
            assert running.log.count(sentence) == told + 1, running.log
            place.chmod(mode)
            running.says("applied: no job changed", times=turn)
        assert "Traceback" not in running.log
        assert running.log.count("ERROR") == len(PLACES)


def test_a_home_that_is_gone_is_one_sentence_and_taken_up_again(home: Stage, tmp_path: Path) -> None:
    with daemon(home.folder, SystemClock().wall(), home.environ) as running:
        running.says("nothing new")
        away = home.folder.rename(home.folder.with_name("away"))
        running.says("reporter.yaml: there is no config here")
        works(running)
        away.rename(home.folder)
        running.says("applied: no job changed")
        assert running.log.count("ERROR") == 1
        assert "Traceback" not in running.log


def test_a_store_whose_folder_is_closed_is_told_of_once_by_each_part(home: Stage) -> None:
    state = Path(home.environ["STORE"]).parent
    parts = ["delivery failed to read the outbox: the store", "what it held cannot be saved: Permission denied"]
    with daemon(home.folder, SystemClock().wall(), home.environ, started_by=NO_RIGHTS) as running:
        running.says("nothing new")
        state.chmod(0)
        for part in parts:
            running.says(part)
        running.says("pulse: and the failure could not be saved", times=3)  # turns go on
        assert [running.log.count(part) for part in parts] == [1, 1], running.log
        state.chmod(0o700)
        works(running)
        assert "Traceback" not in running.log
