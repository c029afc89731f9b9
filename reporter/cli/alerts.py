"""The commands explain, silence and ack. They take effect at once, also while a daemon runs."""

from __future__ import annotations

import argparse
import getpass
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic_core import PydanticCustomError

from reporter.alerts.incident import Incident
from reporter.alerts.maintenance import fits
from reporter.alerts.suppression import Silence
from reporter.app.app import App
from reporter.config.types import duration as read_duration
from reporter.errors import ReporterError, nearest
from reporter.messages.formats import plural
from reporter.messages.message import visible
from reporter.notify.judgement import Judgement
from reporter.notify.repository import StoreRepository
from reporter.notify.timeline import Timeline
from reporter.periods.civil import parse_at
from reporter.periods.time_text import duration_text, moment_text
from reporter.store import incidents

DONE = 0
USUAL = timedelta(hours=2)
# The longest pattern that the store holds, in characters.
LONGEST = 200
# How long a command waits for the delivery of what it changed.
PATIENCE = timedelta(seconds=5)


def run_explain(app: App, options: argparse.Namespace) -> int:
    """`reporter explain [SUBJECT] [--at TIME]`."""
    if options.at and options.subject is None:
        raise ReporterError("--at needs a subject, such as `reporter explain db --at 2026-10-30T14:00`")
    with app.store.read() as connection:
        story = Timeline(connection, app.runtime.notify, app.clock.wall(), app.runtime.describe)
        if options.subject is None:
            lines = list(story.overview())
        else:
            subject = _meant(options.subject, story.subjects())
            lines = list(story.of(subject, _moment(app, options.at) if options.at else None))
    print("\n".join(map(visible, lines)))
    return DONE


def run_ack(app: App, options: argparse.Namespace) -> int:
    """`reporter ack SUBJECT [--by NAME] [--note TEXT]`."""
    by, run_id = _signed(options.by), secrets.token_hex(4)
    matching: list[Incident] = []

    def acknowledge(judgement: Judgement[StoreRepository]) -> None:
        matching[:] = _open_incidents(options.subject, judgement.open_incidents())
        for incident in matching:
            judgement.acknowledge(incident, by, options.note or "")

    app.alerts.commit(app.runtime.notify, acknowledge, run_id=run_id)
    app.deliver(run_id, PATIENCE)
    for incident in matching:
        subject = visible(incident.subject)
        print(f"{subject}: acknowledged by {visible(by)}; no reminders and no escalation until it resolves")
    return DONE


def run_silence(app: App, options: argparse.Namespace) -> int:
    """`reporter silence [PATTERN] [--for 2h] [--reason TEXT] [--by NAME] [--end]`."""
    if options.pattern is None and not options.end:
        return _list(app)
    if not (options.pattern or "").strip():
        raise ReporterError("which subjects? write such as `reporter silence 'probe/db*'`; `reporter silence` lists")
    return _end(app, options.pattern) if options.end else _begin(app, options)


def _begin(app: App, options: argparse.Namespace) -> int:
    now, span = app.clock.wall(), _span(options.span) if options.span else USUAL
    by, reason = _signed(options.by), options.reason or "no reason given"
    if len(options.pattern) > LONGEST:
        raise ReporterError(f"a pattern has at most {LONGEST} characters: use `*`, such as `probe/db*`")
    with app.store.read() as connection:
        known = Timeline(connection, app.runtime.notify, now, app.runtime.describe).subjects()
    matching = [subject for subject in known if fits(options.pattern, subject)]
    with app.store.begin() as connection:
        number = incidents.add_silence(connection, options.pattern, now, now + span, reason, by)
    print(_in_words(app, Silence(number, options.pattern, now, now + span, reason, by), now))
    if matching:
        print(f"  it matches {visible(_some(matching))}")
    else:
        print(f"  it matches no known subject{_near(options.pattern, known)}")
    return DONE


def _end(app: App, pattern: str) -> int:
    now, run_id = app.clock.wall(), secrets.token_hex(4)
    with app.store.begin() as connection:
        active = incidents.silences_at(connection, now)
        ended = [silence for silence in active if pattern in {silence.pattern, str(silence.id)}]
        if not ended:
            raise ReporterError(f"there is no silence {pattern}: `reporter silence` lists them")
        incidents.end_silences(connection, [silence.id for silence in ended], now)
    messages = app.alerts.commit(app.runtime.notify, lambda judgement: judgement.process_due(), run_id=run_id)
    app.deliver(run_id, PATIENCE)
    sent = f"; {plural(messages, 'notification')} sent" if messages else ""
    for silence in ended:
        print(f"the silence of {visible(silence.pattern)} has ended{sent}")
    return DONE


def _list(app: App) -> int:
    now = app.clock.wall()
    with app.store.read() as connection:
        active = incidents.silences_at(connection, now)
    for silence in active:
        print(_in_words(app, silence, now))
    if not active:
        print("Nothing is silenced. `reporter silence PATTERN --for 2h --reason TEXT` silences.")
    return DONE


def _in_words(app: App, silence: Silence, now: datetime) -> str:
    left = duration_text(silence.ends_at - now)
    until = moment_text(silence.ends_at, app.runtime.zone)
    return visible(
        f"{silence.id}: {silence.pattern} is silenced for {left}, until {until}, by {silence.by}: {silence.reason}"
    )


def _meant(given: str, known: Sequence[str]) -> str:
    """The subject that was named: its whole name, or the part after its kind. Raises ReporterError."""
    if given in known:
        return given
    ends = [subject for subject in known if fits(given, subject)]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise ReporterError(f"{given} matches {_some(ends)}: name one of them")
    raise ReporterError(f"there is no subject {given}{_near(given, known)}")


def _near(given: str, known: Sequence[str]) -> str:
    tails = {subject.partition("/")[2] or subject: subject for subject in reversed(known)}
    near = nearest(given, known) or tails.get(nearest(given, tails) or "")
    return f": did you mean {near}?" if near else "; `reporter explain` lists open incidents"


def _open_incidents(given: str, open_ones: Sequence[Incident]) -> list[Incident]:
    found = [incident for incident in open_ones if fits(given, incident.subject)]
    if not found:
        names = [incident.subject for incident in open_ones]
        raise ReporterError(f"{given} has no open incident" + (f"; open: {_some(names)}" if names else ""))
    return found


def _some(subjects: Sequence[str]) -> str:
    return ", ".join(subjects[:5]) + (f" and {len(subjects) - 5} more" if len(subjects) > 5 else "")


def _moment(app: App, text: str) -> datetime:
    try:
        return parse_at(text, app.runtime.zone.key)
    except ValueError as error:
        raise ReporterError(str(error)) from None


def _span(text: str) -> timedelta:
    try:
        span = read_duration(text)
    except PydanticCustomError:
        span = timedelta(0)
    if not span:
        raise ReporterError(f"--for {text} is no duration: write such as `--for 30m` or `--for 2h`")
    return span


def _signed(given: str | None) -> str:
    """Who acts: the given name, or that of the user."""
    try:
        name = given or getpass.getuser()
    except (OSError, KeyError):
        name = "somebody"
    return name[:64]
