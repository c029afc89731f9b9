"""A week of readings in several kinds of failure, and how many messages each set of rules makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reporter.alerts.model import AlertState, Level, Observation, TransitionKind
from reporter.alerts.policies import policy_for
from reporter.alerts.state_machine import next_state
from reporter.alerts.thresholds import Threshold

START = datetime(2026, 10, 26, tzinfo=UTC)
EVERY, RECHECK = 30, 10
HOUR, DAY = 3600, 86400
WEEK = 7 * DAY
NOISE = 0.005

# Whether a look so many seconds after the start fails, if the last one did or did not.
Trace = Callable[[int, bool], bool]
# How many messages a trace makes, and how long after an outage began the first of them came, in seconds.
Way = Callable[[Trace], "Outcome"]


@dataclass(frozen=True)
class Outcome:
    messages: int
    delay: float | None = None


def noise(rng: random.Random, share: float = NOISE) -> Trace:
    return lambda second, last: rng.random() < share


def outages(rng: random.Random) -> Trace:
    """Ten minutes each day, beside the noise."""
    begins = [day * DAY + 30 * rng.randrange(20, 2800) for day in range(7)]
    return lambda second, last: any(0 <= second - begin < 600 for begin in begins) or rng.random() < NOISE


def flapping(rng: random.Random) -> Trace:
    """For two hours each look fails with a chance of one half."""
    return lambda second, last: rng.random() < (0.5 if DAY <= second < DAY + 2 * HOUR else NOISE)


def three_and_three(rng: random.Random) -> Trace:
    """For two hours, three minutes bad and three minutes good."""
    return lambda second, last: (second // 180) % 2 == 0 if DAY <= second < DAY + 2 * HOUR else rng.random() < NOISE


def two_days(rng: random.Random) -> Trace:
    return lambda second, last: DAY <= second < 3 * DAY or rng.random() < NOISE


def wandering(rng: random.Random, leave: float) -> Trace:
    """A figure wanders about its limit of 90 by some 3 to each side; trouble ends below `leave`."""
    limit, figure = Threshold(warning=90.0, leave_warning=leave), 90.0

    def fails(second: int, last: bool) -> bool:
        nonlocal figure
        if second % EVERY == 0:
            figure += 0.05 * (90 - figure) + rng.gauss(0, 1)
        return limit.graded(figure, Level.WARNING if last else Level.OK)[0] is Level.WARNING

    return fails


TRACES: dict[str, Callable[[random.Random], Trace]] = {
    "0.5 % of the looks fail": noise,
    "2 % of the looks fail": lambda rng: noise(rng, 0.02),
    "an outage of 10 minutes each day": outages,
    "2 h in which half of the looks fail": flapping,
    "2 h of 3 min bad, 3 min good": three_and_three,
    "an outage of 2 days": two_days,
    "a figure that wanders about its limit": lambda rng: wandering(rng, 90.0),
    "the same, left at 85 instead of 90": lambda rng: wandering(rng, 85.0),
}


def looks(trace: Trace) -> Iterator[bool]:
    last = False
    for second in range(0, WEEK, EVERY):
        last = trace(second, last)
        yield last


def every_change(trace: Trace) -> Outcome:
    last, messages = False, 0
    for failed in looks(trace):
        messages += failed is not last
        last = failed
    return Outcome(messages)


def in_a_row(failures: int, successes: int) -> Way:
    """Down after so many failures in a row, up after so many good looks, as most programs have it."""

    def judged(trace: Trace) -> Outcome:
        down, run, messages = False, 0, 0
        for failed in looks(trace):
            run = run + 1 if failed is not down else 0
            if run >= (successes if down else failures):
                down, run, messages = not down, 0, messages + 1
        return Outcome(messages)

    return judged


def ours(trace: Trace, end: int = WEEK) -> Outcome:
    """The judge with its defaults for a probe: suspects are looked at again after ten seconds. `end` in seconds."""
    state, policy = AlertState("probe/x"), policy_for("probe/x", timedelta(seconds=EVERY))
    messages, second, delays, last = 0, 0, [], False
    while second < end:
        last = trace(second, last)
        now = START + timedelta(seconds=second)
        seen = Observation("probe/x", Level.CRITICAL if last else Level.OK)
        state, change, again = next_state(state, now, seen, policy)
        if change:
            messages += 1
            if change.change is TransitionKind.OPENED:
                delays.append((now - change.since).total_seconds())
        suspect = again is not None and not state.is_open
        second = min(second + RECHECK, _next_turn(second)) if suspect else _next_turn(second)
    return Outcome(messages, sum(delays) / len(delays) if delays else None)


def _next_turn(second: int) -> int:
    return second - second % EVERY + EVERY


WAYS: dict[str, Way] = {
    "every change": every_change,
    "3 bad, 1 good": in_a_row(3, 1),
    "3 bad, 3 good": in_a_row(3, 3),
    "reporter": ours,
}


def mean(trace: str, way: str, seeds: int) -> float:
    """How many messages a way makes of a trace, on average over so many weeks."""
    return sum(WAYS[way](TRACES[trace](random.Random(seed))).messages for seed in range(seeds)) / seeds


def table(seeds: int) -> str:
    """The document's table."""
    rows = [["A week with", *WAYS], ["---", *["---:"] * len(WAYS)]]
    rows += [[trace, *(f"{mean(trace, way, seeds):.1f}" for way in WAYS)] for trace in TRACES]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
