"""The project's own schema, which any bot can write (docs/native-schema.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from datetime import datetime
from importlib.resources import files
from typing import Any, TypeVar

from sqlalchemy import ColumnClause, Numeric, Select, Text, case, cast, column, func, null, select, table, true

from reporter.trading.ledger.sources.base import (
    AgentColumns,
    Cell,
    Cells,
    Column,
    EquityColumns,
    PositionColumns,
    Source,
    TradeColumns,
    as_aware,
    as_naive,
    as_text,
    canonical,
    timing,
)
from reporter.trading.ledger.sources.readable import Readable, readable

# What the schema had not from the first day: a table of before is read as if it were empty there.
LATER = {"trades": {"funding", "volume", "leverage"}, "equity": {"unrealised"}}

_STORED: Mapping[str, Callable[[datetime], datetime | str]] = {"sqlite": as_text, "mysql": as_naive}

T = TypeVar("T", TradeColumns, PositionColumns, AgentColumns, EquityColumns)


def ddl(dialect: str) -> str:
    """The statements that make the native schema in an empty `sqlite`, `postgresql` or `mysql` database."""
    return files("reporter.trading.ledger.sources").joinpath(f"native.{dialect}.sql").read_text(encoding="utf-8")


def native(dialect: str, without: Collection[tuple[str, str]] = ()) -> Source:
    """The native schema as a source; `without` are the columns of LATER, as (table, column), that a database lacks."""
    read = readable(dialect)
    trades, equity = _stored("trades", TradeColumns, without), _stored("equity", EquityColumns, without)
    positions = _stored("positions", PositionColumns, unrealised="unrealised_pnl")
    agents = _stored("agents", AgentColumns)
    return Source(
        trades=canonical(_trades(trades, read)),
        raw=canonical(replace(trades, volume=_volume(trades))),
        trade_id=trades.id,
        closed_at=trades.closed_at,
        positions=canonical(_positions(positions, read)),
        agents=canonical(_agents(agents, read)),
        lists_agents=True,
        equity=canonical(_equity(equity, read)).where(
            read.formed(equity.at), read.word(equity.currency).is_not(None), read.mode(equity.mode).is_not(None)
        ),
        equity_at=equity.at,
        equity_table="equity",
        deposited=equity.deposited,
        tables=("agents", "trades", "positions", "equity"),
        stored=_STORED.get(dialect, as_aware),
        timing=timing(dialect),
        readable=read,
        cells=_cells(trades, positions, agents, equity, read),
        tells_deposits=True,
        events=_events(),
    )


def _events() -> Select[Any]:
    names = ["id", "reference", "kind", "at", "agent", "severity", "title", "text", "fields", "until", "slot", "seq"]
    columns = table("events", *(column(name) for name in names)).c
    return select(*(cast(own, Text).label(own.name) if own.name == "fields" else own for own in columns))


def _volume(own: TradeColumns) -> Column:
    """Where a bot does not write its `volume`, its size at both prices is: right for all that is not inverse."""
    return func.coalesce(own.volume, func.abs(own.size) * (own.entry_price + own.exit_price))


def _trades(own: TradeColumns, read: Readable) -> TradeColumns:
    size, entry, exit_ = map(read.number, (own.size, own.entry_price, own.exit_price))
    at_prices = _volume(replace(own, size=size, entry_price=entry, exit_price=exit_))
    return replace(
        own,
        opened_at=read.time(own.opened_at),
        size=size,
        entry_price=entry,
        exit_price=exit_,
        pnl=read.number(own.pnl),
        fees=read.number(own.fees),
        mode=read.mode(own.mode),
        currency=read.word(own.currency),
        funding=read.number(own.funding),
        volume=case((own.volume.is_(None), at_prices), else_=read.number(own.volume)),
        leverage=read.number(own.leverage),
    )


def _positions(own: PositionColumns, read: Readable) -> PositionColumns:
    return replace(
        own,
        opened_at=read.time(own.opened_at),
        size=read.number(own.size),
        entry_price=read.number(own.entry_price),
        current_price=read.number(own.current_price),
        unrealised=read.number(own.unrealised),
        priced_at=read.time(own.priced_at),
        mode=read.mode(own.mode),
        currency=read.word(own.currency),
    )


def _agents(own: AgentColumns, read: Readable) -> AgentColumns:
    capital, mode, currency = read.number(own.capital), read.mode(own.mode), read.word(own.currency)
    return replace(own, capital=capital, mode=mode, currency=currency)


def _equity(own: EquityColumns, read: Readable) -> EquityColumns:
    return replace(
        own,
        mode=read.mode(own.mode),
        currency=read.word(own.currency),
        equity=read.number(own.equity),
        unrealised=read.number(own.unrealised),
        deposited=read.number(own.deposited),
    )


def _cells(
    trades: TradeColumns, positions: PositionColumns, agents: AgentColumns, equity: EquityColumns, read: Readable
) -> tuple[Cells, ...]:
    """The columns that have a form to hold, but for those of LATER that a database lacks."""

    def cells(own: Any, needed: str, numbers: str, times: str = "") -> tuple[Cell, ...]:
        found = [Cell(own.currency, read.word(own.currency), "a name such as USDT", needed=True)]
        found += [Cell(own.mode, read.mode(own.mode), "live or paper", needed=True)]
        found += [Cell(getattr(own, name), read.number(getattr(own, name)), "a number") for name in numbers.split()]
        found += [Cell(getattr(own, name), read.time(getattr(own, name)), read.time_form) for name in times.split()]
        stored = (cell for cell in found if isinstance(cell.stored, ColumnClause))
        return tuple(replace(cell, needed=cell.needed or cell.name in needed.split()) for cell in stored)

    closed = "pnl fees funding volume leverage size entry_price exit_price"
    opened = "unrealised current_price size entry_price"
    return (
        Cells("trades", trades.id, cells(trades, "closed_at pnl", closed, "closed_at opened_at"), true()),
        Cells("positions", positions.id, cells(positions, "", opened, "opened_at priced_at"), true()),
        Cells("agents", agents.name, cells(agents, "", "capital"), true()),
        Cells("equity", equity.at, cells(equity, "at equity", "equity unrealised deposited", "at"), true()),
    )


def _stored(name: str, kind: type[T], without: Collection[tuple[str, str]] = (), **renamed: str) -> T:
    """A table whose columns have their canonical names, but for those renamed, and for those that it is without."""
    names = {field.name: renamed.get(field.name, field.name) for field in fields(kind)}
    columns = table(name, *(column(own) for own in names.values())).c

    def one(own: str) -> Column:
        return cast(null(), Numeric) if (name, own) in without else columns[own]

    return kind(**{canonical: one(own) for canonical, own in names.items()})
