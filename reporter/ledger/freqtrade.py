"""freqtrade's own database, in SQLite or PostgreSQL, as freqtrade 2026.9 writes it (docs/figures.md)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnClause,
    ColumnElement,
    FromClause,
    Numeric,
    ScalarSelect,
    String,
    TableClause,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal_column,
    null,
    select,
    table,
    true,
)

from reporter.ledger.source import (
    UNNAMED,
    AgentColumns,
    Column,
    EquityColumns,
    PositionColumns,
    Source,
    TradeColumns,
    as_naive,
    as_text,
    canonical,
)
from reporter.trades import Mode


def freqtrade(dialect: str, mode: Mode) -> Source:
    """freqtrade's tables as a source. They do not say whether the money was real, so `mode` does."""
    rows, wallet = _trades(), _wallet()
    closed, equity = _closed(rows, mode), _equity(wallet, mode)
    return Source(
        # An open trade that was partly sold has a close_profit_abs too: only is_open tells.
        trades=canonical(closed).where(rows.c.is_open == false()),
        closed_at=closed.closed_at,
        positions=canonical(_open(rows, mode)).where(rows.c.is_open == true()),
        agents=canonical(_agents(rows, mode)).distinct(),
        lists_agents=False,
        equity=canonical(equity).where(wallet.c.bot_managed == true()),
        equity_at=equity.at,
        equity_table="wallet_history",
        tables=("trades", "orders"),
        stored=as_text if dialect == "sqlite" else as_naive,
    )


def _trades() -> TableClause:
    flags = [column("is_open", Boolean()), column("is_short", Boolean())]
    text = [column(name, String()) for name in ("pair", "strategy", "stake_currency")]
    rest = _columns("id open_date close_date close_profit_abs amount open_rate fee_open fee_close")
    return table("trades", *flags, *text, *rest)


def _wallet() -> TableClause:
    return table("wallet_history", column("bot_managed", Boolean()), *_columns("timestamp quote_currency total_quote"))


def _columns(names: str) -> list[ColumnClause[Any]]:
    return [column(name) for name in names.split()]


def _closed(rows: FromClause, mode: Mode) -> TradeColumns:
    c = rows.c
    return TradeColumns(
        id=c.id,
        agent=_strategy(rows),
        strategy=c.strategy,
        market=c.pair,
        side=_side(rows),
        opened_at=c.open_date,
        closed_at=c.close_date,
        size=c.amount,
        pnl=c.close_profit_abs,
        fees=_fees(rows),
        mode=_constant(mode),
        currency=c.stake_currency,
    )


def _open(rows: FromClause, mode: Mode) -> PositionColumns:
    c = rows.c
    return PositionColumns(
        id=c.id,
        agent=_strategy(rows),
        strategy=c.strategy,
        market=c.pair,
        side=_side(rows),
        opened_at=c.open_date,
        size=c.amount,
        entry_price=c.open_rate,
        current_price=null(),  # freqtrade asks the exchange and keeps no price
        unrealised=null(),
        priced_at=null(),
        mode=_constant(mode),
        currency=c.stake_currency,
    )


def _agents(rows: FromClause, mode: Mode) -> AgentColumns:
    return AgentColumns(
        name=_strategy(rows),
        strategy=rows.c.strategy,
        mode=_constant(mode),
        currency=rows.c.stake_currency,
        capital=cast(null(), Numeric),
        status=cast(null(), String),
        last_seen=cast(null(), String),
    )


def _equity(wallet: FromClause, mode: Mode) -> EquityColumns:
    c = wallet.c
    return EquityColumns(
        at=c.timestamp,
        agent=cast(null(), String),
        mode=_constant(mode),
        currency=c.quote_currency,
        equity=c.total_quote,
    )


def _strategy(rows: FromClause) -> Column:
    return func.coalesce(func.nullif(rows.c.strategy, ""), UNNAMED)


def _side(rows: FromClause) -> ColumnElement[str]:
    return case((rows.c.is_short == true(), "short"), else_="long")


def _constant(mode: Mode) -> Column:
    return literal_column(f"'{mode.value}'", String())


def _fees(rows: FromClause) -> ScalarSelect[Any]:
    """What was paid: each filled order's cost times the trade's rate for its side, as it stands inside the P&L.

    The columns fee_open_cost and fee_close_cost miss a part of every trade that was opened or closed in several orders.
    """
    orders = table("orders", *_columns("ft_trade_id ft_order_side cost filled")).c
    entry = case((rows.c.is_short == true(), "sell"), else_="buy")
    rate = case((orders.ft_order_side == entry, rows.c.fee_open), else_=rows.c.fee_close)
    filled = and_(orders.ft_trade_id == rows.c.id, orders.filled > 0)
    return select(func.sum(orders.cost * rate)).where(filled).correlate(rows).scalar_subquery()
