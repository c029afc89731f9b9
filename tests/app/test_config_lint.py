"""Settings without effect are reported; patterns that may match some day are not."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter import MACHINE_SUBJECTS, OWN_SUBJECTS, MachineLimits, OwnLimits, machine_vitals, own_vitals
from reporter.alerts.self_health import SelfHealth
from reporter.app.config_lint import may_fit, meet
from reporter.probes.host.facts import Disk, Host, Network, Own
from reporter.trading.ledger.sources import native
from tests.support.processes import daemon, reporter
from tests.support.stage import DAILY, Stage

FLOOR = """\
ledgers: {bot: {kind: native, url: bot.sqlite}}
probes:
  db: {address: "127.0.0.1:1"}
  api: {address: "127.0.0.1:1", depends_on: MORE, every: EVERY}
alerts:
  policies: [{subjects: [SUBJECT], failures: 2}]
"""
WATCHES = DAILY.replace("def daily", "def oven").replace("import Context", "import Context, Observation")
HELPED = DAILY.replace("def daily", "def oven").replace(
    "from reporter", "from our_kitchen import look\nfrom reporter", 1
)


def told(stage: Stage, subject: str, jobs: str = "  health_probe:\n  performance_alerts:", **more: str) -> list[str]:
    config = stage.on_screen(jobs).folder / "config/reporter.yaml"
    text = FLOOR.replace("SUBJECT", f"'{subject}'").replace("MORE", more.get("depends", "db"))
    config.write_text(config.read_text() + text.replace("EVERY", more.get("every", "1m")))
    stage.restart()
    return [str(problem) for problem in stage.app.home.warnings]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("probe/hostdisk*", "did you mean `probe/host-disk-*`?"),
        ("probe/dbb", "did you mean `probe/db`?"),
        ("dbb*", "did you mean `probe/db`?"),
        ("probe/ledger-bto", "did you mean `probe/ledger-bot`?"),
        ("limit/daily_loss", "did you mean `limit/daily_loss/*`?"),
        ("job/health_prob", "did you mean `job/health_probe`?"),
        ("channel/scren", "did you mean `channel/screen`?"),
        ("kitchen/*", "there is probe/*, self/*, limit/*, job/*, channel/*, network/* and more"),
    ],
)
def test_a_pattern_that_fits_nothing_is_told_with_what_it_could_mean(stage: Stage, pattern: str, hint: str) -> None:
    (said,) = told(stage, pattern)
    assert re.match(
        rf".*reporter.yaml:14:26: alerts.policies\[0\].subjects\[0\]: `{re.escape(pattern)}` matches nothing", said
    )
    assert said.endswith(f"    {hint}")


FITTING = (
    "* db d* probe/* [a-d]b host-* probe/host-disk-/data host-cpu@floor-1 agents-bot self/memory@* limit/* clock"
    " store/* limit/drawdown/live/USDT/bot/Momentum_* limit/*/paper/* job/* channel/screen channel/screen/message"
    " network/own"
)


@pytest.mark.parametrize("pattern", FITTING.split())
def test_a_pattern_that_may_match_is_not_reported(stage: Stage, pattern: str) -> None:
    assert told(stage, pattern) == []


@pytest.mark.parametrize("code", [WATCHES, HELPED])
def test_what_a_job_of_the_users_may_observe_is_nobodys_guess(stage: Stage, code: str) -> None:
    stage.report("oven", code)
    (stage.folder / "our_kitchen.py").write_text("look = None\n")
    jobs = "  health_probe:\n  oven:"
    assert [one for one in told(stage, "probe/dbb", jobs) if "matches nothing" in one] == []
    assert "`job/ovn` matches nothing that is watched" in "".join(told(stage, "job/ovn", jobs))


def test_a_job_that_only_reports_leaves_no_doubt_and_one_that_observes_can_say_what(stage: Stage) -> None:
    stage.report("oven", WATCHES.replace('daily at 00:00"', 'daily at 00:00", observes=("kitchen/*",)'))
    stage.report("daily", DAILY)
    jobs = "  health_probe:\n  oven:\n  daily:"
    assert told(stage, "kitchen/oven", jobs) == []
    assert "`kitten/oven` matches nothing" in told(stage, "kitten/oven", jobs)[0]


def test_what_a_probe_depends_on_in_vain_is_told_at_its_line(stage: Stage) -> None:
    (said,) = told(stage, "db", depends="network/won")
    assert "reporter.yaml:12:45: probes.api.depends_on: `network/won` matches nothing" in said
    assert "did you mean `network/own`?" in said


def test_a_probe_that_wants_more_than_there_are_rounds_is_told(stage: Stage) -> None:
    (said,) = told(stage, "db", every="10s")
    assert "probes.api.every: `10s` has no effect: health_probe runs every 30 seconds" in said
    assert "write `schedule: every 10s` at the job health_probe, or leave `every` out" in said
    assert told(stage, "db", "  health_probe: {schedule: every 10s}", every="10s") == []


def test_check_advises_and_the_daemon_says_it_once(stage: Stage) -> None:
    told(stage, "probe/dbb")
    checked = reporter(stage, "check").stdout
    assert "! " in checked
    assert "did you mean `probe/db`?" in checked
    with daemon(stage.folder, datetime(2026, 10, 31, 12, tzinfo=UTC), stage.environ) as running:
        running.says("every 30 seconds")
        running.stop()
    assert running.log.count("`probe/dbb` matches nothing that is watched") == 1


def test_no_subject_that_the_stock_jobs_have_seen_is_said_to_fit_nothing(stage: Stage) -> None:
    told(stage, "db")
    with closing(sqlite3.connect(stage.folder / "bot.sqlite")) as bot:
        bot.executescript(native.ddl("sqlite"))
        bot.execute("INSERT INTO agents (name, currency, status) VALUES ('anna', 'USDT', 'active')")
        bot.commit()
    seen = [one.subject for one in stage.app.ask(stage.app.job("health_probe"), None).observations]
    assert {"probe/db", "probe/ledger-bot", "probe/agents-bot", "probe/host-memory", "self/late"} <= set(seen)
    assert told(stage, "', '".join(seen)) == []


@given(st.text("ab/", max_size=8), st.data())
def test_patterns_that_one_text_fits_may_meet(text: str, data: st.DataObject) -> None:
    one, other = (data.draw(patterns_of(text)) for _ in range(2))
    assert fnmatchcase(text, one)
    assert meet(one, other)
    assert may_fit(one, text)


@given(st.text("ab*?", max_size=6), st.text("ab*?", max_size=6), st.text("ab", max_size=6))
def test_what_fits_both_of_two_patterns_is_no_surprise(one: str, other: str, text: str) -> None:
    assert meet(one, other) or not (fnmatchcase(text, one) and fnmatchcase(text, other))


@st.composite
def patterns_of(draw: st.DrawFn, text: str) -> str:
    """A pattern that the text fits: each letter as it is, or blurred."""
    blurred = [draw(st.sampled_from([letter, "?", "*", f"[{letter}]"])) for letter in text]
    return "".join(blurred) + draw(st.sampled_from(["", "*"]))


def test_no_sign_of_the_machine_or_of_ours_has_another_subject_than_is_said() -> None:
    full = Disk("/data", 1, 2, 1, 2)
    lost = Network(1, 1, 1, 1, 1)
    now = datetime(2026, 10, 31, tzinfo=UTC)
    for shared in (False, True):
        host = Host("a", 1, 1, (1, 1, 1), 1, 2, 1, 2, (full,), now, 1, lost, 1, 1, 2, 1, 1, 1, Own(1, 1, 1, 2), shared)
        signs = [*machine_vitals(host, MachineLimits(), {}, now, lambda *_: timedelta(hours=1))]
        signs += own_vitals(SelfHealth(seconds=1.0), host, OwnLimits(), {}, now)
        assert len(signs) > 15
        for sign in signs:
            assert any(fnmatchcase(sign.seen.subject, one) for one in (*MACHINE_SUBJECTS, *OWN_SUBJECTS))


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ("schedule: daily at 23:30", None),
        ("schedule: 'cron \"0 0 * * *\"'", None),
        ("schedule: 'cron \"0 0 * * 1-5\"'", "ends: up to 3 days are reported at once, each in a report of its own"),
        ("schedule: weekly on mon at 09:00, catch_up: latest", "of up to 7 days only the newest one is reported (`ca"),
        ("schedule: monthly on 1 at 00:00, catch_up_limit: 20", "newest 20 are reported (`catch_up_limit: 20`)"),
        ("schedule: weekly on mon at 09:00, enabled: false", None),
    ],
)
def test_a_schedule_with_one_turn_for_several_periods_is_named(stage: Stage, terms: str, said: str | None) -> None:
    problems = told(stage.report("daily", DAILY), "job/daily", f"  daily: {{{terms}}}\n  health_probe:")
    (found,) = problems or ("",)
    assert (said or "") in found
    assert bool(found) == bool(said)
    assert not found or "write `daily at 00:00` to report each when it ends" in found


def test_control_that_nobody_hears_of_is_said(stage: Stage) -> None:
    config = stage.on_screen("  daily:").report("daily", DAILY).folder / "config/reporter.yaml"
    written = config.read_text() + 'actions: {pause: {run: ["true", "{agent}"]}}\n'
    config.write_text(written)
    [said] = stage.app.home.warnings
    assert "actions: nobody is told what control commands do" in str(said)
    config.write_text(written + "events: {control: {channel: screen}}\n")
    stage.restart()
    assert stage.app.home.warnings == ()
