"""The command export: trades or days as CSV or JSON, for a spreadsheet (docs/export.md)."""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from reporter.app.app import App
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.periods.civil import Period, Unit, named_end, parse_at
from reporter.trading.trades import Money, Trade

DONE = 0
# How often the progress is printed, in seconds.
NEWS = 0.5

# A spreadsheet takes a text that begins so for a formula, whoever wrote it (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# A text of digits alone, such as an exchange's id, of which a spreadsheet would make a number that is nearly the same.
LONG = re.compile(r"\d{16,}")

Row = list[Any]  # text, whole numbers, decimals, moments; None for what is unknown
Columns = Mapping[str, Callable[[Any], Any]]


def _amount(money: Money | None) -> Decimal | None:
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
    "fees": lambda trade: _amount(trade.fees),
    "funding": lambda trade: _amount(trade.funding),
    "volume": lambda trade: _amount(trade.volume),
    "entry_tag": lambda trade: trade.entry_tag,
    "exit_reason": lambda trade: trade.exit_reason,
}
DAILY: Columns = {
    "day": lambda day: str(day[0]),
    "ledger": lambda day: day[2].ledger,
    "mode": lambda day: day[1].value,
    "agent": lambda day: day[2].key,
    "trades": lambda day: day[2].trades,
    "wins": lambda day: day[2].wins,
    "losses": lambda day: day[2].losses,
    "flat": lambda day: day[2].flat,
    "longs": lambda day: day[2].longs,
    "shorts": lambda day: day[2].shorts,
    "currency": lambda day: day[2].pnl.currency,
    "pnl": lambda day: day[2].pnl.amount,
    "gross_profit": lambda day: day[2].gross_profit.amount,
    "gross_loss": lambda day: day[2].gross_loss.amount,
    "fees": lambda day: _amount(day[2].fees),
    "funding": lambda day: _amount(day[2].funding),
    "volume": lambda day: _amount(day[2].volume),
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


def run(app: App, options: argparse.Namespace) -> int:
    """`reporter export trades|daily --from DATE [--to DATE] [--format FORMAT] [--out FILE] [--ledger NAME …]`."""
    zone, ledger, only = app.runtime.zone, app.runtime.inputs.ledger, options.ledger or ()
    period = _period(options.first, options.last, app.clock.wall(), zone.key)
    columns = {"trades": TRADES, "daily": DAILY}[options.what]
    shown = sys.stdout.isatty() and not options.out
    found: Iterator[Any] = {"trades": ledger.stream, "daily": ledger.stream_days}[options.what](period, only)
    for_sheets = partial(as_csv, style=sheet(app.runtime.inputs.formats.point))
    forms: dict[str, Callable[..., int]] = {"csv": as_csv, "json": as_json, "sheet": for_sheets}
    write = forms[options.format]
    with _opened(options.out) as target:
        told = _told(rows(found, columns), options, zone)
        count = write(map(on_screen, told) if shown else told, list(columns), zone, target)
    if options.out:
        print(f"{_counted(count, options.what)} in {options.out}", file=sys.stderr)
    return DONE


def _period(first: str, last: str | None, now: datetime, zone: str) -> Period:
    try:
        start = parse_at(first, zone)
        end = min(named_end(last, zone, Unit.DAY), now) if last else now
    except ValueError as error:
        raise ReporterError(str(error)) from None
    if start >= end:
        raise ReporterError(
            f"nothing lies between {first} and {last or 'now'}: --from must be before --to, and be past"
        )
    return Period(start, end, f"{first} to {last or 'now'}", zone)


def rows(found: Iterable[Any], columns: Columns) -> Iterator[Row]:
    """What stands in the columns."""
    read = list(columns.values())
    return ([column(one) for column in read] for one in found)


def on_screen(row: Row) -> Row:
    """A row as a terminal may show it: no name in it can steer that or hide. Files and pipes get texts as they are."""
    return [visible(value) if isinstance(value, str) else value for value in row]


def plain(number: Decimal) -> str:
    """A number with all its digits and no more, and never as a power of ten."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before it says that it is text."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(found: Iterable[Row], names: Sequence[str], zone: ZoneInfo, target: TextIO, style: Style = Style()) -> int:
    """Write rows as CSV (RFC 4180), unknown values empty; return how many there were."""
    shown: dict[type, Callable[[Any], str]] = {
        Decimal: lambda number: plain(number).replace(".", style.point),
        str: lambda text: f"'{text}" if style.long_is_text and LONG.fullmatch(text) else harmless(text),
        datetime: lambda moment: style.moment(moment.astimezone(zone)),
    }
    target.write(style.begin)
    writer, count = csv.writer(target, delimiter=style.between), 0
    writer.writerow(names)
    for row in found:
        writer.writerow([shown[type(value)](value) if type(value) in shown else value for value in row])
        count += 1
    return count


def as_json(found: Iterable[Row], names: Sequence[str], zone: ZoneInfo, target: TextIO) -> int:
    """Write rows as JSON Lines, an object each, unknown values null; return how many there were.

    Decimals are strings: many a reader of JSON would make floats of numbers.
    """

    def shown(value: Any) -> str:
        return plain(value) if isinstance(value, Decimal) else value.astimezone(zone).isoformat()

    count = 0
    for row in found:
        target.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=shown) + "\n")
        count += 1
    return count


@contextmanager
def _opened(out: str | None) -> Iterator[TextIO]:
    """Where it goes. A file gets its name when it is complete; what was there before stays until then."""
    if out is None:
        yield sys.stdout
        return
    path = Path(out)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as target:
            yield target
        part.replace(path)
    except OSError as error:
        raise ReporterError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):  # where nothing can be written there is nothing to remove
            part.unlink(missing_ok=True)


def _told(found: Iterator[Row], options: argparse.Namespace, zone: ZoneInfo) -> Iterator[Row]:
    """The rows, and now and then how far they are, for people who watch and do not see the rows themselves."""
    if not sys.stderr.isatty() or (options.out is None and sys.stdout.isatty()):
        yield from found
        return
    due = monotonic() + NEWS
    for count, row in enumerate(found, 1):
        if monotonic() > due:
            due = monotonic() + NEWS
            day = row[0].astimezone(zone).date() if isinstance(row[0], datetime) else row[0]
            print(f"\r{_counted(count, options.what)}, up to {day}", end="", flush=True, file=sys.stderr)
        yield row
    print("\r\033[K", end="", file=sys.stderr)


def _counted(count: int, what: str) -> str:
    words = {"trades": ("trade", "trades"), "daily": ("day of an agent", "days of agents")}[what]
    return f"{count:,} {words[count != 1]}"
