"""From readings to what people should hear: levels, states, and the pure function that judges.

A subject goes round one circle, `OK → SUSPECT → OPEN → RECOVERING → OK`; only entering and leaving `OPEN` is told, and
what happens inside it. `docs/alerts.md` gives the rules in prose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache

from pydantic import TypeAdapter

from reporter.periods import DAY


class Level(StrEnum):
    """How a reading stands. `unknown` is not down: it says that we could not look."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def failing(self) -> bool:
        """Whether a reading of this level saw trouble."""
        return self in {Level.WARNING, Level.CRITICAL}

    def worse_than(self, other: Level) -> bool:
        return _GRAVITY.index(self) > _GRAVITY.index(other)


_GRAVITY = (Level.OK, Level.UNKNOWN, Level.WARNING, Level.CRITICAL)


@dataclass(frozen=True, slots=True)
class Observation:
    """One reading about one subject, such as `probe/db` or `limit/daily_loss`.

    `detail` is a sentence for people; `value` and `limit` are the figures behind it, with their unit, ready to show.
    `figure` is what the value says, as a number: the seconds that an answer took, the percentage of a disk in use.
    `every` is how often the subject is looked at, where that is seldomer than the job runs.
    """

    subject: str
    level: Level
    detail: str = ""
    value: str | None = None
    limit: str | None = None
    figure: float | None = None
    every: timedelta | None = None


class Change(StrEnum):
    """What happened to an alert."""

    OPENED = "opened"
    WORSENED = "worsened"
    EASED = "eased"
    REMINDER = "reminder"
    RESOLVED = "resolved"


class Phase(StrEnum):
    """Where a subject stands between all well and an open alert."""

    OK = "ok"
    SUSPECT = "suspect"
    OPEN = "open"
    RECOVERING = "recovering"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that people may hear of. `since` is when the trouble began; `reason` says why it is told now.

    `level` is the alert's own level after the change and `was` the one before it: a reminder of a critical alert is
    critical, whatever its last reading says, and the end of a critical one `was` critical.
    """

    subject: str
    change: Change
    since: datetime
    reason: str
    observation: Observation
    level: Level = Level.OK
    was: Level = Level.OK


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is remembered of one subject between readings.

    `level` is that of the open alert, OK where there is none. `failures` counts the readings in a row that speak for
    opening it, or for raising its level; `unknowns` those in a row that could not look.
    """

    subject: str
    phase: Phase = Phase.OK
    level: Level = Level.OK
    since: datetime | None = None  # when the present trouble began
    failures: int = 0
    clean_since: datetime | None = None  # while recovering: since when every reading was clean
    reminders: int = 0  # how many reminders are behind us
    last_reading_at: datetime | None = None
    observation: Observation | None = None  # the last reading, of whatever level
    unknowns: int = 0
    opened_at: datetime | None = None
    milder_since: datetime | None = None  # while open: since when every reading was milder than `level`

    @property
    def is_open(self) -> bool:
        """Whether people were told of it and not yet of its end."""
        return self.phase in {Phase.OPEN, Phase.RECOVERING}


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be with a subject.

    `failures` and `unknowns` are readings in a row; `clean` is the time without a failure that ends an alert, or at a
    lower level that eases it; `reminders` count from the opening, and the last one comes again each day. A suspect is
    looked at again after `recheck`. `interval` is the usual time between readings, where there is one: after a silence
    of more than three of them nothing counts as "in a row" any more.
    """

    failures: int = 3
    clean: timedelta = timedelta(minutes=5)
    reminders: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
    unknowns: int = 3
    recheck: timedelta = timedelta(seconds=10)
    interval: timedelta | None = None


_NO_TIME = timedelta(0)
_SILENT_INTERVALS = 3
_SET_BACK = timedelta(minutes=-1)  # less is a clock being adjusted, or two readings that crossed

_POLICIES = {
    "probe": Policy(),
    "limit": Policy(failures=1),
    # One run that went well proves a job to be well again; the next one may be a week away.
    "job": Policy(failures=1, clean=_NO_TIME),
    "channel": Policy(failures=1),
    "store": Policy(failures=1, clean=_NO_TIME),
    "clock": Policy(failures=1, clean=_NO_TIME),
}


def policy_for(subject: str, interval: timedelta | None = None) -> Policy:
    """The policy that a subject's prefix stands for: a probe needs three failures, a limit, job or channel one.

    `interval` is the usual time between readings, if they come regularly.
    """
    prefix, _, _ = subject.partition("/")
    return replace(_POLICIES.get(prefix, Policy()), interval=interval)


def judge(
    state: AlertState, now: datetime, observation: Observation | None, policy: Policy
) -> tuple[AlertState, Transition | None, datetime | None]:
    """Fold one reading, or the mere passing of time (None), into a state.

    Returns the new state, what changed in a way that may be told, and when to look again even without a reading (at
    once, if that moment has passed). A suspect should be looked at then with a new reading, ahead of its turn. At most
    one thing is told; what else is due is told at the next look. Times in a reason are in the zone of `now`.
    """
    if _silent_too_long(state, now, policy):
        state = _starting_over(state)
    if observation is not None:
        state = _counted(state, now.astimezone(UTC), observation)
    state, transition = _decided(state, now, policy)
    return state, transition, _look_again_at(state, now.astimezone(UTC), policy)


def state_to_json(state: AlertState) -> str:
    """The state as JSON text, to be stored. `state_from_json` gives an equal state back."""
    return _json().dump_json(state, exclude_defaults=True).decode()


def state_from_json(text: str) -> AlertState:
    """Read what `state_to_json` wrote, now or by an earlier version. Raises ValueError if it is something else."""
    return _json().validate_json(text)


@cache
def _json() -> TypeAdapter[AlertState]:
    return TypeAdapter(AlertState)


# --- Counting: what one reading changes in the state ---


def _silent_too_long(state: AlertState, now: datetime, policy: Policy) -> bool:
    """Whether readings were missed, or the clock was set back, so that what was counted proves nothing."""
    if state.last_reading_at is None:
        return False
    silence = now - state.last_reading_at
    seldom = state.observation.every if state.observation else None
    interval = policy.interval and max(policy.interval, seldom or policy.interval)
    return silence < _SET_BACK or (interval is not None and silence > _SILENT_INTERVALS * interval)


def _starting_over(state: AlertState) -> AlertState:
    phase = {Phase.SUSPECT: Phase.OK, Phase.RECOVERING: Phase.OPEN}.get(state.phase, state.phase)
    since = None if phase is Phase.OK else state.since
    return replace(state, phase=phase, since=since, failures=0, unknowns=0, clean_since=None, milder_since=None)


def _counted(state: AlertState, now: datetime, observation: Observation) -> AlertState:
    state = replace(state, last_reading_at=now, observation=observation)
    if observation.level is Level.UNKNOWN:
        return _counted_unknown(state, now)
    if observation.level is Level.OK:
        return _counted_clean(state, now)
    return _counted_failure(state, now, observation.level)


def _counted_unknown(state: AlertState, now: datetime) -> AlertState:
    """Not a failure, and not clean either: what was counted of failures stays, a clean stretch is broken."""
    return replace(_in_trouble(state, now), unknowns=state.unknowns + 1, clean_since=None, milder_since=None)


def _counted_clean(state: AlertState, now: datetime) -> AlertState:
    if not state.is_open:
        return replace(state, phase=Phase.OK, since=None, failures=0, unknowns=0)
    return replace(
        state,
        phase=Phase.RECOVERING,
        failures=0,
        unknowns=0,
        clean_since=state.clean_since or now,
        milder_since=state.milder_since or now,
    )


def _counted_failure(state: AlertState, now: datetime, level: Level) -> AlertState:
    milder = state.level.worse_than(level)
    counts = level.worse_than(state.level)
    return replace(
        _in_trouble(state, now),
        failures=state.failures + 1 if counts else 0,
        unknowns=0,
        clean_since=None,
        milder_since=(state.milder_since or now) if milder else None,
    )


def _in_trouble(state: AlertState, now: datetime) -> AlertState:
    """On the troubled half of the circle: suspect before an alert is open, open after."""
    phase = Phase.OPEN if state.is_open else Phase.SUSPECT
    return replace(state, phase=phase, since=state.since or now)


# --- Deciding: what the state, at this time, gives cause to tell ---


def _decided(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    match state.phase:
        case Phase.OK:
            return state, None
        case Phase.SUSPECT:
            return _suspected(state, now, policy)
        case Phase.OPEN:
            return _open(state, now, policy)
        case Phase.RECOVERING:
            return _recovering(state, now, policy)


def _suspected(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    level = _seen(state).level
    if level.failing and state.failures >= policy.failures:
        reason = _failed(state, now, policy)
    elif state.unknowns >= policy.unknowns:
        level, reason = Level.UNKNOWN, _could_not_look(state, now, policy)
    else:
        return state, None
    opened = replace(state, phase=Phase.OPEN, level=level, failures=0, reminders=0, opened_at=now.astimezone(UTC))
    return opened, _told(state, opened, Change.OPENED, reason)


def _open(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    if state.failures >= policy.failures and _seen(state).level.worse_than(state.level):
        worse = replace(state, level=_seen(state).level, failures=0)
        times = "" if state.failures == 1 else f" for {state.failures} readings in a row"
        return worse, _told(state, worse, Change.WORSENED, f"{worse.level}{times}, was {state.level}")
    if state.milder_since and now - state.milder_since >= policy.clean:
        milder = replace(state, level=_seen(state).level, milder_since=None)
        reason = f"not {state.level} since {_at(state.milder_since, now)}, now {milder.level}"
        return milder, _told(state, milder, Change.EASED, reason)
    return _reminded(state, now, policy)


def _reminded(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    passed = state.reminders
    while (due := _reminder_at(state, passed, policy)) is not None and due <= now:
        passed += 1
    if passed == state.reminders:
        return state, None
    reminded = replace(state, reminders=passed)
    reason = f"still {state.level}, in trouble for {_for(now - _since(state))}, since {_at(_since(state), now)}"
    if state.unknowns and state.level is not Level.UNKNOWN:
        reason += f"; the last {_readings(state.unknowns)} could not look"
    return reminded, _told(state, reminded, Change.REMINDER, reason)


def _recovering(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    if state.clean_since is None or now - state.clean_since < policy.clean:
        return state, None
    well = AlertState(state.subject, last_reading_at=state.last_reading_at, observation=state.observation)
    clean = f"clean since {_at(state.clean_since, now)}" if policy.clean else "clean again"
    reason = f"{clean}, after {_for(state.clean_since - _since(state))} of trouble"
    return well, _told(state, well, Change.RESOLVED, reason)


def _look_again_at(state: AlertState, now: datetime, policy: Policy) -> datetime | None:
    match state.phase:
        case Phase.OK:
            return None
        case Phase.SUSPECT:
            return _recheck_at(state, now, policy)
        case Phase.OPEN:
            eased = state.milder_since + policy.clean if state.milder_since else None
            moments = (_reminder_at(state, state.reminders, policy), eased)
            return min((moment for moment in moments if moment is not None), default=None)
        case Phase.RECOVERING:
            return state.clean_since + policy.clean if state.clean_since else None


def _recheck_at(state: AlertState, now: datetime, policy: Policy) -> datetime | None:
    """Soon after the last reading; None once that has passed, since only another reading can say more."""
    if state.last_reading_at is None or state.last_reading_at + policy.recheck <= now:
        return None
    return state.last_reading_at + policy.recheck


def _reminder_at(state: AlertState, passed: int, policy: Policy) -> datetime | None:
    """When the reminder after so many is due: the policy's own first, then one a day; None if it wants none."""
    if state.opened_at is None or not policy.reminders:
        return None
    beyond = max(0, passed + 1 - len(policy.reminders))
    return state.opened_at + policy.reminders[min(passed, len(policy.reminders) - 1)] + beyond * DAY


# --- Telling: the words ---


def _told(before: AlertState, after: AlertState, change: Change, reason: str) -> Transition:
    return Transition(before.subject, change, _since(before), reason, _seen(after), after.level, before.level)


def _seen(state: AlertState) -> Observation:
    return state.observation or Observation(state.subject, Level.UNKNOWN)


def _since(state: AlertState) -> datetime:
    """When the trouble began; every state but OK knows it."""
    if state.since is None:
        raise ValueError(f"the state of {state.subject} is {state.phase}, but does not say since when")
    return state.since


def _failed(state: AlertState, now: datetime, policy: Policy) -> str:
    if policy.failures == 1:
        return f"{_seen(state).level} at {_at(now, now)}, one such reading is enough"
    return f"{state.failures} failures in a row since {_at(_since(state), now)}, limit {policy.failures}"


def _could_not_look(state: AlertState, now: datetime, policy: Policy) -> str:
    return f"could not look {state.unknowns} times in a row since {_at(_since(state), now)}, limit {policy.unknowns}"


def _readings(number: int) -> str:
    return "reading" if number == 1 else f"{number} readings"


def _at(moment: datetime, now: datetime) -> str:
    """A time of day in the zone of `now`, with the date where that is another one."""
    there = moment.astimezone(now.tzinfo)
    return f"{there:%H:%M:%S %Z}" if there.date() == now.date() else f"{there:%Y-%m-%d %H:%M:%S %Z}"


def _for(duration: timedelta) -> str:
    """A duration in its two largest units, such as `45 s`, `3 min 10 s` or `2 d 3 h`."""
    hours, rest = divmod(max(0, int(duration.total_seconds())), 3600)
    figures = {"d": hours // 24, "h": hours % 24, "min": rest // 60, "s": rest % 60}
    parts = [f"{figure} {unit}" for unit, figure in figures.items() if figure]
    return " ".join(parts[:2]) or "0 s"
