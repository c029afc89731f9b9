"""The history of a subject for `reporter explain`: readings, messages sent or suppressed, why, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from sqlalchemy import Connection

from reporter.alerts.incident import Incident
from reporter.alerts.maintenance import fits, maintenance_spans
from reporter.alerts.model import AlertState, Level, Phase, name_of
from reporter.alerts.policies import EscalationStep, Policy, Rules
from reporter.alerts.suppression import Silence, affected_subjects, suppression_of
from reporter.alerts.uptime import StateSpan
from reporter.notify.settings import NotifySettings
from reporter.periods.time_text import duration_text, passed
from reporter.store import alerts, incidents, uptime
from reporter.store.alerts import StoredAlert
from reporter.store.incidents import Dispatch, TransitionRecord
from reporter.store.uptime import Sample

# How long before an incident its readings are shown.
PRELUDE = timedelta(minutes=2)
# How far back the readings of a healthy subject are shown.
LATELY = timedelta(hours=1)
# A message that took longer to arrive than that is said to be late.
LATE = timedelta(minutes=1)
# How many incidents the overview shows.
SHOWN = 10

_PENDING = {"waiting": "waits to be delivered", "sending": "is being delivered", "unclear": "may have arrived or not"}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of the story, and what belongs to it."""

    at: datetime
    text: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """Explains one store under one config. Times are those of the config's zone; `now` is the moment of the question.

    `describe` gives a job's name and schedule in words, such as `watch, every 30 seconds`; None for an unknown job.
    """

    connection: Connection
    settings: NotifySettings
    now: datetime
    describe: Callable[[str], str | None]

    # --- Everything ---

    def overview(self) -> Iterator[str]:
        """The failing subjects, and the last incidents."""
        troubled = alerts.troubled(self.connection)
        yield "Failing:" if troubled else "Nothing is failing."
        known = {one.subject: one for one in incidents.open_incidents(self.connection)}
        for one in troubled:
            yield f"  {one.subject:<28} {self._standing(one.state)}{_heard(known.get(one.subject))}"
        held = incidents.silences_at(self.connection, self.now)
        yield from (f"  {self._silence(one)}" for one in held)
        past = [one for one in incidents.newest(self.connection, SHOWN) if one.is_over]
        if past:
            yield ""
            yield "The last incidents:"
            yield from (f"  {self._past(one)}" for one in past)

    def subjects(self) -> list[str]:
        """Every subject with a state, an incident or a probe."""
        named = (f"probe/{name}" for name in self.settings.rules.probes)
        known = (*alerts.subjects(self.connection), *incidents.subjects(self.connection), *named)
        return sorted(dict.fromkeys(known))

    # --- One subject ---

    def of(self, subject: str, at: datetime | None = None) -> Iterator[str]:
        """The history of one subject: its present or last incident, or the one at a moment."""
        watched = alerts.of_subjects(self.connection, [subject]).get(subject, StoredAlert(AlertState(subject)))
        incident = next(iter(incidents.newest(self.connection, 1, subject, at)), None)
        called = name_of(subject)
        aka = "" if called.replace(" ", "/") in subject else f" ({called})"
        yield f"{subject}{aka}: {self._standing(watched.state)}"
        yield from (f"  {line}" for line in self._about(watched))
        if incident:
            yield ""
            yield from self._of_incident(watched, incident)
        else:
            yield from self._peace(subject, at or self.now)
        yield from self._before(subject, incident)
        if at is None:
            yield from self._ahead(watched, incident)

    def _standing(self, state: AlertState) -> str:
        """How a subject stands, in a sentence."""
        seen = state.observation
        words = f": {seen.detail}" if seen and seen.detail else ""
        since = f"since {self._at(state.since)} ({duration_text(passed(state.since, self.now))})" if state.since else ""
        match state.phase:
            case Phase.OK if state.last_reading_at is None:
                return "no reading yet"
            case Phase.OK:
                return f"well, last seen {self._at(state.last_reading_at or self.now)}{words}"
            case Phase.SUSPECT:
                return f"suspect {since}, no alert yet{words}"
            case Phase.RECOVERING:
                return f"{state.level} {since}, and recovering: no failure since {self._at(state.clean_since)}{words}"
            case Phase.OPEN:
                return f"{state.level}{', flapping,' if state.flapping else ''} {since}{words}"

    def _about(self, watched: StoredAlert) -> Iterator[str]:
        """The job that checks it, the policy of its alert, and where the config sets that policy."""
        subject, rules = watched.subject, self.settings.rules
        if described := self.describe(watched.job or ""):
            yield f"It is checked by {described}."
        seen = watched.state.observation
        if seen and seen.value:
            yield f"Last measured: {seen.value}{f', limit {seen.limit}' if seen.limit else ''}."
        yield f"An alert opens after {_patience(rules.policy(subject))}."
        if watched.state.is_open and watched.state.level is Level.UNKNOWN:
            yield "An unknown state is sent once, without reminders."
        origins = [rule.origin for rule in rules.about(subject) if rule.terms or any(rule.at_level.values())]
        kind = subject.partition("/")[0]
        yield f"Set by {', '.join([*origins, f'the defaults of {kind}/…'])}."
        if parents := rules.parents(subject):
            yield f"It depends on {', '.join(parents)}."
        troubled = [one.state for one in alerts.troubled(self.connection)]
        if watched.phase is not Phase.OK and (taken := affected_subjects(subject, troubled, rules)):
            yield f"It affects {', '.join(taken)}."
        hint, runbook = rules.advice(subject)
        yield from (f"To do: {text}" for text in (hint, runbook) if text)

    def _of_incident(self, watched: StoredAlert, incident: Incident) -> Iterator[str]:
        end = incident.resolved_at or self.now
        lasted = duration_text(passed(incident.since, incident.until or self.now))
        zone = f"{incident.since.astimezone(self.settings.zone):%Z}"
        over = f"to {self._at(incident.until)} {zone}" if incident.until else f"{zone} and not resolved yet"
        yield f"Incident {incident.id}: {incident.worst} from {self._at(incident.since)} {over} ({lasted})"
        entries = [
            *self._readings(watched.subject, incident.since - PRELUDE, end + PRELUDE),
            *self._changes(incident),
            *self._people(incident, end),
        ]
        for entry in sorted(entries, key=lambda entry: entry.at):
            yield f"  {self._at(entry.at)}  {entry.text}"
            yield from (f"            {line}" for line in entry.below)

    # --- What was seen ---

    def _readings(self, subject: str, start: datetime, end: datetime) -> Iterator[TimelineEntry]:
        """The readings of a time; those in a row that are alike are one line.

        Of a long trouble only some readings are kept, and the spans count them all.
        """
        kept = uptime.kept_readings(self.connection, subject, start, end)
        if not kept:
            yield from self._spans(subject, start, end)
        spans = uptime.of_subject(self.connection, subject, start, end)
        runs = [list(in_row) for _, in_row in groupby(kept, key=lambda one: one.level)]
        ends = [*(run[0].at for run in runs[1:]), end]
        for run, until in zip(runs, ends, strict=False):
            counted = _counted(run, until, spans)
            for _, some in groupby(run, key=lambda one: one.detail):
                alike = list(some)
                whole = len(alike) == len(run)
                yield _reading(alike, counted if whole else len(alike), at_least=not whole and counted > len(run))

    def _spans(self, subject: str, start: datetime, end: datetime) -> Iterator[TimelineEntry]:
        for span in uptime.of_subject(self.connection, subject, start, end):
            yield TimelineEntry(
                max(span.start, start), f"seen {span.level} {_times(span.readings)} until {self._at(span.end)}"
            )

    def _peace(self, subject: str, at: datetime) -> Iterator[str]:
        yield ""
        yield "No incident is on record. Latest readings:"
        yield from (f"  {self._at(entry.at)}  {entry.text}" for entry in self._readings(subject, at - LATELY, at))

    # --- What was sent ---

    def _changes(self, incident: Incident) -> Iterator[TimelineEntry]:
        """Each change of the incident, whether people heard of it and why, and what became of the messages."""
        names = [incident.id, *([incident.group] if incident.group else [])]
        written = incidents.transitions_of(self.connection, [incident.id])
        sent = incidents.dispatches(self.connection, names, [told.run_id for told in written if told.run_id])
        for told in written:
            mine = [one for one in sent if one.run_id == told.run_id]
            yield TimelineEntry(told.at, self._change(told), tuple(self._messages(told, mine)))

    def _change(self, told: TransitionRecord) -> str:
        change = told.transition
        level = f" {change.level}" if change.level is not Level.OK else ""
        return f"{change.change.upper()}{level}: {change.reason}"

    def _messages(self, told: TransitionRecord, sent: Sequence[Dispatch]) -> Iterator[str]:
        if told.notified is False:
            yield f"not sent: {told.reason}"
            return
        news = [one for one in sent if not one.edit and one.channel in told.channels]
        yield from (f"sent to {one.channel}: {self._fate(one)}" for one in news)
        silent = [name for name in told.channels if name not in {one.channel for one in sent}]
        yield from (
            f"sent to {name}: the message is no longer on record, or the channel's noise is off" for name in silent
        )
        edited = [one.channel for one in sent if one.edit]
        if edited:
            yield f"the first message was edited in {', '.join(dict.fromkeys(edited))}"

    def _fate(self, one: Dispatch) -> str:
        if one.state == "sent" and one.sent_at:
            late = (
                duration_text(one.sent_at - one.created_at)
                if one.sent_at - one.created_at > timedelta(seconds=60)
                else ""
            )
            where = f" {one.url}" if one.url else ""
            return f"delivered{f' {late} later' if late else ''}{where}"
        if one.state == "held":
            return f"held until {self._at(one.not_before)}{f', {one.error}' if one.error else ''}"
        if one.state == "superseded":
            return "not delivered before the next change: a newer message replaces it"
        return f"{_PENDING.get(one.state, one.state)}{f': {one.error}' if one.error else ''}"

    # --- What people said, and what was planned ---

    def _people(self, incident: Incident, end: datetime) -> Iterator[TimelineEntry]:
        if incident.acked_at:
            note = f": {incident.note}" if incident.note else ""
            until = f" until {self._at(incident.acked_until)}" if incident.acked_until else ""
            yield TimelineEntry(incident.acked_at, f"acknowledged by {incident.acked_by}{until}{note}")
        for silence in incidents.silences_between(self.connection, incident.since, end):
            if fits(silence.pattern, incident.subject):
                yield TimelineEntry(max(silence.begins_at, incident.since), self._silence(silence))
        for begins, ends in maintenance_spans(self.settings.rules.windows, incident.subject, incident.since, end):
            yield TimelineEntry(begins, f"maintenance until {self._at(ends)}")

    def _silence(self, one: Silence) -> str:
        until = f"from {self._at(one.begins_at)} to {self._at(one.ends_at)}"
        return f"{one.pattern} is silenced {until} by {one.by}: {one.reason} (silence {one.id})"

    # --- Before and after ---

    def _before(self, subject: str, incident: Incident | None) -> Iterator[str]:
        """The incidents before this one."""
        if incident is None:
            return
        past = [one for one in incidents.newest(self.connection, SHOWN, subject) if one.opened_at < incident.opened_at]
        if past:
            yield ""
            yield "Before that:"
            yield from (f"  {self._past(one)}" for one in past[:3])

    def _past(self, one: Incident) -> str:
        lasted = duration_text(passed(one.since, one.until or self.now))
        told = f"sent to {', '.join(one.notified)}" if one.notified else f"not sent: {one.withheld}"
        return f"{self._at(one.since)}  {one.subject:<24} {one.worst} for {lasted}, {told}"

    def _ahead(self, watched: StoredAlert, incident: Incident | None) -> Iterator[str]:
        """What will happen if nothing changes."""
        lines = list(self._next(watched, incident)) if incident and not incident.is_over else []
        if lines:
            yield ""
            yield "What comes next, if nothing changes:"
            yield from (f"  {line}" for line in lines)

    def _next(self, watched: StoredAlert, incident: Incident) -> Iterator[str]:
        for entry in sorted(self._planned(watched, incident), key=lambda entry: entry.at):
            yield f"{self._at(entry.at)}  {entry.text}"
        if quiet := self._quiet(watched.subject, incident):
            yield f"nothing new is sent: {quiet}"

    def _planned(self, watched: StoredAlert, incident: Incident) -> Iterator[TimelineEntry]:
        phase = watched.state.phase
        unsent = "" if incident.notified else ", and dropped: nothing of it was sent"
        if watched.look_at and phase is Phase.RECOVERING:
            yield TimelineEntry(watched.look_at, f"resolved, if nothing fails until then{unsent}")
        elif watched.look_at and phase is Phase.OPEN:
            acked = incident.acked_at and not (incident.acked_until and incident.acked_until <= watched.look_at)
            silent = f", not sent: acknowledged by {incident.acked_by}" if acked else ""
            yield TimelineEntry(watched.look_at, f"a reminder{silent}")
        if incident.acked_until:
            yield TimelineEntry(incident.acked_until, "the acknowledgement ends, and people are reminded")
        for step in () if incident.acked_at else _steps_ahead(incident, self.settings.rules):
            opened_at = (watched.state.opened_at or incident.opened_at) + watched.state.unobserved
            yield TimelineEntry(opened_at + step.after, f"sent to {', '.join(step.channels)} too")

    def _quiet(self, subject: str, incident: Incident) -> str | None:
        troubled = [one.state for one in alerts.troubled(self.connection)]
        silences = incidents.silences_at(self.connection, self.now)
        now = self.now.astimezone(self.settings.zone)
        found = suppression_of(
            subject, incident.level, now, rules=self.settings.rules, silences=silences, troubled=troubled
        )
        return found.reason if found else None

    def _at(self, moment: datetime | None) -> str:
        """A time of day in our zone, with its date if that is not today's."""
        if moment is None:
            return "an unknown time"
        there, here = moment.astimezone(self.settings.zone), self.now.astimezone(self.settings.zone)
        return f"{there:%H:%M:%S}" if there.date() == here.date() else f"{there:%a %Y-%m-%d %H:%M:%S}"


def _heard(incident: Incident | None) -> str:
    """Who acknowledged an incident, or why nothing was sent."""
    if incident and incident.acked_at:
        return f"; acknowledged by {incident.acked_by}"
    return f"; not sent: {incident.withheld}" if incident and incident.withheld else ""


def _steps_ahead(incident: Incident, rules: Rules) -> Iterable[EscalationStep]:
    mine = [step for step in rules.steps if step.concerns(incident.subject, incident.level)]
    return [step for step in mine if step.name not in incident.escalated]


def _counted(run: Sequence[Sample], until: datetime, spans: Sequence[StateSpan]) -> int:
    """How many readings there were in a run of one level that ends by `until`, kept or not."""
    level, since = run[0].level, run[0].at
    within = [span.in_row for span in spans if span.level is level and span.end >= since and span.start < until]
    before_a_pause = [number for number, later in pairwise(within) if later <= number]
    return max(len(run), sum(before_a_pause) + within[-1]) if within and level is not Level.OK else len(run)


def _reading(alike: Sequence[Sample], number: int, *, at_least: bool = False) -> TimelineEntry:
    first, last = alike[0], alike[-1]
    words = f": {first.detail}" if first.detail else ""
    value = f" ({last.value})" if last.value and last.value not in (first.detail or "") else ""
    least = "at least " if at_least else ""
    return TimelineEntry(
        first.at, f"seen {first.level}{words}{value}{f', {least}{_times(number)}' if number > 1 else ''}"
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _patience(policy: Policy) -> str:
    """`3 failures in a row and resolves after 5m without one; reminders after 1h, 4h, 1 day, then daily`."""
    own = [policy.at(level).failures for level in (Level.WARNING, Level.CRITICAL)]
    failures = str(own[0]) if own[0] == own[1] else f"{own[0]} (warning) or {own[1]} (critical)"
    clean = f"after {duration_text(policy.clean)} without one" if policy.clean else "with the first good reading"
    recalled = ", ".join(str(duration_text(span)) for span in policy.reminders)
    again = f"reminders after {recalled}, then daily" if recalled else "no reminders"
    return f"{failures} failure{'' if failures == '1' else 's'} in a row and resolves {clean}; {again}"
