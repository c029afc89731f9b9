"""The health probe: what it observes, when its board changes, and how it reads."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reporter.alerts.model import AlertState, Level, Observation, Phase
from reporter.alerts.self_health import LateJob, SelfHealth
from reporter.alerts.uptime import HOUR, StateSpan
from reporter.messages.message import Message, Text, Tone, plain, plain_blocks
from reporter.probes.host.facts import Disk, Network
from reporter.trading.freshness_rule import FreshnessRule
from tests.jobs.watch import GIB, HOST, NOTHING_TOLD, NOW, Watch, agent, alert, health_probe, ledger, reading
from tests.support.golden import agrees
from tests.support.paths import ROOT

HOME = ROOT
CREW = (agent("Momentum_BTC_v1"), agent("Mean_Reversion_ETH"), agent("Volume_BTC_v2"))
WELL = Watch(
    ledgers=[ledger()],
    agents=CREW,
    readings=[reading("redis", latency=0.002), reading("polymarket-api")],
    started=NOW - timedelta(days=2),
)
TROUBLED = Watch(
    host=replace(HOST, cpu_percent=91.0, disks=(Disk("/", 97 * GIB, 100 * GIB),)),
    ledgers=[ledger(), ledger("paper", reachable=False, latency=None, error="connection refused")],
    agents=[agent("Momentum_BTC_v1", timedelta(minutes=8)), *CREW[1:]],
    readings=[
        reading("redis", Level.CRITICAL, "refused", latency=None),
        reading("polymarket-api", Level.WARNING, "online, but slower than 500ms", latency=2.3),
        reading("exchange", Level.UNKNOWN, "names cannot be looked up: the name server does not answer", latency=None),
    ],
    alerts=[
        alert("probe/redis", Level.CRITICAL, NOW - timedelta(minutes=12)),
        alert("job/daily_summary", Level.WARNING, NOW - timedelta(hours=2), "daily_summary for 2026-10-29: no ledger"),
    ],
)


def above_the_footer(message: Message) -> Message:
    """All that decides whether a board is edited."""
    return replace(message, footer=(), at=None)


def test_the_board_when_all_is_well() -> None:
    assert agrees("health_probe-well", WELL.message())


def test_the_board_in_trouble() -> None:
    assert agrees("health_probe-trouble", TROUBLED.message())


def test_the_board_of_a_floor_without_anything_to_watch() -> None:
    assert agrees("health_probe-bare", Watch().message())


def test_it_declares_a_look_at_the_present_every_30_seconds() -> None:
    job = health_probe()
    assert (job.covers.value, job.schedule) == ("now", "every 30s")


def test_there_is_one_board_in_its_slot() -> None:
    board = WELL.board()
    assert (board.slot, board.tone) == ("board", Tone.GOOD)


def test_each_thing_is_observed_under_its_own_subject() -> None:
    assert list(WELL.seen()) == [
        "probe/host-cpu",
        "probe/host-memory",
        "probe/host-load",
        "probe/host-disk-/",
        "probe/host-restart",
        "probe/ledger-floor",
        "probe/agents-floor",
        "probe/redis",
        "probe/polymarket-api",
        "self/late",
        "self/waiting",
        "self/refused",
        "self/skipped",
        "self/store",
        "self/memory",
        "self/threads",
        "self/files",
    ]
    assert {seen.level for seen in WELL.seen().values()} == {Level.OK}


@pytest.mark.parametrize(
    ("cpu", "level", "limit"),
    [(84.9, Level.OK, "85%"), (85, Level.WARNING, "85%"), (94.9, Level.WARNING, "85%"), (95, Level.CRITICAL, "95%")],
)
def test_a_figure_is_judged_by_its_limits(cpu: float, level: Level, limit: str) -> None:
    seen = Watch(replace(HOST, cpu_percent=cpu)).seen()["probe/host-cpu"]
    assert (seen.level, seen.limit, seen.value) == (level, limit, f"{cpu:.0f}%")


def test_an_alert_about_a_figure_says_which_machine_it_is() -> None:
    seen = TROUBLED.seen()["probe/host-disk-/"]
    assert (seen.detail, seen.value, seen.limit) == ("Disk / of box-1: above 95%", "97%", "95%")


def entered_cpu(level: Level) -> AlertState:
    """An open alert about the processor, whose figure has entered that level."""
    seen = Observation("probe/host-cpu", level, stands=(("host-cpu", False, level),))
    return replace(alert("probe/host-cpu", level, NOW), observation=seen)


@pytest.mark.parametrize(
    ("cpu", "opened", "level"),
    [
        (82, Level.WARNING, Level.WARNING),
        (80, Level.WARNING, Level.OK),
        (92, Level.WARNING, Level.WARNING),  # an open warning does not lower the limit of critical
        (92, Level.CRITICAL, Level.CRITICAL),
        (82, Level.CRITICAL, Level.WARNING),
    ],
)
def test_a_figure_must_fall_clearly_below_its_limit_to_leave_an_open_alert(
    cpu: float, opened: Level, level: Level
) -> None:
    watch = Watch(replace(HOST, cpu_percent=cpu), alerts=[entered_cpu(opened)])
    assert watch.seen()["probe/host-cpu"].level is level


def test_a_figure_that_keeps_an_alert_open_below_its_limit_says_so() -> None:
    watch = Watch(replace(HOST, cpu_percent=82.0), alerts=[entered_cpu(Level.WARNING)])
    assert watch.seen()["probe/host-cpu"].detail == "CPU of box-1: not yet well below 85%"


def test_limits_are_parameters_and_each_can_be_switched_off() -> None:
    host = replace(HOST, cpu_percent=99.0)
    assert Watch(host, params={"cpu": {"critical": None}}).seen()["probe/host-cpu"].level is Level.WARNING
    off = Watch(host, params={"cpu": {"critical": None, "warning": None}}).seen()["probe/host-cpu"]
    assert (off.level, off.limit) == (Level.OK, None)


def test_every_parameter_is_documented() -> None:
    text = (HOME / "docs" / "health.md").read_text(encoding="utf-8")
    params = health_probe().params
    names = [*params.model_fields, *type(params().own).model_fields]  # type: ignore[attr-defined]
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_limits_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="`warning` lies above `critical`"):
        health_probe().params.model_validate({"cpu": {"warning": 90, "critical": 80}})


def test_the_load_is_judged_per_core() -> None:
    seen = Watch(replace(HOST, cores=2, load=(9.0, 4.2, 1.0))).seen()["probe/host-load"]
    assert (seen.level, seen.value, seen.limit) == (Level.WARNING, "2.1 per core", "2 per core")


def test_what_the_machine_does_not_tell_is_no_trouble() -> None:
    watch = Watch(NOTHING_TOLD)
    assert [subject for subject in watch.seen() if not subject.startswith("self/")] == []
    assert plain(watch.message().title) == "✅ System Health Check – All Systems Operational"


def test_a_ledger_that_cannot_be_read_is_critical() -> None:
    watch = Watch(ledgers=[ledger(reachable=False, latency=None, error="connection refused")], broken=True)
    seen = watch.seen()["probe/ledger-floor"]
    assert (seen.level, seen.detail) == (Level.CRITICAL, "cannot be read: connection refused")
    assert watch.board().tone is Tone.CRITICAL


def test_a_ledger_that_was_away_is_not_slow_because_of_that() -> None:
    limits = {"ledger": {"warning": 1, "critical": 2}}
    slow = Watch(ledgers=[ledger(latency=2.1)], params=limits).seen()["probe/ledger-floor"]
    open_ = AlertState(slow.subject, Phase.OPEN, Level.CRITICAL, NOW, observation=slow)
    away = Watch(ledgers=[ledger(reachable=False, latency=None)], alerts=[open_], params=limits)
    lasts = AlertState(slow.subject, Phase.OPEN, Level.CRITICAL, NOW, observation=away.seen()["probe/ledger-floor"])
    for state, level in ((lasts, Level.CRITICAL), (alert(slow.subject, Level.CRITICAL, NOW), Level.WARNING)):
        back = Watch(ledgers=[ledger(latency=1.95)], alerts=[state], params=limits)
        assert back.seen()["probe/ledger-floor"].level is level


def test_a_slow_ledger_is_a_warning() -> None:
    seen = Watch(ledgers=[ledger(latency=1.6)]).seen()["probe/ledger-floor"]
    assert (seen.level, seen.detail) == (Level.WARNING, "online, but slow: above 1s")
    assert (seen.value, seen.limit) == ("1.6s", "1s")


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=59), "online, newest trade within the hour"),
        (timedelta(hours=5, minutes=59), "online, newest trade 5h ago"),
        (timedelta(days=3, hours=2), "online, newest trade 3 days ago"),
        (None, "online, no trade yet"),
    ],
)
def test_the_age_of_the_newest_trade_is_told(age: timedelta | None, words: str) -> None:
    watch = Watch(ledgers=[ledger(newest_trade_at=None if age is None else NOW - age)])
    assert watch.seen()["probe/ledger-floor"].detail == words


@pytest.mark.parametrize(("hours", "level"), [(None, Level.OK), (6, Level.UNKNOWN)])
def test_a_trade_of_the_future_is_named_and_not_fresh(hours: float | None, level: Level) -> None:
    ahead = [ledger(newest_trade_at=NOW + timedelta(days=365))]
    seen = Watch(ledgers=ahead, params={"newest_trade_hours": hours}).seen()["probe/ledger-floor"]
    assert seen.level is level
    assert "newest trade 365 days ahead: is its time right, and is it kept in UTC?" in seen.detail


@pytest.mark.parametrize(("hours", "level"), [(None, Level.OK), (6, Level.OK), (5, Level.WARNING)])
def test_an_old_newest_trade_is_a_warning_if_that_is_watched(hours: float | None, level: Level) -> None:
    idle = [ledger(newest_trade_at=NOW - timedelta(hours=5, minutes=30))]
    seen = Watch(ledgers=idle, params={"newest_trade_hours": hours}).seen()["probe/ledger-floor"]
    assert seen.level is level
    if hours == 5:
        assert (seen.detail, seen.value, seen.limit) == ("newest trade 5h ago", "5h 30m", "5h")


@pytest.mark.parametrize(
    ("age", "level", "detail"),
    [
        (timedelta(hours=1), Level.OK, "online, newest trade 1h ago"),
        (timedelta(hours=3), Level.WARNING, "newest trade 3h ago"),
        (timedelta(hours=5), Level.CRITICAL, "newest trade 5h ago"),
        (None, Level.UNKNOWN, "no trade yet"),
    ],
)
def test_what_a_ledger_says_of_itself_counts_more(age: timedelta | None, level: Level, detail: str) -> None:
    newest = None if age is None else NOW - age
    rule = FreshnessRule(warn=timedelta(hours=2), fail=timedelta(hours=4))
    told = [ledger(newest_trade_at=newest, freshness=rule.judge("floor", newest, NOW))]
    seen = Watch(ledgers=told, params={"newest_trade_hours": 0.5}).seen()["probe/ledger-floor"]
    assert (seen.level, seen.detail) == (level, detail)


def test_a_silent_agent_is_critical_and_named() -> None:
    seen = TROUBLED.seen()["probe/agents-floor"]
    assert (seen.level, seen.detail) == (Level.CRITICAL, "2/3 running, silent: Momentum_BTC_v1")
    assert seen.notes[0].startswith("Momentum_BTC_v1: last heartbeat at 2026-10-")


def test_agents_that_nobody_expects_to_run_are_not_counted() -> None:
    crew = [agent("a"), agent("b", timedelta(days=9), status="Stopped"), agent("c", None, status="active")]
    assert Watch(ledgers=[ledger()], agents=crew).seen()["probe/agents-floor"].detail == "2/2 running"


def test_agents_of_which_nothing_is_known_have_no_line() -> None:
    assert "probe/agents-floor" not in Watch(ledgers=[ledger()], agents=[agent("a", None)]).seen()


def test_agents_of_several_ledgers_are_told_apart() -> None:
    watch = Watch(ledgers=[ledger(), ledger("paper")], agents=[agent("a"), agent("a", ledger="paper")])
    text = "\n".join(plain_blocks(watch.message().body))
    assert "Trading agents · floor: 1/1 running" in text
    assert "Trading agents · paper: 1/1 running" in text


def test_agents_that_cannot_be_read_are_unknown_and_leave_the_rest_of_the_board() -> None:
    watch = Watch(ledgers=[ledger()], broken=True)
    assert "probe/ledger-floor" in watch.seen()
    seen = watch.seen()["probe/agents"]
    assert (seen.level, seen.detail) == (Level.UNKNOWN, "cannot be read: no ledger can be read")
    assert watch.message()
    unread = [alert("probe/agents", Level.UNKNOWN, NOW - timedelta(hours=1))]
    assert Watch(ledgers=[ledger()], alerts=unread).seen()["probe/agents"].level is Level.OK


def test_an_agent_that_was_last_seen_in_the_future_may_be_dead() -> None:
    crew = [agent("a", timedelta(hours=-2)), agent("b"), agent("c", timedelta(seconds=-50))]
    seen = Watch(ledgers=[ledger()], agents=crew).seen()["probe/agents-floor"]
    words = "2/3 running, last seen in the future (is it kept in UTC?): a"
    assert (seen.level, seen.detail) == (Level.UNKNOWN, words)
    worse = Watch(ledgers=[ledger()], agents=[*crew, agent("d", timedelta(hours=1))]).seen()["probe/agents-floor"]
    assert worse.level is Level.CRITICAL


def test_without_heartbeats_an_agents_status_alone_counts() -> None:
    crew = [agent("a", timedelta(hours=-2), status="active"), agent("b", timedelta(hours=9), status="active")]
    watch = Watch(ledgers=[ledger()], agents=crew, params={"heartbeat_minutes": None})
    assert watch.seen()["probe/agents-floor"].detail == "2/2 running"


@pytest.mark.parametrize("crew", [[agent("a", timedelta(hours=2))], []], ids=["no heartbeats", "no agents"])
def test_agents_that_are_not_watched_any_more_end_their_incident(crew: list[Any]) -> None:
    silent = [alert("probe/agents-floor", Level.CRITICAL, NOW - timedelta(hours=1))]
    watch = Watch(ledgers=[ledger()], agents=crew, alerts=silent, params={"heartbeat_minutes": None})
    seen = watch.seen()["probe/agents-floor"]
    assert (seen.level, seen.detail) == (
        Level.OK,
        "no longer watched: no heartbeat or status of an agent counts",
    )
    unread = replace(watch, ledgers=[ledger(reachable=False), ledger("other")])
    assert "probe/agents-floor" not in unread.seen()
    assert "probe/agents-floor" not in replace(watch, broken=True).seen()


def test_a_reading_that_was_told_before_is_shown_but_not_judged_again() -> None:
    watch = Watch(readings=[reading("slow", Level.CRITICAL, "refused", fresh=False), reading("quick")])
    assert "probe/slow" not in watch.seen()
    assert "probe/quick" in watch.seen()
    assert "slow: refused" in "\n".join(plain_blocks(watch.message().body))


def test_what_differs_from_round_to_round_does_not_change_the_board() -> None:
    later = replace(
        WELL,
        host=replace(HOST, cpu_percent=48.0, load=(1.4, 0.9, 0.4), memory_used=5 * GIB),
        ledgers=[ledger(latency=0.019, newest_trade_at=NOW)],
        readings=[reading("redis", latency=0.011), reading("polymarket-api", latency=0.34)],
        now=NOW + timedelta(seconds=30),
    )
    assert above_the_footer(later.message()) == above_the_footer(WELL.message())
    assert later.message().footer != WELL.message().footer


def test_a_trouble_that_lasts_does_not_change_the_board() -> None:
    since = NOW - timedelta(minutes=12, seconds=3)
    down = Watch(readings=[reading("redis", Level.CRITICAL, "refused")], alerts=[alert("probe/redis", Level.OK, since)])
    later = replace(down, now=NOW + timedelta(minutes=9))
    assert above_the_footer(later.message()) == above_the_footer(down.message())


def test_a_trouble_seen_for_the_first_time_began_now() -> None:
    (row,) = Watch(readings=[reading("redis", Level.CRITICAL, "refused")]).board().facts["troubles"]
    assert row.since == NOW.replace(second=0)


def test_a_board_of_many_things_sums_up_those_that_are_well() -> None:
    many = [reading(f"api-{n}") for n in range(40)] + [reading("redis", Level.CRITICAL, "refused")]
    lines = list(plain_blocks(Watch(readings=many).message().body))
    assert lines[0].startswith("🔴 redis: refused")
    assert lines[1:] == ["🟢 40 × http: online", "🟢 Reporter: on time"]


def test_what_an_answer_takes_as_a_rule_is_told_roughly() -> None:
    shown = {}
    for mean in (0.0042, 0.0061, 0.13, 1.4, 0.0):
        watch = replace(WELL, usual={"probe/redis": mean})
        shown[mean] = next(line for line in plain_blocks(watch.message().body) if "redis" in line)
    assert [line.partition("online")[2] for line in shown.values()] == [
        " · about 5ms",
        " · about 5ms",
        " · about 100ms",
        " · about 1s",
        "",
    ]


def filling(hours: int, percent: float, now: float) -> Watch:
    """A disk that has filled by so many percent in each of the last hours."""
    first = NOW - timedelta(hours=hours)
    past = [
        StateSpan("", Level.OK, first + n * HOUR, first + (n + 1) * HOUR, figures=1, total=now - percent * (hours - n))
        for n in range(hours)
    ]
    host = replace(HOST, disks=(Disk("/", int(now * GIB), 100 * GIB),))
    return Watch(host, past={"probe/host-disk-/": past})


@pytest.mark.parametrize(
    ("percent", "now", "level", "words"),
    [
        (0.0, 80, Level.OK, "normal"),
        (0.1, 60, Level.OK, "normal"),  # in more than three days
        (0.5, 76, Level.WARNING, "full in about 2 days at this pace"),
        (1.0, 40, Level.WARNING, "full in about 2 days at this pace"),
        (5.0, 80, Level.CRITICAL, "full in about 4h at this pace"),
        (5.0, 96, Level.CRITICAL, "above 95%"),  # it is bad as it is
    ],
)
def test_a_disk_that_fills_is_trouble_before_it_is_full(percent: float, now: float, level: Level, words: str) -> None:
    watch = filling(24, percent, now)
    assert watch.seen()["probe/host-disk-/"].level is level
    assert any(words in line for line in plain_blocks(watch.message().fields[0].blocks))


def test_a_machine_that_was_restarted_says_so_for_a_while() -> None:
    lately = Watch(replace(HOST, booted_at=NOW - timedelta(minutes=3)))
    seen = lately.seen()["probe/host-restart"]
    assert (seen.level, seen.detail) == (Level.WARNING, "machine box-1 was started at 13:59 UTC")
    assert replace(lately, params={"restart_minutes": 2}).seen()["probe/host-restart"].level is Level.OK
    assert replace(lately, now=NOW - timedelta(days=1)).seen()["probe/host-restart"].level is Level.OK  # a wrong clock
    assert "probe/host-restart" not in replace(lately, params={"restart_minutes": None}).seen()


@pytest.mark.parametrize(
    ("given", "key", "level", "detail"),
    [
        ({"swap_used": 95, "swap_total": 100}, "swap", Level.WARNING, "Swap of box-1: above 90%"),
        ({"temperature": 97.0}, "temperature", Level.CRITICAL, "Temperature of box-1: above 95 °C"),
        ({"clock_error": 2.5}, "clock", Level.WARNING, "Clock of box-1: may be wrong by more than 1s"),
        ({"zombies": 31}, "zombies", Level.WARNING, "Processes of box-1: 20 or more dead and not fetched"),
        ({"killed": 2}, "killed", Level.WARNING, "Out of memory of box-1: 1 or more processes were killed"),
        ({"files_used": 99, "files_total": 100}, "files", Level.CRITICAL, "Open files of box-1: above 95%"),
        ({"network": Network(0, 0, 4, 0, 9)}, "network", Level.WARNING, "Network of box-1: above 1 errors a second"),
    ],
)
def test_each_sign_of_the_machine_has_limits(given: dict[str, Any], key: str, level: Level, detail: str) -> None:
    seen = Watch(replace(HOST, **given)).seen()[f"probe/host-{key}"]
    assert (seen.level, seen.detail) == (level, detail)


LAGGING = SelfHealth(
    late=(LateJob("daily_summary", NOW - timedelta(minutes=40)),),
    skipped=4,
    waiting=9,
    oldest=NOW - timedelta(minutes=90),
    seconds=6.0,
)


def test_the_reporter_watches_itself() -> None:
    seen = replace(WELL, work=LAGGING).seen()
    assert {subject: one.level for subject, one in seen.items() if subject.startswith("self/")} == {
        "self/late": Level.WARNING,
        "self/waiting": Level.CRITICAL,
        "self/refused": Level.OK,
        "self/skipped": Level.WARNING,
        "self/store": Level.CRITICAL,
        "self/memory": Level.OK,
        "self/threads": Level.OK,
        "self/files": Level.OK,
    }
    assert seen["self/late"].detail == "Reports: late by more than 15m: daily_summary"


def test_the_board_of_a_reporter_in_trouble() -> None:
    assert agrees("health_probe-own", replace(WELL, work=LAGGING).message())


def test_what_a_machine_never_tells_has_one_line_with_the_reason() -> None:
    watch = Watch(replace(HOST, untold=(("temperature", "no sensor"), ("clock", "no time service"))))
    lines = list(plain_blocks(watch.message().fields[0].blocks))
    assert "⚪ not available on this machine: temperature (no sensor), clock (no time service)" in lines
    assert watch.board().tone is Tone.GOOD


def test_a_disk_that_is_not_there_is_unknown() -> None:
    host = replace(HOST, untold=(("disk /data", "no such file or directory"),))
    seen = Watch(host).seen()["probe/host-disk-/data"]
    assert (seen.level, seen.detail) == (Level.UNKNOWN, "cannot be measured: no such file or directory")
    lines = list(plain_blocks(Watch(host).message().fields[0].blocks))
    assert sum("/data" in line for line in lines) == 1


@pytest.mark.parametrize("subject", ["probe/host-disk-/old", "probe/host-temperature", "probe/ledger-old"])
def test_trouble_with_what_is_no_more_is_over(subject: str) -> None:
    watch = Watch(ledgers=[ledger()], alerts=[alert(subject, Level.CRITICAL, NOW - timedelta(hours=1))])
    assert watch.seen()[subject].level is Level.OK


def test_trouble_of_another_machine_is_left_to_it() -> None:
    other = alert("probe/host-cpu@box-2", Level.CRITICAL, NOW - timedelta(hours=1))
    watch = Watch(replace(HOST, shared=True), alerts=[other])
    assert "probe/host-cpu@box-2" not in watch.seen()


def test_agents_of_a_ledger_that_cannot_be_read_stay_in_trouble() -> None:
    silent = alert("probe/agents-floor", Level.CRITICAL, NOW - timedelta(hours=1))
    watch = Watch(ledgers=[ledger(reachable=False, latency=None)], alerts=[silent], broken=True)
    assert "probe/agents-floor" not in watch.seen()


def test_machines_that_share_a_store_keep_their_signs_and_boards_apart() -> None:
    watch = replace(WELL, host=replace(HOST, shared=True))
    assert {"probe/host-cpu@box-1", "self/memory@box-1", "self/late", "probe/redis"} <= set(watch.seen())
    machine, floor = watch.boards()
    assert [machine.slot, floor.slot] == ["machine@box-1", "board"]
    assert [field.name for field in watch.written(floor).fields] == []
    assert "redis" in "".join(plain_blocks(watch.written(floor).body))


def test_what_all_machines_see_alike_is_looked_at_by_one_of_them() -> None:
    watch = replace(WELL, host=replace(HOST, shared=True), ours=False)
    assert {subject.partition("/")[2] for subject in watch.seen() if "@" not in subject} == set()
    (board,) = watch.boards()
    assert board.slot == "machine@box-1"


def test_a_board_of_many_troubles_names_some_and_counts_the_rest() -> None:
    down = [reading(f"api-{n}", Level.CRITICAL, "refused") for n in range(180)]
    slow = [reading(f"db-{n}", Level.WARNING, "slow", kind="postgres") for n in range(20)]
    lines = list(plain_blocks(Watch(readings=[*slow, *down]).message().body))
    assert [line.partition(":")[0] for line in lines[:20]] == [f"🔴 api-{n}" for n in range(20)]
    assert lines[20:22] == ["🔴 and 160 × http: critical", "🟡 and 20 × postgres: warning"]


def test_names_forge_nothing() -> None:
    hostile = "x\n# @everyone **pump** ||x||"
    watch = Watch(
        replace(HOST, name=hostile),
        ledgers=[ledger(hostile)],
        agents=[agent(hostile, timedelta(days=1))],
        readings=[reading(hostile, Level.CRITICAL, hostile)],
    )
    message = watch.message()
    assert len(message.fields) == 1
    shown = "x⏎# @everyone **pump** ||x||"
    assert plain(message.fields[0].name) == f"🖥️ {shown}"
    (block,) = message.body
    assert isinstance(block, Text)
    *lines, _ = block.lines
    assert len(lines) == 3
    assert all(shown in plain(line) for line in lines)
