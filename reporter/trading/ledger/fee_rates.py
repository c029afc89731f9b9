"""What tokens that fees are paid in are worth at a moment: rates written by hand, or in a table of the database."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter

from reporter.errors import LedgerError

# By token and the currency that it is worth something in, both in capitals.
Points = Mapping[tuple[str, str], list[tuple[datetime, Decimal]]]
ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Rates by their moments, each in force until the next one, and for no longer than `max_age`, if that is said."""

    points: Points = field(default_factory=dict)
    max_age: timedelta | None = None

    def worth(self, token: str, currency: str, at: datetime) -> Decimal | None:
        """What one of a token was worth in a currency at a moment; None where no rate was known then."""
        known = self.points.get((token.upper(), currency.upper()), [])
        place = bisect_right(known, at, key=itemgetter(0)) - 1
        if place < 0:
            return None
        since, worth = known[place]
        return None if self.max_age is not None and at - since > self.max_age else worth

    def in_currency(self, fee: Decimal, token: str, currency: str, at: datetime) -> Decimal | None:
        """A fee in a currency; None where nobody knows what it was worth."""
        if token.upper() == currency.upper() or not fee:
            return fee
        worth = self.worth(token, currency, at)
        return None if worth is None else fee * worth


def ordered(found: Iterable[tuple[str, str, datetime, Decimal]]) -> Points:
    """Points of tokens and currencies, in order of time."""
    points: dict[tuple[str, str], list[tuple[datetime, Decimal]]] = defaultdict(list)
    for token, currency, at, worth in found:
        points[token.upper(), currency.upper()].append((at, worth))
    for own in points.values():
        own.sort(key=itemgetter(0))
    return points


def no_rate(token: str) -> str:
    """What stands in place of a result that a fee without a rate makes unknown."""
    return f"no rate of the fee in {token}"


def positive(worth: Decimal | None, place: str) -> Decimal:
    """What one token is worth. Raises LedgerError with the place for what is no worth."""
    if worth is None or worth <= 0:
        raise LedgerError(f"{place}: write what one is worth, such as `600 USDT`")
    return worth
