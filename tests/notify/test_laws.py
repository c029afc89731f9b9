"""Laws of alerts that no history may break, whatever is observed, silenced, acknowledged or undelivered."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporter.alerts.model import AlertState, Level, Observation, TransitionKind
from reporter.alerts.policies import policy_for
from reporter.alerts.state_machine import next_state
from reporter.notify.evaluation import Evaluation
from reporter.notify.repository import StoreRepository
from reporter.notify.routing import Observer
from reporter.store import incidents
from reporter.store.incidents import TransitionRecord
from tests.notify.alert_home import Floor, floor
from tests.support.civil import LAW
from tests.support.stage import Stage

START = datetime(2026, 10, 30, 14, tzinfo=UTC)
LEVELS = {"o": Level.OK, "w": Level.WARNING, "c": Level.CRITICAL, "?": Level.UNKNOWN}
SOME = settings(LAW, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(SOME, max_examples=120)

# --- How many messages an hour can make ---


def busiest_hour(letters: str, seconds: int = 10) -> int:
    """The most that the judge tells within one hour of readings so many seconds apart."""
    state, policy, told = AlertState("probe/x"), policy_for("probe/x", timedelta(seconds=30)), []
    for number, letter in enumerate(letters):
        now = START + number * timedelta(seconds=seconds)
        state, change, _ = next_state(state, now, Observation("probe/x", LEVELS[letter]), policy)
        told += [now] if change else []
    return max((sum(at <= other < at + timedelta(hours=1) for other in told) for at in told), default=0)


def test_the_worst_that_can_be_done_is_near_the_bound() -> None:
    wild = "???wwwccc" + "o" * 31 + ("???wwwccc" + "o" * 91) * 5
    assert busiest_hour(wild) == 11
    assert busiest_hour("ccc" + "o" * 31 + ("ccc" + "o" * 91) * 5) == 5


@LAW
@given(st.lists(st.tuples(st.sampled_from("owc?"), st.integers(1, 95)), max_size=60), st.sampled_from([10, 30]))
def test_no_readings_tell_more_than_twenty_times_in_an_hour(stretches: list[tuple[str, int]], seconds: int) -> None:
    assert busiest_hour("".join(letter * times for letter, times in stretches), seconds) <= 20


# --- What is told, whatever hushes ---

Step = tuple[str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["ok", "critical", "warning", "unknown", "silence", "end", "ack", "parent", "well"]),
        st.sampled_from([1, 3, 20]),
    ),
    max_size=25,
)
DEPENDS = '  policies: [{subjects: "limit/child", depends_on: "limit/parent", failures: 1}]'


@contextmanager
def a_stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder)).on_screen("")
        config = stage.folder / "config/reporter.yaml"
        config.write_text(config.read_text() + f"alerts:\n{DEPENDS}\n")
        try:
            yield stage
        finally:
            stage.close()


def play(stage: Stage, script: Sequence[Step]) -> list[TransitionRecord]:
    """Let things happen to a subject and to what it depends on; returns all that was written down of the subject."""
    child, parent = Level.OK, Level.OK
    for what, minutes in script:
        child = Level(what) if what in set(Level) else child
        parent = {"parent": Level.CRITICAL, "well": Level.OK}.get(what, parent)
        _once(stage, what, child, parent)
        for _ in range(minutes):
            stage.clock.forward(minutes=1)
            _once(stage, "", child, parent)
    with stage.app.store.read() as connection:
        found = incidents.newest(connection, 1000, "limit/child")
        return incidents.transitions_of(connection, [one.id for one in found])


def _once(stage: Stage, what: str, child: Level, parent: Level) -> None:
    now = stage.clock.wall()
    with stage.app.store.begin() as connection:
        if what == "silence":
            incidents.add_silence(connection, "child", now, now + timedelta(minutes=30), "", "anna")
        if what == "end":
            incidents.end_silences(connection, [one.id for one in incidents.silences_at(connection, now)], now)

    def judge(judgement: Evaluation[StoreRepository]) -> None:
        for incident in judgement.open_incidents() if what == "ack" else ():
            judgement.acknowledge(incident, "anna", "")
        judgement.process([Observation("limit/parent", parent), Observation("limit/child", child)], Observer())
        judgement.process_due()

    stage.app.alerts.commit(stage.app.runtime.notify, judge)


LATE = "what suppressed it is over"


def hold_the_laws(written: Sequence[TransitionRecord]) -> None:
    """Openings and ends alternate in each incident; an end is told if and only if the trouble was; all have reasons."""
    is_open, heard = Counter[str](), Counter[str]()
    for told in written:
        change, incident = told.transition.change, told.transition.incident
        late = is_open[incident] and told.reason == LATE  # kept back, and told at last
        if change in {TransitionKind.OPENED, TransitionKind.FLAPPING} and not late:
            assert not is_open[incident]
            is_open[incident], heard[incident] = 1, 0
        assert is_open[incident]
        if change is TransitionKind.RESOLVED:
            assert told.notified is bool(heard[incident])
            is_open[incident] = 0
        heard[incident] += bool(told.notified)
        assert told.reason
        assert bool(told.channels) is told.notified


@SOME
@given(steps)
def test_whoever_hears_of_trouble_hears_of_its_end_and_nobody_else(script: list[Step]) -> None:
    with a_stage() as stage:
        hold_the_laws(play(stage, script))


@pytest.mark.full
@MANY
@given(steps)
def test_whoever_hears_of_trouble_hears_of_its_end_in_many_histories(script: list[Step]) -> None:
    with a_stage() as stage:
        hold_the_laws(play(stage, script))


# --- What arrives, whatever is down ---

weather = st.lists(st.tuples(st.sampled_from(["down", "up", "lost", "heard"]), st.integers(1, 9)), max_size=14)


def arrivals(stage: Floor, script: Sequence[tuple[str, int]]) -> None:
    """A server goes up and down, and so does Discord; in the end both are up."""
    stage.passes(minutes=0.5)
    outage = None
    for what, minutes in [*script, ("up", 1), ("heard", 25)]:
        if what in {"up", "down"}:
            getattr(stage, what)("db")
        if what == "lost" and outage is None:
            outage = stage.discord.down()
            outage.__enter__()
        if what == "heard" and outage is not None:
            outage.__exit__(None, None, None)
            outage = None
        stage.passes(minutes=minutes)


def hold_the_laws_of_arrival(stage: Floor) -> None:
    """Whoever reads of an end has read of the beginning, each first message shows that it is over, nothing is left."""
    begun = False
    for message in stage.discord.messages("alerts-critical"):
        for embed in (message.earlier[0] if message.earlier else message.body)["embeds"]:
            title = embed["title"]
            if title.startswith(("✅ Resolved: db", "⏰")):
                assert begun
            begun = begun or title.startswith(("🚨 CRITICAL: db", "🔁 Flapping: db", "✅ Over: db"))
        if message.earlier:
            assert "Over" in message.title
    assert stage.stage.counts().get("waiting", 0) == 0


@settings(SOME, max_examples=1)
@given(weather)
def test_nobody_reads_of_an_end_without_the_beginning(script: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, floor(Path(folder), {"db": "alert: {clean: 2m}"}) as stage:
        arrivals(stage, script)
        hold_the_laws_of_arrival(stage)


@pytest.mark.full
@settings(SOME, max_examples=8)
@given(weather)
def test_nobody_reads_of_an_end_without_the_beginning_in_many_histories(script: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, floor(Path(folder), {"db": "alert: {clean: 2m}"}) as stage:
        arrivals(stage, script)
        hold_the_laws_of_arrival(stage)
