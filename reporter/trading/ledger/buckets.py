"""Roll-ups of trades by the hour: what an hour's trades add up to, and how hours are merged without losing a figure.

A bucket holds the sums of some trades in a row, and the path of their results: net, highest, lowest and deepest fall.
Two buckets that follow each other merge into the bucket of both, so that a drawdown over years is exact to the trade.
"""

# ruff: noqa: PLR1730 - this is done for each trade of a history, and a call of min() costs as much as all the rest

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol
from zlib import crc32

from reporter.trading.books import AllTime
from reporter.trading.ledger.balances import BookKey, LineKey
from reporter.trading.ledger.key_blocks import KeyMap
from reporter.trading.ledger.path_metrics import decimal, units
from reporter.trading.ledger.rows import mode
from reporter.trading.ledger.sources.base import number
from reporter.trading.trades import Money

# Sums are kept as whole numbers of 1e-15: what many hours add up to is then right to the last of the 8 digits shown.
FINE = 10**15
HOUR = 3600


@dataclass(slots=True)
class Path:
    """How a result ran, in units of 1e-8 from 0 at its start. `fall` is the deepest fall below the highest so far."""

    net: int = 0
    high: int = 0
    low: int = 0
    fall: int = 0

    def step(self, change: int) -> None:
        """Take the next trade's result."""
        net = self.net = self.net + change
        if net > self.high:
            self.high = net
        elif net < self.low:
            self.low = net
        if net - self.high < self.fall:
            self.fall = net - self.high

    def then(self, later: Path) -> Path:
        """This path and the one that follows it, as one."""
        return Path(
            self.net + later.net,
            max(self.high, self.net + later.high),
            min(self.low, self.net + later.low),
            min(self.fall, later.fall, self.net + later.low - self.high),
        )

    @property
    def drawdown(self) -> Decimal:
        """The deepest fall, zero or negative."""
        return decimal(self.fall)


@dataclass(slots=True)
class LongPath:
    """How a result ran since the start, stretch by stretch: its deepest `fall`, in which hour that began, and in which
    it was deepest. Amounts are in units of 1e-8, hours are counted since 1970."""

    level: int = 0
    peak: int = 0
    peak_at: int | None = None
    fall: int = 0
    began: int | None = None
    deepest: int | None = None

    def take(self, path: Path, hour: int) -> None:
        """Take the next stretch, which begins in an hour."""
        if self.peak_at is None:
            self.peak_at = self.began = self.deepest = hour
        across = self.level + path.low - self.peak
        if min(across, path.fall) < self.fall:
            self.fall = min(across, path.fall)
            self.began, self.deepest = (self.peak_at if across <= path.fall else hour), hour
        if self.level + path.high > self.peak:
            self.peak, self.peak_at = self.level + path.high, hour
        self.level += path.net


@dataclass(slots=True)
class Bucket:
    """The sums of some trades that follow each other. Amounts are whole numbers of 1e-15.

    `fees_known` and `funding_known` count the trades whose fees and funding are known. `checksum` is of every trade's
    id, time and amounts in their order; a merged bucket has none.
    """

    trades: int = 0
    wins: int = 0
    losses: int = 0
    pnl: int = 0
    fees: int = 0
    fees_known: int = 0
    funding: int = 0
    funding_known: int = 0
    path: Path = field(default_factory=Path)
    checksum: int = 0

    def then(self, later: Bucket) -> Bucket:
        """The bucket of these trades and of those that follow them."""
        return Bucket(
            self.trades + later.trades,
            self.wins + later.wins,
            self.losses + later.losses,
            self.pnl + later.pnl,
            self.fees + later.fees,
            self.fees_known + later.fees_known,
            self.funding + later.funding,
            self.funding_known + later.funding_known,
            self.path.then(later.path),
        )


@dataclass(slots=True)
class Course:
    """All trades of a book since the hour `since`: their sums, and how their result ran."""

    since: int
    whole: Bucket = field(default_factory=Bucket)
    path: LongPath = field(default_factory=LongPath)

    def take(self, bucket: Bucket, hour: int) -> None:
        """Take the next bucket, which begins in an hour."""
        self.whole = self.whole.then(bucket)
        self.path.take(bucket.path, hour)

    def told(self, ledger: str, book: BookKey) -> AllTime:
        """The same as people read it."""
        path, currency = self.path, book[1]
        return AllTime(
            ledger=ledger,
            mode=book[0],
            currency=currency,
            since=start_of(self.since),
            trades=self.whole.trades,
            pnl=Money(from_fine(self.whole.pnl), currency),
            drawdown=Money(decimal(path.fall), currency),
            peak_at=start_of(self.since if path.began is None else path.began),
            trough_at=start_of(self.since if path.deepest is None else path.deepest),
            below=Money(decimal(path.level - path.peak), currency),
        )


@dataclass(frozen=True, slots=True)
class Courses:
    """The course of each book before the hour `until`. `anchor` must still be in the database, or none of it counts."""

    until: int
    books: dict[BookKey, Course]
    anchor: Anchor | None


def courses(parts: Mapping[int, Mapping[BookKey, Bucket]], onto: dict[BookKey, Course]) -> dict[BookKey, Course]:
    """Courses that go on with the buckets of some hours."""
    for hour, books in sorted(parts.items()):
        for book, bucket in books.items():
            if book not in onto:
                onto[book] = Course(hour)
            onto[book].take(bucket, hour)
    return onto


Mark = tuple[str, str, int, int]  # a trade's id, its agent, its result in 1e-8, and the checksum of it all


@dataclass(slots=True)
class Hour:
    """One hour of a ledger: a bucket for each agent's line, and one for each book; and its `trades`, if asked for."""

    lines: dict[LineKey, Bucket] = field(default_factory=dict)
    books: dict[BookKey, Bucket] = field(default_factory=dict)
    trades: dict[BookKey, list[Mark]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last trade that a roll-up counts: where it is gone or changed, the database is not the one that was
    counted."""

    trade: int | str
    hour: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Recount:
    """What the database says of the hours from `start` up to but without `until`, counted since 1970, at one moment."""

    start: int
    until: int
    hours: Mapping[int, Hour]
    trades: int
    last: Anchor | None


class Rollups(Protocol):
    """Sums of a ledger's past that were kept, as far as they are verified.

    A `definition` says what the figures were made by; sums of another one do not count. Hours are counted since 1970.
    """

    def realised(self, ledger: str, definition: str, until: int) -> Realised | None:
        """What each line made before an hour, or before the last one that is kept; None where nothing is verified."""

    def keys(self, ledger: str, definition: str) -> tuple[KeyMap, Anchor | None] | None:
        """Among which keys the trades of a stretch of time are, and the anchor that must still be in the database."""

    def days(self, ledger: str, definition: str, starts: tuple[int, ...]) -> Realised | None:
        """What each line made in each stretch between two of these hours, as far as it is kept."""

    def courses(self, ledger: str, definition: str, until: int) -> Courses | None:
        """How each book ran from its first trade on, as far as it is kept."""


@dataclass(frozen=True, slots=True)
class Realised:
    """What each line made by stretch, in whole numbers of 1e-15, in the hours before `until`.

    All hours before `verified` were compared with the database, and each time in them could be read. `anchor` must
    still be in the database, or none of it counts.
    """

    until: int
    lines: Mapping[LineKey, Mapping[int, int]]
    anchor: Anchor | None
    verified: int


def fine(value: Any) -> int:
    """A stored or summed amount in whole numbers of 1e-15. Raises LedgerError for what is not a finite number."""
    found = number(value)
    return 0 if found is None else round(found.scaleb(15))


def from_fine(amount: int) -> Decimal:
    """An amount in whole numbers of 1e-15, rounded to 1e-8."""
    return round(Decimal(amount).scaleb(-15), 8) + 0


def start_of(hour: int) -> datetime:
    """When an hour begins, in UTC."""
    return datetime.fromtimestamp(hour * HOUR, UTC)


@dataclass(slots=True)
class _Sums:
    """A bucket while its trades come in. Amounts are added as the database gives them: floats or decimals."""

    trades: int = 0
    wins: int = 0
    losses: int = 0
    pnl: Any = 0
    fees: Any = 0
    fees_known: int = 0
    funding: Any = 0
    funding_known: int = 0
    path: Path = field(default_factory=Path)
    checksum: int = 0

    def take(self, change: int, pnl: Any, fees: Any, funding: Any, identity: bytes) -> None:
        self.trades += 1
        if change > 0:
            self.wins += 1
        elif change < 0:
            self.losses += 1
        if pnl is not None:
            self.pnl += pnl
        if fees is not None:
            self.fees += fees
            self.fees_known += 1
        if funding is not None:
            self.funding += funding
            self.funding_known += 1
        self.path.step(change)
        self.checksum = crc32(identity, self.checksum)

    def bucket(self) -> Bucket:
        return Bucket(
            self.trades,
            self.wins,
            self.losses,
            fine(self.pnl),
            fine(self.fees),
            self.fees_known,
            fine(self.funding),
            self.funding_known,
            self.path,
            self.checksum,
        )


def identity_of(trade: Any, closed_at: Any, agent: Any, pnl: Any, fees: Any, funding: Any) -> bytes:
    """What a checksum is made of: a trade whose amounts, agent or time are edited has another one."""
    return f"{trade}|{closed_at}|{agent}|{pnl}|{fees}|{funding};".encode()


def hours_of(
    rows: Iterable[tuple[Any, ...]], marked_from: int | None = None
) -> tuple[dict[int, Hour], int, Anchor | None]:
    """The hours of trades in order, with how many trades there are and the last of them.

    Rows are of the trade's id, time, hour, agent, mode, currency, P&L, fees and funding. From one hour on each trade is
    marked too.
    """
    sums: dict[int, tuple[dict[Any, _Sums], dict[Any, _Sums]]] = {}
    marks: dict[int, dict[BookKey, list[Mark]]] = {}
    count, last = 0, None
    for trade, closed_at, hour, agent, kind, currency, pnl, fees, funding in rows:
        own = sums.get(hour)
        if own is None:
            own = sums[hour] = ({}, {})
        line = own[0].get((agent, kind, currency))
        if line is None:
            line = own[0][agent, kind, currency] = _Sums()
        book = own[1].get((kind, currency))
        if book is None:
            book = own[1][kind, currency] = _Sums()
        change = units(pnl)
        last = identity = identity_of(trade, closed_at, agent, pnl, fees, funding)
        line.take(change, pnl, fees, funding, identity)
        book.take(change, pnl, fees, funding, identity)
        count += 1
        if marked_from is not None and hour >= marked_from:
            own_marks = marks.setdefault(hour, {}).setdefault((mode(kind), currency), [])
            own_marks.append((str(trade), str(agent), change, crc32(identity)))
    anchor = None
    if last is not None and isinstance(trade, int | str):
        anchor = Anchor(trade, int(hour), crc32(last))
    return {int(at): _hour(*own, marks.get(at, {})) for at, own in sums.items()}, count, anchor


def _hour(lines: Mapping[Any, _Sums], books: Mapping[Any, _Sums], marks: dict[BookKey, list[Mark]]) -> Hour:
    return Hour(
        {(agent, mode(kind), currency): sums.bucket() for (agent, kind, currency), sums in lines.items()},
        {(mode(kind), currency): sums.bucket() for (kind, currency), sums in books.items()},
        marks,
    )
