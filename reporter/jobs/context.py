"""The contract of a job: what it is given (Context), what it yields (Report, Observation), how it declares itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
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
from reporter.messages.message import Severity, Tone
from reporter.periods.civil import Covers, Period
from reporter.probes.host.facts import Host
from reporter.trading.books import Book, By, Ledger, Series, Unread, leading
from reporter.trading.exchange_rates import Rates, Total, totals
from reporter.trading.risk import NEVER_CLOSES, Basis
from reporter.trading.targets import Targets


class Params(BaseModel):
    """Base of a job's own parameters. Subclass it, and a typo in the config is an error with file and line."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


P = TypeVar("P", bound=Params, default=Params)


class History(Protocol):
    """Our own store, read-only: what was told and what is open."""

    def open_alerts(self) -> list[AlertState]: ...

    def transitions(self, period: Period) -> list[Transition]: ...

    def started_at(self) -> datetime | None:
        """When the running daemon started; None outside the daemon."""

    def affairs(self) -> SelfHealth | None:
        """How we keep up with our own work; None while our own store cannot be read."""

    def uptime(self, period: Period) -> Mapping[str, Uptime]:
        """How each thing that is watched (`probe/db`) fared in what is over of a period, but for maintenance."""

    def spans(self, subject: str, period: Period) -> Sequence[StateSpan]:
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
