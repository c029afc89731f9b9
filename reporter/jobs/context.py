"""What a job is given, what it yields, and how it declares itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Generic, Literal, Protocol

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from reporter.alerts.model import AlertState, Observation, Transition
from reporter.trading.books import Book, By, Ledger, Series, Unread, leading
from reporter.errors import LedgerError
from reporter.messages.formats import Formats
from reporter.probes.host.facts import Host
from reporter.messages.message import Severity, Tone
from reporter.periods.civil import Covers, Period
from reporter.trading.exchange_rates import Rates, Total, totals
from reporter.trading.risk import NEVER_CLOSES, Basis
from reporter.trading.trades import Mode, Money
from reporter.alerts.uptime import Span, Uptime


class Params(BaseModel):
    """Base of a job's own parameters. Subclass it, and a typo in the config is an error with file and line."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


P = TypeVar("P", bound=Params, default=Params)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one probe saw. `latency` is in seconds; `at` is when it looked, which may be before this round.

    `fresh` is False when an earlier round told it already: it may be shown again, but is no new evidence. `figures` are
    what else it measured, as name and text with unit.
    """

    name: str
    kind: str
    observation: Observation
    at: datetime
    latency: float | None = None
    fresh: bool = True
    figures: tuple[tuple[str, str], ...] = ()


# How the subjects stand that are not well, as our own store has it. Raises StoreError.
Standing = Callable[[], Iterable[AlertState]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a book, or an agent in it, may not pass; None or empty where nothing was said.

    Amounts are positive and kept by currency; rates are shares (0..1). `daily_loss` and `drawdown` are of one day,
    `below_peak` is of all time: how far the account may be below the highest that it ended a day at.
    """

    daily_loss: Mapping[str, Money] = field(default_factory=dict)
    drawdown: Mapping[str, Money] = field(default_factory=dict)
    below_peak: Decimal | None = None
    least_win_rate: Decimal | None = None
    losses_in_a_row: int | None = None
    positions: int | None = None
    exposure: Mapping[str, Money] = field(default_factory=dict)

    def __or__(self, other: Limits) -> Limits:
        """These limits, and the other's where these say nothing."""
        return Limits(
            daily_loss={**other.daily_loss, **self.daily_loss},
            drawdown={**other.drawdown, **self.drawdown},
            below_peak=self.below_peak or other.below_peak,
            least_win_rate=self.least_win_rate or other.least_win_rate,
            losses_in_a_row=self.losses_in_a_row or other.losses_in_a_row,
            positions=self.positions or other.positions,
            exposure={**other.exposure, **self.exposure},
        )


@dataclass(frozen=True, slots=True)
class Targets:
    """What the user wants to reach or not to pass; None or empty where nothing was said.

    Amounts are kept by currency; rates are shares (0..1). `drawdown` limits are positive amounts. `limits` are those of
    a book, `paper` those of a paper book that differ, and `agents` those of agents, by name or pattern.
    """

    daily_pnl: Mapping[str, Money] = field(default_factory=dict)
    drawdown: Mapping[str, Money] = field(default_factory=dict)
    win_rate: Decimal | None = None
    review_win_rate: Decimal | None = None
    review_after: int = 20
    limits: Limits = Limits()
    paper: Limits = Limits()
    agents: Mapping[str, Limits] = field(default_factory=dict)

    def limits_of(self, mode: Mode) -> Limits:
        """What a book of that mode may not pass."""
        own = self.limits | Limits(drawdown=self.drawdown)
        return self.paper | own if mode is Mode.PAPER else own

    def limits_of_agent(self, name: str) -> Limits:
        """What an agent may not pass: of each limit the first entry counts that fits its name and says it."""
        found = Limits()
        for pattern, limits in self.agents.items():
            found = found | limits if name == pattern or fnmatchcase(name, pattern) else found
        return found


@dataclass(frozen=True, slots=True)
class Late:
    """A job that owes a period since then."""

    job: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Affairs:
    """How the reporter keeps up with its own work.

    `late` are the jobs that owe a period which is due; `skipped` the runs of the last hour that were left out because
    the one before was not done; `waiting` the messages that could be sent, the first of them since `oldest`; `refused`
    those that were given up in the last day. `seconds` is how long our own store took to tell all that.
    """

    late: tuple[Late, ...] = ()
    skipped: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    refused: int = 0
    seconds: float = 0.0


class History(Protocol):
    """Our own store, read-only: what was told and what is open."""

    def open_alerts(self) -> list[AlertState]: ...

    def transitions(self, period: Period) -> list[Transition]: ...

    def started_at(self) -> datetime | None:
        """When the running daemon started; None outside the daemon."""

    def affairs(self) -> Affairs | None:
        """How we keep up with our own work; None while our own store cannot be read."""

    def uptime(self, period: Period) -> Mapping[str, Uptime]:
        """How each thing that is watched (`probe/db`) fared in what is over of a period, but for maintenance."""

    def spans(self, subject: str, period: Period) -> Sequence[Span]:
        """How a subject stood in a period, and what was measured: stretches of time, of an hour at most, in order."""

    def means(self) -> Mapping[str, float]:
        """The mean figure of each subject over the last hour or two: what an answer takes as a rule, in seconds."""

    def unread_since(self, ledger: str) -> datetime | None:
        """Since when a ledger could not be read, by the samples of the health probe."""


@dataclass(frozen=True, slots=True)
class Context(Generic[P]):
    """Everything a job may look at. It can change none of it."""

    now: datetime
    period: Period
    previous: Period
    ledger: Ledger
    host: Callable[[], Host]
    probe_all: Callable[[], Sequence[Reading]]
    readings: Callable[[Collection[str]], Sequence[Reading]]  # of these kinds or names, as last seen; no new evidence
    targets: Targets
    history: History
    params: P
    log: logging.Logger | logging.LoggerAdapter[logging.Logger]
    ours: bool = True  # False where another machine's reporter looks at what all see alike in this turn
    basis: Basis = NEVER_CLOSES
    rates: Rates = field(default_factory=dict)
    formats: Formats = field(default_factory=Formats)

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

    def totals(self, books: Sequence[Book]) -> list[Total]:
        """What books of several currencies are together, by the rates of the config; none without rates."""
        return totals(books, self.rates)

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
    """Something to be told. `facts` are further names for the template; a `slot` is edited instead of posted anew, but
    for when it was posted longer than `repost` ago. One in which nothing but the footer changed is edited after
    `refresh`, five minutes if not said."""

    books: Sequence[Book] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    tone: Tone = Tone.INFO
    severity: Severity = Severity.INFO
    channel: str | None = None
    template: str | None = None
    slot: str | None = None
    repost: timedelta | None = None
    refresh: timedelta | None = None


Outcome = Report | Observation
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
) -> Callable[[Callable[[Context[P]], Iterable[Outcome]]], Job]:
    """Declare a job. Its name is the function's, which is also the stem of its file, template and config entry.

    `settle` is how many seconds after its period's end a report waits for late trades; `deadline` is how many
    seconds a run may take. Of reporters that share a store one runs an open job at each turn; `everywhere` runs it on
    each of them, and `Context.ours` tells one of them that what all see alike is its to look at. `observes` names the
    subjects that its observations can have, such as `limit/*`, with `{ledger}` for each ledger's name: a pattern of the
    config that fits none of them, nor of others, is then told by `reporter check`.
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
        )

    return declare
