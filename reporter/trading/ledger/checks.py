"""The checks of a ledger's rows: what cannot be right, how often, in which row first, and what mends it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from reporter.errors import LedgerError
from reporter.trading.freshness import Freshness
from reporter.trading.ledger.sources.base import SHORT, moment, number

# What a trade needs to be counted at all, and what is only a pity to be without.
NEEDED = ("agent", "market", "side", "mode", "currency", "closed_at", "pnl")
WELCOME = ("opened_at", "size", "entry_price", "exit_price", "fees")
# A close so far ahead may come from another machine's clock.
CLOCKS_DIFFER = timedelta(minutes=1)
EARLIEST, LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# The price of a market does not grow or fall so many times from one trade to the next, nor is a result so many times
# what the trade was worth: then two rows have different units, such as cents and dollars.
PRICE_JUMP, RESULT_JUMP = Decimal(50), Decimal(10)
# Where fees are not known, they may have cost so much of what the trade was worth.
UNKNOWN_FEES = Decimal("0.02")
# What rounding to cents, and floats, may make of a result.
# By its digits, what a time of our days counts since 1970: a number of 13 is no date such as 20261030.
_UNITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
ROUNDING, FLOAT_NOISE = Decimal("0.006"), Decimal("1e-9")

Level = Literal["wrong", "odd", "note"]


@dataclass(slots=True)
class Trouble:
    """What one check found. `wrong` rows make figures wrong, `odd` ones may be right, a `note` is for information."""

    check: str
    remedy: str
    level: Level = "wrong"
    count: int = 0
    of: int = 0
    first: str = ""

    def add(self, id_: object, shown: str = "") -> None:
        self.count += 1
        self.first = self.first or f"{id_}{f' ({shown})' if shown else ''}"


@dataclass(slots=True)
class LedgerChecks:
    """All that was found in one ledger. `unread` says why its rows could not be read, `advice` what makes reports
    quicker; `freshness` how old the newest trade is, where the config says how old it may be."""

    ledger: str
    kind: str
    trades: int = 0
    open: int = 0
    findings: list[Trouble] = field(default_factory=list)
    unread: str = ""
    advice: list[str] = field(default_factory=list)
    freshness: Freshness | None = None

    @property
    def sound(self) -> bool:
        return not self.unread and not any(found.count and found.level == "wrong" for found in self.findings)


# What mends each trouble: in a mapping, and where the columns are the program's own.
_REMEDIES = {
    "closes in the future": (
        "name its `timezone`, and its `unit`",
        "times are UTC: correct the bot's clock or zone",
    ),
    "close before open": ("swap the two, or give both one `timezone`", "both times are UTC: correct what writes them"),
    "times outside 2010 to 2100": (
        "name the unit of the column, such as `unit: ms`",
        "correct these times",
    ),
    "values that cannot be read": ("correct the rows, or leave them out by `where`", "correct these rows"),
    "mode neither live nor paper": ("translate it by `words: {…: live, …: paper}`", "write live or paper"),
    "unit jumps: price": ("one column, two units? `scale` by a condition", "one column, two units? correct the rows"),
    "unit jumps: result": ("cents, or percent? write `scale`", "a result in another unit? correct the rows"),
    "results before fees": ("write `net: false`, and fees are taken off", "write pnl after fees and funding"),
    "results unlike their parts": ("partial exits and inverse contracts explain it",) * 2,
    "open rows with a result": (
        "say which rows are open by `open: …`",
        "a part was sold; it counts once all is",
    ),
    "parts against total": ("two forms of time in one column: correct the rows",) * 2,
}


def finding(check: str, kind: str, level: Level = "wrong") -> Trouble:
    """A check that has found nothing yet, with what mends it in a ledger of that kind."""
    in_mapping, elsewhere = _REMEDIES[check]
    return Trouble(check, in_mapping if kind == "mapping" else elsewhere, level)


class RowChecks:
    """Checks rows one after another, in any order. `now` is the moment after which nothing can have closed."""

    def __init__(self, kind: str, now: datetime) -> None:
        self._latest = now + CLOCKS_DIFFER
        self._kind = kind
        self.trades = 0
        self.totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._prices: dict[tuple[object, object], Decimal] = {}
        self._without = {name: Trouble(f"no {name}", "") for name in (*NEEDED, *WELCOME)}
        self._future = finding("closes in the future", kind)
        self._backwards = finding("close before open", kind)
        self._range = finding("times outside 2010 to 2100", kind)
        self._unreadable = finding("values that cannot be read", kind)
        self._mode = finding("mode neither live nor paper", kind)
        self._jump = finding("unit jumps: price", kind, "odd")
        self._outsized = finding("unit jumps: result", kind, "odd")
        self._gross = finding("results before fees", kind)
        self._parts = finding("results unlike their parts", kind, "odd")

    def look(self, row: Mapping[Any, Any]) -> None:
        """Check one closed trade, by its canonical columns as they are stored."""
        self.trades += 1
        id_ = row["id"]
        for name, finding in self._without.items():
            if row[name] is None or row[name] == "":
                finding.add(id_)
        if row["mode"] not in {None, "", "live", "paper"}:
            self._mode.add(id_, str(row["mode"])[:20])
        self._times(id_, row["opened_at"], row["closed_at"])
        self._numbers(id_, row)

    def findings(self) -> list[Trouble]:
        """All checks, also those that found nothing."""
        self._settle_gross()
        found = [
            self._future, self._backwards, self._range, self._unreadable, self._mode, *self._nulls(), self._jump,
            self._outsized, self._gross, self._parts,
        ]  # fmt: skip
        for one in found:
            one.of = self.trades
        return found

    def _times(self, id_: object, opened: Any, closed: Any) -> None:
        if isinstance(closed, str) and len(closed) > 8 and closed.isdigit():
            self._range.add(id_, closed[:20])
            self._range.remedy = f"name the unit of the column: `unit: {_UNITS.get(len(closed), 'ms')}`"
            return
        try:
            opened_at, closed_at = moment(opened), moment(closed)
        except LedgerError as error:
            self._unreadable.add(id_, str(error)[:60])
            return
        for at in (opened_at, closed_at):
            if at is not None and not EARLIEST <= at < LATEST:
                self._range.add(id_, f"{at:%Y-%m-%d}")
                return
        if closed_at is not None and closed_at > self._latest:
            self._future.add(id_, f"{closed_at:%Y-%m-%d %H:%M}")
        if opened_at and closed_at and closed_at < opened_at:
            self._backwards.add(id_, f"{closed_at:%Y-%m-%d %H:%M} < {opened_at:%Y-%m-%d %H:%M}")

    def _numbers(self, id_: object, row: Mapping[Any, Any]) -> None:
        try:
            pnl, fees, funding = (number(row[name]) for name in ("pnl", "fees", "funding"))
            size, entry, exit_ = (number(row[name]) for name in ("size", "entry_price", "exit_price"))
        except LedgerError as error:
            self._unreadable.add(id_, str(error)[:60])
            return
        if pnl is not None:
            self.totals[str(row["mode"]), str(row["currency"])] += pnl
        self._price(id_, row, entry if entry is not None else exit_)
        if pnl is None or size is None or entry is None or not size * entry:
            return
        worth = abs(size * entry)
        if abs(pnl) > RESULT_JUMP * worth:
            self._outsized.add(id_, f"{_shown(pnl)} of {_shown(worth)}")
        elif exit_ is not None:
            moved = (exit_ - entry) * abs(size)
            is_short = str(row["side"]).lower() in SHORT
            if is_short and is_bet(entry, exit_) and abs(pnl - moved + (fees or 0)) <= ROUNDING:
                return
            moved = -moved if is_short else moved
            if fees is None and 0 <= moved - pnl <= worth * UNKNOWN_FEES:
                return
            self._compare(id_, pnl, moved, (fees or Decimal(0), funding or Decimal(0)), worth)

    def _price(self, id_: object, row: Mapping[Any, Any], price: Decimal | None) -> None:
        """Compare with the last trade of that market."""
        if price is None or price <= 0:
            return
        market = row["market"], row["currency"]
        last = self._prices.get(market)
        self._prices[market] = price
        if last is not None and not last / PRICE_JUMP < price < last * PRICE_JUMP:
            self._jump.add(id_, f"{row['market']}: {_shown(last)}, then {_shown(price)}")

    def _compare(
        self, id_: object, pnl: Decimal, moved: Decimal, costs: tuple[Decimal, Decimal], worth: Decimal
    ) -> None:
        """A result is what the price moved, less fees, and with funding."""
        fees, funding = costs
        allowed = ROUNDING + worth * FLOAT_NOISE
        if min(abs(pnl - moved + fees), abs(pnl - moved + fees - funding)) <= allowed:
            return
        if fees > 2 * allowed and min(abs(pnl - moved), abs(pnl - moved - funding)) <= allowed:
            self._gross.add(id_, f"{_shown(pnl)}, and fees of {_shown(fees)}")
        else:
            self._parts.add(id_, f"{_shown(pnl)}, by its prices {_shown(moved - fees)}")

    def _nulls(self) -> Iterator[Trouble]:
        """A column that every row lacks is not kept by this database, which is said but is nothing odd."""
        for name in NEEDED:
            self._without[name].remedy = self._remedy(name)
            if name == "pnl" and self._kind == "hummingbot":
                self._without[name].level = "odd"
            yield self._without[name]
        missing = [self._without[name] for name in WELCOME if self._without[name].count]
        nowhere = [one.check for one in missing if one.count == self.trades]
        if nowhere:
            yield Trouble(", ".join(nowhere), "what needs it reads N/A", "note", self.trades, first=missing[0].first)
        for one in missing:
            if one.count < self.trades:
                one.level, one.remedy = "odd", "its figures read N/A in a report of such a trade"
                yield one

    def _remedy(self, name: str) -> str:
        if self._kind == "hummingbot":
            return "hummingbot knew no rate of the token of a fee: the result is unknown"
        leave_out = ", or leave such rows out by `where`" if self._kind == "mapping" else ""
        return f"no report counts such a trade rightly: fill in {name}{leave_out}"

    def _settle_gross(self) -> None:
        """Single rows whose result happens to be that before fees are as odd as any other."""
        if self._gross.count * 2 < self.trades:
            self._gross.level = "odd"


def compared(kind: str, checks: RowChecks, added: Mapping[tuple[str, str], Decimal]) -> Trouble:
    """Whether reports, which let the database add up, come to what the rows make one by one."""
    found = finding("parts against total", kind)
    for book in sorted(checks.totals.keys() | added.keys()):
        rows, total = checks.totals.get(book, Decimal(0)), added.get(book, Decimal(0))
        if abs(rows - total) > Decimal("1e-6") * max(abs(rows), Decimal(1)):
            found.add(f"{book[0]} {book[1]}", f"rows {rows:.8f}, reports {total:.8f}")
    return found


def is_bet(entry: Decimal, exit_: Decimal) -> bool:
    """Whether prices look like those of a bet's own outcome, of which a NO is worth more where its price grows."""
    return 0 <= entry <= 1 and 0 <= exit_ <= 1


def _shown(number: Decimal) -> str:
    """A number with at most eight decimals."""
    text = f"{number:.8f}"
    return text.rstrip("0").rstrip(".")
