"""A store that can be read but not written: alerts are still sent, and work continues when the store does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.model import Level, Observation
from reporter.cli.alerts import run_ack, run_silence
from reporter.notify.fallback import AlertMemory
from reporter.notify.repository import OutdatedError
from reporter.notify.routing import Observer
from reporter.scheduler.unsaved_readings import MOST, UnsavedReadings
from reporter.store import incidents, uptime
from tests.notify.alert_home import Server, options
from tests.support.discord.local import LocalDiscord
from tests.support.processes import daemon, until
from tests.support.servers import postgresql
from tests.support.stage import Stage

WATCH = '''\
from reporter import Context, Level, Observation, Report, job

@job(covers="now", schedule="every 30s")
def watch(ctx: Context):
    """Looks at a limit and tells a long story."""
    yield Observation("limit/loss", Level.CRITICAL, "the loss is too large", value="-9", limit="-5")
    yield Report(facts={"story": "x " * 20_000})
'''
FULL = "max_page_count = 1", "max_page_count = 1000000"
WARN = '''\
from reporter import Context, Level, Observation, job

@job(covers="now", schedule="every 30s")
def watch(ctx: Context):
    """Looks at a limit that is passed a little."""
    yield Observation("limit/loss", Level.WARNING, "the loss is near its limit")
'''
READ_ONLY = "query_only = ON", "query_only = OFF"


@pytest.fixture
def floor(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.report("watch", WATCH, "# Story\n{{ story }}\n")
    return stage.on_discord(
        discord,
        "  watch: {channel: daily}",
        channels=["daily", "alarm"],
        more="alerts: {routes: {all: [alarm], fallback: [alarm]}}",
    )


def pragma(stage: Stage, setting: str) -> None:
    with stage.app.store.read() as connection:
        connection.exec_driver_sql(f"PRAGMA {setting}")


def titles(discord: LocalDiscord) -> list[str]:
    return [message.title for message in discord.messages("alarm")]


@pytest.mark.parametrize(("ill", "well"), [FULL, READ_ONLY], ids=["full", "read-only"])
def test_alerts_are_told_from_memory_once_and_it_goes_on_afterwards(
    floor: Stage, discord: LocalDiscord, ill: str, well: str
) -> None:
    pragma(floor, ill)
    for _ in range(3):
        assert "the store cannot be used" in str(floor.run("watch").outcome)
        floor.clock.forward(seconds=30)
    assert len(titles(discord)) == 2
    assert all("sent from memory" in message.text for message in discord.messages("alarm"))
    pragma(floor, well)
    floor.run("watch")
    floor.deliver()
    assert len(titles(discord)) == 3
    assert "can be written again" in discord.messages("alarm")[2].text
    assert discord.messages("daily")


def test_what_could_not_be_told_either_is_told_when_it_can(floor: Stage, discord: LocalDiscord) -> None:
    pragma(floor, READ_ONLY[0])
    with discord.down():
        floor.run("watch")
    assert titles(discord) == []
    floor.clock.forward(seconds=30)
    floor.run("watch")
    assert len(titles(discord)) == 2


def test_what_was_never_told_goes_into_the_outbox(floor: Stage, discord: LocalDiscord) -> None:
    pragma(floor, READ_ONLY[0])
    with discord.down():
        floor.run("watch")
    pragma(floor, READ_ONLY[1])
    floor.clock.forward(seconds=30)
    floor.run("watch")
    assert len(titles(discord)) == 3
    assert sum("sent from memory: our own" in message.text for message in discord.messages("alarm")) == 2


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Something else writes to the store, and does not end."""
    assert stage.app.store
    with closing(sqlite3.connect(stage.environ["STORE"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every daemon, but in a test's time."""
    monkeypatch.setattr("reporter.notify.pipeline.LOOKS_WAIT", 0.05)
    monkeypatch.setattr("reporter.store.database.BUSY_AGAIN", 0.05)


@pytest.mark.usefixtures("impatient")
def test_while_the_store_is_locked_an_alert_goes_out_and_the_store_itself_is_named_when_it_lasts(
    floor: Stage, discord: LocalDiscord
) -> None:
    with locked(floor):
        assert "the store is locked" in str(floor.run("watch").outcome)
        assert len(titles(discord)) == 1  # a lock of a moment is no news
        assert "sent from memory" in discord.messages("alarm")[0].text
        floor.clock.forward(seconds=30)
        floor.run("watch")
        assert len(titles(discord)) == 2
    floor.clock.forward(seconds=30)
    floor.run("watch")
    floor.deliver()
    assert "can be written again" in discord.messages("alarm")[2].text
    assert discord.messages("daily")


@pytest.mark.usefixtures("impatient")
def test_what_was_seen_while_the_store_was_locked_is_saved_afterwards(floor: Stage) -> None:
    floor.report("watch", WARN.replace("limit/loss", "probe/api"))
    floor.restart().run("watch")
    with locked(floor):
        for _ in range(4):
            floor.clock.forward(seconds=30)
            floor.run("watch")
    floor.clock.forward(seconds=30)
    floor.run("watch")
    with floor.app.store.read() as connection:
        spans = uptime.of_subject(connection, "probe/api", floor.clock.now - timedelta(hours=1), floor.clock.now)
    assert [(span.readings, span.end - span.start) for span in spans] == [(6, timedelta(seconds=150))]


@pytest.mark.usefixtures("impatient")
def test_a_suspect_of_the_memory_is_looked_at_again_as_soon_as_any(floor: Stage, discord: LocalDiscord) -> None:
    floor.report("watch", WATCH.replace("limit/loss", "probe/api"), "# Story")
    floor.restart().run("watch", force=True)
    with locked(floor):
        for _ in range(2):
            floor.clock.forward(seconds=10)
            assert floor.app.runner.tick(floor.app.runtime) == {"watch"}
            floor.run("watch")
    assert any("api" in title for title in titles(discord))


def test_unsaved_readings_are_bounded() -> None:
    kept = UnsavedReadings()
    start = datetime(2026, 10, 31, tzinfo=UTC)
    look = [Observation("probe/api", Level.OK, "")]
    kept.put_back([(look, start + timedelta(seconds=number), None) for number in reversed(range(MOST + 5))])
    looks = kept.take()
    assert len(looks) == MOST
    assert looks[0][1] == start + timedelta(seconds=5)
    assert kept.take() == []


@pytest.fixture
def quiet(floor: Stage) -> Stage:
    """The alarm's quiet hours are now, and end in an hour; a warning comes."""
    hour = floor.clock.now.hour
    config = floor.folder / "config/reporter.yaml"
    entry = f"WEBHOOK_ALARM, quiet_hours: '{hour:02}:00-{hour + 1:02}:00'}}"
    config.write_text(config.read_text().replace("WEBHOOK_ALARM}", entry))
    floor.report("watch", WARN)
    return floor.restart()


def test_in_quiet_hours_only_what_is_critical_is_told_from_memory(quiet: Stage, discord: LocalDiscord) -> None:
    pragma(quiet, READ_ONLY[0])
    quiet.run("watch")
    assert ["sent from memory" in message.text for message in discord.messages("alarm")] == [True]
    assert "near its limit" not in discord.messages("alarm")[0].text
    quiet.clock.forward(hours=1)
    quiet.run("watch")
    assert "near its limit" in discord.messages("alarm")[1].text


def test_what_quiet_hours_keep_back_is_held_by_the_store_once_it_can(quiet: Stage, discord: LocalDiscord) -> None:
    pragma(quiet, READ_ONLY[0])
    quiet.run("watch")
    pragma(quiet, READ_ONLY[1])
    quiet.clock.forward(seconds=30)
    quiet.run("watch")
    assert quiet.counts()["held"] == 1
    assert not any("near its limit" in message.text for message in discord.messages("alarm"))


SCRIPTED = '''\
import json
from pathlib import Path

from reporter import Context, Level, Observation, job

READINGS = Path(__file__).parent.parent / "readings.json"

@job(covers="now", schedule="every 30s")
def watch(ctx: Context):
    """Reads in a file how everything is."""
    for subject, level in json.loads(READINGS.read_text()).items():
        yield Observation(subject, Level(level), f"{subject} is {level}")
'''
RULES = """\
alerts:
  routes: {all: [alarm], fallback: [alarm]}
  policies:
    - {subjects: limit/bot, depends_on: limit/db}
    - {subjects: "limit/*", failures: 1, clean: 0s, reminders: [10m]}
  maintenance: [{subjects: limit/backup, schedule: "daily at 11:00", duration: 2h}]
"""
# The file takes nothing but can be read; or it lacks what all of this stands in, and says nothing either.
UNREADABLE = "ALTER TABLE alert_states RENAME TO away", "ALTER TABLE away RENAME TO alert_states"


class Failing:
    """A floor whose store fails; the clock goes on by half a minute with each round, and by a look of the planner."""

    def __init__(self, stage: Stage, discord: LocalDiscord, ill: tuple[str, str]) -> None:
        self.stage, self.discord = stage, discord
        self._ill, self._well = ill
        stage.on_discord(discord, "  watch: {channel: daily}", channels=["daily", "alarm"], more=RULES)

    def reads(self, **levels: str) -> None:
        readings = {f"limit/{name}": level for name, level in levels.items()}
        self.stage.write("readings.json", json.dumps(readings))
        self.stage.run("watch")
        self.stage.clock.forward(seconds=30)

    def breaks(self) -> None:
        self.stage.app.runner.tick(self.stage.app.runtime)
        self._ask(self._ill)

    def mends(self) -> None:
        self._ask(self._well)

    def silences(self, pattern: str, minutes: int) -> None:
        run_silence(self.stage.app, options(pattern=pattern, span=f"{minutes}m", by="anna", reason="new disk"))

    def told(self) -> list[str]:
        """What was told of the limits."""
        shown = titles(self.discord)
        return [title for title in shown if "store" not in title]

    def _ask(self, statement: str) -> None:
        pragma = statement if statement.startswith("ALTER") else f"PRAGMA {statement}"
        with self.stage.app.store.read() as connection:
            connection.exec_driver_sql(pragma)
            connection.commit()


@pytest.fixture(params=[READ_ONLY, UNREADABLE], ids=["read-only", "unreadable"])
def failing(request: pytest.FixtureRequest, stage: Stage, discord: LocalDiscord) -> Failing:
    stage.report("watch", SCRIPTED)
    return Failing(stage, discord, request.param)


def test_a_silence_holds_while_the_store_takes_nothing_and_what_it_kept_back_is_told_at_its_end(
    failing: Failing,
) -> None:
    failing.reads(db="ok", api="ok")
    failing.silences("db", 5)
    failing.breaks()
    failing.reads(db="critical", api="critical")
    assert failing.told() == ["🚨 CRITICAL: api"]
    failing.stage.clock.forward(minutes=5)
    failing.reads(db="critical", api="critical")
    assert failing.told() == ["🚨 CRITICAL: api", "🚨 CRITICAL: db"]
    failing.reads(db="critical", api="critical")
    assert len(failing.told()) == 2


def test_what_was_kept_back_is_not_told_twice_when_the_store_is_well_again(failing: Failing) -> None:
    failing.reads(db="ok")
    failing.silences("db", 5)
    failing.breaks()
    failing.reads(db="critical")
    failing.mends()
    failing.reads(db="critical")
    with failing.stage.app.store.read() as connection:
        [incident] = [one for one in incidents.open_incidents(connection) if one.subject == "limit/db"]
    assert (incident.notified, incident.withheld) == ((), "silenced by anna until 12:05 UTC: new disk")
    assert failing.told() == []
    failing.reads(db="ok")
    assert failing.told() == []


def test_maintenance_and_dependencies_hold_while_the_store_takes_nothing(failing: Failing) -> None:
    failing.reads(db="ok", bot="ok", backup="ok")
    failing.breaks()
    failing.reads(bot="critical", db="critical", backup="critical")
    assert failing.told() == ["🚨 CRITICAL: db"]
    failing.reads(bot="critical", db="ok", backup="ok")
    assert failing.told() == ["🚨 CRITICAL: db", "✅ Resolved: db after 30s", "🚨 CRITICAL: bot"]


def test_who_has_taken_it_on_is_not_reminded_while_the_store_takes_nothing(failing: Failing) -> None:
    failing.reads(db="critical", api="critical")
    run_ack(failing.stage.app, options(subject="db", by="anna"))
    failing.breaks()
    failing.stage.clock.forward(minutes=10)
    failing.reads(db="critical", api="critical")
    assert [title for title in failing.told() if "Still" in title] == ["⏰ Still critical: api for 10m 30s"]


def test_an_alert_that_was_open_before_ends_once_for_those_who_heard_of_it(failing: Failing) -> None:
    failing.reads(db="critical")
    failing.breaks()
    failing.reads(db="critical")
    failing.reads(db="ok")
    assert failing.told() == ["🚨 CRITICAL: db", "✅ Resolved: db after 1m"]
    failing.mends()
    failing.reads(db="ok")
    assert len(failing.told()) == 2
    with failing.stage.app.store.read() as connection:
        assert not any(one.subject == "limit/db" for one in incidents.open_incidents(connection))


def test_what_is_judged_from_memory_while_the_rest_is_saved_is_not_forgotten(floor: Stage) -> None:
    store, settings = floor.app.store, floor.app.runtime.notify
    memory = AlertMemory(store, floor.clock)

    def process(subject: str) -> None:
        memory.process(settings, [Observation(subject, Level.CRITICAL, "it is so")], Observer(), "1", "it is full")

    process("limit/first")
    first = memory.pending()
    with memory.saving(first) as claim:
        claim()
        process("limit/second")
    assert {"limit/first", "limit/second"} <= first.decided.states.keys() | memory.pending().decided.states.keys()
    assert "limit/first" not in memory.pending().decided.states
    assert len(memory.pending().decided.transitions) == 1


def test_what_is_pending_is_saved_by_one_thread(floor: Stage) -> None:
    memory = AlertMemory(floor.app.store, floor.clock)
    seen = [Observation("limit/first", Level.CRITICAL, "it is so")]
    memory.process(floor.app.runtime.notify, seen, Observer(), "1", "it is full")
    both = memory.pending()
    with memory.saving(both) as claim:
        claim()
    with memory.saving(both) as claim, pytest.raises(OutdatedError):
        claim()


def test_an_end_that_is_told_from_memory_says_what_the_trouble_was(failing: Failing, discord: LocalDiscord) -> None:
    failing.reads(db="critical")
    failing.breaks()
    failing.reads(db="ok")
    [end] = [message for message in discord.messages("alarm") if "Resolved" in message.title]
    assert "Limit/db is critical" in end.text
    assert "Now: limit/db is ok" in end.text


def test_a_job_that_fails_meanwhile_is_told_of_too(failing: Failing) -> None:
    failing.reads(db="ok")
    failing.breaks()
    failing.reads(db="no level at all")
    assert failing.told() == ["⚠️ Warning: job watch"]
    failing.mends()
    failing.reads(db="ok")
    assert failing.told() == ["⚠️ Warning: job watch", "✅ Over: job watch, warning for 30s"]


def test_a_store_on_a_server_that_is_gone_silences_no_alert(stage: Stage, discord: LocalDiscord) -> None:
    probes = "probes: {bot: {address: '127.0.0.1:%d'}}\n"
    with postgresql() as server, closing(Server()) as bot:
        stage.environ["STORE"] = server.url()
        # A busy machine would open alerts of its own, and the alert of `bot` would then wait for the end of a cascade.
        calm = ", ".join(f"{name}: {{warning: null, critical: null}}" for name in ("cpu", "load", "memory"))
        jobs = f"  health_probe: {{channel: daily, schedule: every 1s, params: {{{calm}}}}}"
        more = probes % bot.port + "alerts: {routes: {all: [alarm], fallback: [alarm]}}"
        stage.on_discord(discord, jobs, channels=["daily", "alarm"], more=more)
        with daemon(stage.folder, datetime(2026, 10, 31, 12, 0, tzinfo=UTC), stage.environ) as running:
            running.says("board delivered")
            server.kill()
            bot.down()
            until(lambda: any("bot" in message.text for message in discord.messages("alarm")), lambda: running.log)
    assert "🚨 CRITICAL: our own store" in titles(discord)
    assert all("sent from memory" in message.text for message in discord.messages("alarm"))
