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

from reporter.trading.ledger.sources.base import (
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
    timing,
)
from reporter.trading.trades import Mode

_ORDERS = table("orders", *(column(name) for name in ("ft_trade_id", "ft_order_side", "cost", "filled"))).c


def freqtrade(dialect: str, mode: Mode) -> Source:
    """freqtrade's tables as a source. They do not say whether the money was real, so `mode` does."""
    rows, wallet = _trades(), _wallet()
    closed, equity = _closed(rows, mode), _equity(wallet, mode)
    return Source(
        # An open trade that was partly sold has a close_profit_abs too: only is_open tells.
        trades=canonical(closed).where(rows.c.is_open == false()),
        trade_id=closed.id,
        closed_at=closed.closed_at,
        positions=canonical(_open(rows, mode)).where(rows.c.is_open == true()),
        agents=canonical(_agents(rows, mode)).distinct(),
        lists_agents=False,
        equity=canonical(equity).where(wallet.c.bot_managed == true()),
        equity_at=equity.at,
        equity_table="wallet_history",
        tables=("trades", "orders"),
        stored=as_text if dialect == "sqlite" else as_naive,
        timing=timing(dialect),
        costly=True,
        open_with_result=select(rows.c.id).where(rows.c.is_open == true(), rows.c.close_profit_abs.is_not(None)),
    )


def _trades() -> TableClause:
    flags = [column("is_open", Boolean()), column("is_short", Boolean())]
    text = [column(name, String()) for name in ("pair", "strategy", "stake_currency", "enter_tag", "exit_reason")]
    rest = _columns("id open_date close_date open_rate close_rate amount close_profit_abs")
    costs = _columns("fee_open fee_close funding_fees")
    return table("trades", *flags, *text, *rest, *costs)


def _wallet() -> TableClause:
    columns = _columns("timestamp quote_currency total_quote collateral")
    return table("wallet_history", column("bot_managed", Boolean()), *columns)


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
        entry_price=c.open_rate,
        exit_price=c.close_rate,
        pnl=c.close_profit_abs,
        fees=_fees(rows),
        mode=_constant(mode),
        currency=c.stake_currency,
        entry_tag=c.enter_tag,
        exit_reason=c.exit_reason,
        funding=c.funding_fees,
        volume=_volume(rows),
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
        unrealised=cast(null(), Numeric),
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
        # Of a position its worth and what was put up for it; the row of the stake currency itself has no collateral.
        unrealised=func.coalesce(c.total_quote - c.collateral, 0),
        deposited=cast(null(), Numeric),
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
    entry = case((rows.c.is_short == true(), "sell"), else_="buy")
    rate = case((_ORDERS.ft_order_side == entry, rows.c.fee_open), else_=rows.c.fee_close)
    return _of_orders(rows, _ORDERS.cost * rate)


def _volume(rows: FromClause) -> ScalarSelect[Any]:
    """What every filled order cost, with leverage."""
    return _of_orders(rows, _ORDERS.cost)


def _of_orders(rows: FromClause, value: Column) -> ScalarSelect[Any]:
    filled = and_(_ORDERS.ft_trade_id == rows.c.id, _ORDERS.filled > 0)
    return select(func.sum(value)).where(filled).correlate(rows).scalar_subquery()
