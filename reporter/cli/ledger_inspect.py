"""The command `ledger inspect`: shows what a database holds, and adds it to the config as a ledger."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pydantic_core import PydanticCustomError

from reporter.cli.ledger import checks_table
from reporter.cli.ledger_write import config_to_extend, write_ledger
from reporter.cli.terminal import DONE, FAILED, progress
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.periods.clock import SystemClock
from reporter.secret import Secret, redacted
from reporter.trading.ledger.catalog import Sample, TableShape
from reporter.trading.ledger.inspection import BookTotal, Inspection, inspect, with_contract
from reporter.trading.ledger.mapping_text import as_yaml
from reporter.trading.ledger.proposal import Proposal
from reporter.trading.trades import Trade

_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,62}")
# Where each program shows the same figures.
_OWN_FIGURES = {
    "freqtrade": "freqtrade's `/profit` and `/count`",
    "hummingbot": "hummingbot's `history`",
    "jesse": "jesse's list of closed trades",
}
_LONGEST = 24  # characters of a value in a sample
# Columns of these names hold secrets.
_TELLING = re.compile(r"(?i)passw|passphrase|secret|api[_-]?key|private[_-]?key|webhook|mnemonic|seed_phrase")


def run(options: argparse.Namespace) -> int:
    """`reporter ledger inspect URL [--write NAME]`: 0 when the database can be read, 1 when it cannot."""
    url = url_of(options.url)
    name = options.write or ledger_name(url.reveal())
    if not _NAME.fullmatch(name):
        raise ReporterError(f"{name} is no name for a ledger: write letters, digits, `-` and `_`")
    if options.write:
        config_to_extend(options, name)
    with progress("looking"):
        found = inspect(url, name, SystemClock().wall())
    print("\n".join(visible(line) for line in _told(found, name, options)))
    if found.kind is None and not found.proposals:
        return FAILED
    if options.write:
        mapping = mapping_text(found.proposals[0], found.tables) if found.proposals else None
        print("\n".join(write_ledger(options, name, found.kind or "mapping", url, mapping)))
    return FAILED if found.trouble else DONE


def url_of(given: str) -> Secret:
    """The address, which may be a reference to one. Raises ReporterError for a password that others could see."""
    from reporter.config.secrets import Sources, has_password

    try:
        found = Sources(os.environ, Path.cwd(), Path()).fetch(given)
    except PydanticCustomError as error:
        raise ReporterError(error.message()) from None
    if found is None and "://" in given and has_password(given):
        raise ReporterError(
            "the address holds a password, which others could see in the list of processes: write env:NAME or file:PATH"
        )
    return found or Secret(given)


def ledger_name(url: str) -> str:
    """What a ledger is called that has no name yet: as its file or database."""
    end = re.sub(r"[?#].*", "", url).rstrip("/").rpartition("/")[2]
    name = re.sub(r"[^\w-]+", "_", Path(end).name.partition(".")[0], flags=re.ASCII).strip("_-")
    return name or "ledger"


def _told(found: Inspection, name: str, options: argparse.Namespace) -> Iterator[str]:
    names = [shape.name for shape in found.tables]
    yield f"{len(names)} {'table' if len(names) == 1 else 'tables'}: {', '.join(names[:20])}{' …' * (len(names) > 20)}"
    yield ""
    if found.kind:
        whose = "reporter's own schema" if found.kind == "native" else found.kind
        yield f"These are the tables of {whose}."
        yield from _figures(found)
        return
    if not found.proposals:
        yield "No table here looks like one of trades: it would have a time, a market or side, and a result in money."
        yield from (f"  {line}" for line in found.missing)
        yield "If one is, write a mapping by hand: docs/databases.md. A result in percent needs what was staked."
        return
    best, *others = found.proposals
    unit = "one execution" if best.mapping.get("unit") == "fill" else "one trade"
    yield f"The software is not known. Table {best.table} looks like {unit} a row ({best.rows:,} rows)."
    if others:
        yield f"Other tables that may hold trades: {', '.join(other.table for other in others[:5])}"
    yield ""
    yield "Proposed mapping:"
    yield from (f"  {line}" for line in as_yaml(best.mapping).splitlines())
    if best.doubts:
        yield ""
        yield from doubts_of(found)
    yield from _figures(found)
    if not options.write:
        yield ""
        yield f"Right? `reporter ledger inspect {options.url} --write {name}` adds it to the config of a home."


def _figures(found: Inspection) -> Iterator[str]:
    """Rows before and after, totals, and the checks."""
    if found.trouble:
        yield f"\nIt cannot be read so: {found.trouble}"
        return
    if found.sample:
        yield ""
        as_stored = bool(found.proposals or found.stored)
        yield "Rows as they stand, and as they are read:" if as_stored else "Trades as they are read:"
        by_number = bool(found.proposals) and "row_number" in str(found.proposals[0].mapping)
        for row, trade in found.sample:
            if as_stored:
                yield f"  {_before(row, by_number=by_number)}"
            yield f"    → {_after(trade)}"
    yield ""
    yield from figures_of(found)
    if found.checks:
        yield ""
        yield from checks_table(found.checks)


def figures_of(found: Inspection) -> Iterator[str]:
    """What the owner of a database compares with the bot's own figures."""
    yield f"Compare with {_OWN_FIGURES.get(found.kind or '', 'the figures of the bot itself')}:"
    for total in found.totals:
        yield f"  {total_text(total)}"
        yield from (f"    {one}" for one in total.unrated)
    if found.kind == "freqtrade" and any(total.flat for total in found.totals):
        yield "  (freqtrade counts a flat trade as won)"
    now_open = f", {found.checks.open:,} open now" if found.checks else ""
    yield f"  first close {_moment(found.first)}, last close {_moment(found.last)}{now_open}"


def doubts_of(found: Inspection) -> Iterator[str]:
    """What a proposed mapping guesses, so that a person can put it right."""
    if found.proposals and found.proposals[0].doubts:
        yield "Not sure of:"
        yield from (f"  ? {doubt}" for doubt in found.proposals[0].doubts)


def _before(row: Sample, *, by_number: bool) -> str:
    shown = {name: value for name, value in row.items() if value is not None and (by_number or name != "row_number")}
    parts = [f"{name}={_cut(name, value)}" for name, value in shown.items()]
    return "  ".join(parts[:9]) + (" …" if len(parts) > 9 else "") or "(a row beyond the sample)"


def _cut(name: str, value: object) -> str:
    """The beginning of a value; nothing of one that may be a secret."""
    text = str(value)
    if _TELLING.search(name):
        return "***"
    return (redacted(text) if "://" in text else text)[:_LONGEST]


def _after(trade: Trade) -> str:
    fees = f", fees {_plain(trade.fees.amount)}" if trade.fees is not None else ""
    return (
        f"{trade.agent}: {trade.market} {trade.side}, {_plain(trade.pnl.amount)} {trade.pnl.currency} net{fees}, "
        f"closed {_moment(trade.closed_at)}, {trade.mode.value}"
    )


def total_text(total: BookTotal) -> str:
    """One line a currency and mode."""
    flat = f", {total.flat:,} flat" if total.flat else ""
    fees = "unknown" if total.fees is None else _plain(total.fees)
    return (
        f"{total.mode} {total.currency}: {total.trades:,} closed trades, {total.wins:,} won{flat}, "
        f"net P&L {_plain(total.pnl)}, fees {fees}"
    )


def _plain(number: Decimal) -> str:
    text = f"{number:,.8f}".rstrip("0")
    return text + "00"[: max(0, 2 - len(text.partition(".")[2]))]


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def mapping_text(proposal: Proposal, tables: Sequence[TableShape]) -> str:
    """A mapping with its doubts above it."""
    doubts = [f"#   {doubt}" for doubt in proposal.doubts]
    head = ["# Proposed by `reporter ledger inspect`; docs/databases.md explains every key."]
    return "\n".join(
        [*head, *(["# Not sure of:"] if doubts else []), *doubts, as_yaml(with_contract(proposal, tables))]
    )
