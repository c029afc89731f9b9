"""The commands explain, silence and ack. They take effect at once, also while a daemon runs."""

from __future__ import annotations

import argparse
import secrets
from datetime import datetime, timedelta

from pydantic_core import PydanticCustomError

from reporter.alerts.suppression import Silence
from reporter.app.app import App
from reporter.cli.terminal import user_name
from reporter.config.types import duration as read_duration
from reporter.errors import ReporterError
from reporter.messages.formats import plural
from reporter.messages.message import visible
from reporter.operations import incidents as operations
from reporter.periods.time_text import duration_text, moment_text

DONE = 0
# How long a command waits for the delivery of what it changed.
PATIENCE = timedelta(seconds=5)


def run_explain(app: App, options: argparse.Namespace) -> int:
    """`reporter explain [SUBJECT] [--at TIME]`."""
    if options.at and options.subject is None:
        raise ReporterError("--at needs a subject, such as `reporter explain db --at 2026-10-30T14:00`")
    print("\n".join(map(visible, operations.story(app, options.subject, options.at))))
    return DONE


def run_ack(app: App, options: argparse.Namespace) -> int:
    """`reporter ack SUBJECT [--for 2h] [--by NAME] [--note TEXT] [--end]`."""
    by, run_id = signed(options.by), secrets.token_hex(4)
    if options.end:
        for incident in operations.unacknowledge(app, options.subject, run_id):
            print(f"{visible(incident.subject)}: acknowledged no longer; reminders and escalation go on")
        app.deliver(run_id, PATIENCE)
        return DONE
    until = app.clock.wall() + _span(options.span) if options.span else None
    matching = operations.acknowledge(app, options.subject, by, options.note or "", run_id, until)
    app.deliver(run_id, PATIENCE)
    ends = moment_text(until, app.runtime.zone) if until else "it resolves"
    for incident in matching:
        subject = visible(incident.subject)
        print(f"{subject}: acknowledged by {visible(by)}; no reminders and no escalation until {ends}")
    return DONE


def run_silence(app: App, options: argparse.Namespace) -> int:
    """`reporter silence [PATTERN] [--for 2h] [--reason TEXT] [--by NAME] [--end]`."""
    if options.pattern is None and not options.end:
        return _list(app)
    return _end(app, options.pattern or "") if options.end else _begin(app, options)


def _begin(app: App, options: argparse.Namespace) -> int:
    span = _span(options.span) if options.span else operations.USUAL
    reason = options.reason or "no reason given"
    silence, matching = operations.begin_silence(app, options.pattern, span, reason, signed(options.by))
    print(_in_words(app, silence, silence.begins_at))
    if matching:
        print(f"  it matches {visible(operations.some(matching))}")
    else:
        print(f"  it matches no known subject{operations.near(options.pattern, operations.subjects(app))}")
    return DONE


def _end(app: App, pattern: str) -> int:
    if not pattern.strip():
        raise ReporterError(operations.WHICH)
    run_id = secrets.token_hex(4)
    ended, messages = operations.end_silences(app, pattern, run_id)
    app.deliver(run_id, PATIENCE)
    sent = f"; {plural(messages, 'notification')} sent" if messages else ""
    for silence in ended:
        print(f"the silence of {visible(silence.pattern)} has ended{sent}")
    return DONE


def _list(app: App) -> int:
    active = operations.active_silences(app)
    for silence in active:
        print(_in_words(app, silence, app.clock.wall()))
    if not active:
        print("Nothing is silenced. `reporter silence PATTERN --for 2h --reason TEXT` silences.")
    return DONE


def _in_words(app: App, silence: Silence, now: datetime) -> str:
    left = duration_text(silence.ends_at - now)
    until = moment_text(silence.ends_at, app.runtime.zone)
    return visible(
        f"{silence.id}: {silence.pattern} is silenced for {left}, until {until}, by {silence.by}: {silence.reason}"
    )


def _span(text: str) -> timedelta:
    try:
        span = read_duration(text)
    except PydanticCustomError:
        span = timedelta(0)
    if not span:
        raise ReporterError(f"--for {text} is no duration: write such as `--for 30m` or `--for 2h`")
    return span


def signed(given: str | None) -> str:
    """Who acts: the given name, or that of the user."""
    return (given or user_name())[:64]
