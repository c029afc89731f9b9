"""The `trades` probe on histories that trade, fall silent, close for the night or have just begun."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.probes.conftest import StandingClock
from tests.probes.databases import Watch, Watching, told, wait_until
from tests.support.paths import DATA
from tests.support.servers import PostgreSQL
from tests.trading.ledger.databases import Native, native_postgresql, native_sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def floor(request: pytest.FixtureRequest, tmp_path: Path) -> Native:
    """A ledger in the native schema, without a trade."""
    if request.param == "sqlite":
        return native_sqlite(tmp_path)
    return native_postgresql(request.getfixturevalue("server"))


def looking(watch: Watch, floor: Native, **said: Any) -> Watching:
    return watch("trades", ledgers={"bot": {"kind": "native", "url": floor.url}}, **said)


def trade(floor: Native, moments: Iterable[datetime], agent: str = "a") -> None:
    stamps = [floor.stamp(f"{moment:%Y-%m-%d %H:%M:%S}") for moment in moments]
    rows = ", ".join([f"('{agent}', 'BTC-USD', 'long', 'USDT', 1, ?)"] * len(stamps))
    floor.run(f"INSERT INTO trades (agent, market, side, currency, pnl, closed_at) VALUES {rows}", stamps)


def by_day(clock: StandingClock, weeks: int = 8) -> list[datetime]:
    """Every ten minutes from eight in the morning to eight in the evening, up to now: Friday, 14:02:30."""
    minutes = (clock.now.replace(second=0) - timedelta(minutes=12 + 10 * tenth) for tenth in range(weeks * 7 * 144))
    return [moment for moment in minutes if 8 <= moment.hour < 20]


def test_a_floor_at_its_pace_says_what_is_usual(floor: Native, watch: Watch, clock: StandingClock) -> None:
    trade(floor, by_day(clock))
    reading = looking(watch, floor, ledger="bot").look(after=0)
    assert (reading.kind, told(reading)) == ("trades", "ok: at its usual pace")
    figures = dict(reading.figures)
    assert figures["since the last trade"] == "12m 30s"
    assert figures["95% of gaps"].startswith("under 1")
    assert figures["history"] == "4,031 trades in 8.0 weeks, by hour of the week"


def test_a_silence_by_day_is_told_and_ends_with_the_next_trade(
    floor: Native, watch: Watch, clock: StandingClock
) -> None:
    trade(floor, by_day(clock))
    probe = looking(watch, floor)
    assert told(probe.look()) == "ok: at its usual pace"
    seen = told(probe.look(after=1800))
    assert seen.startswith("warning: readable, but no trade for more than 38m 50s: ")
    assert seen.endswith(": from this hour of the week on, 95% of gaps are under 10m 3s")
    later = told(probe.look(after=3600))
    assert later.startswith("critical: readable, but no trade for more than 1h 16m: ")
    assert told(probe.look(after=2 * 3600)) == later  # the sentence stands still as long as the silence lasts
    trade(floor, [clock.now])
    assert told(probe.look()) == "ok: at its usual pace"


def test_a_night_without_trades_is_usual(floor: Native, watch: Watch, clock: StandingClock) -> None:
    trade(floor, by_day(clock))
    probe = looking(watch, floor)
    trade(floor, [clock.now + timedelta(minutes=10 * tenth) for tenth in range(36)])  # until eight
    assert told(probe.look(after=11 * 3600)) == "ok: at its usual pace"  # at one
    assert told(probe.look(after=5 * 3600)) == "ok: at its usual pace"  # at six
    assert told(probe.look(after=3 * 3600)).startswith(
        "critical: readable, but no trade for more than 13h 1m: "
    )  # at nine


def test_one_agent_may_be_silent_while_others_trade(floor: Native, watch: Watch, clock: StandingClock) -> None:
    trade(floor, by_day(clock), "busy")
    trade(floor, by_day(clock)[30:], "stopped")
    assert told(looking(watch, floor).look(after=0)) == "ok: at its usual pace"
    seen = looking(watch, floor, ledger="bot", agent="stopped").look(after=0)
    assert told(seen).startswith("critical: readable, but no trade for more than ")
    assert told(looking(watch, floor, agent="busy").look(after=0)) == "ok: at its usual pace"


def test_how_patient_to_be_can_be_said(floor: Native, watch: Watch, clock: StandingClock) -> None:
    trade(floor, by_day(clock))
    patient = looking(watch, floor, silence={"warning": 9, "critical": None})
    brief = looking(watch, floor, history="2w", rarity="1w", silence={"critical": 1})
    assert told(patient.look(after=3 * 3600)) == "ok: at its usual pace"
    seen = brief.look(after=0)
    assert told(seen).startswith("critical: readable, but no trade for more than 46m 16s: ")
    assert {"once in 7 days", "95% of gaps"} <= dict(seen.figures).keys()


def test_a_floor_that_trades_all_the_time_may_pause_for_minutes(
    floor: Native, watch: Watch, clock: StandingClock
) -> None:
    trade(floor, [clock.now - timedelta(seconds=60 * minute) for minute in range(1, 20_160)])
    probe = looking(watch, floor, silence={"warning": 1, "critical": None})
    assert told(probe.look(after=150)) == "ok: at its usual pace"
    assert told(probe.look(after=120)).startswith("warning: readable, but no trade for more than 5m: ")


STOCKS = {"warn": "30m", "fail": "2h", "when": "mon-fri 09:30-16:00 America/New_York"}


def with_hours(watch: Watch, floor: Native) -> Watching:
    return watch("trades", ledgers={"bot": {"kind": "native", "url": floor.url, "fresh": STOCKS}}, ledger="bot")


def test_the_rule_of_a_ledger_counts_trading_hours_alone(floor: Native, watch: Watch, clock: StandingClock) -> None:
    """It is Friday, 14:02:30 UTC; New York closes at 20:00 UTC, and opens on Monday, in winter, at 14:30 UTC."""
    trade(floor, [clock.now + timedelta(hours=5, minutes=30)])
    seen = [told(with_hours(watch, floor).look(after=hours * 3600)) for hours in (7, 60, 5.5, 1.5)]
    assert [line.partition(":")[0] for line in seen] == ["ok", "ok", "warning", "critical"]
    assert seen[2] == "warning: too little history, but no trade for 30m of trading hours or more"
    trade(floor, [clock.now])
    assert told(with_hours(watch, floor).look()).startswith("ok")


def test_a_ledger_is_stale_also_where_all_its_trades_are_long_ago(
    floor: Native, watch: Watch, clock: StandingClock
) -> None:
    assert told(with_hours(watch, floor).look(after=0)).startswith("ok: too little history: no trade")
    trade(floor, [clock.now - timedelta(weeks=20)])
    assert told(with_hours(watch, floor).look(after=0)).startswith("critical: ")


def test_too_little_history_is_well_and_says_so(floor: Native, watch: Watch, clock: StandingClock) -> None:
    probe = looking(watch, floor)
    assert told(probe.look()) == "ok: too little history: no trade in 56 days"
    trade(floor, by_day(clock)[:20])
    reading = probe.look()
    assert told(reading) == "ok: too little history"
    assert dict(reading.figures) == {"last trade": "13m 30s ago"}


def test_the_pace_is_reckoned_once_an_hour_from_few_rows(floor: Native, watch: Watch, clock: StandingClock) -> None:
    trade(floor, by_day(clock))
    probe = looking(watch, floor)
    assert "4,031 trades" in dict(probe.look().figures)["history"]
    trade(floor, [clock.now] * 50)
    assert "4,031 trades" in dict(probe.look().figures)["history"]
    # An hour later six have left the eight weeks, and of those that closed within one minute one has come.
    assert "4,026 trades" in dict(probe.look(after=3600).figures)["history"]


def test_a_ledger_that_cannot_be_read_is_unknown(tmp_path: Path, watch: Watch) -> None:
    probe = watch("trades", ledgers={"bot": {"kind": "native", "url": str(tmp_path / "gone.sqlite")}}, ledger="bot")
    assert told(probe.look()) == f"unknown: the trades cannot be read: bot: there is no file {tmp_path}/gone.sqlite"


def test_a_ledger_that_hangs_says_nothing_of_its_trades(server: PostgreSQL, watch: Watch, clock: StandingClock) -> None:
    floor = native_postgresql(server)
    trade(floor, by_day(clock))
    probe = looking(watch, floor, timeout="1s")
    assert told(probe.look()) == "ok: at its usual pace"
    with server.held():
        assert told(probe.look()) == "unknown: the trades cannot be read: no answer within 900ms"
    wait_until(lambda: told(probe.look(after=0)) == "ok: at its usual pace")


def test_the_minutes_in_which_trades_closed_are_those_of_the_trades(floor: Native) -> None:
    opened = datetime(2026, 10, 29, 23, 59, 59, tzinfo=UTC)
    trade(floor, [opened + timedelta(seconds=second) for second in (0, 1, 59, 60, 61, 3600, 86400)])
    period = Period(opened, opened + timedelta(days=1), "a day")
    both = Portfolio(
        [floor.settings(), LedgerSettings(name="old", kind="freqtrade", url=str(DATA / "freqtrade.sqlite"))]
    )
    found = both.closings(period, ["bot"])
    assert found == sorted(
        {one.closed_at.replace(second=0) for one in both.closed_trades(period) if one.ledger == "bot"}
    )
    assert len(found) == 4
    ever = Period(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), "ever")
    old = {one.closed_at.replace(second=0, microsecond=0) for one in both.closed_trades(ever) if one.ledger == "old"}
    assert both.closings(ever, ["old"]) == sorted(old) != []
    assert both.closings(ever, ["bot"], "nobody") == []


@pytest.mark.parametrize(
    ("kept", "seen"),
    [
        ("'2026-10-30 14:02:00'", 0),
        ("'2026-10-30T16:02:00+02:00'", 0),
        ("1793368920", 0),
        ("1793368920000", 0),
        ("'1793368920.5'", 0.5),
        ("NULL", None),
    ],
)
def test_an_agents_own_heartbeat_is_read_in_whatever_form_it_is_kept(
    kept: str, seen: float | None, tmp_path: Path
) -> None:
    floor = native_sqlite(tmp_path)
    floor.run("DROP TABLE agents")
    floor.run("CREATE TABLE agents (name, strategy, mode, currency, capital, status, last_seen)")
    floor.run(f"INSERT INTO agents VALUES ('a', NULL, 'live', 'USDT', NULL, NULL, {kept})")
    (agent,) = Portfolio([floor.settings()]).agents()
    began = datetime(2026, 10, 30, 14, 2, tzinfo=UTC)
    assert agent.last_seen == (None if seen is None else began + timedelta(seconds=seen))


def test_a_heartbeat_that_is_no_time_is_said_to_be_none(tmp_path: Path) -> None:
    floor = native_sqlite(tmp_path)
    floor.run("DROP TABLE agents")
    floor.run("CREATE TABLE agents (name, strategy, mode, currency, capital, status, last_seen)")
    floor.run("INSERT INTO agents VALUES ('a', NULL, 'live', 'USDT', NULL, NULL, 'just now')")
    with pytest.raises(LedgerError, match="an agent's last_seen is 'just now', which is not a time that can be read"):
        Portfolio([floor.settings()]).agents()


def test_the_trades_of_a_mapped_ledger_are_looked_at_too(tmp_path: Path, watch: Watch, clock: StandingClock) -> None:
    floor = native_sqlite(tmp_path)
    trade(floor, by_day(clock))
    names = ("id", "agent", "market", "currency", "closed_at", "pnl")
    (tmp_path / "mine.yaml").write_text(
        "table: trades\ncolumns: {" + ", ".join(f"{one}: {one}" for one in names) + "}\n"
    )
    entry = {"kind": "mapping", "url": floor.url, "mapping": str(tmp_path / "mine.yaml")}
    assert told(watch("trades", ledgers={"bot": entry}, ledger="bot").look(after=0)) == "ok: at its usual pace"
