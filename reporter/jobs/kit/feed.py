"""Feeds: what came into the trading databases since the last run, each row once.

The cursor of a ledger is a state of the job: `since`, from where on its rows are looked through, and the ids of those
that were sent. It is saved in the transaction that enters the messages. `since` follows the newest row at a distance,
the overlap, so that rows are found which were committed late; it follows no clock, and no row from the future.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal, TypeVar

from pydantic import Field, PositiveInt

from reporter.alerts.model import Level, Observation
from reporter.errors import LedgerError
from reporter.jobs.context import Context, JobState, Params, Report
from reporter.messages.message import Attachment
from reporter.messages.spreadsheet import Columns, csv_file
from reporter.periods.civil import Period
from reporter.periods.time_text import duration_text
from reporter.trading.trades import Arrivals, FillSum, Mode, Money, OpenKey, OrderFill, Position, Trade

# How far a bot's clock may be ahead of ours without a word.
SKEW = timedelta(seconds=90)
# So often a cursor is saved that did not move, which tells later how long nobody looked.
LOOKED = timedelta(minutes=5)
A_MINUTE = timedelta(minutes=1)
# The rows of a list that goes with a summary. More of them are counted and not listed.
LISTED = 1000
# So many open positions are remembered.
HELD = 1000
P = TypeVar("P", bound="FeedParams")

LONGEST_ID = 150  # characters; a longer id is remembered by its hash


class FeedParams(Params):
    """`overlap_minutes`: a row that a bot commits up to so long after its time is still sent.

    More than `at_most` messages in a minute become one summary with the list attached. After `away_minutes` in which
    nobody looked, one message has the figures of all that was missed. `paper` and `live` are channels that receive the
    rows of one mode besides the job's own channel; `agents` gives agents, by name or pattern, a channel of their own.
    """

    overlap_minutes: float = Field(60, gt=0, le=10_080)
    at_most: PositiveInt = 50
    away_minutes: float = Field(15, ge=1)
    paper: str | None = None
    live: str | None = None
    agents: dict[str, str] = Field(default_factory=dict)

    def channels(self) -> Collection[str]:
        return [name for name in (self.paper, self.live, *self.agents.values()) if name]


@dataclass(frozen=True)
class Execution:
    """An opening, a close or a fill, with the row that tells of it."""

    action: Literal["opened", "closed", "filled"]
    """What happened."""
    row: Trade | Position | OrderFill
    """The position, the trade or the fill."""
    at: datetime
    """When it happened."""

    @property
    def price(self) -> Decimal | None:
        """The average price; None where unknown."""
        if isinstance(self.row, OrderFill):
            return self.row.price
        closed = self.action == "closed" and isinstance(self.row, Trade)
        return self.row.exit_price if closed and isinstance(self.row, Trade) else self.row.entry_price

    @property
    def currency(self) -> str:
        """The currency of the amounts."""
        return self.row.pnl.currency if isinstance(self.row, Trade) else self.row.currency

    @property
    def amount(self) -> Money | None:
        """The size at the price; None where one of them is unknown."""
        return worth(self.row.size, self.price, self.currency)

    @property
    def fees(self) -> Money | None:
        """The fee of a fill, or those of the whole trade, known at its close; None where unknown."""
        if isinstance(self.row, OrderFill):
            return self.row.fees
        return self.row.fees if self.action == "closed" and isinstance(self.row, Trade) else None

    @property
    def pnl(self) -> Money | None:
        """The result of a close; None for others."""
        return self.row.pnl if self.action == "closed" and isinstance(self.row, Trade) else None


@dataclass(frozen=True)
class FeedNews:
    """What came into one ledger since the last run that was saved."""

    ledger: str
    arrivals: Arrivals
    opened: tuple[Execution, ...]
    """Openings, oldest first; none unless asked for."""
    since: datetime
    """When somebody looked last."""
    away: timedelta | None
    """How long nobody looked, where that was long; None otherwise."""
    summed: bool
    """Whether there is too much for single messages."""
    state: JobState
    """The cursor after this news; to be yielded with the messages."""

    @property
    def closed(self) -> Sequence[Trade]:
        """The closed trades, oldest first; of very many only the first."""
        return self.arrivals.closed

    @property
    def executions(self) -> list[Execution]:
        """Openings and closes, or fills, in the order of their times."""
        closes = (Execution("closed", trade, trade.closed_at) for trade in self.closed)
        fills = (Execution("filled", fill, fill.at) for fill in self.arrivals.fills)
        return sorted([*self.opened, *closes, *fills], key=lambda one: one.at)


@dataclass(frozen=True)
class _Cursor:
    """Where a ledger's feed stands. `sent` are the messages of the last minute: when, and how many.

    `held` is what was open, and whether a trade of it was sent already: bots may forget to delete a position. `by_fill`
    says whether the ids are those of fills; None before the first look.
    """

    since: datetime
    looked: datetime
    sent: tuple[tuple[datetime, int], ...] = ()
    held: Mapping[OpenKey, bool] = field(default_factory=dict)
    by_fill: bool | None = None

    @classmethod
    def read(cls, value: Mapping[str, object]) -> _Cursor:
        sent, held = value.get("sent"), value.get("held")
        return cls(
            since=datetime.fromisoformat(str(value["since"])),
            looked=datetime.fromisoformat(str(value["looked"])),
            sent=tuple((datetime.fromisoformat(at), int(n)) for at, n in sent) if isinstance(sent, list) else (),
            held={(agent, market, side, datetime.fromisoformat(at)): told for agent, market, side, at, told in held}
            if isinstance(held, list)
            else {},
            by_fill=bool(one) if (one := value.get("by_fill", False)) is not None else None,
        )

    def written(self) -> dict[str, object]:
        return {
            "since": self.since.isoformat(),
            "looked": self.looked.isoformat(),
            "sent": [[at.isoformat(), n] for at, n in self.sent],
            "held": [[*names, at.isoformat(), told] for (*names, at), told in self.held.items()],
            "by_fill": self.by_fill,
        }


def feed_news(ctx: Context[P], *, executions: bool = False) -> Iterator[FeedNews | JobState | Observation]:
    """What came into each ledger since the last run. States and observations are for the job to yield as they are.

    That is what closed; with `executions` also what was opened, or each fill where the ledger has fills. A new cursor
    begins at this moment and sends nothing of the past. Raises LedgerError when no ledger can be read.
    """
    standing = {alert.subject for alert in ctx.history.open_alerts()}
    names, unread = ctx.ledger.names(), []
    for name in names:
        subject = f"feed/{name}"
        state = ctx.state(name)
        if state.value is None:
            begun = _Cursor(since=ctx.now.replace(microsecond=0), looked=ctx.now)  # many bots write whole seconds
            yield JobState(name=name, value=begun.written(), version=state.version)
            continue
        cursor, seen = _Cursor.read(state.value), ctx.seen(name)
        try:
            found = _arrived(ctx, name, cursor, seen, executions)
            if cursor.by_fill not in {
                None,
                found.by_fill,
            }:  # what was sent has other ids: nothing is sent in both forms
                cursor = replace(cursor, since=max(cursor.since, cursor.looked.replace(microsecond=0)))
                found = _arrived(ctx, name, cursor, seen, executions)
            cursor = replace(cursor, by_fill=found.by_fill)
        except LedgerError as error:
            unread.append(str(error))
            yield Observation(subject, Level.WARNING, f"{error}; what closes meanwhile is sent when it can be read")
            continue
        yield from _observed(ctx, subject, found, standing)
        yield from _news(ctx, state, cursor, found, _openings(found, seen) if executions else ())
    if unread and len(unread) == len(names):
        raise LedgerError("; ".join(unread))


def _arrived(ctx: Context[P], ledger: str, cursor: _Cursor, seen: Collection[str], executions: bool) -> Arrivals:
    known = _Known({item[2:] for item in seen if item.startswith("c/")})
    period = Period(cursor.since, max(ctx.now, cursor.since), f"since {cursor.since:%H:%M:%S}", ctx.period.zone)
    waiting = [key for key, told in cursor.held.items() if not told]
    return ctx.ledger.arrivals(ledger, period, known, most=LISTED, positions=True, held=waiting, fills=executions)


class _Known:
    """The ids that were sent; of a long one its hash."""

    def __init__(self, items: set[str]) -> None:
        self._items = items

    def __contains__(self, wanted: object) -> bool:
        return _short(str(wanted)) in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


def _short(item: str) -> str:
    return item if len(item) <= LONGEST_ID else hashlib.sha256(item.encode()).hexdigest()


def _observed(ctx: Context[P], subject: str, found: Arrivals, standing: set[str]) -> Iterator[Observation]:
    if found.ahead and found.ahead > ctx.now + SKEW:
        ahead = duration_text(found.ahead - ctx.now)
        what = f"a fill of {found.ledger} is" if found.by_fill else f"a trade of {found.ledger} closes"
        yield Observation(subject, Level.WARNING, f"{what} {ahead} in the future; it waits")
    elif subject in standing:
        yield Observation(subject, Level.OK, f"{found.ledger} is read up to now")


def _openings(found: Arrivals, seen: Collection[str]) -> tuple[Execution, ...]:
    """The openings that were not sent, each once: of open positions, and of trades that are closed already."""
    rows: list[Trade | Position] = [*found.positions, *found.closed]
    first: dict[str, Execution] = {}
    for row in rows:
        if row.opened_at is not None:
            first.setdefault(opening_key(row), Execution("opened", row, row.opened_at))
    news = [one for key, one in first.items() if key not in seen]
    return tuple(sorted(news, key=lambda one: one.at))


def opening_key(row: Trade | Position) -> str:
    """What an opening is known by: a position and the trade that it becomes have different ids in most databases."""
    return "o/" + _short(f"{row.agent}/{row.market}/{row.side}/{row.opened_at}/{row.entry_price}")


def _news(
    ctx: Context[P], state: JobState, cursor: _Cursor, found: Arrivals, opened: Sequence[Execution]
) -> Iterator[FeedNews | JobState]:
    opened = [one for one in opened if one.at >= cursor.since]
    count = len(found.ids) + len(opened)
    sent = tuple((at, n) for at, n in cursor.sent if timedelta(0) <= ctx.now - at < A_MINUTE)
    away = ctx.now - cursor.looked
    long = away if away >= timedelta(minutes=ctx.params.away_minutes) else None
    many = sum(n for _, n in sent) + count > ctx.params.at_most
    held = _held(cursor, found)
    if not count:
        if (
            held != cursor.held
            or away >= min(LOOKED, timedelta(minutes=ctx.params.away_minutes) / 3)
            or away < timedelta(0)
        ):
            yield _moved(state, _Cursor(cursor.since, ctx.now, sent, held, cursor.by_fill), found, ())
        return
    if many and sent and not long:
        return  # it waits for the end of the minute, when one summary has all of it
    told = 1 if many or long else count
    sent = (*sent, (ctx.now, ctx.params.at_most if many else told))
    after = _Cursor(_since(ctx, cursor, found), ctx.now, sent, held, cursor.by_fill)
    yield FeedNews(
        ledger=found.ledger,
        arrivals=found,
        opened=tuple(opened),
        since=cursor.looked,
        away=long,
        summed=many or (long is not None and count > 1),
        state=_moved(state, after, found, opened),
    )


def _held(cursor: _Cursor, found: Arrivals) -> dict[OpenKey, bool]:
    """What is open now; of very much only a part."""
    told = {(one.agent, one.market, one.side, one.opened_at) for one in found.closed}
    return {key: cursor.held.get(key, False) or key in told for key in found.open[:HELD]}


def _since(ctx: Context[P], cursor: _Cursor, found: Arrivals) -> datetime:
    """Never back, and never closer to the newest row than the overlap."""
    newest = min(found.newest or cursor.since, ctx.now)
    return max(cursor.since, newest - timedelta(minutes=ctx.params.overlap_minutes))


def _moved(state: JobState, cursor: _Cursor, found: Arrivals, opened: Sequence[Execution]) -> JobState:
    items = {f"c/{_short(id_)}": at for id_, at in found.ids.items() if at >= cursor.since}
    items |= {
        opening_key(row): one.at
        for one in opened
        if not isinstance(row := one.row, OrderFill) and one.at >= cursor.since
    }
    return JobState(name=state.name, value=cursor.written(), version=state.version, seen=items, forget=cursor.since)


def channels_of(params: FeedParams, row: Trade | Position | OrderFill) -> list[str | None]:
    """The channels of a row: None is the job's own, then that of its mode, then those of its agent."""
    own = params.paper if row.mode is Mode.PAPER else params.live
    agents = [channel for pattern, channel in params.agents.items() if fnmatchcase(row.agent, pattern)]
    return list(dict.fromkeys([None, *([own] if own else []), *agents]))


def worth(size: Decimal | None, price: Decimal | None, currency: str) -> Money | None:
    """A size at a price; None where one of them is unknown."""
    return None if size is None or price is None else Money(abs(size) * price, currency)


@dataclass(frozen=True)
class FeedSum:
    """The executions of one mode and currency in a summary."""

    mode: Mode
    """Whether the money was real."""
    currency: str
    """The currency of the result."""
    opened: int = 0
    """The number of openings."""
    closed: int = 0
    """The number of closed trades."""
    wins: int = 0
    """The number of closed trades with a profit."""
    losses: int = 0
    """The number of closed trades with a loss."""
    pnl: Money | None = None
    """What the closed trades made; None where none was closed."""
    fills: FillSum | None = None
    """What the fills amount to; None where none was told."""


def feed_sums(news: FeedNews) -> list[FeedSum]:
    """The figures of all that came, also of what is not listed, by mode and currency."""
    found: dict[tuple[Mode, str], FeedSum] = {}
    for one in news.arrivals.sums:
        key = one.mode, one.pnl.currency
        found[key] = FeedSum(*key, closed=one.trades, wins=one.wins, losses=one.losses, pnl=one.pnl)
    for execution in news.opened:
        key = execution.row.mode, execution.currency
        whole = found.get(key, FeedSum(*key))
        found[key] = replace(whole, opened=whole.opened + 1)
    for fills in news.arrivals.fill_sums:
        key = fills.mode, fills.bought.currency
        found[key] = FeedSum(*key, fills=fills)
    return [found[key] for key in sorted(found)]


EXECUTIONS: Columns = {
    "at": lambda one: one.at,
    "action": lambda one: one.action,
    "ledger": lambda one: one.row.ledger,
    "id": lambda one: one.row.id,
    "mode": lambda one: one.row.mode.value,
    "agent": lambda one: one.row.agent,
    "market": lambda one: one.row.market,
    "side": lambda one: one.row.side,
    "size": lambda one: one.row.size,
    "price": lambda one: one.price,
    "currency": lambda one: one.currency,
    "pnl": lambda one: one.pnl.amount if one.pnl else None,
    "fees": lambda one: one.fees.amount if one.fees else None,
}


@dataclass(frozen=True)
class FeedSummary:
    """Many rows in one message."""

    ledger: str
    """The name of the ledger in the config."""
    sums: list[FeedSum] = field(default_factory=list)
    """The figures by mode and currency, live before paper."""
    by_fill: bool = False
    """Whether these are fills."""
    count: int = 0
    """The number of executions."""
    listed: int = 0
    """The number of executions in the attached list."""
    since: datetime | None = None
    """When somebody looked last."""
    away: timedelta | None = None
    """How long nobody looked, where that was long; None otherwise."""


def summary_of(news: FeedNews) -> FeedSummary:
    """What a summary of this news says."""
    return FeedSummary(
        ledger=news.ledger,
        sums=feed_sums(news),
        by_fill=news.arrivals.by_fill,
        count=len(news.arrivals.ids) + len(news.opened),
        listed=len(news.executions),
        since=news.since,
        away=news.away,
    )


def summary_report(ctx: Context[P], news: FeedNews, template: str) -> Iterator[Report]:
    """One message with the figures and the list, for the job's own channel and those of the modes in it."""
    content = csv_file(news.executions, EXECUTIONS, ctx.period.zone)
    attached = (Attachment(f"{news.ledger}-{ctx.now:%Y-%m-%d-%H%M}.csv", content),)
    modes = {feed_sum.mode for feed_sum in feed_sums(news)}
    extra = [ctx.params.live] * (Mode.LIVE in modes) + [ctx.params.paper] * (Mode.PAPER in modes)
    for channel in dict.fromkeys([None, *(name for name in extra if name)]):
        yield Report(facts={"summary": summary_of(news)}, template=template, files=attached, channel=channel)
