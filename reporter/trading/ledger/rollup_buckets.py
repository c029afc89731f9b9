"""Roll-ups of trades by the hour: what an hour's trades add up to, and how hours are merged without losing a figure.

A bucket holds the sums of some trades in a row, their streaks, the best and the worst of them, and the path of their
results: net, highest, lowest and deepest fall. Two buckets that follow each other merge into the bucket of both, so
that a drawdown over years is exact to the trade.
"""

# ruff: noqa: PLR1730 - this is done for each trade of a history, and a call of min() costs as much as all the rest

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, Protocol
from zlib import crc32

from reporter.trading.books import AllTime, Figures
from reporter.trading.ledger.balances import BookKey, LineKey
from reporter.trading.ledger.key_blocks import KeyMap
from reporter.trading.ledger.path_metrics import PathMetrics, decimal, units
from reporter.trading.ledger.rows import mode
from reporter.trading.ledger.sources.base import LONG, SHORT, number
from reporter.trading.trades import Holding, Money, Streaks

# Sums are kept as whole numbers of 1e-15: what many hours add up to is then right to the last of the 8 digits shown.
FINE = 10**15
HOUR = 3600
MICROSECONDS = 10**6
SIDES = {**dict.fromkeys(LONG, "long"), **dict.fromkeys(SHORT, "short")}


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
class Runs:
    """Wins and losses in a row among some trades. `first` is the streak they begin with and `last` the one they end
    with: positive for wins, negative for losses, 0 where that trade was flat."""

    first: int = 0
    last: int = 0
    wins: int = 0
    losses: int = 0

    def step(self, change: int, *, so_far: int) -> None:
        """Take the next trade's result after `so_far` trades."""
        if change > 0:
            last = self.last = self.last + 1 if self.last > 0 else 1
            if last > self.wins:
                self.wins = last
        elif change < 0:
            last = self.last = self.last - 1 if self.last < 0 else -1
            if -last > self.losses:
                self.losses = -last
        else:
            last = self.last = 0
        if last == so_far + 1 or -last == so_far + 1:
            self.first = last

    def then(self, later: Runs, trades: int, later_trades: int) -> Runs:
        """These streaks and those of so many trades that follow these, as one."""
        if not trades or not later_trades:
            return later if later_trades else self
        joined = self.last + later.first if self.last * later.first > 0 else 0
        return Runs(
            joined if joined and abs(self.first) == trades else self.first,
            joined if joined and abs(later.last) == later_trades else later.last,
            max(self.wins, later.wins, joined),
            max(self.losses, later.losses, -joined),
        )


Extreme = tuple[int, Any]  # a trade's result in 1e-8, and its id


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
    """The sums of some trades that follow each other. Amounts are whole numbers of 1e-15, `squares` those of 1e-16, and
    times microseconds.

    `fees_known`, `funding_known`, `volume_known` and `held_known` count the trades whose fees, funding, volume and
    holding time are known. `best` and `worst` are the first of equal ones; a whole book has none, its lines have.
    `checksum` is of every trade's id, times, side and amounts in their order; a merged bucket has none.
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
    gross_profit: int = 0
    gross_loss: int = 0
    volume: int = 0
    volume_known: int = 0
    longs: int = 0
    shorts: int = 0
    squares: int = 0
    held: int = 0
    held_known: int = 0
    shortest: int | None = None
    longest: int | None = None
    runs: Runs = field(default_factory=Runs)
    best: Extreme | None = None
    worst: Extreme | None = None

    def then(self, later: Bucket) -> Bucket:
        """The bucket of these trades and of those that follow them."""
        whole = self.beside(later)
        whole.path = self.path.then(later.path)
        whole.runs = self.runs.then(later.runs, self.trades, later.trades)
        return whole

    def beside(self, other: Bucket) -> Bucket:
        """The sums of these trades and of others, whose order among each other nobody knows."""
        return Bucket(
            self.trades + other.trades,
            self.wins + other.wins,
            self.losses + other.losses,
            self.pnl + other.pnl,
            self.fees + other.fees,
            self.fees_known + other.fees_known,
            self.funding + other.funding,
            self.funding_known + other.funding_known,
            gross_profit=self.gross_profit + other.gross_profit,
            gross_loss=self.gross_loss + other.gross_loss,
            volume=self.volume + other.volume,
            volume_known=self.volume_known + other.volume_known,
            longs=self.longs + other.longs,
            shorts=self.shorts + other.shorts,
            squares=self.squares + other.squares,
            held=self.held + other.held,
            held_known=self.held_known + other.held_known,
            shortest=_of_both(min, self.shortest, other.shortest),
            longest=_of_both(max, self.longest, other.longest),
            best=self.best if other.best is None or (self.best and self.best[0] >= other.best[0]) else other.best,
            worst=self.worst
            if other.worst is None or (self.worst and self.worst[0] <= other.worst[0])
            else other.worst,
        )


def _of_both(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    return choose(one, other) if one is not None and other is not None else other if one is None else one


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
class Extent:
    """Of which hours kept sums are: from `since`, the first with a trade, up to but without `until`. All hours before
    `verified` were compared with the database.

    `anchor` must still be in the database, or none of it counts. The trades with the ids of `unreadable` could not be
    read and are in no sum: whoever uses the sums reads those trades from the database.
    """

    since: int
    until: int
    verified: int
    anchor: Anchor | None
    unreadable: tuple[TradeId, ...] = ()


@dataclass(frozen=True, slots=True)
class Courses:
    """The course of each book."""

    extent: Extent
    books: dict[BookKey, Course]


def courses(parts: Mapping[int, Mapping[BookKey, Bucket]], onto: dict[BookKey, Course]) -> dict[BookKey, Course]:
    """Courses that go on with the buckets of some hours."""
    for hour, books in sorted(parts.items()):
        for book, bucket in books.items():
            if book not in onto:
                onto[book] = Course(hour)
            onto[book].take(bucket, hour)
    return onto


TradeId = int | str
Mark = tuple[str, str, int, int]  # a trade's id, its agent, its result in 1e-8, and the checksum of it all


@dataclass(slots=True)
class Hour:
    """One hour of a ledger: a bucket for each agent's line, and one for each book; and its `trades`, if asked for."""

    lines: dict[LineKey, Bucket] = field(default_factory=dict)
    books: dict[BookKey, Bucket] = field(default_factory=dict)
    trades: dict[BookKey, list[Mark]] = field(default_factory=dict)

    def take(self, later: Hour) -> None:
        """Take the buckets of trades that follow these."""
        for line, bucket in later.lines.items():
            self.lines[line] = self.lines[line].then(bucket) if line in self.lines else bucket
        for book, bucket in later.books.items():
            self.books[book] = self.books[book].then(bucket) if book in self.books else bucket


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last trade that a roll-up counts: where it is gone or changed, the database is not the one that was
    counted."""

    trade: int | str
    hour: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Recount:
    """What the database says of the hours from `start` up to but without `until`, counted since 1970, at one moment.

    `unreadable` has the hour and the id of each trade that cannot be read; they are in no bucket.
    """

    start: int
    until: int
    hours: Mapping[int, Hour]
    trades: int
    last: Anchor | None
    unreadable: tuple[tuple[int, TradeId], ...] = ()


class Rollups(Protocol):
    """Sums of a ledger's past that were kept, as far as they are verified.

    A `definition` says what the figures were made by; sums of another one do not count. Hours are counted since 1970.
    """

    def extent(self, ledger: str, definition: str) -> Extent | None:
        """Of which hours sums are kept; None where nothing is verified."""

    def realised(self, ledger: str, definition: str, until: int) -> Realised | None:
        """What each line made before an hour, or before the last one that is kept; None where nothing is verified."""

    def keys(self, ledger: str, definition: str) -> tuple[KeyMap, Anchor | None] | None:
        """Among which keys the trades of a stretch of time are, and the anchor that must still be in the database."""

    def days(self, ledger: str, definition: str, starts: tuple[int, ...]) -> Realised | None:
        """What each line made in each stretch between two of these hours, as far as it is kept."""

    def courses(self, ledger: str, definition: str, until: int) -> Courses | None:
        """How each book ran from its first trade on, as far as it is kept."""

    def stretch(self, ledger: str, definition: str, hours: tuple[int, int], least: int) -> Stretch | None:
        """What the trades between two hours add up to, as far as it is kept; None where they are fewer than `least`."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The buckets of each line and book between two hours."""

    extent: Extent
    whole: Hour


@dataclass(frozen=True, slots=True)
class Realised:
    """What each line made by stretch, in whole numbers of 1e-15."""

    extent: Extent
    lines: Mapping[LineKey, Mapping[int, int]]


def fine(value: Any) -> int:
    """A stored or summed amount in whole numbers of 1e-15. Raises LedgerError for what is not a finite number."""
    found = number(value) if value else None
    return 0 if found is None else round(found.scaleb(15))


def from_fine(amount: int) -> Decimal:
    """An amount in whole numbers of 1e-15, rounded to 1e-8."""
    return round(Decimal(amount).scaleb(-15), 8) + 0


def start_of(hour: int) -> datetime:
    """When an hour begins, in UTC."""
    return datetime.fromtimestamp(hour * HOUR, UTC)


@dataclass(slots=True)
class _Sums:
    """A line's bucket while its trades come in. Amounts are added as the database gives them: floats or decimals."""

    trades: int = 0
    wins: int = 0
    losses: int = 0
    profit: Any = 0
    loss: Any = 0
    rest: Any = 0  # of flat trades: what is below the last digit that is kept
    fees: Any = 0
    fees_known: int = 0
    funding: Any = 0
    funding_known: int = 0
    volume: Any = 0
    volume_known: int = 0
    longs: int = 0
    shorts: int = 0
    squares: int = 0
    held: int = 0
    held_known: int = 0
    shortest: int | None = None
    longest: int | None = None
    best: Extreme | None = None
    worst: Extreme | None = None
    path: Path = field(default_factory=Path)
    runs: Runs = field(default_factory=Runs)
    checksum: int = 0

    def take(self, trade: Any, change: int, pnl: Any, costs: tuple[Any, Any, Any], side: Any, held: Any) -> None:
        self.runs.step(change, so_far=self.trades)
        self.path.step(change)
        self.trades += 1
        self.squares += change * change
        if change > 0:
            self.wins += 1
            self.profit += pnl
        elif change < 0:
            self.losses += 1
            self.loss += pnl
        elif pnl:
            self.rest += pnl
        if self.best is None or change > self.best[0]:
            self.best = change, trade
        if self.worst is None or change < self.worst[0]:
            self.worst = change, trade
        self.spend(*costs)
        self.hold(side, held)

    def spend(self, fees: Any, funding: Any, volume: Any) -> None:
        if fees is not None:
            self.fees += fees
            self.fees_known += 1
        if funding is not None:
            self.funding += funding
            self.funding_known += 1
        if volume is not None:
            self.volume += volume
            self.volume_known += 1

    def hold(self, side: Any, held: Any) -> None:
        place = SIDES.get(side) or SIDES.get(str(side).lower())
        if place == "long":
            self.longs += 1
        elif place == "short":
            self.shorts += 1
        if held is None:
            return
        lasted = round(held * MICROSECONDS)
        self.held += lasted
        self.held_known += 1
        if self.shortest is None or lasted < self.shortest:
            self.shortest = lasted
        if self.longest is None or lasted > self.longest:
            self.longest = lasted

    def bucket(self) -> Bucket:
        profit, loss = fine(self.profit), fine(self.loss)
        return Bucket(
            self.trades,
            self.wins,
            self.losses,
            profit + loss + fine(self.rest),
            fine(self.fees),
            self.fees_known,
            fine(self.funding),
            self.funding_known,
            self.path,
            self.checksum,
            gross_profit=profit,
            gross_loss=loss,
            volume=fine(self.volume),
            volume_known=self.volume_known,
            longs=self.longs,
            shorts=self.shorts,
            squares=self.squares,
            held=self.held,
            held_known=self.held_known,
            shortest=self.shortest,
            longest=self.longest,
            runs=self.runs,
            best=_kept(self.best),
            worst=_kept(self.worst),
        )


def _kept(one: Extreme | None) -> Extreme | None:
    """None for an id that is neither a number nor text, and would not be the same once it was kept."""
    return one if one and isinstance(one[1], int | str) else None


@dataclass(slots=True)
class _Order:
    """What a book's bucket has beside the sums of its lines: what depends on the order of all of its trades."""

    trades: int = 0
    path: Path = field(default_factory=Path)
    runs: Runs = field(default_factory=Runs)
    checksum: int = 0

    def take(self, change: int, identity: bytes) -> None:
        self.runs.step(change, so_far=self.trades)
        self.trades += 1
        self.path.step(change)
        self.checksum = crc32(identity, self.checksum)

    def bucket(self, lines: Iterable[Bucket]) -> Bucket:
        whole = reduce(Bucket.beside, lines)
        return replace(whole, path=self.path, runs=self.runs, checksum=self.checksum, best=None, worst=None)


def identity_of(trade: Any, closed_at: Any, agent: Any, pnl: Any, costs: tuple[Any, Any, Any], rest: Any) -> bytes:
    """What a checksum is made of: a trade whose amounts, agent, side or times are edited has another one."""
    return f"{trade}|{closed_at}|{agent}|{pnl}|{costs}|{rest};".encode()


def hours_of(
    rows: Iterable[tuple[Any, ...]], marked_from: int | None = None
) -> tuple[dict[int, Hour], int, Anchor | None]:
    """The hours of trades in order, with how many trades there are and the last of them.

    Rows are of `queries.counted`, without those that cannot be read. From one hour on each trade is marked too.
    """
    sums: dict[int, tuple[dict[Any, _Sums], dict[Any, _Order]]] = {}
    marks: dict[int, dict[BookKey, list[Mark]]] = {}
    count, last = 0, None
    for trade, closed_at, hour, agent, kind, currency, pnl, fees, funding, volume, side, held, _ in rows:
        own = sums.get(hour)
        if own is None:
            own = sums[hour] = ({}, {})
        line = own[0].get((agent, kind, currency))
        if line is None:
            line = own[0][agent, kind, currency] = _Sums()
        book = own[1].get((kind, currency))
        if book is None:
            book = own[1][kind, currency] = _Order()
        change, costs = units(pnl), (fees, funding, volume)
        last = identity = identity_of(trade, closed_at, agent, pnl, costs, (side, held))
        line.take(trade, change, pnl, costs, side, held)
        line.checksum = crc32(identity, line.checksum)
        book.take(change, identity)
        count += 1
        if marked_from is not None and hour >= marked_from:
            own_marks = marks.setdefault(hour, {}).setdefault((mode(kind), currency), [])
            own_marks.append((str(trade), str(agent), change, crc32(identity)))
    anchor = None
    if last is not None and isinstance(trade, int | str):
        anchor = Anchor(trade, int(hour), crc32(last))
    return {int(at): _hour(*own, marks.get(at, {})) for at, own in sums.items()}, count, anchor


def _hour(lines: Mapping[Any, _Sums], books: Mapping[Any, _Order], marks: dict[BookKey, list[Mark]]) -> Hour:
    own = {line: sums.bucket() for line, sums in lines.items()}
    return Hour(
        {(agent, mode(kind), currency): bucket for (agent, kind, currency), bucket in own.items()},
        {
            (mode(kind), currency): order.bucket(own[line] for line in own if line[1:] == (kind, currency))
            for (kind, currency), order in books.items()
        },
        marks,
    )


def figures_of(bucket: Bucket, currency: str) -> Figures:
    """The figures of a line, but for its best and its worst trade."""

    def where_known(amount: int, n: int) -> Money | None:
        return Money(from_fine(amount), currency) if n == bucket.trades else None

    return Figures(
        trades=bucket.trades,
        wins=bucket.wins,
        losses=bucket.losses,
        flat=bucket.trades - bucket.wins - bucket.losses,
        pnl=Money(from_fine(bucket.pnl), currency),
        fees=where_known(bucket.fees, bucket.fees_known),
        gross_profit=Money(from_fine(bucket.gross_profit), currency),
        gross_loss=Money(from_fine(bucket.gross_loss), currency),
        funding=where_known(bucket.funding, bucket.funding_known),
        volume=where_known(bucket.volume, bucket.volume_known),
        longs=bucket.longs,
        shorts=bucket.shorts,
        squares=Decimal(f"{bucket.squares}E-16"),
        holding=_holding(bucket),
        streaks=Streaks(bucket.runs.last, bucket.runs.wins, bucket.runs.losses),
    )


def _holding(bucket: Bucket) -> Holding | None:
    if bucket.shortest is None or bucket.longest is None:
        return None
    times = (bucket.held, bucket.shortest, bucket.longest)
    return Holding(bucket.held_known, *(timedelta(milliseconds=round(time / 1000)) for time in times))


def ran(bucket: Bucket) -> PathMetrics:
    """What a walk through the trades of a bucket finds."""
    path, runs = bucket.path, bucket.runs
    return PathMetrics(path.net, path.high, path.fall, runs.last, runs.wins, runs.losses, bucket.squares)
