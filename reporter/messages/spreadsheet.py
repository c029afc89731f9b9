"""Rows as CSV for spreadsheets: trades, and any other table of texts, numbers and moments (docs/export.md)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from reporter.trading.trades import Money, Trade

# A spreadsheet takes a text that begins so for a formula, whoever wrote it (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# A text of digits alone, such as an exchange's id, of which a spreadsheet would make a number that is nearly the same.
LONG = re.compile(r"\d{16,}")

Row = list[Any]  # text, whole numbers, decimals, moments; None for what is unknown
Columns = Mapping[str, Callable[[Any], Any]]


def amount_of(money: Money | None) -> Decimal | None:
    """An amount without its currency, which has a column of its own."""
    return None if money is None else money.amount


def _held(trade: Trade) -> Decimal | None:
    return None if trade.held is None else Decimal(str(trade.held.total_seconds()))


TRADES: Columns = {
    "closed_at": lambda trade: trade.closed_at,
    "opened_at": lambda trade: trade.opened_at,
    "held_seconds": _held,
    "ledger": lambda trade: trade.ledger,
    "id": lambda trade: trade.id,
    "mode": lambda trade: trade.mode.value,
    "agent": lambda trade: trade.agent,
    "strategy": lambda trade: trade.strategy,
    "market": lambda trade: trade.market,
    "side": lambda trade: trade.side,
    "size": lambda trade: trade.size,
    "entry_price": lambda trade: trade.entry_price,
    "exit_price": lambda trade: trade.exit_price,
    "currency": lambda trade: trade.pnl.currency,
    "pnl": lambda trade: trade.pnl.amount,
    "fees": lambda trade: amount_of(trade.fees),
    "funding": lambda trade: amount_of(trade.funding),
    "volume": lambda trade: amount_of(trade.volume),
    "entry_tag": lambda trade: trade.entry_tag,
    "exit_reason": lambda trade: trade.exit_reason,
    "leverage": lambda trade: trade.leverage,
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a table is written: what stands between columns, before decimals and at the very beginning; how a time reads,
    and whether a name of digits alone is marked as text where a spreadsheet, which keeps 15 of them, would round it."""

    between: str = ","
    point: str = "."
    begin: str = ""
    moment: Callable[[datetime], str] = datetime.isoformat
    long_is_text: bool = False


def sheet(point: str) -> Style:
    """As spreadsheets open it by themselves. Where the decimal sign is a comma, columns stand between semicolons."""
    return Style(
        ";" if point == "," else ",", point, "\N{ZERO WIDTH NO-BREAK SPACE}", "{:%Y-%m-%d %H:%M:%S}".format, True
    )


def rows(found: Iterable[Any], columns: Columns) -> Iterator[Row]:
    """What stands in the columns."""
    read = list(columns.values())
    return ([column(one) for column in read] for one in found)


def plain(number: Decimal) -> str:
    """A number with all its digits and no more, and never as a power of ten."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before it says that it is text."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(found: Iterable[Row], names: Sequence[str], zone: ZoneInfo, target: TextIO, style: Style = Style()) -> int:
    """Write rows as CSV (RFC 4180), unknown values empty; return how many there were. No `names`, no head."""
    shown: dict[type, Callable[[Any], str]] = {
        Decimal: lambda number: plain(number).replace(".", style.point),
        str: lambda text: f"'{text}" if style.long_is_text and LONG.fullmatch(text) else harmless(text),
        datetime: lambda moment: style.moment(moment.astimezone(zone)),
    }
    target.write(style.begin)
    writer, count = csv.writer(target, delimiter=style.between), 0
    if names:
        writer.writerow(names)
    for row in found:
        writer.writerow([shown[type(value)](value) if type(value) in shown else value for value in row])
        count += 1
    return count


def csv_file(found: Iterable[Any], columns: Columns, zone: str) -> bytes:
    """A table as the content of a file that spreadsheets open by themselves."""
    text = io.StringIO(newline="")
    as_csv(rows(found, columns), list(columns), ZoneInfo(zone), text, sheet("."))
    return text.getvalue().encode()
