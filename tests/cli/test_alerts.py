"""`reporter explain`, `silence` and `ack`: their effect and their output, beside the messages in Discord."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reporter.alerts.maintenance import matching
from reporter.cli.alerts import run_ack, run_explain, run_silence
from reporter.cli.parser import main
from reporter.errors import ReporterError
from reporter.store import incidents
from tests.notify.alert_home import Floor, floor, options
from tests.support.paths import DOCS
from tests.support.stage import Stage

BOUNDS = {"db": "alert: {failures: 2, hint: Look at the disk.}", "bot": "depends_on: db", "api": ""}
STEPS = "  escalation: [{after: 30m, channel: on-call}]"


DOCUMENT = DOCS / "alerts.md"
STORY = re.compile(r"(?<=<!-- story -->\n).*?(?=<!-- end of story -->)", re.DOTALL)
STORED = re.compile(r"(?<=channels/)[\d/]+|[<\d.]+ms")  # what differs each time


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Floor]:
    """`db` is down, and with it `bot`."""
    with floor(tmp_path, BOUNDS, STEPS) as stage:
        stage.passes(minutes=1)
        stage.down("db", "bot")
        stage.passes(minutes=4)
        yield stage


def explained(
    stage: Floor, capsys: pytest.CaptureFixture[str], subject: str | None = None, at: str | None = None
) -> str:
    capsys.readouterr()
    run_explain(stage.stage.app, options(subject=subject, at=at))
    return capsys.readouterr().out


def test_the_story_tells_what_was_seen_told_and_not_told_and_what_comes(
    troubled: Floor, capsys: pytest.CaptureFixture[str]
) -> None:
    story = explained(troubled, capsys, "db")
    assert "probe/db: critical since 12:01:00 (4m): refused" in story
    assert "An alert opens after 2 failures in a row and resolves after 5m without one" in story
    assert "Set by probes.db.alert, the defaults of probe/…." in story
    assert "To do: Look at the disk." in story
    assert "12:01:00  seen critical: refused, 10 times" in story
    assert "12:01:10  OPENED critical: 2 failures in a row since 12:01:00 UTC, limit 2" in story
    assert "sent to alerts-critical: delivered https://discord.com/channels/" in story
    assert "13:01:10  a reminder" in story
    assert "12:31:10  sent to on-call too" in story


def test_the_story_counts_rounds_and_not_the_readings_that_were_kept(
    troubled: Floor, capsys: pytest.CaptureFixture[str]
) -> None:
    troubled.passes(minutes=56)
    assert "12:01:00  seen critical: refused, 122 times" in explained(troubled, capsys, "db")  # 2 of them early


def test_the_story_of_what_cannot_be_looked_at_promises_no_reminder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with floor(tmp_path, {}) as stage:
        stage.reads("probe/ping", "unknown", "this machine does not let us ping")
        stage.passes(minutes=3)
        story = explained(stage, capsys, "ping")
    assert "probe/ping: unknown since 12:00:00 (3m): this machine does not let us ping" in story
    assert "An unknown state is sent once, without reminders." in story
    assert "a reminder" not in story


def test_the_documents_story_is_told_as_it_stands_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with floor(tmp_path, BOUNDS, STEPS) as stage:
        stage.passes(minutes=1)
        stage.down("db", "bot")
        stage.passes(minutes=2)
        run_ack(stage.stage.app, options(subject="db", by="anna", note="the disk is full"))
        stage.passes(minutes=3)
        stage.up("db", "bot")
        stage.passes(minutes=2)
        story = STORED.sub("…", explained(stage, capsys, "db"))
    if os.environ.get("REPORTER_GOLDEN") == "write":
        DOCUMENT.write_text(STORY.sub(lambda _: f"```\n{story}```\n", DOCUMENT.read_text("utf-8")), "utf-8")
    assert f"```\n{story}```\n" in DOCUMENT.read_text("utf-8")


def test_the_story_of_what_was_kept_back_says_why(troubled: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    story = explained(troubled, capsys, "probe/bot")
    assert "It depends on probe/db." in story
    assert "not sent: it depends on probe/db, which is in trouble" in story
    assert "nothing new is sent: it depends on probe/db, which is in trouble" in story


def test_a_story_can_be_told_of_an_earlier_time(troubled: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    troubled.up("db", "bot")
    troubled.passes(minutes=7)
    troubled.clock.forward(hours=3)
    troubled.down("db")
    troubled.passes(minutes=2)
    assert "from 15:" in explained(troubled, capsys, "db")
    earlier = explained(troubled, capsys, "db", at="2026-10-31T12:03")
    assert "critical from 12:01:00 to 12:05:00 UTC (4m)" in earlier
    assert "What comes next" not in earlier


def test_without_a_subject_it_tells_of_all_trouble_and_of_the_last_incidents(
    troubled: Floor, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = explained(troubled, capsys)
    assert "Failing:" in everything
    assert "probe/bot                    critical since 12:01:00 (4m): refused; not sent: it depends on" in everything
    troubled.up("db", "bot")
    troubled.passes(minutes=7)
    everything = explained(troubled, capsys)
    assert "Nothing is failing." in everything
    assert "critical for 4m, sent to alerts-critical" in everything
    assert "critical for 4m, not sent: it depends on probe/db, which is in trouble" in everything


def test_a_slip_of_the_pen_is_answered_with_a_suggestion(tmp_path: Path) -> None:
    assert matching("daily_loss", ["limit/daily_loss/live/USDT", "probe/db"]) == ["limit/daily_loss/live/USDT"]
    slips = {"probe/dbb": "did you mean probe/db?", "botz": "did you mean probe/bot?", "*b*": "name one of them"}
    with floor(tmp_path, BOUNDS) as stage:
        for given, said in slips.items():
            with pytest.raises(ReporterError, match=re.escape(said)):
                run_explain(stage.stage.app, options(subject=given))


@pytest.mark.parametrize(
    ("command", "given", "said"),
    [
        (run_silence, {"pattern": " ", "span": None, "reason": None}, "which subjects?"),
        (run_silence, {"pattern": None, "span": None, "reason": None, "end": True}, "which subjects?"),
        (run_explain, {"at": "2026-10-31T12:00"}, "--at needs a subject"),
    ],
)
def test_what_is_asked_of_nobody_is_answered_with_how_to_ask(
    stage: Stage, command: Callable[..., int], given: dict[str, object], said: str
) -> None:
    with pytest.raises(ReporterError, match=re.escape(said)):
        command(stage.on_screen("  health_probe:").app, options(**given))


def test_what_was_never_in_trouble_has_a_story_too(troubled: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    story = explained(troubled, capsys, "api")
    assert "probe/api: well, last seen" in story
    assert "No incident is on record. Latest readings:" in story
    assert "12:00:00  seen ok" in story


def test_acknowledging_edits_the_message_and_clears_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    probes = {"db": "alert: {reminders: [3m], clean: 1m}"}
    with floor(tmp_path, probes, "  escalation: [{after: 4m, channel: on-call}]") as stage:
        stage.down("db")
        stage.passes(minutes=1)
        run_ack(stage.stage.app, options(subject="db", by="anna", note="on it"))
        [message] = stage.discord.messages("alerts-critical")
        assert "✋ Acknowledged by anna at <t:1793448060:f>: on it" in message.text
        stage.passes(minutes=5)
        assert (len(stage.discord.messages("alerts-critical")), stage.discord.messages("on-call")) == (1, [])
        assert "not sent: acknowledged by anna" in explained(stage, capsys, "db")
        stage.up("db")
        stage.passes(minutes=2)
        stage.down("db")
        stage.passes(minutes=1)
        with stage.stage.app.store.read() as connection:
            assert incidents.newest(connection, 1, "probe/db")[0].acked_at is None


def test_only_what_is_in_trouble_can_be_acknowledged(troubled: Floor) -> None:
    with pytest.raises(ReporterError, match=r"api has no open incident; open: probe/db, probe/bot"):
        run_ack(troubled.stage.app, options(subject="api"))


def test_a_silence_can_be_listed_and_ended_and_what_it_hid_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with floor(tmp_path, {"db": ""}) as stage:
        stage.silences("db", minutes=60)
        stage.down("db")
        stage.passes(minutes=3)
        assert not stage.discord.messages("alerts-critical")
        capsys.readouterr()
        run_silence(stage.stage.app, options(pattern=None))
        assert "db is silenced for 57m, until 2026-10-31 13:00:00 UTC, by anna: new disk" in capsys.readouterr().out
        run_silence(stage.stage.app, options(pattern="db", end=True))
        assert "the silence of db has ended; 1 notification sent" in capsys.readouterr().out
        assert [message.title for message in stage.discord.messages("alerts-critical")] == ["🚨 CRITICAL: db"]


def test_a_silence_that_fits_nothing_says_so(troubled: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    run_silence(troubled.stage.app, options(pattern="probe/bd", span="30m", by="anna", reason="x"))
    said = capsys.readouterr().out
    assert "it matches no known subject: did you mean probe/db?" in said
    with pytest.raises(ReporterError, match="--for 5 is no duration"):
        run_silence(troubled.stage.app, options(pattern="db", span="5"))
    with pytest.raises(ReporterError, match="there is no silence other"):
        run_silence(troubled.stage.app, options(pattern="other", end=True))


def test_who_was_told_of_trouble_hears_of_its_end_through_a_silence(troubled: Floor) -> None:
    troubled.silences("*", minutes=60)
    troubled.up("db", "bot")
    troubled.passes(minutes=7)
    assert [one.titles for one in troubled.arrived if not one.edited][-1] == ("✅ Resolved: db after 4m",)


def test_the_command_line_knows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with floor(tmp_path, {"db": ""}) as stage:
        stage.passes(minutes=0.5)
        for name, value in stage.stage.environ.items():
            monkeypatch.setenv(name, value)
        home = ["--home", str(tmp_path)]
        assert main([*home, "silence", "db", "--for", "1h", "--by", "anna", "--reason", "new disk"]) == 0
        assert main([*home, "explain"]) == 0
        said = capsys.readouterr().out
        assert "db is silenced for" in said
        assert "Nothing is failing." in said
        assert main([*home, "ack", "db"]) == 1
        assert "db has no open incident" in capsys.readouterr().err
