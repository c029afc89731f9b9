"""Finds trades that pass a filter within a bounded time, however long the past is and however few of them there are.

No index leads to the trades of a market or a side, so a rare one would be looked for in all rows. The past is searched
in windows, the newest first, each so wide as the one before was quick; a search that runs out of time says how far it
came, and its next page goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from reporter.periods.civil import Period
from reporter.trading.books import ANY_TRADE, Ledger, TradeFilter, TradePlace, Unread
from reporter.trading.trades import Trade

SECONDS = 0.1
"""After so long no further window is begun."""
WINDOW_SECONDS = 0.03
"""What one window should take."""
FIRST_WINDOW = timedelta(days=1)
MOST_WIDER = 8
FIRST = datetime(1, 1, 2, tzinfo=UTC)


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
            width *= min(MOST_WIDER, max(1, WINDOW_SECONDS / max(now - since, 0.001)))
        return SearchPage(tuple(found), place, None, False, tuple(unread.values()))

    def _first_width(self, end: datetime) -> timedelta:
        """Without a filter the newest trades are the next ones of the index: nothing is searched."""
        searched = replace(self._only, ledger=None) != ANY_TRADE
        return FIRST_WINDOW if searched else end - self._period.start
