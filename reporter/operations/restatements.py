"""What became of figures after they were sent, in lines: each restatement of a ledger or of a report."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from reporter.errors import ReporterError
from reporter.periods.time_text import moment_text
from reporter.store import sent_figures
from reporter.store.database import Store
from reporter.store.sent_figures import Restatement
from reporter.trading.trades import Money

_SHOWN = 20
CAUSES = {"source": "the database has changed", "ours": "the figures are computed differently"}


def story(store: Store, ledger: str, zone: ZoneInfo) -> Iterator[str]:
    """The restatements of what was sent of a ledger. Raises ReporterError where nothing was sent of such a ledger."""
    with store.read() as connection:
        known = sent_figures.ledgers(connection)
        found = sent_figures.of_ledger(connection, ledger, _SHOWN)
    if not found and ledger not in known:
        hint = f"figures were sent of: {', '.join(known)}" if known else "no report of a past period was sent yet"
        raise ReporterError(f"no figures of a ledger {ledger} were sent: {hint}")
    if not found:
        yield f"ledger/{ledger}: no figure that was sent has changed since"
        return
    yield f"ledger/{ledger}: figures that have changed since they were sent, the newest first"
    for one in found:
        yield f"  {one.job} {one.label}: {restated_line(one, zone)}"
        yield from (f"    {line}" for line in one.detail)


def restated_line(one: Restatement, zone: ZoneInfo) -> str:
    """`restated 2026-11-29 10:02:11 UTC: desk USDT · live P&L was +12.50, is +9.10 (the database has changed)`."""
    trades = "" if one.trades == one.trades_before else f", {one.trades_before} trades, now {one.trades}"
    fees = "" if one.fees == one.fees_before else f", fees {_text(one.fees_before)}, now {_text(one.fees)}"
    pnl = f"P&L was {_signed(one.pnl_before)}, is {_signed(one.pnl)}"
    book = f"{one.ledger} {one.pnl.currency} · {one.mode}"
    return f"restated {moment_text(one.found_at, zone)}: {book} {pnl}{trades}{fees} ({CAUSES[one.cause]})"


def _signed(money: Money) -> str:
    return f"{money.amount.normalize():+f}" if money else "0"


def _text(money: Money | None) -> str:
    return "N/A" if money is None else f"{money.amount.normalize():f}"
