"""The commands ledger rollups and ledger verify: shows, builds and verifies the kept sums of trading databases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from zoneinfo import ZoneInfo

from reporter.app.app import App
from reporter.cli.terminal import DONE, FAILED, complain
from reporter.errors import LedgerError, ReporterError
from reporter.messages.formats import plural
from reporter.messages.message import visible
from reporter.periods.civil import parse_at
from reporter.periods.time_text import duration_text, moment_text
from reporter.scheduler.rollup_upkeep import OVERLAP, Progress, RollupUpkeep
from reporter.store import rollups
from reporter.store.rollups import Standing
from reporter.trading.ledger.reader import Reader
from reporter.trading.ledger.rollup_buckets import start_of

_SHOWN = 10  # changed hours that are listed


def run_rollups(app: App, options: argparse.Namespace) -> int:
    """`reporter ledger rollups [NAME …] [--rebuild]`."""
    upkeep = RollupUpkeep(app.store, app.clock)
    work = _built if options.rebuild else _shown
    return _each(app, options.names, lambda reader: work(app, upkeep, reader))


def run_verify(app: App, options: argparse.Namespace) -> int:
    """`reporter ledger verify [NAME …] [--from DATE]`: 1 where something differed, which is mended then."""
    upkeep = RollupUpkeep(app.store, app.clock)
    try:
        first = parse_at(options.first, app.runtime.zone.key, now=app.clock.wall()) if options.first else None
    except ValueError as error:
        raise ReporterError(str(error)) from None

    def work(reader: Reader) -> bool:
        kept = upkeep.standing(reader.name)
        if kept is None or kept.definition != reader.definition:
            print(
                f"✗ {visible(reader.name)} has no roll-up: `reporter ledger rollups {reader.name} --rebuild` builds it"
            )
            return False
        began, trades, changed = monotonic(), 0, list[int]()
        with _bar(f"verifying {reader.name}") as shown:
            for done in upkeep.verify(reader, first):
                trades += done.trades
                changed += done.changed
                shown(done)
        spent = duration_text(monotonic() - began)
        if not changed:
            print(f"✓ {visible(reader.name)}: {_counted(trades)} verified in {spent}, nothing differs")
            return True
        print(
            f"✗ {visible(reader.name)}: {_counted(trades)} verified in {spent}, {plural(len(changed), 'hour')} differed"
        )
        for line in _hours(changed, app.runtime.zone):
            print(f"  {line}")
        print("  The roll-up now says what the database says.")
        return False

    return _each(app, options.names, work)


def _each(app: App, names: list[str], work: Callable[[Reader], bool]) -> int:
    sound = True
    for reader in app.runtime.portfolio.chosen(names):
        try:
            sound = work(reader) and sound
        except LedgerError as error:
            complain(str(error))
            sound = False
    return DONE if sound else FAILED


def _built(app: App, upkeep: RollupUpkeep, reader: Reader) -> bool:
    began, trades = monotonic(), 0
    with _bar(f"building {reader.name}") as shown:
        for done in upkeep.build(reader):
            trades += done.trades
            shown(done)
    spent = monotonic() - began
    pace = f", {_counted(round(trades / spent))} a second" if trades and spent > 1 else ""
    print(f"✓ {visible(reader.name)}: {_counted(trades)} rolled up in {duration_text(spent)}{pace}")
    return _shown(app, upkeep, reader)


def _shown(app: App, upkeep: RollupUpkeep, reader: Reader) -> bool:
    kept, zone = upkeep.standing(reader.name), app.runtime.zone
    if kept is None or kept.definition != reader.definition:
        why = "no roll-up yet" if kept is None else "its roll-up is of another mapping or database"
        print(f"· {visible(reader.name)}: {why}; figures are read from the database")
        return True
    without = f", without {plural(len(kept.unreadable), 'unreadable trade')}" if kept.unreadable else ""
    counted = f"{_counted(kept.trades)}{without}"
    print(f"{_mark(kept)} {visible(reader.name)}: {counted}, {_stretch(kept, zone)}; {_state(kept, zone)}")
    return True


def _mark(kept: Standing) -> str:
    return "✓" if kept.state == rollups.VERIFIED else "·"


def _stretch(kept: Standing, zone: ZoneInfo) -> str:
    if kept.since >= kept.through or kept.through == rollups.NOWHERE:
        return f"nothing closed more than {OVERLAP} hours ago"
    return f"from {_moment(kept.since, zone)} to {_moment(kept.through, zone)}"


def _state(kept: Standing, zone: ZoneInfo) -> str:
    verified = f"verified {moment_text(kept.verified_at, zone)}" if kept.verified_at else ""
    match kept.state:
        case rollups.VERIFIED:
            return verified
        case rollups.UNVERIFIED:
            return "is not verified: figures are read from the database until it is"
    return "is being built: figures are read from the database"


def _moment(hour: int, zone: ZoneInfo) -> str:
    return moment_text(start_of(hour), zone)


def _hours(changed: list[int], zone: ZoneInfo) -> Iterator[str]:
    for hour in changed[:_SHOWN]:
        yield f"{_moment(hour, zone)}, one hour"
    if len(changed) > _SHOWN:
        yield f"and {plural(len(changed) - _SHOWN, 'more hour')}"


def _counted(trades: int) -> str:
    return f"{trades:,} {'trade' if trades == 1 else 'trades'}"


@contextmanager
def _bar(text: str) -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(visible(text), total=1.0)
        yield lambda done: bar.update(task, completed=done.share)
