"""How unusual a silence is: the pace learned from weeks of trades, and the rate of false alarms."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.probes.trade_frequency import TradeFrequency, trade_frequency

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(weeks=1)

Rate = Callable[[float], float]


def trades(rate: Rate, weeks: int, seed: int = 1) -> list[datetime]:
    """Trades that come by chance, so many an hour as `rate` says of the hours since Monday."""
    chance, at, found = random.Random(seed), 0.0, []
    top = max(rate(hour / 4) for hour in range(4 * 168))
    while (at := at + chance.expovariate(top)) < weeks * 168:
        if chance.random() < rate(at % 168) / top:
            found.append(MONDAY + timedelta(hours=at))
    return found


def steady(_: float) -> float:
    return 2.0


def by_day(hour: float) -> float:
    return 0.1 + 5 * math.sin(math.pi * (hour % 24) / 24) ** 4


def in_sessions(hour: float) -> float:
    """Weekdays from half past one to eight."""
    return 3.0 if hour < 120 and 13.5 <= hour % 24 < 20 else 0.0


def seldom(_: float) -> float:
    return 1 / 8


def known(rate: Rate, weeks: int = 8) -> TradeFrequency:
    found = trade_frequency(trades(rate, weeks), MONDAY + weeks * WEEK)
    assert found is not None
    return found


def hours(span: timedelta | None) -> float:
    assert span is not None
    return span.total_seconds() / 3600


def test_too_little_history_says_nothing() -> None:
    few = [MONDAY + timedelta(hours=hour) for hour in range(0, 290, 10)]
    assert trade_frequency([], MONDAY) is None
    assert trade_frequency(few, MONDAY + 2 * WEEK) is None
    many = [MONDAY + timedelta(minutes=minute) for minute in range(600)]
    assert trade_frequency(many, MONDAY + timedelta(days=6)) is None
    assert trade_frequency(many, MONDAY + timedelta(days=7)) is not None


def test_what_closes_within_a_minute_counts_once() -> None:
    minutes = [MONDAY + timedelta(hours=hour) for hour in range(1000)]
    legs = [minute + timedelta(seconds=second) for minute in minutes for second in (1, 20, 59)]
    assert trade_frequency(legs, MONDAY + 6 * WEEK) == trade_frequency(minutes, MONDAY + 6 * WEEK)


def test_a_steady_floor_expects_the_same_at_every_hour() -> None:
    found = known(steady)
    night, noon = (found.lasts(MONDAY + timedelta(hours=hour), found.share(0.95)) for hour in (3, 12))
    assert hours(night) == pytest.approx(1.5, abs=0.3)  # ln 20 trades at two an hour
    assert hours(noon) == pytest.approx(1.5, abs=0.3)
    assert found.basis == "hour of the week"


def test_a_night_without_trades_is_usual_and_a_noon_is_not() -> None:
    found = known(by_day)
    rare = found.once_in(timedelta(weeks=4))
    assert hours(found.lasts(MONDAY + timedelta(hours=21), rare)) > 9
    assert hours(found.lasts(MONDAY + timedelta(hours=11), rare)) < 3


def test_a_weekend_on_which_markets_are_closed_is_no_silence() -> None:
    found = known(in_sessions)
    rare = found.once_in(timedelta(weeks=4))
    friday = MONDAY + timedelta(days=4, hours=19, minutes=30)
    assert hours(found.lasts(friday, rare)) > 66  # not before Monday's session has gone on for a while
    assert hours(found.lasts(MONDAY + timedelta(hours=16), rare)) < 4


def test_hours_are_those_of_the_zones_clocks() -> None:
    zone = ZoneInfo("America/New_York")
    noon = [
        datetime(2026, 1, 5, 12, minute, tzinfo=zone) + timedelta(days=day)
        for day in range(70)
        for minute in range(0, 60, 4)
    ]
    found = trade_frequency(noon, datetime(2026, 3, 16, tzinfo=zone), zone)
    assert found is not None
    assert [hour for hour in range(24) if found.rates[hour] == max(found.rates)] == [12]  # also after clocks changed


def test_few_trades_are_told_apart_by_less() -> None:
    assert known(seldom, 8).basis == "weekday and hour"
    sparse = trade_frequency(trades(lambda _: 1 / 24, 8), MONDAY + 8 * WEEK)
    assert sparse is not None
    assert sparse.basis == "all hours alike"


def test_one_outage_of_the_past_makes_nobody_more_patient() -> None:
    whole = trades(steady, 8)
    away = MONDAY + timedelta(days=20), MONDAY + timedelta(days=24)
    found = trade_frequency([one for one in whole if not away[0] < one < away[1]], MONDAY + 8 * WEEK)
    assert found is not None
    assert found.silences[-1] > 100
    noon, rare = MONDAY + timedelta(hours=12), timedelta(weeks=4)
    assert hours(found.lasts(noon, found.once_in(rare))) < 6
    assert hours(known(steady).lasts(noon, known(steady).once_in(rare))) < 6


def test_where_nothing_was_ever_traded_no_silence_lasts_too_long() -> None:
    dead = TradeFrequency(rates=(0.0,) * 168, silences=(1.0,), weeks=8, basis="hour of the week", zone=UTC)
    assert dead.lasts(MONDAY, 1.0) is None


@given(
    start=st.integers(0, 10**7),
    missed=st.floats(0.01, 50),
    further=st.floats(0, 50),
    rates=st.lists(st.floats(0, 20), min_size=168, max_size=168).filter(lambda rates: sum(rates) > 10),
)
def test_the_longer_a_silence_the_more_it_misses(start: int, missed: float, further: float, rates: list[float]) -> None:
    found = TradeFrequency(rates=tuple(rates), silences=(1.0,), weeks=8, basis="", zone=UTC)
    since = MONDAY + timedelta(seconds=start)
    short, long_ = found.lasts(since, missed), found.lasts(since, missed + further)
    assert short is not None
    assert long_ is not None
    assert timedelta(0) < short <= long_
    # In a whole week more, just a week's trades are missed more.
    week = found.lasts(since, missed + sum(rates))
    assert week is not None
    assert week - short == pytest.approx(WEEK, abs=timedelta(seconds=1))


def at_weekdays(hour: float) -> float:
    """From Sunday evening to Friday evening."""
    return 4.0 if hour < 118 or hour > 166 else 0.0


def busy(hour: float) -> float:
    return 20 + 15 * math.sin(2 * math.pi * hour / 24)


def in_bursts(weeks: int, seed: int) -> list[datetime]:
    """Up to a dozen trades within minutes, and then none for hours."""
    chance, found = random.Random(seed), []
    for first in trades(lambda _: 0.4, weeks, seed):
        at = first
        for _ in range(chance.randint(1, 12)):
            at += timedelta(hours=chance.expovariate(20))
            found.append(at)
    return sorted(found)


def unequal(weeks: int, seed: int) -> list[datetime]:
    """Gaps of which most are short and some are very long."""
    chance, at, found = random.Random(seed), MONDAY, []
    while at < MONDAY + weeks * WEEK:
        at += timedelta(hours=chance.lognormvariate(-1.5, 1.5))
        found.append(at)
    return found


FLOORS: dict[str, Callable[[int, int], list[datetime]]] = {
    "steady": partial(trades, steady),
    "by day and night": partial(trades, by_day),
    "in sessions on weekdays": partial(trades, in_sessions),
    "closed at weekends": partial(trades, at_weekdays),
    "three trades a day": partial(trades, seldom),
    "in bursts": in_bursts,
    "gaps of very unequal length": unequal,
    "busy": partial(trades, busy),
}
MONTH = timedelta(weeks=4)
LIMITS: dict[str, Callable[[TradeFrequency], float]] = {
    "warning": lambda known: known.once_in(MONTH),
    "critical": lambda known: 2 * known.once_in(MONTH),
    "95%": lambda known: known.share(0.95),
    "99.5%": lambda known: known.share(0.995),
}


def alarms(every: list[datetime], weeks: int) -> dict[str, float]:
    """How often a week each limit is passed on a floor that never stops, by a pace that is learnt anew each day."""
    following = dict(pairwise(every))
    passed = dict.fromkeys(LIMITS, 0)
    for day in range(56, weeks * 7):
        now = MONDAY + timedelta(days=day)
        found = trade_frequency([one for one in every if now - 8 * WEEK <= one < now], now)
        assert found is not None
        for one in (one for one in every if now <= one < now + timedelta(days=1) and one in following):
            for name, limit in LIMITS.items():
                passed[name] += following[one] - one > (found.lasts(one, limit(found)) or WEEK * 99)
    return {name: count / (weeks - 8) for name, count in passed.items()}


@pytest.mark.full
@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_that_goes_on_is_rarely_taken_for_a_silent_one(name: str) -> None:
    found = alarms(FLOORS[name](40, 7), 40)
    assert found["warning"] < 0.6
    assert found["critical"] < 0.1


def test_a_floor_that_goes_on_is_rarely_taken_for_a_silent_one_in_a_few_weeks() -> None:
    found = alarms(trades(seldom, 16, 7), 16)
    assert found["warning"] <= 1
    assert found["critical"] == 0


if __name__ == "__main__":
    for name, floor in FLOORS.items():
        invented = floor(40, 7)
        print(name, f"{len(invented) / 40:.0f} trades a week", alarms(invented, 40), sep=" | ")
