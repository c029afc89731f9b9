"""Operations on incidents: explain, alerts, ack, unack, silence. The command line has the same functions."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Literal

from reporter.alerts.incident import Incident
from reporter.alerts.maintenance import fits, matching
from reporter.alerts.suppression import Silence
from reporter.app.app import App
from reporter.config.types import Duration
from reporter.errors import ReporterError, nearest
from reporter.messages.message import Message
from reporter.notify.evaluation import Evaluation
from reporter.notify.repository import StoreRepository
from reporter.notify.timeline import Timeline
from reporter.operations.absent_daemon import absent_daemon
from reporter.operations.operation import Arguments, Invocation, Role, Words
from reporter.operations.restatements import story as restated_story
from reporter.periods.civil import parse_at
from reporter.periods.time_text import moment_text
from reporter.store import incidents

USUAL = timedelta(hours=2)
# The longest pattern that the store holds, in characters.
LONGEST = 200
EVERYTHING = "*"
MORNING = time(8)
"""Until when `until morning` is, in the zone of the config."""
WHICH = "which subjects? write such as `reporter silence 'probe/db*'`; `reporter silence` lists"


# --- What is done, whoever asks ---


def story(app: App, subject: str | None, at: str | None = None) -> list[str]:
    """The lines of what is failing, or the timeline of one subject. Raises ReporterError with a suggestion."""
    with app.store.read() as connection:
        told = Timeline(connection, app.runtime.notify, app.clock.wall(), app.runtime.describe)
        if subject is None:
            return [*_nobody_watches(app), *told.overview()]
        ledger = subject.removeprefix("ledger/")
        if ledger != subject and subject not in told.subjects():
            return list(restated_story(app.store, ledger, app.runtime.zone))
        return list(told.of(named_subject(subject, told.subjects()), _moment(app, at) if at else None))


def _nobody_watches(app: App) -> Iterator[str]:
    """What stands above the overview while no daemon runs: it is of the past."""
    if absent := absent_daemon(app):
        last = absent.last_run
        when = f"last began a job at {moment_text(last, app.runtime.zone)}" if last else "has run no job here yet"
        yield f"No daemon runs, so nothing is watched. A daemon {when}."


def _moment(app: App, text: str) -> datetime:
    try:
        return parse_at(text, app.runtime.zone.key, now=app.clock.wall())
    except ValueError as error:
        raise ReporterError(str(error)) from None


def subjects(app: App) -> list[str]:
    """Every subject with a state, an incident or a probe."""
    with app.store.read() as connection:
        return Timeline(connection, app.runtime.notify, app.clock.wall(), app.runtime.describe).subjects()


def troubled_subjects(app: App) -> list[str]:
    """The subjects that have an open incident."""
    with app.store.read() as connection:
        return [incident.subject for incident in incidents.open_incidents(connection)]


def acknowledge(
    app: App, subject: str, by: str, note: str, run_id: str, until: datetime | None = None
) -> list[Incident]:
    """Acknowledge the open incidents that a name or pattern fits. Raises ReporterError where there is none."""
    found: list[Incident] = []

    def judge(judgement: Evaluation[StoreRepository]) -> None:
        found[:] = _open_incidents(subject, judgement.open_incidents())
        for incident in found:
            judgement.acknowledge(incident, by[:64], note, until)

    app.alerts.commit(app.runtime.notify, judge, run_id=run_id)
    return found


def unacknowledge(app: App, subject: str, run_id: str) -> list[Incident]:
    """End acknowledgements; returns the incidents as they were. Raises ReporterError where none is acknowledged."""
    found: list[Incident] = []

    def judge(judgement: Evaluation[StoreRepository]) -> None:
        found[:] = [one for one in _open_incidents(subject, judgement.open_incidents()) if one.acked_at]
        for incident in found:
            judgement.unacknowledge(incident)

    app.alerts.commit(app.runtime.notify, judge, run_id=run_id)
    if not found:
        raise ReporterError(f"nobody has acknowledged {subject}")
    return found


def later(app: App, text: str) -> datetime:
    """The moment to come that a text names: `morning` (08:00), a time of day, or a date. Raises ReporterError."""
    now, zone = app.clock.wall(), app.runtime.zone
    wanted = f"{MORNING:%H:%M}" if text.casefold() == "morning" else text
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", wanted):
            today = now.astimezone(zone).date()
            days = (f"{today + timedelta(days=number)} {wanted.zfill(5)}" for number in (0, 1))
            return next(at for at in (parse_at(day, zone.key) for day in days) if at > now)
        found = parse_at(wanted, zone.key)
    except ValueError as error:
        raise ReporterError(str(error)) from None
    if found <= now:
        raise ReporterError(f"{text} is over: write such as `until morning` or `until 18:00`")
    return found


def begin_silence(app: App, pattern: str, span: timedelta, reason: str, by: str) -> tuple[Silence, list[str]]:
    """Silence subjects for a while; returns the silence and the known subjects that it fits."""
    if not pattern.strip():
        raise ReporterError(WHICH)
    if len(pattern) > LONGEST:
        raise ReporterError(f"a pattern has at most {LONGEST} characters: use `*`, such as `probe/db*`")
    now = app.clock.wall()
    known = matching(pattern, subjects(app))
    if len(known) == 1:  # a name without its kind, such as `daily_loss`
        pattern = known[0] if not fits(pattern, known[0]) else pattern
    known = [subject for subject in known if fits(pattern, subject)]
    with app.store.begin() as connection:
        number = incidents.add_silence(connection, pattern, now, now + span, reason, by)
    return Silence(number, pattern, now, now + span, reason, by), known


def end_silences(app: App, name: str, run_id: str) -> tuple[list[Silence], int]:
    """End silences by their pattern or number; returns them, and how many messages people get about what is still
    failing. Raises ReporterError where there is none."""
    now = app.clock.wall()
    with app.store.begin() as connection:
        active = incidents.silences_at(connection, now)
        ended = [one for one in active if one.holds(now) and name in {one.pattern, str(one.id)}]
        if not ended:
            raise ReporterError(f"there is no silence {name}: `alerts` in chat, or `reporter silence`, lists them")
        incidents.end_silences(connection, [silence.id for silence in ended], now)
    sent = app.alerts.commit(app.runtime.notify, lambda judgement: judgement.process_due(), run_id=run_id)
    return ended, sent


def active_silences(app: App) -> list[Silence]:
    with app.store.read() as connection:
        return incidents.silences_at(connection, app.clock.wall())


def named_subject(given: str, known: Sequence[str]) -> str:
    """The subject that was named: its whole name, or the part after its kind. Raises ReporterError."""
    if given in known:
        return given
    ends = matching(given, known)
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise ReporterError(f"{given} matches {some(ends)}: name one of them")
    raise ReporterError(f"there is no subject {given}{near(given, known)}")


def near(given: str, known: Sequence[str]) -> str:
    """`: did you mean probe/db?`, or where the names are listed."""
    tails = {subject.partition("/")[2] or subject: subject for subject in reversed(known)}
    within = next((subject for subject in known if given.casefold() in subject.casefold()), None) if given else None
    found = nearest(given, known) or tails.get(nearest(given, tails) or "") or within
    return f": did you mean {found}?" if found else "; `alerts` in chat, or `reporter explain`, lists open incidents"


def _open_incidents(given: str, open_ones: Sequence[Incident]) -> list[Incident]:
    names = [incident.subject for incident in open_ones]
    meant = matching(given, names)
    found = [incident for incident in open_ones if incident.subject in meant]
    if not found:
        raise ReporterError(f"{given} has no open incident" + (f"; open: {some(names)}" if names else ""))
    return found


def some(subjects: Sequence[str]) -> str:
    """The first five of some subjects, and how many more there are."""
    return ", ".join(subjects[:5]) + (f" and {len(subjects) - 5} more" if len(subjects) > 5 else "")


# --- The operations ---


class ExplainArguments(Arguments):
    subject: Annotated[str, Words(known=subjects)]
    at: Annotated[str | None, Words("TIME", after="at")] = None


class AckArguments(Arguments):
    subject: Annotated[str, Words(known=troubled_subjects)]
    span: Annotated[Duration | None, Words("SPAN", after="for")] = None
    until: Annotated[str | None, Words("TIME", after="until")] = None
    note: Annotated[str, Words("REASON", after="because", rest=True)] = ""


class UnackArguments(Arguments):
    subject: Annotated[str, Words(known=troubled_subjects)]


class SilenceArguments(Arguments):
    subject: Annotated[str, Words(known=subjects)]
    span: Annotated[Duration, Words("SPAN", after="for")] = USUAL
    until: Annotated[str | None, Words("TIME", after="until")] = None
    reason: Annotated[str, Words("REASON", after="because", rest=True)] = ""


def silenced(app: App) -> list[str]:
    """The patterns of the silences that hold now."""
    return [silence.pattern for silence in active_silences(app)]


class UnsilenceArguments(Arguments):
    pattern: Annotated[str, Words("SUBJECT", known=silenced)]


class AlertsArguments(Arguments):
    state: Literal["on", "off"] | None = None
    span: Annotated[Duration, Words("SPAN", after="for")] = USUAL


def explain(asked: Invocation[ExplainArguments]) -> Iterator[Message]:
    head, *lines = story(asked.app, asked.arguments.subject, asked.arguments.at)
    yield asked.answer("explain", head=head, lines=lines)


def ack(asked: Invocation[AckArguments]) -> Iterator[Message]:
    given, run_id = asked.arguments, secrets.token_hex(4)
    until = later(asked.app, given.until) if given.until else asked.now + given.span if given.span else None
    found = acknowledge(asked.app, given.subject, asked.actor.name, given.note, run_id, until)
    asked.deliver(run_id)
    yield asked.answer("ack", incidents=found, by=asked.actor.name, note=given.note, until=until)


def unack(asked: Invocation[UnackArguments]) -> Iterator[Message]:
    run_id = secrets.token_hex(4)
    found = unacknowledge(asked.app, asked.arguments.subject, run_id)
    asked.deliver(run_id)
    yield asked.answer("unack", incidents=found)


def silence(asked: Invocation[SilenceArguments]) -> Iterator[Message]:
    given = asked.arguments
    reason = given.reason or "no reason given"
    span = later(asked.app, given.until) - asked.now if given.until else given.span
    held, matching = begin_silence(asked.app, given.subject, span, reason, asked.actor.name)
    hint = "" if matching else near(given.subject, subjects(asked.app))
    yield asked.answer("silence", silence=held, matching=matching, hint=hint)


def unsilence(asked: Invocation[UnsilenceArguments]) -> Iterator[Message]:
    given, run_id = asked.arguments.pattern, secrets.token_hex(4)
    patterns = [one.pattern for one in active_silences(asked.app)]
    meant = given if given in patterns else next(iter(matching(given, patterns)), given)  # a name without its kind
    ended, sent = end_silences(asked.app, meant, run_id)
    asked.deliver(run_id)
    yield asked.answer("unsilence", silences=ended, sent=sent)


def alerts(asked: Invocation[AlertsArguments]) -> Iterator[Message]:
    """Without an argument, what is failing and what is silenced; `off` silences everything for a while."""
    if asked.arguments.state:
        asked.require(Role.OPERATOR)
    if asked.arguments.state == "off":
        begin_silence(asked.app, EVERYTHING, asked.arguments.span, "alerts off", asked.actor.name)
    elif asked.arguments.state == "on":
        run_id = secrets.token_hex(4)
        with_all = [silence for silence in active_silences(asked.app) if silence.pattern == EVERYTHING]
        if with_all:
            end_silences(asked.app, EVERYTHING, run_id)
            asked.deliver(run_id)
    with asked.app.store.read() as connection:
        open_ones = incidents.open_incidents(connection)
        held = [one for one in incidents.silences_at(connection, asked.now) if one.holds(asked.now)]
    off = next((one for one in held if one.pattern == EVERYTHING), None)
    yield asked.answer("alerts", incidents=open_ones, silences=held, off=off, absent=absent_daemon(asked.app))
