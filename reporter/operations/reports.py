"""Operations that a report answers: P&L by period, leaderboard, performance, health, and any report by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from reporter.app.app import App
from reporter.errors import ReporterError
from reporter.jobs.binding import BoundJob
from reporter.messages.message import Message
from reporter.operations.operation import Arguments, Invocation, Words
from reporter.periods.civil import asked as period_asked
from reporter.periods.date_text import in_figures
from reporter.scheduler.runner import Findings

PERIODS = (("day", "daily"), ("week", "weekly"), ("month", "monthly"), ("now", "today"))
"""Other words for the periods of P&L."""


class PnlArguments(Arguments):
    period: Annotated[Literal["today", "daily", "weekly", "monthly"], Words(also=PERIODS)] = "today"
    date: Annotated[str | None, Words("DATE", rest=True)] = None


class DateArguments(Arguments):
    date: Annotated[str | None, Words("DATE", rest=True)] = None


def job_names(app: App) -> Sequence[str]:
    return list(app.runtime.jobs)


class ReportArguments(Arguments):
    name: Annotated[str, Words("NAME", known=job_names)]
    date: Annotated[str | None, Words("DATE", rest=True)] = None


def current_names(app: App) -> Sequence[str]:
    """The reports about a time that is not over, such as boards."""
    return [name for name, bound in app.runtime.jobs.items() if not bound.job.covers.closed]


class BoardArguments(Arguments):
    name: Annotated[str, Words("NAME", known=current_names)]


def pnl(asked: Invocation[PnlArguments]) -> Iterator[Message]:
    """Today so far, or the last complete day, week or month; a date alone names its period by how it is written."""
    given = asked.arguments
    period = _period_of(given.date, asked) if given.date and "period" not in given.model_fields_set else given.period
    yield from _answered(asked, f"pnl {period}", given.date)


def _period_of(date: str, asked: Invocation[Any]) -> str:
    """`2026-W44` and `last week` are weeks, `2026-10` and `last month` months, everything else is a day."""
    text = in_figures(date, asked.now.astimezone(asked.app.runtime.zone))
    weekly, monthly = re.fullmatch(r"\d{4}-W\d{1,2}", text), re.fullmatch(r"\d{4}-\d{2}", text)
    return "weekly" if weekly else "monthly" if monthly else "daily"


def leaderboard(asked: Invocation[DateArguments]) -> Iterator[Message]:
    yield from _answered(asked, "leaderboard", asked.arguments.date)


def performance(asked: Invocation[DateArguments]) -> Iterator[Message]:
    """The running month, or the one that a date names."""
    yield from _answered(asked, "performance", asked.arguments.date, running=True)


def health(asked: Invocation[Arguments]) -> Iterator[Message]:
    yield from _answered(asked, "health", None)


def report(asked: Invocation[ReportArguments]) -> Iterator[Message]:
    """A report of the config by its name: its last complete period, or that of a date."""
    bound = asked.app.job(asked.arguments.name)
    yield from _shown(asked.app.ask(bound, asked.arguments.date, drawn=asked.drawn), bound.name)


def send(asked: Invocation[ReportArguments]) -> Iterator[Message]:
    """Run a report and send it to its channels, though it was sent before."""
    bound = asked.app.job(asked.arguments.name)
    run_id, number = _run(asked, bound, asked.arguments.date)
    asked.deliver(run_id)
    yield asked.answer("send", name=bound.name, messages=number)


def _run(asked: Invocation[Any], bound: BoundJob, date: str | None) -> tuple[str, int]:
    """The run of a job by hand, and how many messages it wrote."""
    done = asked.app.run_by_hand(bound, date, force=True)
    if done.outcome is None or done.outcome.error:
        raise ReporterError(f"{bound.name}: {done.outcome.error if done.outcome else 'it runs already'}")
    return done.outcome.run_id, done.outcome.messages


def refresh(asked: Invocation[BoardArguments]) -> Iterator[Message]:
    """Bring a board up to date now: its messages are edited where they stand."""
    app = asked.app
    bound = app.job(asked.arguments.name)
    if bound.job.covers.closed:
        raise ReporterError(f"{bound.name} is about a time that is over: `report {bound.name}` shows it")
    run_id, number = _run(asked, bound, None)
    asked.deliver(run_id)
    yield asked.answer("refresh", name=bound.name, messages=number)


def _answered(asked: Invocation[Any], question: str, date: str | None, *, running: bool = False) -> Iterator[Message]:
    app = asked.app
    bound = app.runtime.answers.get(question)
    if bound is None:
        raise ReporterError(f"no report answers `{question}`: declare a job with `answers=({question!r},)`")
    moment = _now_of(bound, app.clock.wall()) if running and date is None else date
    yield from _shown(app.ask(bound, moment, drawn=asked.drawn), bound.name)


def _now_of(bound: BoundJob, now: datetime) -> str | None:
    """How the running period of a job is named by hand."""
    unit = bound.job.covers.unit
    return None if unit is None else period_asked(bound.job.covers, now, now, bound.timezone).label


def _shown(findings: Findings, name: str) -> Iterator[Message]:
    yield from (written.message for written in findings.written)
    if not findings.written:
        raise ReporterError(f"{name} has nothing to report for this time")
