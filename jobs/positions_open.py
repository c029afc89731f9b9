"""The open positions, in one message that is edited."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypedDict

from pydantic import PositiveInt

from reporter import Context, Mode, Money, Params, Position, Report, Tone, job
from reporter.jobs.kit import Unread

REFRESH = timedelta(minutes=30)


class Parameters(Params):
    """`lines` is how many positions of each book are shown, the largest results first; the others are counted."""

    lines: PositiveInt = 15


@dataclass(frozen=True)
class Holdings:
    """The open positions of one mode and currency."""

    mode: Mode
    """Whether the money is real."""
    currency: str
    """The currency of the results."""
    positions: list[Position]
    """The positions, the largest result first, then those without a price."""

    @property
    def priced(self) -> list[Position]:
        """The positions with a known result."""
        return [position for position in self.positions if position.unrealised is not None]

    @property
    def unrealised(self) -> Money | None:
        """What the priced positions would make; None where none is priced."""
        results = [position.unrealised for position in self.positions if position.unrealised is not None]
        return sum(results, Money(Decimal(0), self.currency)) if results else None


class Facts(TypedDict):
    """What the report adds for its template."""

    holdings: list[Holdings]
    """The open positions by mode and currency, live before paper."""
    positions: list[Position]
    """All of them."""
    unread: list[Unread]
    """The ledgers that could not be read, and why."""


@job(covers="now", schedule="every 1m", params=Parameters)
def positions_open(ctx: Context[Parameters]) -> Iterator[Report]:
    """The open positions by mode and currency, in one message that is edited."""
    positions = ctx.ledger.open_positions() if ctx.ledger.names() else []
    keys = sorted({(position.mode, position.currency) for position in positions})
    holdings = [_holdings(positions, *key) for key in keys]
    results = [holding.unrealised.amount for holding in holdings if holding.unrealised]
    tone = Tone.GOOD if results and min(results) > 0 else Tone.BAD if results and max(results) < 0 else Tone.INFO
    facts: Facts = {"holdings": holdings, "positions": positions, "unread": ctx.unread([])}
    yield Report(facts=facts, tone=tone, slot="open", refresh=REFRESH)


def _holdings(positions: list[Position], mode: Mode, currency: str) -> Holdings:
    own = [position for position in positions if (position.mode, position.currency) == (mode, currency)]
    return Holdings(mode, currency, sorted(own, key=_size))


def _size(position: Position) -> tuple[bool, Decimal, str]:
    result = position.unrealised
    return result is None, -abs(result.amount) if result else Decimal(0), position.agent
