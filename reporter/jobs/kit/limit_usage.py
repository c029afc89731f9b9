"""How much of a limit is used, by which agents, and at which level: the observations of a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reporter.alerts.model import AlertState, Level, Observation
from reporter.alerts.thresholds import Measurement, Threshold, entered
from reporter.messages.formats import Formats
from reporter.trading.books import Book, BookLine
from reporter.trading.trades import Mode

# A subject has room for 200 characters; so many of them may be an agent's name, of a longer one its two ends.
LONGEST_NAME = 100

# Mode and currency, and of an agent its ledger and name.
OwnerKey = tuple[Mode, str, str, str]


@dataclass(frozen=True, slots=True)
class LimitKind:
    """What a limit is of: a `daily` one starts over at midnight; one with `mild` words is a warning when it is reached,
    and neither a warning before nor critical."""

    key: str
    name: str
    mild: str = ""
    daily: bool = False


@dataclass(frozen=True, slots=True)
class LimitOwner:
    """Whose limit it is: a book's, or that of one agent in it."""

    book: Book
    line: BookLine | None = None

    @property
    def key(self) -> OwnerKey:
        own = (self.line.ledger, self.line.key) if self.line else ("", "")
        return (self.book.mode, self.book.currency, *own)

    @property
    def subject(self) -> str:
        own = f"{self.book.mode}/{self.book.currency}"
        return f"{own}/{self.line.ledger}/{_short(self.line.key)}" if self.line else own

    @property
    def label(self) -> str:
        return f"{self.line.label} · {self.book.title}" if self.line else self.book.title

    @property
    def figures(self) -> Book | BookLine:
        return self.line or self.book

    @property
    def missing(self) -> str:
        """The ledgers that could not be read and may have a part in it, and how many of its trades could not."""
        incomplete = self.line is None and self.book.opening is None
        away = [one.ledger for one in self.book.unread] if incomplete else []
        lost = self.figures.unreadable
        return ", ".join([*away, *([f"{lost} {'trade' if lost == 1 else 'trades'}"] if lost else [])])

    def of(self, books: Sequence[Book]) -> Book | BookLine | None:
        """The same one in the books of another time."""
        book = self.book.counterpart(books)
        return book and (book.same_agent(self.line) if self.line else book)


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """One limit and how it stands: `used` is 1 where it is reached, and None where `value` says why nobody knows."""

    measure: LimitKind
    party: LimitOwner
    used: float | None
    value: str
    limit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"limit/{self.measure.key}/{self.party.subject}"


@dataclass(frozen=True, slots=True)
class UsageGrading:
    """From what share of a limit on there is a warning, and whether the limits of paper books can be critical.

    `day` is when the day began: what is left of an alert from before is not counted towards a daily limit.
    """

    warn_at: float
    paper_critical: bool
    day: datetime
    formats: Formats

    def observed(self, gauge: LimitUsage, state: AlertState | None) -> Observation:
        """What is observed of a gauge whose alert, if any, is in that state."""
        old = gauge.measure.daily and state is not None and state.since is not None and state.since < self.day
        before = state if state and not old else AlertState(gauge.subject)
        used = self._used(gauge)
        level = used.grade(before.entered(used.key)).level
        missing = gauge.party.missing
        if gauge.used is None or (missing and level is Level.OK):
            why = f"{gauge.measure.name} cannot be judged: {_why(gauge)}"
            stands = before.observation.stands if before.observation else ()
            return Observation(gauge.subject, Level.UNKNOWN, why, stands=stands)
        detail = self._detail(gauge)
        notes = (gauge.party.label, *gauge.notes, f"⚠️ Without {missing}, which cannot be read" if missing else "")
        return Observation(
            subject=gauge.subject,
            level=level,
            detail=f"a new day: {detail}" if old and level is Level.OK else detail,
            value=gauge.value,
            limit=gauge.limit,
            figure=round(100 * gauge.used, 1),
            headline=_headline(gauge, level),
            notes=tuple(filter(None, notes)),
            stands=entered({used.key: level}),
        )

    def _used(self, gauge: LimitUsage) -> Measurement:
        paper = gauge.party.book.mode is Mode.PAPER and not self.paper_critical
        early = 1.0 if gauge.measure.mild else self.warn_at
        threshold = Threshold(warning=early, critical=None if gauge.measure.mild or paper else 1.0)
        return Measurement("used", gauge.used or 0.0, threshold)

    def _detail(self, gauge: LimitUsage) -> str:
        used = "" if gauge.measure.mild else f" ({self.formats.pct(gauge.used, 0, mark=self.warn_at)} used)"
        return f"{gauge.measure.name}: {gauge.value} · Limit: {gauge.limit}{used}"


def _why(gauge: LimitUsage) -> str:
    if gauge.party.missing:
        return f"{gauge.party.missing} cannot be read" + (f"; without it, it is {gauge.value}" if gauge.used else "")
    return gauge.value


def _headline(gauge: LimitUsage, level: Level) -> str:
    whose = f": {gauge.party.line.label}" if gauge.party.line else ""
    return _trouble(gauge, level) + whose + (" (paper)" if gauge.party.book.mode is Mode.PAPER else "")


def _trouble(gauge: LimitUsage, level: Level) -> str:
    name = gauge.measure.name
    if gauge.measure.mild:
        return gauge.measure.mild
    if level is Level.CRITICAL:
        return f"{name.upper()} LIMIT REACHED"
    return f"{name} Limit Reached" if gauge.used and gauge.used >= 1 else f"Approaching {name} Limit"


def _short(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    tail = LONGEST_NAME * 2 // 5
    return f"{name[: LONGEST_NAME - tail - 1]}…{name[-tail:]}"
