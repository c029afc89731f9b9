"""Joining the config's entries with the jobs that there are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reporter.config.loading import load
from reporter.errors import Problem
from reporter.jobs.binding import BoundJob, bind
from reporter.jobs.loader import load_catalog, stock_home
from reporter.periods.schedules import Daily, Every
from tests.config.test_config import ENVIRON_OF_THE_STOCK, uncommented

TOP = "channels: {screen: {kind: console}}\n"
PULSE = """
from reporter import Params, job

class Mine(Params):
    top: int = 3
    names: list[str] = []

@job(covers="{covers}", schedule="{schedule}", params=Mine, settle=30, deadline=20)
def pulse(ctx):
    return []
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jobs").mkdir()


def bound(config: str, covers: str = "today", schedule: str = "every 5m") -> tuple[list[BoundJob], list[Problem]]:
    """Bind `config` (below one console channel) to the job `pulse`."""
    Path("jobs/pulse.py").write_text(PULSE.format(covers=covers, schedule=schedule))
    Path("reporter.yaml").write_text(TOP + config)
    return bind(load(Path("reporter.yaml"), {"HOME": "/root"}), load_catalog([Path()]))


def problem_of(config: str, covers: str = "today", schedule: str = "every 5m") -> str:
    _, (problem,) = bound(config, covers, schedule)
    return str(problem)


def test_an_empty_entry_is_what_the_jobs_file_says() -> None:
    (job,), problems = bound("timezone: Europe/Berlin\njobs: {pulse: }")
    assert problems == []
    assert (job.name, job.schedule, job.schedule_text, job.channels) == ("pulse", Every(300), "every 5m", ("screen",))
    assert (job.timezone, job.settle, job.deadline) == ("Europe/Berlin", timedelta(seconds=30), timedelta(seconds=20))
    assert job.params.model_dump() == {"top": 3, "names": []}


def test_the_entry_has_the_last_word() -> None:
    entry = (
        "{schedule: 'daily at 10:30', timezone: Asia/Tokyo, settle: 0s, deadline: 2m, enabled: false, params: {top: 5}}"
    )
    (job,), _ = bound(f"jobs: {{pulse: {entry}}}")
    assert (job.schedule_text, job.timezone, job.enabled) == ("daily at 10:30", "Asia/Tokyo", False)
    assert isinstance(job.schedule, Daily)
    assert (job.settle, job.deadline) == (timedelta(0), timedelta(minutes=2))
    assert job.params.model_dump() == {"top": 5, "names": []}


def test_a_job_that_the_config_does_not_name_does_not_run() -> None:
    assert bound("jobs: {}") == ([], [])


def test_an_unknown_job_is_told_with_a_suggestion() -> None:
    assert problem_of("jobs: {puls: }").splitlines() == [
        "reporter.yaml:2:8: jobs.puls: there is no such job",
        "    jobs: {puls: }",
        "           ^",
        "    did you mean `pulse`?",
    ]


def test_an_unknown_job_that_resembles_none_is_told_what_there_is() -> None:
    assert problem_of("jobs: {weather: }").endswith("make `jobs/weather.py`, or use one of: pulse")


def test_a_job_whose_file_is_broken_is_left_to_the_catalog() -> None:
    Path("jobs/other.py").write_text("1/0")
    jobs, problems = bound("jobs: {other: , pulse: }")
    assert ([job.name for job in jobs], problems) == (["pulse"], [])


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("{topp: 3}", "reporter.yaml:2:25: jobs.pulse.params: unknown key `topp`"),
        ("{top: many}", "reporter.yaml:2:30: jobs.pulse.params.top: must be a whole number"),
        ("{names: [a, 5]}", "reporter.yaml:2:36: jobs.pulse.params.names[1]: must be text"),
    ],
)
def test_a_mistake_in_a_jobs_own_parameters_has_its_line(params: str, said: str) -> None:
    assert problem_of(f"jobs: {{pulse: {{params: {params}}}}}").startswith(said)


def test_a_schedule_that_the_job_itself_declares_wrongly_is_told_at_its_file() -> None:
    said = problem_of("jobs: {pulse: }", schedule="daily 00:00")
    assert said == "jobs/pulse.py: schedule: `daily 00:00` is no schedule; write `daily at 00:00`"


@pytest.mark.parametrize(
    ("covers", "schedule", "write"),
    [
        ("last hour", "every 5m", "every hour"),
        ("last hour", "every 2h", "every hour"),
        ("yesterday", "every hour", "daily at 00:00"),
        ("last week", "every 24h", "weekly on mon at 00:05"),
        ("last month", "every 24h", "monthly on 1 at 00:10"),
    ],
)
def test_an_interval_that_does_not_keep_step_with_its_period_is_refused(covers: str, schedule: str, write: str) -> None:
    said = problem_of(f"jobs:\n  pulse: {{schedule: {schedule}}}", covers=covers)
    named = covers if covers == "yesterday" else f"the {covers}"
    assert said.startswith(f"reporter.yaml:3:21: jobs.pulse.schedule: `{schedule}` does not fit a report about {named}")
    assert f"write `{write}`" in said


@pytest.mark.parametrize(
    ("covers", "schedule"),
    [
        ("last hour", "every hour"),
        ("last hour", "every 60m"),
        ("yesterday", "every 24h"),
        ("yesterday", "daily at 06:00"),
        ("last week", "daily at 00:00"),
        ("now", "every 30s"),
        ("today", "every 7m"),
    ],
)
def test_a_schedule_that_fits_is_taken(covers: str, schedule: str) -> None:
    assert bound(f"jobs: {{pulse: {{schedule: {schedule}}}}}", covers=covers)[1] == []


def test_every_mistake_is_told_at_once() -> None:
    _, problems = bound("jobs: {pulse: {schedule: every 5m, params: {topp: 1, top: x}}, puls: }", covers="yesterday")
    assert len(problems) == 4


def test_the_stock_config_and_the_stock_jobs_fit_each_other() -> None:
    loaded = load(stock_home() / "config" / "reporter.yaml", {"HOME": "/root"})
    catalog = load_catalog([stock_home()])
    jobs, problems = bind(loaded, catalog)
    assert (list(catalog.problems), problems) == ([], [])
    assert [job.name for job in jobs] == list(loaded.config.jobs)
    assert [job.schedule_text for job in jobs] == [catalog.jobs[job.name].schedule for job in jobs]


def test_the_stock_config_names_each_parameter_of_each_stock_job_with_its_default(tmp_path: Path) -> None:
    whole = tmp_path / "reporter.yaml"
    whole.write_text(uncommented((stock_home() / "config" / "reporter.yaml").read_text("utf-8")))
    loaded = load(whole, ENVIRON_OF_THE_STOCK)
    jobs, problems = bind(loaded, load_catalog([stock_home()]))
    assert problems == []
    for job in jobs:
        assert list(loaded.config.jobs[job.name].params) == list(job.job.params.model_fields)
        assert job.params == job.job.params()
        assert (job.settle, job.deadline) == (job.job.settle, job.job.deadline)
