"""The command export: trades or days as CSV or JSON, for a spreadsheet (docs/export.md)."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from reporter.app.app import App
from reporter.errors import ReporterError
from reporter.messages.formats import plural
from reporter.messages.message import visible
from reporter.messages.spreadsheet import TRADES, Columns, Row, amount_of, as_csv, plain, rows, sheet
from reporter.periods.civil import Period, Unit, named_end, parse_at
from reporter.trading.books import LeftOut
from reporter.whole_file import whole_file

DONE = 0
# How often the progress is printed, in seconds.
NEWS = 0.5

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
    "fees": lambda day: amount_of(day[2].fees),
    "funding": lambda day: amount_of(day[2].funding),
    "volume": lambda day: amount_of(day[2].volume),
}


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
    if options.out not in {None, "-"}:
        print(f"{_counted(count, options.what)} in {options.out}", file=sys.stderr)
    for missing in ledger.left_out(period, only):
        print(visible(_without(missing)), file=sys.stderr)
    for unrated in ledger.unrated(period, only):
        print(visible(f"{unrated.ledger}: {unrated}"), file=sys.stderr)
    return DONE


def _without(missing: LeftOut) -> str:
    """That trades are not in the file, and which of their values are wrong."""
    count = plural(missing.trades + missing.stray, "unreadable trade")
    return f"{missing.ledger}: without {count}: {missing}"


def _period(first: str, last: str | None, now: datetime, zone: str) -> Period:
    try:
        start = parse_at(first, zone, now=now)
        end = min(named_end(last, zone, Unit.DAY, now), now) if last else now
    except ValueError as error:
        raise ReporterError(str(error)) from None
    if start >= end:
        raise ReporterError(
            f"nothing lies between {first} and {last or 'now'}: --from must be before --to, and be past"
        )
    return Period(start, end, f"{first} to {last or 'now'}", zone)


def on_screen(row: Row) -> Row:
    """A row as a terminal may show it: no name in it can steer that or hide. Files and pipes get texts as they are."""
    return [visible(value) if isinstance(value, str) else value for value in row]


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
    if out in {None, "-"}:
        yield sys.stdout
        return
    path = Path(out)
    try:
        with whole_file(path) as binary:
            target = io.TextIOWrapper(binary, encoding="utf-8", newline="")
            try:
                yield target
            finally:
                target.detach()  # what it still holds is written; the file is not ours to close
    except OSError as error:
        raise ReporterError(f"{path} cannot be written: {error.strerror}") from None


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
