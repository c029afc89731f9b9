"""The commands outbox and channels: show queued messages and why they wait, retry or drop them, test a channel."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from reporter.app.app import App
from reporter.app.channel_test import in_words, post_test
from reporter.cli.terminal import raise_unless_shown
from reporter.delivery.channels import Channel
from reporter.delivery.outlets.outlet import Delivered
from reporter.errors import ReporterError, nearest
from reporter.messages.formats import plural
from reporter.messages.message import Severity, plain, visible
from reporter.periods.time_text import ago, duration_text, moment_text, passed
from reporter.store import channel_states, channel_stats, outbox_admin
from reporter.store.channel_states import ChannelState
from reporter.store.channel_stats import DeliveryCounts
from reporter.store.outbox import QueuedMessage
from reporter.store.outbox_admin import StateCount

DONE, FAILED, QUEUED = 0, 1, 75
# How far back the figures of `reporter channels` go, and for how long a retry is watched.
FIGURES = timedelta(days=7)
LATELY = (timedelta(hours=1), timedelta(days=1))
PATIENCE = timedelta(seconds=20)
ALL = 1_000_000

STATES = ("waiting", "held", "sending", "unclear", "sent", "dead", "expired", "superseded", "dropped")
_OF_INTEREST = (*outbox_admin.OPEN, "dead")


def run_outbox(app: App, options: argparse.Namespace) -> int:
    """`reporter outbox [list | show ID | retry ID | drop ID]`."""
    return _OUTBOX[options.action or "list"](app, options)


def run_channels(app: App, options: argparse.Namespace) -> int:
    """`reporter channels [list | test NAME]`."""
    return _CHANNELS[options.action or "list"](app, options)


def _list(app: App, options: argparse.Namespace) -> int:
    channel = options.channel
    if options.state and options.state not in STATES:
        raise ReporterError(f"there is no state {options.state}: the states are {', '.join(STATES)}")
    states = [options.state] if options.state else STATES if options.all else _OF_INTEREST
    with app.store.read() as connection:
        counts = [count for count in outbox_admin.state_counts(connection) if channel in {None, count.channel}]
        messages = outbox_admin.entries(connection, states=states, channel=channel, limit=options.limit)
    if not counts:
        print("The outbox is empty: nothing was written yet.")
        return DONE
    _print_table(_counted(counts, app.clock.wall()))
    if messages:
        print()
        _print_table([("ID", "CHANNEL", "STATE", "AGE", "TRIES", "WHAT"), *map(_row(app), messages)], right=(0, 3, 4))
    _say_how_many_more(counts, states, len(messages))
    return DONE


def _counted(counts: Sequence[StateCount], now: datetime) -> Iterator[tuple[str, ...]]:
    """A line for each channel: how much is in each state, and how long the oldest open message has been there."""
    states = [state for state in STATES if any(count.state == state for count in counts)]
    yield ("CHANNEL", *map(str.upper, states), "OLDEST OPEN")
    for channel in sorted({count.channel for count in counts}):
        mine = {count.state: count for count in counts if count.channel == channel}
        oldest = min((mine[state].oldest for state in outbox_admin.OPEN if state in mine), default=None)
        numbers = (str(mine[state].number) if state in mine else "-" for state in states)
        yield channel, *numbers, duration_text(passed(oldest, now)) if oldest else "-"


def _row(app: App) -> Callable[[QueuedMessage], tuple[str, ...]]:
    now = app.clock.wall()
    return lambda message: (
        str(message.id),
        message.channel,
        message.state,
        duration_text(passed(message.created_at, now)),
        str(message.attempts),
        " · ".join(filter(None, (_title(message), message.error))),
    )


def _say_how_many_more(counts: Sequence[StateCount], states: Collection[str], shown: int) -> None:
    more = sum(count.number for count in counts if count.state in states) - shown
    if more > 0:
        print(f"… and {more} older ones: --limit {shown + more} shows all of them")
    elif not shown:
        print("\nNothing waits and nothing is dead.")


def _show(app: App, options: argparse.Namespace) -> int:
    message = _message(app, options.id)
    print(f"message {message.id} for {message.channel}: {message.state}")
    for name, value in _facts(message, app.clock.wall(), app.runtime.zone):
        print(f"  {name:<11} {visible(str(value))}")
    from reporter.delivery.outlets.console import ConsoleOutlet

    print(flush=True)
    raise_unless_shown(ConsoleOutlet(sys.stdout, zone=app.runtime.zone).post(message.message))
    return DONE


def _facts(message: QueuedMessage, now: datetime, zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield "kind", message.kind + (f", part {message.part} of {message.parts}" if message.is_split else "")
    written = f"{moment_text(message.created_at, zone)} ({ago(message.created_at, now)})"
    yield "written", f"{written}, run {message.run_id or '-'}"
    yield "reference", message.reference
    yield "tries", str(message.attempts) + (" (one of them may have arrived)" if message.maybe_sent else "")
    if message.state == "held" and not message.maybe_sent:
        yield "held until", moment_text(message.not_before, zone)
    if message.keep_until and message.state in outbox_admin.OPEN:
        yield "kept until", moment_text(message.keep_until, zone)
    if message.sent_at:
        yield "delivered", f"{moment_text(message.sent_at, zone)} as {message.message_id}"
    if message.url:
        yield "where", message.url
    if message.error:
        yield "why", message.error


def _retry(app: App, options: argparse.Namespace) -> int:
    if options.channel and options.id is None:
        return _retry_channel(app, _named(app, options.channel))
    if options.id is None:
        raise ReporterError(
            "which message? `reporter outbox retry ID`, or `--channel NAME` for all that is stuck there"
        )
    message = _message(app, options.id)
    if message.state in {"sent", "sending", "superseded"}:
        raise ReporterError(_too_late(message))
    channel = _named(app, message.channel)
    _put_back(app, channel, [message.id])
    _sent(app, channel, [message.id])
    return _say(_message(app, message.id))


def _retry_channel(app: App, channel: Channel) -> int:
    """Put back what nothing but a person would send, and send what waits."""
    with app.store.read() as connection:
        stuck = outbox_admin.waiting_for_a_person(connection, channel.name)
    _put_back(app, channel, stuck)
    with app.store.read() as connection:
        waiting = outbox_admin.entries(connection, states=("waiting", "unclear"), channel=channel.name, limit=ALL)
    left = _sent(app, channel, [message.id for message in waiting])
    print(f"{channel.name}: {plural(len(waiting) - len(left), 'message')} sent, {len(left)} still waiting")
    if left:
        print(f"  {visible(_why(left[0]))}")
    return QUEUED if left else DONE


def _put_back(app: App, channel: Channel, numbers: Sequence[int]) -> None:
    with app.store.begin() as connection:
        outbox_admin.put_back(connection, numbers, app.clock.wall())
        outbox_admin.reopen(connection, channel.name, app.clock.wall())


def _sent(app: App, channel: Channel, numbers: Sequence[int]) -> list[QueuedMessage]:
    """Send what waits, beside a running daemon and not for ever; returns those of the messages that still wait."""
    end = app.clock.monotonic() + PATIENCE.total_seconds()
    while left := [message for message in _again(app, numbers) if message.state in outbox_admin.OPEN]:
        if app.clock.monotonic() >= end or not app.delivery.step(app.runtime.channels, channel.name):
            break
    return left


def _again(app: App, numbers: Sequence[int]) -> list[QueuedMessage]:
    with app.store.read() as connection:
        return [message for number in numbers if (message := outbox_admin.entry(connection, number))]


def _say(message: QueuedMessage) -> int:
    told = f"message {message.id} → {message.channel}:"
    if message.state == "sent":
        print(visible(f"{told} delivered {message.url or ''}".rstrip()))
        return DONE
    if message.state in outbox_admin.OPEN:
        print(visible(f"{told} queued, not delivered yet: {_why(message)}"))
        return QUEUED
    print(visible(f"{told} {message.state}: {message.error}"))
    return FAILED


def _why(message: QueuedMessage) -> str:
    return message.error or "others come first; a running daemon sends it"


def _too_late(message: QueuedMessage) -> str:
    match message.state:
        case "sent":
            return f"message {message.id} was delivered already {message.url or ''}".rstrip()
        case "sending":
            return f"message {message.id} is being sent just now"
    return f"message {message.id} is not sent any more: {message.error or 'a newer one has replaced it'}"


def _drop(app: App, options: argparse.Namespace) -> int:
    message = _message(app, options.id)
    with app.store.begin() as connection:
        dropped = outbox_admin.drop(connection, message.id, app.clock.wall())
    if not dropped:
        raise ReporterError(_too_late(message))
    print(f"message {message.id} for {message.channel} is dropped: {visible(_title(message))}")
    return DONE


def _fare(app: App, _options: argparse.Namespace) -> int:
    """How each channel fares, and below what is wrong with it."""
    now = app.clock.wall()
    with app.store.read() as connection:
        states = {state.channel: state for state in channel_states.all_states(connection)}
        counts = outbox_admin.state_counts(connection)
        figures = channel_stats.since(connection, now - FIGURES)
        lately = [outbox_admin.settled_since(connection, now - span) for span in LATELY]
        errors = outbox_admin.last_errors(connection)
    _print_table(_fares(app.runtime.channels.values(), states, counts, figures, lately, now))
    print(f"OPEN waits now; 1H and 24H were sent lately, and failed. The others are figures of {FIGURES.days} days;")
    print("429S is how often the service asked for a pause.")
    for channel in app.runtime.channels.values():
        for line in _trouble(channel, states.get(channel.name), errors.get(channel.name), app.runtime.zone):
            print("\n".join(_broken(visible(line), 2)))
    return DONE


def _fares(
    channels: Iterable[Channel],
    states: dict[str, ChannelState],
    counts: Sequence[StateCount],
    figures: dict[str, DeliveryCounts],
    lately: Sequence[Mapping[str, Mapping[str, int]]],
    now: datetime,
) -> Iterator[tuple[str, ...]]:
    yield "CHANNEL", "IS", "OPEN", "1H", "24H", "SENT", "LATE", "RETRIED", "DEAD", "429S"
    for channel in channels:
        mine = [count for count in counts if count.channel == channel.name]
        open_ = sum(count.number for count in mine if count.state in outbox_admin.OPEN)
        tally = figures.get(channel.name, DeliveryCounts())
        numbers = (tally.sent, tally.late, tally.retried, tally.refused, tally.slowed)
        rates = [_rate(span.get(channel.name, {})) for span in lately]
        standing = _standing(channel, states.get(channel.name), now)
        yield channel.name, standing, str(open_), *rates, *map(str, numbers)


def _rate(ends: Mapping[str, int]) -> str:
    """What was sent, and what failed if anything did."""
    failed = sum(ends.get(state, 0) for state in ("dead", "unclear"))
    return f"{ends.get('sent', 0)}+{failed} failed" if failed else str(ends.get("sent", 0))


def _standing(channel: Channel, state: ChannelState | None, now: datetime) -> str:
    if _closed(channel, state):
        return "closed to us"
    if state and state.ready_at > now:
        return f"ready in {duration_text(state.ready_at - now)}"
    return "quiet" if channel.quiet_rules.quiet(now) else "ready"


def _trouble(channel: Channel, state: ChannelState | None, error: QueuedMessage | None, zone: tzinfo) -> Iterator[str]:
    if state and _closed(channel, state):
        since = moment_text(state.dead_since or state.ready_at, zone)
        yield f"{channel.name} is closed to us since {since}: {state.error}"
        yield f"  give it a new webhook, or try it again: reporter outbox retry --channel {channel.name}"
    elif state and state.error:
        yield f"{channel.name} failed {plural(state.failures, 'time')} in a row, last with: {state.error}"
    elif error:
        yield f"{channel.name} had its last error with message {error.id} ({error.state}): {error.error}"


def _closed(channel: Channel, state: ChannelState | None) -> bool:
    return bool(state and state.dead_since and (channel.unavailable or state.address == channel.address))


def _test(app: App, options: argparse.Namespace) -> int:
    """Post a real message to a channel, past the outbox, and say what came of it."""
    channel = _named(app, options.name)
    now, began = app.clock.wall(), app.clock.monotonic()
    verdict = post_test(channel, Severity(options.severity), now)
    print(f"{channel.name}: {visible(in_words(verdict))} ({app.clock.monotonic() - began:.2f} s)")
    if not isinstance(verdict, Delivered):
        return FAILED
    for name, value in (("message", verdict.id), ("channel", verdict.destination), ("where", verdict.url)):
        if value:
            print(f"  {name:<8} {visible(str(value))}")
    with app.store.begin() as connection:
        outbox_admin.reopen(connection, channel.name, now)
    return DONE


def _named(app: App, name: str) -> Channel:
    """A channel of the config. Raises ReporterError with a suggestion."""
    if found := app.runtime.channels.get(name):
        if found.unavailable:
            raise ReporterError(found.unavailable)
        return found
    near = nearest(name, app.runtime.channels)
    known = ", ".join(app.runtime.channels) or "none"
    raise ReporterError(f"there is no channel {name}: " + (f"did you mean {near}?" if near else f"there is {known}"))


def _message(app: App, name: str | int) -> QueuedMessage:
    """A message of the outbox by its number or its reference. Raises ReporterError."""
    with app.store.read() as connection:
        found = outbox_admin.find(connection, str(name))
    if found is None:
        raise ReporterError(f"there is no message {name} in the outbox: `reporter outbox --all` lists what there is")
    return found


def _title(message: QueuedMessage) -> str:
    part = f" ({message.part}/{message.parts})" if message.is_split else ""
    return (plain(message.message.title) or "Untitled") + part


def _print_table(rows: Iterable[tuple[str, ...]], right: Collection[int] | None = None) -> None:
    """Columns under their names, numbers to the right. In a terminal the last column breaks where the window ends."""
    lines = [tuple(map(visible, row)) for row in rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    for row in lines:
        cells = [
            cell.rjust(width) if _to_the_right(lines, column, right) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
        for line in _broken("  ".join([*cells[:-1], cells[-1].rstrip()]), indent):
            print(line.rstrip())


def _to_the_right(lines: Sequence[tuple[str, ...]], column: int, right: Collection[int] | None) -> bool:
    if right is not None:
        return column in right
    return all(row[column] == "-" or row[column].isdigit() for row in lines[1:])


def _broken(line: str, indent: int) -> list[str]:
    width = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or len(line) <= width or indent > width // 2:
        return [line]
    head, tail = line[:indent], line[indent:]
    first, *others = textwrap.wrap(tail, width - indent) or [""]
    return [head + first, *(" " * indent + other for other in others)]


_OUTBOX: dict[str, Callable[[App, argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "retry": _retry,
    "drop": _drop,
}
_CHANNELS: dict[str, Callable[[App, argparse.Namespace], int]] = {"list": _fare, "test": _test}
