"""What `reporter explain`, `reporter silence` and `reporter ack` do. They act at once, also beside a running daemon."""

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
from reporter.messages.formats import duration_text, plural
from reporter.messages.message import visible
from reporter.notify.pipeline import AlertPipeline
from reporter.notify.timeline import Timeline
from reporter.periods.civil import parse_at
from reporter.store import incidents

DONE = 0
USUAL = timedelta(hours=2)
# So many characters our store keeps of a pattern.
LONGEST = 200
# How long a command waits until what it changes about a message is there.
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
    with app.store.begin() as connection:
        open_ones = incidents.open_ones(connection, ours=True)
        taken = _in_trouble(options.subject, open_ones)
        pipeline = AlertPipeline(connection, app.runtime.notify, run_id, app.clock.wall())
        for one in taken:
            pipeline.acknowledge(one, by, options.note or "")
    app.deliver(run_id, PATIENCE)
    for one in taken:
        print(f"{visible(one.subject)}: acknowledged by {visible(by)}; no reminder and no escalation until it is over")
    return DONE


def run_silence(app: App, options: argparse.Namespace) -> int:
    """`reporter silence [PATTERN] [--for 2h] [--reason TEXT] [--by NAME] [--end]`."""
    if options.pattern is None and not options.end:
        return _list(app)
    if not (options.pattern or "").strip():
        raise ReporterError("which subjects? name them as in `reporter silence 'probe/db*'`; `reporter silence` lists")
    return _end(app, options.pattern) if options.end else _begin(app, options)


def _begin(app: App, options: argparse.Namespace) -> int:
    now, span = app.clock.wall(), _span(options.span) if options.span else USUAL
    by, reason = _signed(options.by), options.reason or "no reason given"
    if len(options.pattern) > LONGEST:
        raise ReporterError(f"a pattern has at most {LONGEST} characters: silence with `*`, such as `probe/db*`")
    with app.store.read() as connection:
        known = Timeline(connection, app.runtime.notify, now, app.runtime.describe).subjects()
    meant = [subject for subject in known if fits(options.pattern, subject)]
    with app.store.begin() as connection:
        number = incidents.add_silence(connection, options.pattern, now, now + span, reason, by)
    print(_in_words(app, Silence(number, options.pattern, now, now + span, reason, by), now))
    print(
        f"  it fits {visible(_some(meant))}"
        if meant
        else f"  nothing that is known has such a name{_near(options.pattern, known)}"
    )
    return DONE


def _end(app: App, pattern: str) -> int:
    now, run_id = app.clock.wall(), secrets.token_hex(4)
    with app.store.begin() as connection:
        held = [one for one in incidents.silences_at(connection, now) if pattern in {one.pattern, str(one.id)}]
        if not held:
            raise ReporterError(f"nothing is silenced as {pattern}: `reporter silence` lists what is")
        incidents.end_silences(connection, [one.id for one in held], now)
        messages = AlertPipeline(connection, app.runtime.notify, run_id, now).process_due()
    app.deliver(run_id, PATIENCE)
    told = f"; {plural(messages, 'alert')} told" if messages else ""
    for one in held:
        print(f"the silence of {visible(one.pattern)} has ended{told}")
    return DONE


def _list(app: App) -> int:
    now = app.clock.wall()
    with app.store.read() as connection:
        held = incidents.silences_at(connection, now)
    for one in held:
        print(_in_words(app, one, now))
    if not held:
        print("Nothing is silenced. `reporter silence PATTERN --for 2h --reason TEXT` does that.")
    return DONE


def _in_words(app: App, one: Silence, now: datetime) -> str:
    left = duration_text(one.ends_at - now)
    until = f"{one.ends_at.astimezone(app.runtime.zone):%Y-%m-%d %H:%M:%S %Z}"
    return visible(f"{one.id}: {one.pattern} is silenced for {left}, until {until}, by {one.by}: {one.reason}")


def _meant(given: str, known: Sequence[str]) -> str:
    """The subject that was named, by its whole name or by what stands after its kind. Raises ReporterError."""
    if given in known:
        return given
    ends = [subject for subject in known if fits(given, subject)]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise ReporterError(f"{given} may be {_some(ends)}: which of them?")
    raise ReporterError(f"nothing is known of {given}{_near(given, known)}")


def _near(given: str, known: Sequence[str]) -> str:
    tails = {subject.partition("/")[2] or subject: subject for subject in reversed(known)}
    near = nearest(given, known) or tails.get(nearest(given, tails) or "")
    return f": did you mean {near}?" if near else "; `reporter explain` lists what is in trouble"


def _in_trouble(given: str, open_ones: Sequence[Incident]) -> list[Incident]:
    found = [one for one in open_ones if fits(given, one.subject)]
    if not found:
        names = [one.subject for one in open_ones]
        raise ReporterError(f"{given} is not in trouble" + (f"; in trouble: {_some(names)}" if names else ""))
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
    """Who does it: the name that was given, or that of the user."""
    try:
        name = given or getpass.getuser()
    except (OSError, KeyError):
        name = "somebody"
    return name[:64]
