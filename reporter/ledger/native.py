"""The project's own schema: what any bot can write so that its trading is reported (docs/native-schema.md)."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.resources import files
from typing import TypeVar

from sqlalchemy import column, table

from reporter.ledger.source import (
    AgentColumns,
    EquityColumns,
    PositionColumns,
    Source,
    TradeColumns,
    as_aware,
    as_text,
    canonical,
)

# The schema's own checks hold this; a view or an older table may not.
_TEXT_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d*)?")

T = TypeVar("T", TradeColumns, PositionColumns, AgentColumns, EquityColumns)


def ddl(dialect: str) -> str:
    """The statements that make the native schema in an empty `sqlite` or `postgresql` database."""
    return files("reporter.ledger").joinpath(f"native.{dialect}.sql").read_text(encoding="utf-8")


def native(dialect: str) -> Source:
    """The native schema as a source."""
    trades, equity = _table("trades", TradeColumns), _table("equity", EquityColumns)
    return Source(
        trades=canonical(trades),
        closed_at=trades.closed_at,
        positions=canonical(_table("positions", PositionColumns, unrealised="unrealised_pnl")),
        agents=canonical(_table("agents", AgentColumns)),
        lists_agents=True,
        equity=canonical(equity),
        equity_at=equity.at,
        equity_table="equity",
        tables=("agents", "trades", "positions", "equity"),
        stored=as_text if dialect == "sqlite" else as_aware,
        form=_TEXT_TIME if dialect == "sqlite" else None,
    )


def _table(name: str, kind: type[T], **renamed: str) -> T:
    """A table whose columns have their canonical names, but for those renamed."""
    names = {field.name: renamed.get(field.name, field.name) for field in fields(kind)}
    columns = table(name, *(column(own) for own in names.values())).c
    return kind(**{canonical: columns[own] for canonical, own in names.items()})
