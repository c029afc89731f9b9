"""Looks at a database that is not configured yet: whose tables these are, what they add up to, how to map them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.secret import Secret
from reporter.trading.books import Unrated
from reporter.trading.ledger.candidates import evaluated
from reporter.trading.ledger.catalog import Sample, SqlCatalog, TableShape
from reporter.trading.ledger.checks import EARLIEST, LATEST, LedgerChecks
from reporter.trading.ledger.clickhouse import ClickHouse, ClickHouseCatalog
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.databases import opened
from reporter.trading.ledger.files import TABLE, FileCatalog, Files
from reporter.trading.ledger.mapping import read_mapping
from reporter.trading.ledger.missing_parts import missing_parts
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.proposal import Proposal, propose
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Trade

# What tells each program's database from any other: tables, and columns in them.
_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "freqtrade": {"trades": "is_open close_profit_abs stake_currency open_rate", "orders": "ft_trade_id"},
    "hummingbot": {"TradeFill": "trade_fee_in_quote config_file_path", "Executors": "net_pnl_quote", "Position": ""},
    "jesse": {"closedtrade": "session_mode soft_deleted_at strategy_name", "order": "trade_id filled_qty fee"},
    "native": {
        "trades": "agent market currency mode pnl closed_at",
        "positions": "unrealised_pnl",
        "agents": "last_seen",
    },
}
ALL_TIME = Period(EARLIEST, LATEST, "all time", "UTC")
SHOWN = 5  # sample rows
# Where a row of the table `trades` is a trade, and has its id.
_AS_STORED = ("freqtrade", "native")


@dataclass(frozen=True, slots=True)
class BookTotal:
    """What a ledger adds up to in one currency and mode: what its owner compares with the bot's own figures."""

    mode: str
    currency: str
    trades: int
    wins: int
    flat: int
    pnl: Decimal
    fees: Decimal | None
    unrated: tuple[Unrated, ...] = ()


@dataclass(slots=True)
class Inspection:
    """What was found. `kind` is None where the software is not known; then there are proposals, the likeliest first.

    `trouble` says why the rows cannot be read as was found; `sample` are rows as they are stored, with their trades;
    the rows are empty where trades are computed. `stored` are those of known software, before they are trades.
    `missing` says of each table why it makes no proposal, where none does.
    """

    tables: list[TableShape]
    kind: str | None = None
    proposals: list[Proposal] = field(default_factory=list)
    totals: list[BookTotal] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    sample: list[tuple[Sample, Trade]] = field(default_factory=list)
    checks: LedgerChecks | None = None
    trouble: str = ""
    stored: list[Sample] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def recognised(tables: list[TableShape]) -> str | None:
    """The kind of ledger that these tables are, None for those of unknown software."""
    by_name = {shape.name: shape.names for shape in tables}
    for kind, wanted in _PROGRAMS.items():
        if all(name in by_name and set(columns.split()) <= by_name[name] for name, columns in wanted.items()):
            return kind
    return None


def inspect(url: Secret | str, name: str, now: datetime, *, timeout: float = 60) -> Inspection:
    """Look at a database, read-only. Raises LedgerError where it cannot be read at all."""
    database = opened(name, url, timeout)
    catalog = _catalog(database)
    found = Inspection(catalog.tables())
    found.kind = recognised(found.tables) if isinstance(database, Database) else None
    if found.kind is None:
        found.proposals = propose(catalog, name)
        if not found.proposals:
            found.missing = missing_parts(catalog)
            return found
    elif found.kind in _AS_STORED:
        found.stored = catalog.sample(next(shape for shape in found.tables if shape.name == "trades"))
    add_up(found, url, name, now, timeout=timeout)
    return found


def add_up(found: Inspection, url: Secret | str, name: str, now: datetime, *, timeout: float = 60) -> None:
    """Enter what the rows add up to by the likeliest mapping: anew where a person has corrected it."""
    found.totals, found.trouble = [], ""
    mapping = found.proposals[0].mapping if found.proposals else {}
    settings = LedgerSettings(name=name, kind=found.kind or "mapping", url=url, mapping=mapping)
    try:
        _add_up(found, Portfolio([settings], timeout=timeout), now)
    except LedgerError as error:
        found.trouble = str(error).removeprefix(f"{name}: ")


def _catalog(database: Database | Files | ClickHouse) -> SqlCatalog | FileCatalog:
    if isinstance(database, Database):
        return SqlCatalog(database)
    return FileCatalog(database) if isinstance(database, Files) else ClickHouseCatalog(database)


def with_contract(proposal: Proposal, tables: Sequence[TableShape]) -> dict[str, Any]:
    """The mapping with the types that its columns have now, so that a change of them is noticed. Files declare none."""
    if proposal.table == TABLE or "table" not in proposal.mapping:
        return proposal.mapping
    shape = next(table for table in tables if table.name == proposal.table)
    used = read_mapping(proposal.mapping).used
    contract = {column.name: column.type for column in shape.columns if column.name in used and column.type}
    return {**proposal.mapping, "contract": contract} if contract else proposal.mapping


def _add_up(found: Inspection, ledger: Portfolio, now: datetime) -> None:
    for book in ledger.performance(ALL_TIME):
        fees = book.fees.amount if book.fees else None
        found.totals.append(
            BookTotal(
                book.mode.value,
                book.currency,
                book.trades,
                book.wins,
                book.flat,
                book.pnl.amount,
                fees,
                book.unrated,
            )
        )
    trades = ledger.closed_trades(ALL_TIME, limit=SHOWN)
    found.first = trades[0].closed_at if trades else None
    newest = [one.newest_trade_at for one in ledger.health() if one.newest_trade_at]
    found.last = max(newest, default=None)
    known = _by_id(found.proposals[0]) if found.proposals else {str(row["id"]): row for row in found.stored}
    found.sample = [(known.get(trade.id, {}), trade) for trade in trades]
    [found.checks] = ledger.check(now)


def _by_id(proposal: Proposal) -> dict[str, Sample]:
    """The rows of the sample by the ids of the trades that they become."""
    ids: Any = proposal.mapping["columns"]["id"]
    return dict(zip(map(str, evaluated(ids, proposal.sample)), proposal.sample, strict=True))
