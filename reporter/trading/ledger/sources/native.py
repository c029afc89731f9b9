"""The project's own schema, which any bot can write (docs/native-schema.md)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import fields, replace
from importlib.resources import files
from typing import TypeVar

from sqlalchemy import Numeric, cast, column, func, null, table

from reporter.trading.ledger.sources.base import (
    AgentColumns,
    Column,
    EquityColumns,
    PositionColumns,
    Source,
    TradeColumns,
    as_aware,
    as_text,
    canonical,
    timing,
)

# The schema's own checks hold this; a view or an older table may not.
_TEXT_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d*)?")

# What the schema had not from the first day: a table of before is read as if it were empty there.
LATER = {"trades": {"funding", "volume"}, "equity": {"unrealised"}}

T = TypeVar("T", TradeColumns, PositionColumns, AgentColumns, EquityColumns)


def ddl(dialect: str) -> str:
    """The statements that make the native schema in an empty `sqlite` or `postgresql` database."""
    return files("reporter.trading.ledger.sources").joinpath(f"native.{dialect}.sql").read_text(encoding="utf-8")


def native(dialect: str, without: Collection[tuple[str, str]] = ()) -> Source:
    """The native schema as a source; `without` are the columns of LATER, as (table, column), that a database lacks."""
    trades, equity = _trades(without), _table("equity", EquityColumns, without)
    return Source(
        trades=canonical(trades),
        trade_id=trades.id,
        closed_at=trades.closed_at,
        positions=canonical(_table("positions", PositionColumns, unrealised="unrealised_pnl")),
        agents=canonical(_table("agents", AgentColumns)),
        lists_agents=True,
        equity=canonical(equity),
        equity_at=equity.at,
        equity_table="equity",
        tables=("agents", "trades", "positions", "equity"),
        stored=as_text if dialect == "sqlite" else as_aware,
        timing=timing(dialect),
        form=_TEXT_TIME if dialect == "sqlite" else None,
        tells_deposits=True,
    )


def _trades(without: Collection[tuple[str, str]]) -> TradeColumns:
    """Where a bot does not write its `volume`, its size at both prices is: right for all that is not inverse."""
    own = _table("trades", TradeColumns, without)
    at_prices = func.abs(own.size) * (own.entry_price + own.exit_price)
    volume = at_prices if ("trades", "volume") in without else func.coalesce(own.volume, at_prices)
    return replace(own, volume=volume)


def _table(name: str, kind: type[T], without: Collection[tuple[str, str]] = (), **renamed: str) -> T:
    """A table whose columns have their canonical names, but for those renamed, and for those that it is without."""
    names = {field.name: renamed.get(field.name, field.name) for field in fields(kind)}
    columns = table(name, *(column(own) for own in names.values())).c

    def one(own: str) -> Column:
        return cast(null(), Numeric) if (name, own) in without else columns[own]

    return kind(**{canonical: one(own) for canonical, own in names.items()})
