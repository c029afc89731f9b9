"""Operations about the reporter itself and what it watches: latency, uptime, stats, outbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Annotated

from reporter.alerts.maintenance import fits, maintenance_spans
from reporter.alerts.uptime import StateSpan, is_component, measured
from reporter.app.app import App
from reporter.errors import ReporterError, nearest
from reporter.jobs.kit.status_board import LEVEL_MARKS, usual_latency
from reporter.messages.message import Message, plain, visible
from reporter.operations.operation import Arguments, Invocation, Words
from reporter.periods.civil import DAY
from reporter.store import channel_stats, outbox_admin, run_log
from reporter.store import uptime as uptime_store
from reporter.store.outbox import QueuedMessage

FIGURES = timedelta(days=7)
WINDOWS = {"24 h": DAY, "7 d": 7 * DAY, "30 d": 30 * DAY}
"""The windows of uptime figures."""
MOST = 25


def watched(app: App) -> list[str]:
    """What has an uptime."""
    with app.store.read() as connection:
        return uptime_store.subjects(connection)


def no_figures_yet(app: App, names: Sequence[str], spans: Iterable[StateSpan]) -> str:
    """Why nothing of these names has an uptime yet, and from when on it has: a share of time takes two readings.

    `names` are those of what is up or down, of all that was watched; `spans` what was seen of them.
    """
    jobs = [bound for bound in app.runtime.jobs.values() if bound.enabled]
    watcher = next((one for one in jobs if any(map(is_component, one.job.observes or ()))), None)
    if watcher is None:
        return "Nothing was watched yet: the job health_probe, which watches, is not among the `jobs` of the config."
    begin = f"figures begin with the second round of {watcher.name}, which runs {watcher.schedule.describe()}"
    last = max((span.end for span in spans), default=None)
    if last is not None:
        at = f"{last.astimezone(app.runtime.zone):%Y-%m-%d %H:%M:%S %Z}"
        return f"Each thing was seen once, at {at}: {begin} while the daemon does."
    if not names and watched(app):
        return f"Nothing that is up or down is watched: name it in `probes`, `ledgers` or `pings`, and {begin}."
    return f"Nothing was watched yet: {begin} while the daemon does."


class UptimeArguments(Arguments):
    subject: Annotated[str | None, Words(known=watched)] = None


def latency(asked: Invocation[Arguments]) -> Iterator[Message]:
    """How long each trading database and each probe took to answer, and what it takes as a rule."""
    app, inputs = asked.app, asked.app.runtime.inputs
    standing = app.history.open_alerts
    readings = inputs.readings(set(app.runtime.notify.rules.probes), standing)
    means = app.history.means()
    yield asked.answer(
        "latency",
        ledgers=inputs.ledger.health(),
        readings=[
            (LEVEL_MARKS[reading.observation.level], reading, usual_latency(means.get(reading.observation.subject)))
            for reading in readings
        ],
    )


def uptime(asked: Invocation[UptimeArguments]) -> Iterator[Message]:
    """The uptime of everything that is watched, or of what a name or pattern fits; the worst first."""
    app, given = asked.app, asked.arguments.subject
    begin = asked.now - max(WINDOWS.values())
    with app.store.read() as connection:
        known = uptime_store.subjects(connection)
        names = [name for name in known if (fits(given, name) if given else is_component(name))]
        spans: dict[str, list[StateSpan]] = {name: [] for name in names}
        for span in uptime_store.between(connection, begin, asked.now, names):
            spans[span.subject].append(span)
    if given and not names:
        near = nearest(given, [*known, *(name.partition("/")[2] for name in known)])
        raise ReporterError(
            f"nothing that is watched has the name {given}" + (f": did you mean {near}?" if near else "")
        )
    if not any(span.end > span.start for name in names for span in spans[name]):
        seen = [span for name in names for span in spans[name]]
        yield asked.answer("uptime", rows=[], more=0, windows=[], why=no_figures_yet(app, names, seen))
        return
    rows = []
    for name in names:
        windows = list(maintenance_spans(app.runtime.maintenance, name, begin, asked.now))
        rows.append(
            (name, [measured(name, spans[name], asked.now - span, asked.now, windows) for span in WINDOWS.values()])
        )
    rows.sort(key=lambda row: (2.0 if row[1][-1].share is None else row[1][-1].share, row[0]))
    yield asked.answer("uptime", rows=rows[:MOST], more=len(rows) - MOST, windows=list(WINDOWS))


def stats(asked: Invocation[Arguments]) -> Iterator[Message]:
    """What the reporter did in the last seven days, and how it keeps up."""
    app = asked.app
    with app.store.read() as connection:
        delivered = channel_stats.since(connection, asked.now - FIGURES)
        runs = run_log.counts_since(connection, asked.now - FIGURES)
    yield asked.answer(
        "stats",
        delivered=sorted(delivered.items()),
        runs=sum(runs.values()),
        failed=runs.get("failed", 0),
        skipped=runs.get("skipped", 0),
        self_health=app.history.self_health(),
        days=FIGURES.days,
    )


def outbox(asked: Invocation[Arguments]) -> Iterator[Message]:
    """What is not delivered, and why."""
    with asked.app.store.read() as connection:
        counts = outbox_admin.state_counts(connection)
        waiting = outbox_admin.entries(connection, states=(*outbox_admin.OPEN, "dead"), limit=MOST)
    yield asked.answer("outbox", counts=counts, messages=[(title_of(one), one) for one in waiting])


def title_of(message: QueuedMessage) -> str:
    """A message in a few words."""
    return visible(plain(message.message.title))[:80] or f"({message.kind})"
