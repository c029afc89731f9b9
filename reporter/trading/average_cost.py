"""Match fills by average cost: what each closing fill realised, and what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `quantity` is positive for a buy and negative for a sell, in the base currency.

    `fee` is in the quote currency; None where nobody knows what it is worth, as of a token without a rate (`unpriced`).
    """

    id: str
    at: datetime
    quantity: Decimal
    price: Decimal
    fee: Decimal | None
    unpriced: str = ""

    def as_row(self) -> dict[str, object]:
        """The columns of a fill by itself."""
        side = "buy" if self.quantity > 0 else "sell"
        size = abs(self.quantity)
        return {"id": self.id, "at": self.at, "side": side, "size": size, "price": self.price, "fees": self.fee}


@dataclass(frozen=True, slots=True)
class Closing:
    """The part of a position that one fill closed.

    `gross` is (exit - entry) x size, before fees. `fees` are the closing fill's share and the share of the opening
    fills; None, and with it the net result, where one of them is not known: that of a token that is `unpriced`.
    """

    id: str
    side: str
    opened_at: datetime
    closed_at: datetime
    size: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    fees: Decimal | None
    unpriced: str = ""

    @property
    def net(self) -> Decimal | None:
        return None if self.fees is None else self.gross - self.fees


@dataclass(slots=True)
class OpenPosition:
    """What the fills so far leave open. `quantity` has the sign of its side; `cost` is quantity x average price."""

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fees: Decimal | None = Decimal(0)
    opened_at: datetime | None = None
    unpriced: str = ""

    @property
    def average_price(self) -> Decimal | None:
        return self.cost / self.quantity if self.quantity else None


def closings(fills: Iterable[Fill], position: OpenPosition) -> Iterator[Closing]:
    """What the fills of one market closed, in their order; `position` is moved along. A fill may flip the side.

    Average cost: a fill on the position's side moves its average price, a fill against it realises the difference.
    """
    for fill in fills:
        if fill.quantity == 0:
            continue
        against = position.quantity != 0 and (fill.quantity > 0) != (position.quantity > 0)
        closed = min(abs(fill.quantity), abs(position.quantity)) if against else Decimal(0)
        if closed:
            yield _closed(fill, position, closed)
        rest = abs(fill.quantity) - closed
        if rest:
            share = _part(fill.fee, rest, abs(fill.quantity))
            signed = rest if fill.quantity > 0 else -rest
            position.opened_at = position.opened_at if position.quantity else fill.at
            position.quantity += signed
            position.cost += signed * fill.price
            position.fees = None if position.fees is None or share is None else position.fees + share
            position.unpriced = position.unpriced or fill.unpriced


def _closed(fill: Fill, position: OpenPosition, size: Decimal) -> Closing:
    whole, sign = abs(position.quantity), 1 if position.quantity > 0 else -1
    entry = position.cost / position.quantity
    opening, closing = _part(position.fees, size, whole), _part(fill.fee, size, abs(fill.quantity))
    found = Closing(
        id=fill.id,
        side="long" if sign > 0 else "short",
        opened_at=position.opened_at or fill.at,
        closed_at=fill.at,
        size=size,
        entry_price=entry,
        exit_price=fill.price,
        gross=(fill.price - entry) * size * sign,
        fees=None if opening is None or closing is None else opening + closing,
        unpriced=position.unpriced or fill.unpriced,
    )
    left = whole - size
    position.cost = entry * left * sign
    position.quantity = left * sign
    # An unknown fee is forgotten with the position that it opened.
    position.fees = Decimal(0) if not left else None if position.fees is None else position.fees - (opening or 0)
    position.unpriced = position.unpriced if left else ""
    return found


def _part(fee: Decimal | None, size: Decimal, whole: Decimal) -> Decimal | None:
    return None if fee is None else fee * size / whole
