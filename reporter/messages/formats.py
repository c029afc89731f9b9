"""Formats figures: money, shares, times and sizes as short text. An unknown figure is None and stays None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum
from zoneinfo import ZoneInfo

from reporter.periods.time_text import duration_text
from reporter.trading.trades import Money

Number = int | float | Decimal

UNKNOWN = "N/A"


@dataclass(frozen=True, slots=True)
class CurrencyFormat:
    """How amounts of one currency read: its sign before the amount, or without one its name after it."""

    sign: str | None = None
    decimals: int = 2


COMMON_CURRENCIES: Mapping[str, CurrencyFormat] = {
    "USD": CurrencyFormat("$"),
    "EUR": CurrencyFormat("€"),
    "GBP": CurrencyFormat("£"),
    "JPY": CurrencyFormat("¥", 0),
    "KRW": CurrencyFormat("₩", 0),
    "BTC": CurrencyFormat(None, 8),
    "ETH": CurrencyFormat(None, 6),
}


@dataclass(frozen=True, slots=True)
class Formats:
    """The conventions that every figure of a floor is shown by.

    Halves are rounded away from zero, as people do; what rounds to zero has no sign. `zone` is where times are shown
    when nothing closer says it; `date` and `clock` are strftime patterns.
    """

    currencies: Mapping[str, CurrencyFormat] = field(default_factory=lambda: COMMON_CURRENCIES)
    thousands: str = ","
    point: str = "."
    zone: str = "UTC"
    date_pattern: str = "%Y-%m-%d"
    clock_pattern: str = "%H:%M:%S"

    def money(
        self, amount: Money | Number | None, currency: str = "", *, plus: bool = False, named: bool = True
    ) -> str | None:
        """`$1,045.60`, `-$5.30`, `12.30 XYZ`; a bare number needs its currency beside it.

        `named=False` leaves out a currency's name, as in a column that says it in its head; a sign stays.
        """
        value = _finite(amount)
        if value is None:
            return None
        currency = amount.currency if isinstance(amount, Money) else currency
        style = self.currencies.get(currency, CurrencyFormat())
        sign, digits = self._split(value, style.decimals, plus=plus)
        return f"{sign}{style.sign}{digits}" if style.sign else f"{sign}{digits} {currency * named}".rstrip()

    def signed(self, amount: Money | Number | None, currency: str = "", *, named: bool = True) -> str | None:
        """Money with a plus before a gain: `+$45.60`."""
        return self.money(amount, currency, plus=True, named=named)

    def number(self, value: Number | None, decimals: int | None = None, *, plus: bool = False) -> str | None:
        """`1,234.5`. Without `decimals` as many as it has, at most 8."""
        figure = _finite(value)
        if figure is None:
            return None
        if decimals is not None:
            return "".join(self._split(figure, decimals, plus=plus))
        text = "".join(self._split(figure, 8, plus=plus))
        return text.rstrip("0").removesuffix(self.point)

    def compact(self, value: Money | Number | None, digits: int | None = None, *, plus: bool = False) -> str | None:
        """`12,345`, `1.2345M`: in millions and more from a million on. For the marks of an axis.

        With `digits`, no more than so many of them count, and thousands are abbreviated as well: `45.6`, `1.23k`,
        `0.00123`.
        """
        figure = _finite(value)
        if figure is None:
            return None
        if digits is not None and figure:
            figure = _EXACT.quantize(figure, Decimal(1).scaleb(figure.adjusted() + 1 - digits))
        least = 4 if digits is not None else 7
        steps = max(0, min(4, figure.adjusted() // 3)) if figure and figure.adjusted() + 1 >= least else 0
        text = self.number(figure.scaleb(-3 * steps), plus=plus)
        return f"{text}{('', 'k', 'M', 'B', 'T')[steps]}"

    def pct(
        self, value: Money | Number | None, decimals: int = 1, *, of: Money | Number | None = 1, plus: bool = False
    ) -> str | None:
        """`55.3%` for 0.553, or for 553 `of` 1000. None where the whole is unknown or zero."""
        share = _ratio(value, of)
        return None if share is None else "".join(self._split(share * 100, decimals, plus=plus)) + "%"

    def signed_pct(
        self, value: Money | Number | None, decimals: int = 2, *, of: Money | Number | None = 1
    ) -> str | None:
        """A share with a plus before a gain: `+4.56%`."""
        return self.pct(value, decimals, of=of, plus=True)

    def time(self, moment: datetime | None, zone: str | None = None) -> str | None:
        """`2026-01-30 14:23:45 UTC`."""
        return self._strftime(moment, zone, f"{self.date_pattern} {self.clock_pattern} %Z")

    def when(self, moment: datetime | None, now: datetime | None, zone: str | None = None) -> str | None:
        """`14:23 UTC` on the day of `now`, else as `time` has it."""
        if now is None or self.date(moment, zone) != self.date(now, zone):
            return self.time(moment, zone)
        return self._strftime(moment, zone, f"{self.clock_pattern.replace(':%S', '')} %Z")

    def date(self, moment: date | None, zone: str | None = None) -> str | None:
        """`2026-01-30`."""
        if isinstance(moment, datetime):
            return self._strftime(moment, zone, self.date_pattern)
        return None if moment is None else moment.strftime(self.date_pattern)

    def clock(self, moment: datetime | None, zone: str | None = None) -> str | None:
        """`14:23:45`."""
        return self._strftime(moment, zone, self.clock_pattern)

    def say(self, value: object) -> str:
        """Any value as text, each in the form that its type asks for; None is `N/A`."""
        match value:
            case None:
                said: str | None = None
            case Money():
                said = self.money(value)
            case float() | Decimal():
                said = self.number(value)
            case timedelta():
                said = duration_text(value)
            case datetime():
                said = self.time(value)
            case date():
                said = self.date(value)
            case Enum():
                said = str(value.value)
            case _:
                said = str(value)
        return UNKNOWN if said is None else said

    def _split(self, value: Decimal, decimals: int, *, plus: bool) -> tuple[str, str]:
        """The sign and the digits of a number rounded to so many decimals."""
        rounded = _EXACT.quantize(value, Decimal(1).scaleb(-decimals))
        digits = f"{rounded.copy_abs():,f}".translate({ord(","): self.thousands, ord("."): self.point})
        return ("-" if rounded < 0 else "+" if plus and rounded > 0 else ""), digits

    def _strftime(self, moment: datetime | None, zone: str | None, pattern: str) -> str | None:
        if moment is None:
            return None
        if moment.tzinfo is None:
            raise ValueError("a time without a zone cannot be shown")
        return moment.astimezone(ZoneInfo(zone or self.zone)).strftime(pattern)


def size_text(count: Number | None) -> str | None:
    """A size in bytes: `512 B`, `1.5 KiB`, `15.6 GiB`; a unit is 1024 of the one below."""
    value = _finite(count)
    if value is None:
        return None
    amount, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    # Below the point where one decimal would round up to `1024.0`.
    while abs(amount) >= 1023.95 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def medal(place: int | None) -> str | None:
    """The mark of a place in a ranking: 🥇 🥈 🥉 4️⃣ … 🔟, then `11.`."""
    if place is None:
        return None
    if 1 <= place <= 3:
        return "🥇🥈🥉"[place - 1]
    if 4 <= place <= 9:
        return f"{place}\ufe0f\u20e3"
    return "🔟" if place == 10 else f"{place}."


def trend(value: Money | Number | None) -> str | None:
    """The direction of a figure: ▲ above zero, ▼ below, ▬ at zero."""
    figure = _finite(value)
    return None if figure is None else "▲" if figure > 0 else "▼" if figure < 0 else "▬"


def plural(count: int | None, one: str, many: str = "") -> str | None:
    """A count with its noun: `1 trade`, `14 trades`; `many` where an `s` is not enough."""
    return None if count is None else f"{count:,} {one if count == 1 else many or one + 's'}"


# Room for every digit of the largest float, so that rounding is the only rounding.
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


def _finite(value: object) -> Decimal | None:
    """The figure as a Decimal; None if it is not known or not finite."""
    if value is None:
        return None
    if isinstance(value, Money):
        value = value.amount
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"this takes an amount or a number, not {type(value).__name__}")
    figure = Decimal(str(value))
    return figure if figure.is_finite() else None


def _ratio(part: Money | Number | None, whole: Money | Number | None) -> Decimal | None:
    if isinstance(part, Money) and isinstance(whole, Money):
        return part / whole
    share, total = _finite(part), _finite(whole)
    return share / total if share is not None and total else None
