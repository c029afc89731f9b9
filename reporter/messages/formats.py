"""Formats figures: money, shares, times and sizes as short text. An unknown figure is None and stays None."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from enum import Enum
from zoneinfo import ZoneInfo

from reporter.periods.time_text import duration_text
from reporter.trading.books import Book
from reporter.trading.trades import Money

Number = int | float | Decimal

UNKNOWN = "N/A"


@dataclass(frozen=True, slots=True)
class CurrencyFormat:
    """How amounts of one currency read: its sign before the amount, or without one its name after it."""

    sign: str | None = None
    decimals: int | None = None
    """Digits after the point; None lets the size of the amounts decide, see `Formats.for_books`."""


COMMON_CURRENCIES: Mapping[str, CurrencyFormat] = {
    "USD": CurrencyFormat("$", 2),
    "EUR": CurrencyFormat("€", 2),
    "GBP": CurrencyFormat("£", 2),
    "JPY": CurrencyFormat("¥", 0),
    "KRW": CurrencyFormat("₩", 0),
    "BTC": CurrencyFormat(None, 8),
    "ETH": CurrencyFormat(None, 6),
}


@dataclass(frozen=True, slots=True)
class Formats:
    """The conventions that every figure is shown by.

    Halves are rounded away from zero, as people do; what rounds to zero has no sign. `zone` is where times are shown
    when nothing closer says it; `date_pattern` and `clock_pattern` are strftime patterns. `sizes` is the largest amount
    of each currency beside the one that is shown, see `for_books`.
    """

    currencies: Mapping[str, CurrencyFormat] = field(default_factory=lambda: COMMON_CURRENCIES)
    thousands: str = ","
    point: str = "."
    zone: str = "UTC"
    date_pattern: str = "%Y-%m-%d"
    clock_pattern: str = "%H:%M:%S"
    sizes: Mapping[str, Decimal] = field(default_factory=dict)

    def for_results(self, results: Iterable[Money | None]) -> Formats:
        """The same for a list of results: those of a currency have the decimals that the largest of them needs.

        What `for_books` knows of a currency stays.
        """
        sizes: dict[str, Decimal] = {}
        for result in results:
            if result is not None and result.amount.is_finite():
                sizes[result.currency] = max(sizes.get(result.currency, Decimal(0)), abs(result.amount))
        return replace(self, sizes={**sizes, **self.sizes})

    def for_books(self, books: Iterable[Book]) -> Formats:
        """The same for a report about these books: amounts have the decimals that the largest results need.

        An amount of a currency without decimals of its own (`CurrencyFormat.decimals`) has at least two, and as many as
        give the largest result of the books three significant digits: `+0.00310 BNB` beside `2.00310 BNB`.
        """
        sizes: dict[str, Decimal] = {}
        for book in books:
            results = [book.pnl, *(line.pnl for line in book.lines), *(t.pnl for t in (book.best, book.worst) if t)]
            largest = max(abs(result.amount) for result in results)
            largest = largest or abs(book.closing.amount if book.closing else Decimal(0))
            sizes[book.currency] = min(filter(None, (sizes.get(book.currency), largest)), default=Decimal(0))
        return replace(self, sizes=sizes)

    def money(
        self,
        amount: Money | Number | None,
        currency: str = "",
        *,
        plus: bool = False,
        named: bool = True,
        mark: Money | Number | None = None,
    ) -> str | None:
        """`$1,045.60`, `-$5.30`, `12.30 XYZ`; a bare number needs its currency beside it.

        `named=False` leaves out a currency's name, as in a column that says it in its head; a sign stays. An amount
        close to a limit, the `mark`, has as many digits as tell it from the limit.
        """
        value, limit = _finite(amount), _finite(mark)
        if value is None:
            return None
        currency = amount.currency if isinstance(amount, Money) else currency
        style = self.currencies.get(currency, CurrencyFormat())
        marks = (*(() if style.decimals is not None else (Decimal(0),)), *(() if limit is None else (limit,)))
        sign, digits = self._split(value, self._decimals(value, currency, style), plus=plus, marks=marks)
        return f"{sign}{style.sign}{digits}" if style.sign else f"{sign}{digits} {currency * named}".rstrip()

    def signed(
        self,
        amount: Money | Number | None,
        currency: str = "",
        *,
        named: bool = True,
        mark: Money | Number | None = None,
    ) -> str | None:
        """Money with a plus before a gain: `+$45.60`."""
        return self.money(amount, currency, plus=True, named=named, mark=mark)

    def trend(self, value: Money | Number | None) -> str | None:
        """The direction of a figure: ▲ above zero, ▼ below, ▬ at zero and for money that reads as zero."""
        figure = _finite(value)
        if figure is None:
            return None
        if isinstance(value, Money) and self.money(value) == self.money(value - value):
            return "▬"
        return "▲" if figure > 0 else "▼" if figure < 0 else "▬"

    def number(self, value: Number | None, decimals: int | None = None, *, plus: bool = False) -> str | None:
        """`1,234.5`. Without `decimals` as many as it has, at most 8; of a small exact one the first five digits."""
        figure = _finite(value)
        if figure is None:
            return None
        if decimals is not None:
            return "".join(self._split(figure, decimals, plus=plus))
        small = isinstance(value, Decimal) and bool(figure)
        text = "".join(self._split(figure, min(max(8, 4 - figure.adjusted()), 20) if small else 8, plus=plus))
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
        steps = min(4, figure.adjusted() // 3) if figure and figure.adjusted() + 1 >= least else 0
        text = self.number(figure.scaleb(-3 * steps), plus=plus)
        return f"{text}{('', 'k', 'M', 'B', 'T')[steps]}"

    def pct(
        self,
        value: Money | Number | None,
        decimals: int = 1,
        *,
        of: Money | Number | None = 1,
        plus: bool = False,
        mark: Number | None = None,
    ) -> str | None:
        """`55.3%` for 0.553, or for 553 `of` 1000. None where the whole is unknown or zero.

        A share that is not 0 % or 100 %, nor the `mark`, never reads like it: 0.9975 is `99.8%` even without decimals.
        """
        share = _ratio(value, of)
        if share is None:
            return None
        marks = [Decimal(100) * edge for edge in (0, 1, -1, _finite(mark)) if edge is not None]
        return "".join(self._split(share * 100, decimals, plus=plus, marks=marks)) + "%"

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

    def _decimals(self, value: Decimal, currency: str, style: CurrencyFormat) -> int:
        """Those of the currency; or at least two, and three significant digits of the largest amount beside it.

        An amount that stands alone has two of them at least: `0.58`, `0.0031`.
        """
        if style.decimals is not None:
            return style.decimals
        size, digits = self.sizes.get(currency) or value, 3 if self.sizes.get(currency) else 2
        return min(max(2, digits - 1 - size.adjusted()), _MOST_DECIMALS) if size else 2

    def _split(self, value: Decimal, decimals: int, *, plus: bool, marks: Collection[Decimal] = ()) -> tuple[str, str]:
        """The sign and the digits of a number rounded to so many decimals, and to a few more beside a mark."""
        rounded = _rounded(value, decimals, marks)
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


def plural(count: int | None, one: str, many: str = "") -> str | None:
    """A count with its noun: `1 trade`, `14 trades`; `many` where an `s` is not enough."""
    return None if count is None else f"{count:,} {one if count == 1 else many or one + 's'}"


# Room for every digit of the largest float, so that rounding is the only rounding.
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
_MOST_DECIMALS = 12
# So many more decimals may tell a figure from the mark beside it.
_MORE_DECIMALS = 3


def _rounded(value: Decimal, decimals: int, marks: Collection[Decimal]) -> Decimal:
    """The figure with so many decimals; with more where it would read like a mark that it is not at, or beyond it."""
    near = [mark for mark in marks if mark != value]
    for more in range(_MORE_DECIMALS + 1):
        rounded = _EXACT.quantize(value, Decimal(1).scaleb(-decimals - more))
        if all(rounded != mark and (rounded < mark) == (value < mark) for mark in near):
            return rounded
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN, context=_EXACT)


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
