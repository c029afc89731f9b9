"""`reporter uptime`: what a person sees of past uptime."""

from __future__ import annotations

import argparse
from datetime import timedelta

import pytest

from reporter.alerts.model import Level, Observation
from reporter.cli.uptime import run
from reporter.errors import ReporterError
from reporter.store import uptime
from tests.support.processes import reporter
from tests.support.stage import Stage

Says = pytest.CaptureFixture[str]
MORE = "alerts: {maintenance: [{subjects: probe/db, schedule: daily at 02:00, duration: 1h}]}\n"


def seen(stage: Stage, subject: str, level: Level, **span: float) -> None:
    """For that long, each quarter of an hour, the same was seen."""
    for _ in range(int(timedelta(**span) / timedelta(minutes=15))):
        found = Observation(subject, level, "", "5ms", figure=0.005, every=timedelta(minutes=15))
        with stage.app.store.begin() as connection:
            uptime.record(connection, [found], stage.app.clock.wall())
        stage.clock.forward(minutes=15)


@pytest.fixture
def floor(stage: Stage) -> Stage:
    """It is the last day of October, noon in Berlin. The database was down for three hours the day before."""
    config = stage.on_screen("  health_probe:", zone="Europe/Berlin").folder / "config/reporter.yaml"
    config.write_text(config.read_text() + MORE)
    stage.clock.now -= timedelta(days=2)
    seen(stage, "probe/db", Level.OK, hours=24)
    seen(stage, "probe/db", Level.CRITICAL, hours=3)
    seen(stage, "probe/db", Level.OK, hours=20)
    seen(stage, "probe/host-cpu", Level.CRITICAL, minutes=30)
    seen(stage, "probe/api", Level.WARNING, minutes=30)
    return stage


def asked(stage: Stage, says: Says, subject: str | None = None, month: str | None = None) -> list[str]:
    says.readouterr()
    assert run(stage.app, argparse.Namespace(subject=subject, month=month)) == 0
    return says.readouterr().out.splitlines()


def test_every_thing_has_a_line_the_worst_first_and_a_block_a_day(floor: Stage, capsys: Says) -> None:
    told, legend, _, header, database, api = asked(floor, capsys)
    assert legend.startswith("One block is a day: █ up all day")
    assert told.startswith("The last 30 days, seen 2026-10-31 13:00 CET.")
    assert " ".join(header.split()) == "SUBJECT DAYS 24 H 7 D 30 D 2026-09 2026-10 INCIDENTS LONGEST"
    assert database.split() == [
        "probe/db",
        "·" * 27 + "█░█",
        "86.20%",
        "93.29%",
        "93.29%",
        "-",
        "93.29%",
        "1",
        "3h",
    ]
    assert api.split()[-6:] == ["100%", "100%", "-", "100%", "0", "-"]


def test_one_thing_shows_its_parts_and_its_incidents(floor: Stage, capsys: Says) -> None:
    lines = asked(floor, capsys, "db")
    week = next(line for line in lines if line.startswith("7 d"))
    assert " ".join(week.split()) == "7 d 93.29% - 3h - 4 days, 20 hours 7h 1 3h 5ms"
    assert lines[-2:] == ["Incidents:", "  2026-10-30 13:00:00 to 16:00:00  lasted 3h"]


def test_a_month_is_one_of_the_configs_zone_and_leaves_maintenance_out(floor: Stage, capsys: Says) -> None:
    lines = asked(floor, capsys, "db", "2026-10")
    parts = next(line for line in lines if line.startswith("2026-10"))
    assert "93.29%" in parts
    assert "1 day, 7 hours" in parts  # an hour a day, and of October there are 31
    assert lines[0].startswith("The month 2026-10")


def test_a_job_is_told_of_uptime_as_the_command_tells_it(floor: Stage) -> None:
    job = """\
from reporter import Context, Report, job

@job(covers="this month", schedule="daily at 09:00")
def month(ctx: Context):
    found = ctx.history.uptime(ctx.period)
    yield Report(facts={"up": {name: f"{one.share:.4f}" for name, one in found.items()}})
"""
    config = floor.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("  health_probe:", "  month:"))
    floor.report("month", job, "# {{ up['probe/db'] }} {{ up | length }}\n").restart().run("month")
    assert "0.9330 2" in floor.screen.getvalue()


def test_the_figures_of_machines_are_shown_to_who_asks_for_them(floor: Stage, capsys: Says) -> None:
    assert any(line.startswith("probe/host-cpu") for line in asked(floor, capsys, "host-*"))


def test_a_thing_that_was_never_down_says_so(floor: Stage, capsys: Says) -> None:
    assert asked(floor, capsys, "probe/api")[-1] == "No incident: it was never down for three readings or more."


@pytest.mark.parametrize(
    ("subject", "month", "why"),
    [
        ("dbb", None, "nothing that is watched has the name dbb: did you mean db?"),
        (None, "october", "october is no month: write such as 2026-10"),
        (None, "2026-11", "2026-11 has not begun"),
    ],
)
def test_what_cannot_be_shown_is_said(floor: Stage, subject: str | None, month: str | None, why: str) -> None:
    with pytest.raises(ReporterError) as caught:
        run(floor.app, argparse.Namespace(subject=subject, month=month))
    assert str(caught.value) == why


def test_before_anything_was_watched_it_says_from_when_on_there_are_figures(stage: Stage, capsys: Says) -> None:
    begin = "figures begin with the second round of health_probe, which runs every 30 seconds"
    assert stage.on_screen("  health_probe:").app.store
    shown = reporter(stage, "uptime")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == f"Nothing was watched yet: {begin} while the daemon does.\n"
    of_the_machine = [Observation("self/late", Level.OK, ""), Observation("probe/host-cpu", Level.OK, "")]
    for found in (of_the_machine, of_the_machine, [Observation("probe/db", Level.OK, "")]):
        with stage.app.store.begin() as connection:
            uptime.record(connection, found, stage.app.clock.wall())
        stage.clock.forward(seconds=1)
        if len(found) == 2:
            [line] = asked(stage, capsys)
            named = "name it in `probes`, `ledgers` or `pings`"
            assert line == f"Nothing that is up or down is watched: {named}, and {begin}."
            stage.clock.forward(seconds=29)
    [line] = asked(stage, capsys)
    assert line == f"Each thing was seen once, at 2026-10-31 12:01:00 UTC: {begin} while the daemon does."
    stage.clock.forward(seconds=29)
    with stage.app.store.begin() as connection:
        uptime.record(connection, [Observation("probe/db", Level.OK, "")], stage.app.clock.wall())
    stage.clock.forward(seconds=1)
    assert "100%" in asked(stage, capsys)[-1]


def test_a_time_in_which_nothing_was_watched_is_told_as_that(floor: Stage, capsys: Says) -> None:
    floor.clock.forward(days=100)
    assert asked(floor, capsys) == ["The last 30 days: nothing was watched."]


def test_without_the_job_that_watches_it_is_named(stage: Stage, capsys: Says) -> None:
    stage.on_screen("  daily_summary:")
    assert asked(stage, capsys) == [
        "Nothing was watched yet: the job health_probe, which watches, is not among the `jobs` of the config."
    ]
