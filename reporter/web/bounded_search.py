"""Finds, sorts and counts trades that pass a filter within a bounded time, however long the past is.

No index leads to the trades of a market or a side, so a rare one would be looked for in all rows. The past is searched
in windows, the newest first, each so wide as the one before was quick; a search that runs out of time says how far it
came, and its next page goes on from there. No index leads to the largest results either: trades are sorted and counted
as far back as the time lasts, and the answer says how far that is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from reporter.periods.civil import Period
from reporter.trading.books import (
    ANY_TRADE,
    Facet,
    Ledger,
    RankPlace,
    TradeFilter,
    TradeOrder,
    TradePlace,
    Unread,
)
from reporter.trading.trades import Trade

SECONDS = 0.1
"""After so long no further window is begun."""
WINDOW_SHARE = 0.3
"""What one window should take of the time."""
FIRST_WINDOW, FIRST_SORTED = timedelta(days=1), timedelta(days=30)
FIRST_TRADES = 25_000
"""About so many trades are in the first window that is sorted or counted, at most."""
SAMPLED = 250
"""So many trades, the newest, show how dense they are."""
MOST_WIDER = 8
"""How much wider than one window the next is at most."""
LEAST_LEFT = 0.1
"""Of the time: with less left, no window to sort or count in is begun."""
PART = 1000
"""Trades that are read at a time where many are wanted: about a megabyte."""
FIRST = datetime(1, 1, 2, tzinfo=UTC)
COUNT_SECONDS = 0.05
"""After so long nothing more is counted, in all and by each name."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Trades, and where the next page begins: behind a `place`, before an `end`, which is None where nothing is left.

    `out_of_time` says that there may be fewer trades than were asked for, though older ones exist.
    """

    trades: tuple[Trade, ...]
    place: TradePlace
    end: datetime | None
    out_of_time: bool
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True)
class SortedPage:
    """Trades in an order: of those that closed from `start` to `end`, which are all of the period where `whole`.

    `place` has the last one shown of each ledger; it is None where there are no more.
    """

    trades: tuple[Trade, ...]
    place: Mapping[str, RankPlace] | None
    start: datetime
    end: datetime
    whole: bool
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True)
class TradeCount:
    """How many trades of a period pass a filter, by a name: at least so many where not `whole`, the newest."""

    numbers: Mapping[str, int]
    whole: bool


def newest_in_parts(ledger: Ledger, period: Period, only: TradeFilter, most: int) -> Iterator[Sequence[Trade]]:
    """So many trades at most, the newest first, a part at a time. Raises LedgerError when no ledger can be read."""
    place, left = None, most
    while left > 0:
        page = ledger.newest_trades(period, min(left, PART), only=only, after=place)
        yield page.trades
        place, left = page.next, left - len(page.trades)
        if place is None:
            return


class TradeSearch:
    """A search through a period."""

    def __init__(self, ledger: Ledger, period: Period, only: TradeFilter, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._period = period
        self._only = only
        self._clock = clock

    def page(self, limit: int, place: TradePlace | None = None, end: datetime | None = None) -> SearchPage:
        """So many trades at most, the newest first. Raises LedgerError when no ledger can be read."""
        place, end = place or {}, min(end or self._period.end, self._period.end)
        width, began = self._first_width(end), self._clock()
        found, unread = list[Trade](), dict[str, Unread]()
        while end > self._period.start:
            since = self._clock()
            window = replace(self._period, start=max(self._period.start, end - min(width, end - FIRST)), end=end)
            page = self._ledger.newest_trades(window, limit - len(found), only=self._only, after=place)
            found += page.trades
            unread |= {one.ledger: one for one in page.unread}
            if page.next:  # the page is full, and this window has more
                return SearchPage(tuple(found), page.next, end, False, tuple(unread.values()))
            end, now = window.start, self._clock()
            over = now - began >= SECONDS
            if len(found) == limit or over:
                rest = end if end > self._period.start else None
                return SearchPage(tuple(found), place, rest, over and rest is not None, tuple(unread.values()))
            width *= min(MOST_WIDER, max(1, SECONDS * WINDOW_SHARE / max(now - since, 0.001)))
        return SearchPage(tuple(found), place, None, False, tuple(unread.values()))

    def sorted_page(
        self,
        limit: int,
        order: TradeOrder,
        place: Mapping[str, RankPlace] | None = None,
        bounds: tuple[datetime, datetime] | None = None,
    ) -> SortedPage:
        """So many trades at most, in an order; `bounds` are those within which the page before was sorted."""
        found, unread = list[tuple[Trade, RankPlace]](), dict[str, Unread]()
        start, whole = self._period.end, True
        windows = [replace(self._period, start=bounds[0], end=bounds[1])] if bounds else self._windows(SECONDS)
        for window in windows:
            page = self._ledger.ranked_trades(window, limit + 1, order, only=self._only, after=place)
            found = list(order.merged((found, page.trades)))[: limit + 1]
            unread |= {one.ledger: one for one in page.unread}
            start, whole = window.start, window.start <= self._period.start
        shown = found[:limit]
        last = {**(place or {}), **{trade.ledger: at for trade, at in shown}} if len(found) > limit else None
        end = bounds[1] if bounds else self._period.end
        return SortedPage(tuple(trade for trade, _ in shown), last, start, end, whole, tuple(unread.values()))

    def count(self, by: Facet | None = None) -> TradeCount:
        """How many trades pass the filter, by a name or in all, as far back as the time lasts."""
        numbers, whole = Counter[str](), True
        for window in self._windows(COUNT_SECONDS):
            numbers.update(self._ledger.count_trades(window, only=self._only, by=by))
            whole = window.start <= self._period.start
        return TradeCount(numbers, whole)

    def _windows(self, seconds: float) -> Iterator[Period]:
        """Stretches of the period, the newest first, each so wide as the time that is left should do for."""
        began = self._clock()
        end, width = self._period.end, self._first_sorted()
        while end > self._period.start:
            since = self._clock()
            window = replace(self._period, start=max(self._period.start, end - min(width, end - FIRST)), end=end)
            yield window
            end, now = window.start, self._clock()
            left = seconds - (now - began)
            if left < LEAST_LEFT * seconds:
                return
            width *= min(MOST_WIDER, left / max(now - since, 0.001))

    def _first_sorted(self) -> timedelta:
        """A month; less where a month has more trades than the time lasts for."""
        newest = self._ledger.newest_trades(self._period, SAMPLED, only=replace(ANY_TRADE, ledger=self._only.ledger))
        if len(newest.trades) < SAMPLED:
            return FIRST_SORTED
        span = newest.trades[0].closed_at - newest.trades[-1].closed_at
        return min(FIRST_SORTED, max(span * (FIRST_TRADES / SAMPLED), timedelta(minutes=1)))

    def _first_width(self, end: datetime) -> timedelta:
        """Without a filter the newest trades are the next ones of the index: nothing is searched."""
        searched = replace(self._only, ledger=None) != ANY_TRADE
        return FIRST_WINDOW if searched else end - self._period.start
