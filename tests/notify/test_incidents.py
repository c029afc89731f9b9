"""An incident's messages when something interferes: quiet hours, a deletion, an edit of the config."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from reporter.alerts.model import AlertState, Level, Observation, Phase
from reporter.errors import ReporterError
from reporter.notify.routing import Observer
from reporter.notify.timeline import Timeline
from reporter.operations.incidents import acknowledge, unacknowledge
from reporter.store import alerts, incidents
from reporter.store.alerts import StoredAlert
from tests.notify.alert_home import Floor, floor
from tests.support.servers import PostgreSQL
from tests.support.stage import Stage


def titles(stage: Floor, channel: str) -> list[str]:
    return [message.title for message in stage.discord.messages(channel)]


def begin(stage: Stage) -> None:
    """What a daemon does first."""
    stage.app.upkeep.adopt(stage.app.runtime)


def edit_config(stage: Floor, old: str, new: str) -> None:
    """Edit the config as a person would, and start the daemon again."""
    path = stage.stage.folder / "config/reporter.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    begin(stage.stage.restart())


def test_a_warning_of_the_night_that_is_over_by_morning_is_one_message(tmp_path: Path) -> None:
    with floor(tmp_path, {}) as stage:
        edit_config(stage, "env:WARNINGS}", "env:WARNINGS, quiet_hours: '11:00-12:20'}")
        stage.reads("limit/loss", "warning", "nearly used up")
        stage.passes(minutes=2)
        stage.reads("limit/loss", "ok", "fine")
        stage.passes(minutes=6)
        assert titles(stage, "alerts-warnings") == []
        stage.clock.forward(minutes=13)
        stage.stage.app.upkeep.release_digests(stage.stage.app.runtime)
        stage.stage.deliver()
        assert titles(stage, "alerts-warnings") == ["✅ Over: loss, warning for 2m"]


def test_a_card_that_somebody_deleted_is_not_posted_again(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": "alert: {clean: 1m}"}) as stage:
        stage.down("db")
        stage.passes(minutes=1)
        stage.discord.messages("alerts-critical")[0].deleted = True
        stage.up("db")
        stage.passes(minutes=2)
        assert titles(stage, "alerts-critical") == ["✅ Resolved: db after 1m"]
        assert "dead" not in stage.stage.counts()


@pytest.mark.parametrize("names", [["db"], ["api", "bot", "db"]], ids=["one", "several"])
def test_what_follows_a_card_that_somebody_deleted_arrives_by_itself(tmp_path: Path, names: list[str]) -> None:
    with floor(tmp_path, dict.fromkeys(names, "alert: {clean: 1m, reminders: [4m]}")) as stage:
        stage.down(*names)
        stage.passes(minutes=1)
        stage.discord.messages("alerts-critical")[0].deleted = True
        stage.passes(minutes=4)
        stage.up(*names)
        stage.passes(minutes=2)
        reminder, end = titles(stage, "alerts-critical")
        assert (reminder.split()[1], end.split()[1]) == ("Still", "Resolved:")
        with stage.stage.app.store.read() as connection:
            assert (incidents.open_incidents(connection), alerts.troubled(connection)) == ([], [])
        assert set(stage.stage.counts()) <= {"sent", "superseded"}


def test_a_card_that_somebody_deleted_before_it_came_back_is_no_hindrance(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": "alert: {clean: 30s, flapping_clean: 30s}"}) as stage:
        for _ in range(2):
            stage.down("db")
            stage.passes(minutes=2)
            for message in stage.discord.messages("alerts-critical"):
                message.deleted = True
            stage.up("db")
            stage.passes(minutes=2)
        assert titles(stage, "alerts-critical") == ["✅ Resolved: db after 2m"]
        assert [title for title in stage.told() if "Flapping" in title]


@pytest.mark.parametrize(("name", "told"), [("db", 1), ("api", 0)])
def test_what_the_config_no_longer_has_is_over_for_those_who_heard_of_it(tmp_path: Path, name: str, told: int) -> None:
    kept_back = '  maintenance: [{subjects: api, schedule: "daily at 11:00", duration: 3h}]'
    with floor(tmp_path, {"db": "", "api": ""}, kept_back) as stage:
        begin(stage.stage)
        stage.down("db", "api")
        stage.passes(minutes=1)
        edit_config(stage, f"  {name}: {{address", "  other: {address")
        stage.stage.deliver()
        assert titles(stage, "alerts-critical").count(f"⚪ No longer watched: {name}") == told
        with stage.stage.app.store.read() as connection:
            assert f"probe/{name}" not in alerts.subjects(connection)
            assert incidents.newest(connection, 1, f"probe/{name}")[0].is_over


def test_an_alert_that_an_earlier_version_opened_ends_with_one_message(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": "alert: {clean: 1m}"}) as stage:
        now = stage.clock.wall()
        seen = Observation("probe/db", Level.CRITICAL, "refused")
        old = AlertState(
            "probe/db", Phase.OPEN, Level.CRITICAL, now, observation=seen, opened_at=now, last_reading_at=now
        )
        with stage.stage.app.store.begin() as connection:
            alerts.save(connection, [StoredAlert(old, ("alerts-warnings",), "watch")], {}, now)
        stage.passes(minutes=2)
        assert [title.split(",")[0] for title in titles(stage, "alerts-critical")] == ["✅ Over: db"]


def test_a_figure_that_has_not_left_its_level_is_in_trouble_after_a_restart_too(tmp_path: Path) -> None:
    with floor(tmp_path, {}) as stage:
        edit_config(stage, "probes:\n", "probes:\n  disk: {kind: file, path: it, size: {warning: 100 B}}\n")
        stage.stage.write("it", "x" * 100)
        stage.passes(minutes=2)
        stage.stage.write("it", "x" * 97)
        stage.sleeps(minutes=1)
        stage.passes(minutes=8)
        assert titles(stage, "alerts-warnings") == ["⚠️ Warning: disk"]
        stage.stage.write("it", "x" * 94)
        stage.passes(minutes=6)
        assert titles(stage, "alerts-warnings")[1:] == ["✅ Resolved: disk after 11m"]


def test_several_that_last_are_recalled_in_one_message(tmp_path: Path) -> None:
    probes = dict.fromkeys(("api", "bot", "db"), "alert: {reminders: [5m]}")
    with floor(tmp_path, probes) as stage:
        stage.down(*probes)
        stage.passes(minutes=6)
        assert titles(stage, "alerts-critical") == ["🚨 CRITICAL: 3 alerts", "⏰ Still critical: 3 alerts for 5m 20s"]
        with stage.stage.app.store.read() as connection:
            runtime = stage.stage.app.runtime
            timeline = Timeline(connection, runtime.notify, stage.clock.wall(), runtime.describe)
            story = "\n".join(timeline.of("probe/db"))
        assert story.count("sent to alerts-critical: delivered https://") == 2


def test_alerts_go_where_their_policy_says(tmp_path: Path) -> None:
    with floor(tmp_path, {}, "  policies: [{subjects: 'limit/*', channel: on-call}]") as stage:
        stage.reads("limit/loss", "critical", "used up")
        stage.passes(minutes=1)
        assert titles(stage, "on-call") == ["🚨 CRITICAL: loss"]
        assert titles(stage, "alerts-critical") == []


def test_a_trouble_names_what_it_takes_along(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": "", "bot": "depends_on: db"}) as stage:
        stage.down("db")
        stage.passes(minutes=2)
        stage.down("bot")
        stage.passes(minutes=2)
        [message] = stage.discord.messages("alerts-critical")
        assert message.fields["Affected"] == "bot"


def test_what_flaps_is_one_incident_that_is_escalated_once(tmp_path: Path) -> None:
    with floor(
        tmp_path, {"db": "alert: {clean: 30s, flapping_clean: 1m}"}, "  escalation: [{after: 1m, channel: on-call}]"
    ) as stage:
        for _ in range(2):
            stage.down("db")
            stage.passes(minutes=2)
            stage.up("db")
            stage.passes(minutes=2)
        with stage.stage.app.store.read() as connection:
            [incident] = incidents.newest(connection, 10)
        assert incident.escalated == ("60s on-call",)
        assert len([title for title in titles(stage, "on-call") if "Nobody" in title]) == 1


def test_trouble_that_came_back_is_escalated_by_its_own_age(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": ""}, "  escalation: [{after: 15m, channel: on-call}]") as stage:
        stage.down("db")
        stage.passes(minutes=2)
        stage.up("db")
        stage.passes(minutes=30)
        stage.down("db")
        stage.passes(minutes=3)
        assert titles(stage, "on-call") == []
        stage.passes(minutes=13)
        assert titles(stage, "on-call") == ["📣 Nobody has acknowledged it: db, critical for 15m 20s"]


def test_a_clock_that_is_set_forward_escalates_nothing(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": ""}, "  escalation: [{after: 15m, channel: on-call}]") as stage:
        stage.down("db")
        stage.passes(minutes=2)
        stage.clock.now += timedelta(hours=6)
        stage.passes(minutes=2)
        assert titles(stage, "on-call") == []
        stage.up("db")
        stage.passes(minutes=6)
        assert titles(stage, "alerts-critical")[-1] == "✅ Resolved: db after 4m"


def test_trouble_that_lasts_while_nothing_runs_says_how_long_it_was_observed(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": ""}) as stage:
        stage.down("db")
        stage.passes(minutes=3)
        stage.sleeps(minutes=600)
        stage.up("db")
        stage.passes(minutes=6)
        assert titles(stage, "alerts-critical") == [
            "✅ Over: db, critical for 2m 30s",
            "✅ Resolved: db after 2m 30s",
        ]


def test_two_daemons_tell_at_once_what_was_kept_back_and_it_is_one_message(tmp_path: Path, server: PostgreSQL) -> None:
    with floor(tmp_path, {"db": ""}) as stage:
        stage.stage.environ["STORE"] = server.url(schema=server.new_schema())
        stage.silences("db", minutes=5)
        stage.down("db")
        stage.passes(minutes=3)
        stage.clock.forward(minutes=2)
        other = Stage(tmp_path, stage.clock)
        other.environ = stage.stage.environ
        apps = [stage.stage.app, other.app]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda app: app.runner.tick(app.runtime), apps))
        stage.stage.deliver()
        other.close()
        assert titles(stage, "alerts-critical") == ["🚨 CRITICAL: db"]


def test_what_got_worse_or_came_back_in_a_silence_is_told_at_its_end(tmp_path: Path) -> None:
    with floor(tmp_path, {}, "  policies: [{subjects: '*', clean: 1m, flapping_clean: 1m}]") as stage:
        stage.reads("limit/loss", "warning", "nearly used up")
        stage.reads("limit/size", "critical", "too large")
        stage.passes(minutes=1)
        stage.reads("limit/size", "ok", "fine")
        stage.passes(minutes=2)
        stage.silences("*", minutes=4)
        stage.reads("limit/loss", "critical", "used up")
        stage.reads("limit/size", "critical", "too large")
        stage.passes(minutes=3)
        told = len(titles(stage, "alerts-critical"))
        stage.passes(minutes=2)
        assert set(titles(stage, "alerts-critical")[told:]) == {"🚨 CRITICAL: loss", "🔁 Flapping: size"}


def test_what_came_back_and_went_in_a_silence_is_not_told_at_all(tmp_path: Path) -> None:
    with floor(tmp_path, {}, "  policies: [{subjects: '*', clean: 1m, flapping_clean: 1m}]") as stage:
        for level in ("critical", "ok"):
            stage.reads("limit/size", level)
            stage.passes(minutes=2)
        told = titles(stage, "alerts-critical")
        stage.silences("*", minutes=60)
        for level in ("critical", "ok"):
            stage.reads("limit/size", level)
            stage.passes(minutes=2)
        assert titles(stage, "alerts-critical") == told


def test_what_opened_together_while_discord_was_down_is_told_as_it_stands_by_then(tmp_path: Path) -> None:
    probes = dict.fromkeys(("api", "bot", "db"), "alert: {clean: 1m}")
    with floor(tmp_path, probes) as stage:
        with stage.discord.down():
            stage.down(*probes)
            stage.passes(minutes=1)
            stage.up("db")
            stage.passes(minutes=2)
        stage.passes(minutes=1)
        assert titles(stage, "alerts-critical")[0] == "🚨 CRITICAL: 3 alerts, 1 over"
        stage.up("api", "bot")
        stage.passes(minutes=2)
        first, *_, last = stage.discord.messages("alerts-critical")
        assert (first.title, last.title) == (
            "✅ Over: 3 alerts, critical for 4m",
            "✅ Resolved: 3 alerts after 4m",
        )


def test_two_groups_that_end_at_once_have_a_message_each(tmp_path: Path) -> None:
    with floor(tmp_path, {}, "  policies: [{subjects: '*', channel: on-call, clean: 30s}]") as stage:
        subjects = {f"limit/{level}-{number}": level for level in ("warning", "critical") for number in range(3)}
        for subject, level in subjects.items():
            stage.reads(subject, level)
        stage.passes(minutes=1)
        for subject in subjects:
            stage.reads(subject, "ok")
        stage.passes(minutes=1.5)
        assert titles(stage, "on-call")[2:] == ["✅ Resolved: 3 alerts after 1m"] * 2


def test_a_change_that_cannot_be_saved_is_not_logged_as_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def hears(stage: Floor, *, fails: bool) -> None:
        def save(_connection: Connection, _messages: int) -> None:
            assert not fails, "the disk is full"

        seen = Observation("limit/loss", Level.CRITICAL, "used up")
        stage.stage.app.alerts.process(stage.stage.app.runtime.notify, [seen], Observer(), save=save)

    with floor(tmp_path, {}) as stage, caplog.at_level("INFO", "reporter"):
        with pytest.raises(AssertionError, match="the disk is full"):
            hears(stage, fails=True)
        assert "limit/loss" not in caplog.text
        hears(stage, fails=False)
        assert caplog.text.count("limit/loss opened") == 1


def test_an_acknowledgement_for_a_while_reopens_the_reminders(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": ""}, "  escalation: [{after: 15m, channel: on-call}]") as stage:
        stage.down("db")
        stage.passes(minutes=2)
        acknowledge(stage.stage.app, "db", "anna", "new disk", "r1", stage.clock.wall() + timedelta(minutes=30))
        stage.passes(minutes=29)
        assert titles(stage, "on-call") == []
        card = stage.discord.messages("alerts-critical")[0]
        assert re.search(r"by anna at [^\n]* until [^\n]*: new disk", card.embeds[0]["description"])
        stage.passes(minutes=2)
        [_, reminder] = stage.discord.messages("alerts-critical")
        assert "the acknowledgement of anna has ended" in str(reminder.embeds)
        assert "Acknowledged" not in str(stage.discord.messages("alerts-critical")[0].embeds)
        assert len(titles(stage, "on-call")) == 1


def test_an_acknowledgement_that_is_taken_back_leaves_every_card(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": ""}, "  escalation: [{after: 15m, channel: on-call}]") as stage:
        stage.down("db")
        stage.passes(minutes=2)
        acknowledge(stage.stage.app, "db", "anna", "", "r1")
        stage.passes(minutes=20)
        [was] = unacknowledge(stage.stage.app, "db", "r2")
        assert was.acked_by == "anna"
        stage.passes(minutes=1)
        assert "Acknowledged" not in str(stage.discord.messages("alerts-critical")[0].embeds)
        assert len(titles(stage, "on-call")) == 1
        with pytest.raises(ReporterError, match="nobody has acknowledged db"):
            unacknowledge(stage.stage.app, "db", "r3")


def test_a_card_that_changes_twice_within_one_instant_shows_the_last(tmp_path: Path) -> None:
    with floor(tmp_path, {"db": ""}) as stage:
        stage.down("db")
        stage.passes(minutes=2)
        acknowledge(stage.stage.app, "db", "anna", "", "r1")
        unacknowledge(stage.stage.app, "db", "r2")
        stage.stage.deliver()
        assert "Acknowledged" not in str(stage.discord.messages("alerts-critical")[0].embeds)
