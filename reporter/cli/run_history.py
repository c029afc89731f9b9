"""The lines of `reporter runs`: what each job sent and when, and what it owes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from reporter.jobs.binding import BoundJob
from reporter.messages.formats import plural
from reporter.operations.restatements import restated_line
from reporter.periods.time_text import duration_text, moment_text
from reporter.store import owed_periods, run_log, sent_figures
from reporter.store.database import Store
from reporter.store.owed_periods import Owed
from reporter.store.run_log import RunRecord


def run_history(store: Store, bound: BoundJob, limit: int) -> Iterator[str]:
    """A job's last periods, newest first, or its last runs if it covers open periods; times in its zone."""
    zone = ZoneInfo(bound.timezone)
    yield f"{bound.name}: {bound.schedule.describe()}"
    with store.read() as connection:
        owed = owed_periods.of_job(connection, bound.name, limit)
        runs = run_log.newest_runs(connection, bound.name, limit)
        of_periods = run_log.runs_named(connection, [period.run_id for period in owed if period.run_id])
        skipped = run_log.skipped(connection, bound.name)
        restated = sent_figures.of_job(connection, bound.name, limit * 10) if bound.job.covers.closed else {}
    if bound.job.covers.closed:
        for entry in owed:
            yield f"  {entry.period.label:<16} {_state(entry, of_periods, zone)}"
            yield from (f"    {restated_line(one, zone)}" for one in reversed(restated.get(entry.period.start, [])))
    else:
        yield from (f"  {moment_text(run.started_at, zone)} {_ending(run)}" for run in runs)
    if not (owed if bound.job.covers.closed else runs):
        yield "  nothing yet"
    if skipped:
        yield f"  {plural(skipped, 'run')} skipped in total, because the run before was still going"


def _state(owed: Owed, runs: Mapping[str, RunRecord], zone: ZoneInfo) -> str:
    match owed.state:
        case "told":
            run = runs.get(owed.run_id or "")
            when = moment_text(owed.settled_at, zone) if owed.settled_at else ""
            return f"sent      {when}{f', {_ending(run)}' if run else ''}"
        case "given_up":
            return f"given up  {owed.reason or ''}".rstrip()
        case "running":
            return f"running   try {owed.attempts}"
        case _ if owed.attempts:
            return f"owed      tried {owed.attempts}×, next {moment_text(owed.next_try_at, zone)}: {owed.reason}"
        case _:
            return f"owed      due {moment_text(owed.due_at, zone)}"


def _ending(run: RunRecord) -> str:
    """How a run ended: `took 0.4s, 1 message`."""
    if run.outcome == "skipped":
        return "skipped, because the run before was still going"
    took = f"took {duration_text(run.seconds)}"
    if run.outcome == "failed":
        return f"{took}, failed: {run.error}"
    return f"{took}, {plural(run.messages, 'message') if run.messages else 'nothing new'}"
