"""The contract of a job: what it is given (Context), what it yields (Report, Observation), how it declares itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, Protocol

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from reporter.alerts.model import AlertState, Observation, Transition
from reporter.alerts.readings import Reading
from reporter.alerts.self_health import SelfHealth
from reporter.alerts.uptime import StateSpan, Uptime
from reporter.errors import LedgerError
from reporter.messages.formats import Formats
from reporter.messages.message import Attachment, Severity, Tone
from reporter.periods.civil import Covers, Period
from reporter.plans.model import TradingPlan
from reporter.plans.score import PlanResult, result_of
from reporter.plans.settings import PlanSettings
from reporter.probes.host.facts import Host
from reporter.trading.audit import AuditRule
from reporter.trading.books import AllTime, Book, By, Ledger, Series, Unread, leading
from reporter.trading.exchange_rates import Rates, Total, totals
from reporter.trading.markets import MarketPrice, PricedMarket, Quote
from reporter.trading.return_ratios import NEVER_CLOSES, Basis
from reporter.trading.signals import Signal
from reporter.trading.targets import Targets


class Params(BaseModel):
    """Base of a job's own parameters. Subclass it, and a typo in the config is an error with file and line."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def channels(self) -> Collection[str]:
        """The channels that these parameters name; `reporter check` reports one that the config does not have."""
        return ()


P = TypeVar("P", bound=Params, default=Params)


class History(Protocol):
    """The reporter's own store, read-only: sent reports and open alerts."""

    def open_alerts(self) -> list[AlertState]:
        """Every subject that is not well."""

    def transitions(self, period: Period) -> list[Transition]:
        """What changed about alerts in a period, in order."""

    def started_at(self) -> datetime | None:
        """When the running daemon started; None outside the daemon."""

    def self_health(self) -> SelfHealth | None:
        """How we keep up with our own work; None while our own store cannot be read."""

    def uptime(self, period: Period) -> Mapping[str, Uptime]:
        """How each thing that is watched (`probe/db`) fared in what is over of a period, but for maintenance."""

    def spans(self, subject: str, period: Period) -> Sequence[StateSpan]:
        """How a subject stood in a period, and what was measured: stretches of time, of an hour at most, in order."""

    def means(self) -> Mapping[str, float]:
        """The mean figure of each subject over the last hour or two: what an answer takes as a rule, in seconds."""

    def unread_since(self, ledger: str) -> datetime | None:
        """Since when a ledger could not be read, by the samples of the health probe."""

    def signals(self, since: datetime) -> Sequence[Signal]:
        """The signals that agents gave by events since a moment."""

    def prices(self, market: str, source: str, since: datetime, until: datetime) -> Sequence[tuple[datetime, Decimal]]:
        """The prices of a market that were seen in a span, oldest first: at most one a minute, of the last 31 days."""

    def plans(self, first: date, last: date) -> Sequence[TradingPlan]:
        """The trading plans of some days, both included, the withdrawn ones too, without their pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What a job keeps for its next run. Yield one, and it is saved with the messages of the run or not at all."""

    name: str
    """Its name among the job's states."""
    value: Any = None
    """JSON data; None before a first state was saved."""
    version: int = 0
    """The saved state that this one follows. Of two runs that follow the same state, only one is saved."""
    seen: Mapping[str, datetime] = field(default_factory=dict)
    """Items that the job has dealt with, each with its own moment; they join those of earlier runs."""
    forget: datetime | None = None
    """The job forgets items with an earlier moment."""


class Kept(Protocol):
    """What this job kept from earlier runs, read-only."""

    def load(self, name: str) -> tuple[int, Any] | None:
        """The version and the value of a state; None before a first one was saved."""

    def items(self, name: str) -> Collection[str]:
        """The items of a state that are not forgotten."""


class NothingKept:
    """What a job kept before its first run."""

    def load(self, name: str) -> tuple[int, Any] | None:  # noqa: ARG002
        return None

    def items(self, name: str) -> Collection[str]:  # noqa: ARG002
        return ()


@dataclass(frozen=True, slots=True)
class Context(Generic[P]):
    """Everything a job may look at. It can change none of it."""

    now: datetime
    """The moment of this run."""
    period: Period
    """The period that the report is about."""
    previous: Period
    """The period before it, for comparisons."""
    ledger: Ledger
    """The trading databases as one, read-only; see Ledger."""
    host: Callable[[], Host]
    """Ask for the machine's figures of this moment."""
    probe_all: Callable[[], Sequence[Reading]]
    """Look at every probe now."""
    readings: Callable[[Collection[str]], Sequence[Reading]]
    """The last readings of probes of these kinds or names; no new look."""
    targets: Targets
    """Targets and limits of the config."""
    history: History
    """Our own store, read-only; see History."""
    params: P
    """The job's parameters from the config."""
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    """A logger for the daemon's log."""
    ours: bool = True
    """False where another machine's reporter looks at what all of them see alike."""
    basis: Basis = NEVER_CLOSES
    """The year that ratios are made for."""
    rates: Rates = field(default_factory=dict)
    """Exchange rates of the config, by currency."""
    formats: Formats = field(default_factory=Formats)
    """How figures are written, as the filters of templates do."""
    plan_settings: PlanSettings | None = None
    """Who writes trading plans; None where the config has no `plans`."""
    audit: Sequence[AuditRule] = ()
    """The audit's rules of the config."""
    markets: Sequence[PricedMarket] = ()
    """The markets of the config, and which trades their prices are about."""
    quotes: Callable[[], Sequence[Quote]] = tuple
    """Ask the sources of the config's markets for their prices."""
    kept: Kept = field(default_factory=NothingKept)
    """What this job kept from earlier runs; see `state` and `seen`."""

    def state(self, name: str) -> JobState:
        """The state of this name that an earlier run of this job yielded; its value is None before the first."""
        version, value = self.kept.load(name) or (0, None)
        return JobState(name=name, value=value, version=version)

    def seen(self, name: str) -> Collection[str]:
        """The items that earlier runs of this job dealt with under a state of this name."""
        return self.kept.items(name)

    def books(self, period: Period, *, by: By = "agent", daily: bool = False, account: bool = False) -> list[Book]:
        """The books of a period with a line an agent (or what else `by` says), best first.

        None, and no error, where no ledger is configured. Raises LedgerError when there are ledgers and none answers.
        """
        try:
            return self.ledger.performance(period, by=by, daily=daily, account=account)
        except LedgerError:
            if self.ledger.health():
                raise
            return []

    def series(self, period: Period, *, whole: bool = False) -> list[Series]:
        """What each book made day by day, or `whole`: since the first trade; none, and no error, where no ledger is
        configured.

        Raises LedgerError when there are ledgers and none can be read.
        """
        try:
            return self.ledger.daily_series(period, whole=whole)
        except LedgerError:
            if self.ledger.health():
                raise
            return []

    def all_time(self) -> list[AllTime]:
        """What each ledger realised in each book up to the end of the period; none where no ledger answers."""
        try:
            return self.ledger.all_time(self.period.end)
        except LedgerError:
            return []

    def totals(self, books: Sequence[Book]) -> list[Total]:
        """What books of several currencies are together, by the rates of the config; none without rates."""
        return totals(books, self.rates)

    def plan_results(self, period: Period) -> list[PlanResult]:
        """Each plan of the period's days beside the trades of what it names; none without `plans` in the config.

        A day is that of the author's zone. Raises LedgerError where there are plans and no ledger can be read.
        """
        settings, days = self.plan_settings, [date.fromisoformat(day.label) for day in period.days()]
        if settings is None or not days:
            return []
        found = [plan for plan in self.history.plans(days[0], days[-1]) if plan.newest.author in settings.authors]
        wide = replace(period, start=period.start - timedelta(days=1), end=period.end + timedelta(days=1))
        trades = self.ledger.closed_trades(wide) if found and self.ledger.health() else []
        authors = settings.authors
        return [result_of(plan, settings, authors[plan.newest.author], trades) for plan in found]

    def unread(self, books: Sequence[Book]) -> list[Unread]:
        """The ledgers that are missing from any of these books, since when as far as our own history knows.

        Without any book, those that do not answer now.
        """
        missing = [one for book in books for one in book.unread] if books else self._silent()
        first = {one.ledger: one for one in reversed(missing)}
        return [
            replace(first[name], since=first[name].since or self.history.unread_since(name)) for name in sorted(first)
        ]

    def _silent(self) -> list[Unread]:
        return [Unread(one.ledger, one.error or "no answer") for one in self.ledger.health() if not one.reachable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A message to be sent."""

    books: Sequence[Book] = ()
    """The books of the report, for the template and the digest."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further names for the template."""
    tone: Tone = Tone.INFO
    """How the message feels: decides its colour."""
    severity: Severity = Severity.INFO
    """How urgent it is: decides mentions and the order after an outage."""
    channel: str | None = None
    """A channel of the config instead of the job's own."""
    template: str | None = None
    """A template instead of the job's own, without its suffix."""
    slot: str | None = None
    """The name of a board: the message of this slot is edited instead of posted again."""
    repost: timedelta | None = None
    """The age from which a board is posted again instead of edited."""
    refresh: timedelta | None = None
    """How often a board is edited when nothing but its footer changed; five minutes by default."""
    files: Sequence[Attachment] = ()
    """Files that go with the message, such as a list in CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """An event to be taken in as if a program had handed it in, with the states of the run or not at all."""

    source: str
    """Who says so, where the event does not name a source."""
    parts: Mapping[str, Any]
    """Its parts, as `POST /api/v1/events` takes them. What cannot be read is kept aside with the reason."""


Outcome = Report | Observation | JobState | HandedIn | MarketPrice
JobFunction = Callable[[Context[Any]], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its file declares it; the config may say otherwise on schedule and parameters."""

    name: str
    function: JobFunction
    covers: Covers
    schedule: str
    params: type[Params]
    settle: timedelta
    deadline: timedelta
    doc: str
    origin: Path | None = None
    stock: bool = False
    everywhere: bool = False
    observes: tuple[str, ...] | None = None
    answers: tuple[str, ...] = ()
    frequent: bool = False
    section: str | None = None


def tone_of(books: Iterable[Book]) -> Tone:
    """Good or bad by the P&L of the leading books; info where nothing was won or lost, or one won what another lost."""
    signs = {Tone.GOOD if book.pnl.amount > 0 else Tone.BAD for book in leading(books) if book.pnl}
    return signs.pop() if len(signs) == 1 else Tone.INFO


def _covers(text: str) -> Covers:
    if text not in set(Covers):
        raise ValueError(f"covers={text!r} is not known; write one of: {', '.join(Covers)}")
    return Covers(text)


def job(
    *,
    covers: Literal[
        "now", "this hour", "today", "this week", "this month", "last hour", "yesterday", "last week", "last month"
    ],
    schedule: str,
    params: type[Params] = Params,
    settle: float = 60,
    deadline: float = 60,
    everywhere: bool = False,
    observes: tuple[str, ...] | None = None,
    answers: tuple[str, ...] = (),
    frequent: bool = False,
    section: str | None = None,
) -> Callable[[Callable[[Context[P]], Iterable[Outcome]]], Job]:
    """Declare a job. Its name is the function's, which is also the stem of its file, template and config entry.

    `settle` is how many seconds after its period's end a report waits for late trades; `deadline` is how many
    seconds a run may take. Of reporters that share a store one runs an open job at each turn; `everywhere` runs it on
    each of them, and `Context.ours` tells one of them that what all see alike is its to look at. `observes` names the
    subjects that its observations can have, such as `limit/*`, with `{ledger}` for each ledger's name: a pattern of the
    config that fits none of them, nor of others, is then named by `reporter check`. `answers` are the questions that
    the report answers, such as `pnl weekly`, wherever people ask them. `frequent` is a job that runs every few seconds:
    a run that finds nothing leaves no entry in the run log. `section` is a part of the config, such as `plans`, that
    switches the job on and says when and where it reports, unless it has an entry of its own.
    """

    def declare(function: Callable[[Context[P]], Iterable[Outcome]]) -> Job:
        return Job(
            name=function.__name__,
            function=function,
            covers=_covers(covers),
            schedule=schedule,
            params=params,
            settle=timedelta(seconds=settle),
            deadline=timedelta(seconds=deadline),
            doc=(function.__doc__ or "").strip(),
            everywhere=everywhere,
            observes=observes,
            answers=answers,
            frequent=frequent,
            section=section,
        )

    return declare
