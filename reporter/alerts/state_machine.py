"""The state machine of an alert: opens, worsens, eases, reminds of and resolves it after failures, and says why.

A subject passes through one circle, `OK → SUSPECT → OPEN → RECOVERING → OK`. Only entering and leaving `OPEN`, and
changes inside `OPEN`, can send a message. `docs/alerts.md` gives the rules in prose.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.policies import Policy
from reporter.periods.civil import DAY
from reporter.periods.time_text import clock_time, duration_text

_NO_TIME = timedelta(0)
_SILENT_INTERVALS = 3
# Flapping asks for four times as long a time without trouble each time that the trouble comes back, up to this.
LONGEST_CALM = timedelta(hours=1)
# From this time on an alert says that nobody observed its subject.
LONG_UNOBSERVED = timedelta(minutes=2)
_SET_BACK = timedelta(minutes=-1)  # less is a clock being adjusted, or two readings that crossed


def next_state(
    state: AlertState, now: datetime, observation: Observation | None, policy: Policy
) -> tuple[AlertState, Transition | None, datetime | None]:
    """Fold one reading, or the mere passing of time (None), into a state.

    Returns the new state, the change to notify people of, and when to look again even without a reading (at once, if
    that moment has passed). A suspect should be looked at then with a new reading, ahead of its turn. At most one thing
    is sent; what else is due is sent at the next look. Times in a reason are in the zone of `now`.
    """
    silent = _silent_too_long(state, now, policy)
    if silent:
        state = _starting_over(state)
    if observation is not None:
        gap = _gap(state, now, observation) if silent else _NO_TIME
        state = replace(state, unobserved=state.unobserved + gap if state.since else _NO_TIME, stepped=_NO_TIME)
        state = _counted(state, now.astimezone(UTC), observation)
    state, transition = _decided(state, now, policy)
    return state, transition, _look_again_at(state, now.astimezone(UTC), policy)


def closed(state: AlertState, reason: str) -> Transition:
    """The end of an open alert whose subject nothing observes any more."""
    gone = Observation(state.subject, Level.OK, reason)
    return _told(state, AlertState(state.subject, observation=gone), TransitionKind.UNWATCHED, reason)


def after_step(state: AlertState, step: timedelta) -> AlertState:
    """The state after the clock was set by a step: no duration gets longer or shorter by it."""

    def moved(moment: datetime | None) -> datetime | None:
        return moment and moment + step

    return replace(
        state,
        clean_since=moved(state.clean_since),
        milder_since=moved(state.milder_since),
        resolved_at=moved(state.resolved_at),
        eased_at=moved(state.eased_at),
        unobserved=state.unobserved + step,
        stepped=state.stepped + step,
    )


def incident_of(state: AlertState) -> str:
    """The name of the incident that an open alert is part of; that of an earlier version's state is made up for."""
    return state.incident or _incident(state.subject, state.opened_at or state.since)


# --- Counting: what one reading changes in the state ---


def _silent_too_long(state: AlertState, now: datetime, policy: Policy) -> bool:
    """Whether readings were missed, or the clock was set back, so that what was counted proves nothing."""
    if state.last_reading_at is None:
        return False
    silence = now - state.last_reading_at
    seldom = state.observation.every if state.observation else None
    interval = policy.interval and max(policy.interval, seldom or policy.interval)
    return silence < _SET_BACK or (interval is not None and silence > _SILENT_INTERVALS * interval)


def _gap(state: AlertState, now: datetime, observation: Observation) -> timedelta:
    """How much of the time before a reading is not time in trouble, because nobody knows when the trouble ended.

    A trouble that is still there lasted. A step of the clock that was seen is counted already.
    """
    if state.last_reading_at is None or state.stepped:
        return _NO_TIME
    gap = now - state.last_reading_at
    return gap if observation.level is Level.OK else min(gap, _NO_TIME)


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
        relapses=state.relapses + (state.phase is Phase.RECOVERING),
        clean_since=None,
        milder_since=(state.milder_since or now) if milder else None,
    )


def _in_trouble(state: AlertState, now: datetime) -> AlertState:
    """On the troubled half of the circle: suspect before an alert is open, open after."""
    phase = Phase.OPEN if state.is_open else Phase.SUSPECT
    return replace(state, phase=phase, since=state.since or now)


# --- Deciding: what the state, at this time, gives cause to notify ---


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
    if level.failing and state.failures >= policy.at(level).failures:
        return _opened(state, now, policy, level, _failed(state, now, policy.at(level)))
    if state.unknowns >= policy.unknowns:
        return _opened(state, now, policy, Level.UNKNOWN, _could_not_look(state, now, policy))
    return state, None


def _opened(
    state: AlertState, now: datetime, policy: Policy, level: Level, reason: str
) -> tuple[AlertState, Transition]:
    again = _again(state, now, policy)
    at = now.astimezone(UTC)
    opened = replace(
        state,
        phase=Phase.OPEN,
        level=level,
        failures=0,
        reminders=0,
        relapses=0,
        opened_at=at,
        eased_at=None,
        flapping=again,
        flaps=state.flaps + 1 if again else 0,
        openings=state.openings + 1 if again else 1,
        began=(again and state.began) or state.since,
        incident=(again and state.incident) or _incident(state.subject, at),
    )
    if again:
        reason = f"{reason}; {_came_back(opened, now, policy)}"
    return opened, _told(state, opened, TransitionKind.FLAPPING if again else TransitionKind.OPENED, reason)


def _again(state: AlertState, now: datetime, policy: Policy) -> bool:
    """Whether the last incident was over so short a time ago that this is still the same one."""
    if state.resolved_at is None or state.incident is None or not policy.flap_window:
        return False
    return _NO_TIME <= now - state.resolved_at <= policy.flap_window


def _open(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    seen = _seen(state).level
    if seen.worse_than(state.level) and state.failures >= policy.at(seen).failures:
        return _worsened(state, now, policy)
    if state.milder_since and now - state.milder_since >= _patience(state, policy):
        milder = replace(state, level=seen, milder_since=None, eased_at=now.astimezone(UTC))
        milder = replace(milder, reminders=_passed(milder, now, policy))
        reason = f"not {state.level} since {clock_time(state.milder_since, now)}, now {milder.level}"
        return milder, _told(state, milder, TransitionKind.EASED, reason)
    return _reminded(state, now, policy)


def _worsened(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition]:
    again = state.eased_at is not None and _NO_TIME <= now - state.eased_at <= policy.flap_window
    worse = replace(
        state,
        level=_seen(state).level,
        failures=0,
        flapping=state.flapping or again,
        flaps=state.flaps + again,
    )
    worse = replace(worse, reminders=_passed(worse, now, policy))
    times = "" if state.failures == 1 else f" for {state.failures} readings in a row"
    reason = f"{worse.level}{times}, was {state.level}"
    if again:
        calm = duration_text(_patience(worse, policy))
        reason += f"; it was {worse.level} before: flapping, so eased only after {calm}"
    return worse, _told(state, worse, TransitionKind.WORSENED, reason)


def _reminded(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    passed = max(state.reminders, _passed(state, now, policy))
    if passed == state.reminders:
        return state, None
    reminded = replace(state, reminders=passed)
    transition = _told(state, reminded, TransitionKind.REMINDER, "")
    lasted = duration_text(transition.lasted(now))
    reason = f"still {state.level}, in trouble for {lasted}, since {clock_time(transition.since, now)}"
    if state.unknowns and state.level is not Level.UNKNOWN:
        reason += f"; the last {_readings(state.unknowns)} could not look"
    return reminded, replace(transition, reason=reason + _came_and_went(state) + _not_observed(state))


def _passed(state: AlertState, now: datetime, policy: Policy) -> int:
    """How many reminders lie behind us at the alert's level, whether they were sent or not."""
    passed = 0
    while (due := _reminder_at(state, passed, policy)) is not None and due <= now:
        passed += 1
    return passed


def _recovering(state: AlertState, now: datetime, policy: Policy) -> tuple[AlertState, Transition | None]:
    patience = _patience(state, policy)
    if state.clean_since is None or now - state.clean_since < patience:
        return state, None
    well = AlertState(
        state.subject,
        last_reading_at=state.last_reading_at,
        observation=state.observation,
        incident=incident_of(state),
        began=state.began,
        openings=max(1, state.openings),
        resolved_at=now.astimezone(UTC),
        flapping=state.flapping,
        flaps=state.flaps,
    )
    clean = f"clean since {clock_time(state.clean_since, now)}" if patience else "clean again"
    transition = replace(_told(state, well, TransitionKind.RESOLVED, ""), until=state.clean_since)
    reason = f"{clean}, after {duration_text(transition.lasted(now))} of trouble"
    return well, replace(transition, reason=reason + _came_and_went(state) + _not_observed(state))


def _patience(state: AlertState, policy: Policy) -> timedelta:
    """How long an alert must be without a failure until it is over, or without one of its level until it is eased."""
    own = policy.at(state.level)
    if not state.flapping:
        return own.clean
    calm = max(own.clean, own.flapping_clean)
    return min(calm * (1, 4, 16)[min(max(0, state.flaps - 1), 2)], max(calm, LONGEST_CALM))


def _look_again_at(state: AlertState, now: datetime, policy: Policy) -> datetime | None:
    match state.phase:
        case Phase.OK:
            return None
        case Phase.SUSPECT:
            return _recheck_at(state, now, policy)
        case Phase.OPEN:
            eased = state.milder_since + _patience(state, policy) if state.milder_since else None
            moments = (_reminder_at(state, state.reminders, policy), eased)
            return min((moment for moment in moments if moment is not None), default=None)
        case Phase.RECOVERING:
            return state.clean_since + _patience(state, policy) if state.clean_since else None


def _recheck_at(state: AlertState, now: datetime, policy: Policy) -> datetime | None:
    """Soon after the last reading; None once that has passed, since only another reading can say more."""
    if state.last_reading_at is None or state.last_reading_at + policy.recheck <= now:
        return None
    return state.last_reading_at + policy.recheck


def _reminder_at(state: AlertState, passed: int, policy: Policy) -> datetime | None:
    """When the reminder after so many is due: the policy's own first, then one a day; None if it wants none.

    That we cannot look is reported once: what this machine does not permit today it will not permit tomorrow.
    """
    reminders = policy.at(state.level).reminders
    if state.flaps:  # people know by now that the trouble comes and goes
        reminders = tuple(span for span in reminders if span > LONGEST_CALM) or reminders[-1:]
    if state.opened_at is None or not reminders or state.level is Level.UNKNOWN:
        return None
    beyond = max(0, passed + 1 - len(reminders))
    opened_at = state.opened_at + min(state.unobserved, _NO_TIME)
    return opened_at + reminders[min(passed, len(reminders) - 1)] + beyond * DAY


# --- Telling: the words ---


def _told(before: AlertState, after: AlertState, change: TransitionKind, reason: str) -> Transition:
    incident = incident_of(after if after.is_open else before)
    since, unobserved = _since(before), before.unobserved
    return Transition(
        before.subject, change, since, reason, _seen(after), after.level, before.level, incident, unobserved=unobserved
    )


def _incident(subject: str, opened_at: datetime | None) -> str:
    """The same name wherever it is made: two daemons that share a store speak of one incident."""
    return sha256(f"{subject} {opened_at and opened_at.isoformat()}".encode()).hexdigest()[:8]


def _seen(state: AlertState) -> Observation:
    return state.observation or Observation(state.subject, Level.UNKNOWN)


def _since(state: AlertState) -> datetime:
    """When the trouble began; every state but OK knows it."""
    if state.since is None:
        raise ValueError(f"the state of {state.subject} is {state.phase}, but does not say since when")
    return state.since


def _failed(state: AlertState, now: datetime, policy: Policy) -> str:
    if policy.failures == 1:
        return f"{_seen(state).level} at {clock_time(now, now)}, one such reading is enough"
    return f"{state.failures} failures in a row since {clock_time(_since(state), now)}, limit {policy.failures}"


def _could_not_look(state: AlertState, now: datetime, policy: Policy) -> str:
    since = clock_time(_since(state), now)
    return f"could not look {state.unknowns} times in a row since {since}, limit {policy.unknowns}"


def _came_back(state: AlertState, now: datetime, policy: Policy) -> str:
    last = f", last over at {clock_time(state.resolved_at, now)}" if state.resolved_at else ""
    times = f"in trouble {state.openings} times since {clock_time(state.began or _since(state), now)}{last}"
    return f"{times}: flapping, so over only after {duration_text(_patience(state, policy))} without a failure"


def _came_and_went(state: AlertState) -> str:
    return f"; it came and went {state.relapses} times" if state.relapses > 1 else ""


def _not_observed(state: AlertState) -> str:
    long = state.unobserved > LONG_UNOBSERVED
    return f"; not observed for {duration_text(state.unobserved)}" if long else ""


def _readings(number: int) -> str:
    return "reading" if number == 1 else f"{number} readings"
