"""The command ledger: checks the rows of trading databases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from textwrap import wrap

from reporter.app.app import App
from reporter.cli.terminal import DONE, FAILED
from reporter.messages.message import visible
from reporter.trading.ledger.checks import LedgerChecks, Trouble
from reporter.trading.ledger.portfolio import Portfolio

_MARKS = {"wrong": "✗", "odd": "!", "note": "·"}


def run(app: App, options: argparse.Namespace) -> int:
    """`reporter ledger check [NAME …]`: 0 when no row makes a figure wrong, 1 when one does or a ledger is unread."""
    ledger: Portfolio = app.runtime.inputs.ledger  # type: ignore[assignment]
    sound = True
    with _counting() as told:
        for checks in ledger.check(app.clock.wall(), options.names, told):
            sound = sound and checks.sound
            print("\n".join(checks_table(checks)))
    return DONE if sound else FAILED


def checks_table(checks: LedgerChecks) -> Iterator[str]:
    """A line for each check that found something, and one for all that found nothing."""
    if checks.unread:
        yield visible(f"✗ {checks.ledger} ({checks.kind}) cannot be read: {checks.unread}")
        return
    counted = f"{checks.trades:,} closed {_trades(checks.trades)}, {checks.open:,} open"
    yield f"{'✓' if checks.sound else '✗'} {visible(checks.ledger)} ({checks.kind}): {counted}"
    yield from (visible(f"  {_MARKS['note']} {one}") for one in checks.advice)
    if checks.freshness:
        yield f"  {'✓' if checks.freshness.known and not checks.freshness.stale else '!'} {checks.freshness}"
    found = [finding for finding in checks.findings if finding.count]
    width = max((len(one.check) for one in found), default=0)
    for (_, remedy), group in groupby(sorted(found, key=_by_level), lambda one: (one.level, one.remedy)):
        for one in group:
            yield visible(f"  {_MARKS[one.level]} {one.check:{width}}  {_share(one):>16}  first: {one.first}")
        yield visible(f"    {'':{width}}  {'':16}  {remedy}")
    sound = [finding.check for finding in checks.findings if not finding.count]
    if sound and checks.trades + checks.open:
        yield from wrap(f"✓ nothing found: {', '.join(sound)}", 100, initial_indent="  ", subsequent_indent="    ")


def _by_level(found: Trouble) -> int:
    return list(_MARKS).index(found.level)


def _trades(count: int) -> str:
    return "trade" if count == 1 else "trades"


def _share(found: Trouble) -> str:
    if found.count >= found.of:
        return f"{found.count:,}" if found.count > found.of else f"all {found.count:,}"
    return f"{found.count:,} ({max(found.count / found.of, 0.001):.1%})"


@contextmanager
def _counting() -> Iterator[Callable[[str, int, int], None]]:
    """Show on a terminal how many rows were read."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console

    with Console(stderr=True).status("checking") as status:
        yield lambda name, done, of: status.update(f"checking {visible(name)}: {done:,} of {of:,} trades")
