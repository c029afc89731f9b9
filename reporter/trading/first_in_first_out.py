"""Match fills first in, first out: each closing fill closes the oldest that is still open."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from reporter.trading.average_cost import Closing, Fill, OpenPosition

_NOTHING = Decimal(0)


def fifo_closings(fills: Iterable[Fill], position: OpenPosition) -> Iterator[Closing]:
    """What the fills of one market closed, in their order, one closing a fill; its entry price is the mean of what it
    closed. A fill may flip the side. `position` has what is open once all are gone through."""
    lots: deque[Fill] = deque()
    for fill in fills:
        closed, left = list[Fill](), abs(fill.quantity)
        while left and lots and (lots[0].quantity > 0) != (fill.quantity > 0):
            lot = lots.popleft()
            size, whole = min(left, abs(lot.quantity)), abs(lot.quantity)
            closed.append(_part(lot, size))
            left -= size
            if whole > size:
                lots.appendleft(_part(lot, whole - size))
        if closed:
            yield _closing(closed, _part(fill, abs(fill.quantity) - left))
        if left:
            lots.append(_part(fill, left))
    _keep(position, lots)


def _part(fill: Fill, size: Decimal) -> Fill:
    """So much of a fill, with its share of the fee."""
    whole = abs(fill.quantity)
    fee = None if fill.fee is None else fill.fee * size / whole
    return replace(fill, quantity=size if fill.quantity > 0 else -size, fee=fee)


def _closing(lots: Sequence[Fill], fill: Fill) -> Closing:
    size = abs(fill.quantity)
    entry = sum((abs(lot.quantity) * lot.price for lot in lots), _NOTHING) / size
    return Closing(
        id=fill.id,
        side="long" if lots[0].quantity > 0 else "short",
        opened_at=lots[0].at,
        closed_at=fill.at,
        size=size,
        entry_price=entry,
        exit_price=fill.price,
        gross=sum((lot.quantity * (fill.price - lot.price) for lot in lots), _NOTHING),
        fees=_fees([*lots, fill]),
        unpriced=next((one.unpriced for one in (*lots, fill) if one.unpriced), ""),
    )


def _fees(fills: Sequence[Fill]) -> Decimal | None:
    known = [one.fee for one in fills if one.fee is not None]
    return sum(known, _NOTHING) if len(known) == len(fills) else None


def _keep(position: OpenPosition, lots: Sequence[Fill]) -> None:
    position.quantity = sum((lot.quantity for lot in lots), _NOTHING)
    position.cost = sum((lot.quantity * lot.price for lot in lots), _NOTHING)
    position.fees = _fees(lots)
    position.opened_at = lots[0].at if lots else None
