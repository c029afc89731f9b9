"""freqtrade's own database, in SQLite or PostgreSQL, as freqtrade 2026.9 writes it (docs/figures.md)."""

from __future__ import annotations

from dataclasses import replace
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
    Cell,
    Cells,
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
from reporter.trading.ledger.sources.readable import Readable, readable
from reporter.trading.trades import Mode

_ORDERS = table("orders", *(column(name) for name in ("id", "ft_trade_id", "ft_order_side", "cost", "filled"))).c


def freqtrade(dialect: str, mode: Mode) -> Source:
    """freqtrade's tables as a source. They do not say whether the money was real, so `mode` does."""
    rows, wallet, read = _trades(), _wallet(), readable(dialect)
    closed, equity = _closed(rows, mode, read), _equity(wallet, mode, read)
    return Source(
        # An open trade that was partly sold has a close_profit_abs too: only is_open tells. Where that is no flag, the
        # trade may be closed: it counts as one that cannot be read.
        trades=canonical(closed).where(rows.c.is_open.is_distinct_from(true())),
        raw=canonical(_stored(rows, closed)).where(rows.c.is_open.is_distinct_from(true())),
        trade_id=closed.id,
        closed_at=closed.closed_at,
        positions=canonical(_open(rows, mode, read)).where(rows.c.is_open == true()),
        agents=canonical(_agents(rows, mode, read)).distinct(),
        lists_agents=False,
        equity=canonical(equity).where(
            wallet.c.bot_managed == true(), read.formed(equity.at), equity.currency.is_not(None)
        ),
        equity_at=equity.at,
        equity_table="wallet_history",
        deposited=equity.deposited,
        tables=("trades", "orders"),
        stored=as_text if dialect == "sqlite" else as_naive,
        timing=timing(dialect),
        readable=read,
        cells=(_trade_cells(rows, read), _position_cells(rows, read), _order_cells(read), _wallet_cells(wallet, read)),
        costly=True,
        open_with_result=select(rows.c.id).where(rows.c.is_open == true(), rows.c.close_profit_abs.is_not(None)),
    )


def _trades() -> TableClause:
    flags = [column("is_open", Boolean()), column("is_short", Boolean())]
    text = [column(name, String()) for name in ("pair", "strategy", "stake_currency", "enter_tag", "exit_reason")]
    rest = _columns("id open_date close_date open_rate close_rate amount close_profit_abs leverage")
    costs = _columns("fee_open fee_close funding_fees")
    return table("trades", *flags, *text, *rest, *costs)


def _wallet() -> TableClause:
    columns = _columns("timestamp currency quote_currency total_quote collateral")
    return table("wallet_history", column("bot_managed", Boolean()), *columns)


def _columns(names: str) -> list[ColumnClause[Any]]:
    return [column(name) for name in names.split()]


def _closed(rows: FromClause, mode: Mode, read: Readable) -> TradeColumns:
    c = rows.c
    return TradeColumns(
        id=c.id,
        agent=_strategy(rows),
        strategy=c.strategy,
        market=c.pair,
        side=_side(rows),
        opened_at=read.time(c.open_date),
        closed_at=c.close_date,
        size=read.number(c.amount),
        entry_price=read.number(c.open_rate),
        exit_price=read.number(c.close_rate),
        pnl=case((c.is_open == false(), read.number(c.close_profit_abs))),
        fees=_fees(rows, read),
        mode=_constant(mode),
        currency=read.word(c.stake_currency),
        entry_tag=c.enter_tag,
        exit_reason=c.exit_reason,
        funding=read.number(c.funding_fees),
        volume=_volume(rows, read),
        leverage=read.number(c.leverage),
    )


def _stored(rows: FromClause, closed: TradeColumns) -> TradeColumns:
    """Closed trades without a check of what their columns hold, but for the orders."""
    c = rows.c
    return replace(
        closed,
        opened_at=c.open_date,
        size=c.amount,
        entry_price=c.open_rate,
        exit_price=c.close_rate,
        pnl=case((c.is_open == false(), c.close_profit_abs)),
        currency=c.stake_currency,
        funding=c.funding_fees,
        leverage=c.leverage,
    )


def _open(rows: FromClause, mode: Mode, read: Readable) -> PositionColumns:
    c = rows.c
    return PositionColumns(
        id=c.id,
        agent=_strategy(rows),
        strategy=c.strategy,
        market=c.pair,
        side=_side(rows),
        opened_at=read.time(c.open_date),
        size=read.number(c.amount),
        entry_price=read.number(c.open_rate),
        current_price=null(),  # freqtrade asks the exchange and keeps no price
        unrealised=cast(null(), Numeric),
        priced_at=null(),
        mode=_constant(mode),
        currency=read.word(c.stake_currency),
    )


def _agents(rows: FromClause, mode: Mode, read: Readable) -> AgentColumns:
    return AgentColumns(
        name=_strategy(rows),
        strategy=rows.c.strategy,
        mode=_constant(mode),
        currency=read.word(rows.c.stake_currency),
        capital=cast(null(), Numeric),
        status=cast(null(), String),
        last_seen=cast(null(), String),
    )


def _equity(wallet: FromClause, mode: Mode, read: Readable) -> EquityColumns:
    c = wallet.c
    total, collateral = read.number(c.total_quote), read.number(c.collateral)
    return EquityColumns(
        at=c.timestamp,
        agent=cast(null(), String),
        mode=_constant(mode),
        currency=read.word(c.quote_currency),
        equity=total,
        # Of a position its worth and what was put up for it. The stake currency itself has no collateral, nor has a
        # coin of a spot market: what that was bought for is not there.
        unrealised=case((c.currency == c.quote_currency, 0), else_=total - collateral),
        deposited=cast(null(), Numeric),
    )


def _trade_cells(rows: FromClause, read: Readable) -> Cells:
    """The columns of closed trades that have a form to hold."""
    c = rows.c
    flag = case((c.is_open.in_((true(), false())), c.is_open))
    names = ("funding_fees", "open_rate", "close_rate", "leverage")
    numbers = [Cell(c[name], read.number(c[name]), "a number") for name in names]
    cells = (
        Cell(c.is_open, flag, "0 or 1", needed=True),
        Cell(c.close_profit_abs, read.number(c.close_profit_abs), "a number", needed=True),
        Cell(c.close_date, read.time(c.close_date), read.time_form, needed=True),
        Cell(c.stake_currency, read.word(c.stake_currency), "a name such as USDT", needed=True),
        Cell(c.open_date, read.time(c.open_date), read.time_form),
        *numbers,
    )
    return Cells("trades", c.id, cells, c.is_open.is_distinct_from(true()))


def _position_cells(rows: FromClause, read: Readable) -> Cells:
    c = rows.c
    numbers = (Cell(c[name], read.number(c[name]), "a number") for name in ("amount", "open_rate"))
    currency = Cell(c.stake_currency, read.word(c.stake_currency), "a name such as USDT", needed=True)
    opened = Cell(c.open_date, read.time(c.open_date), read.time_form)
    return Cells("trades", c.id, (currency, opened, *numbers), c.is_open == true())


def _wallet_cells(wallet: FromClause, read: Readable) -> Cells:
    c = wallet.c
    cells = (
        Cell(c.timestamp, read.time(c.timestamp), read.time_form, needed=True),
        Cell(c.total_quote, read.number(c.total_quote), "a number", needed=True),
        Cell(c.quote_currency, read.word(c.quote_currency), "a name such as USDT", needed=True),
        Cell(c.collateral, read.number(c.collateral), "a number"),
    )
    return Cells("wallet_history", c.timestamp, cells, c.bot_managed == true())


def _order_cells(read: Readable) -> Cells:
    """The cost of filled orders, of which fees and volume are made."""
    cost = Cell(_ORDERS.cost, read.number(_ORDERS.cost), "a number", needed=True)
    return Cells("orders", _ORDERS.id, (cost,), _ORDERS.filled > 0)


def _strategy(rows: FromClause) -> Column:
    return func.coalesce(func.nullif(rows.c.strategy, ""), UNNAMED)


def _side(rows: FromClause) -> ColumnElement[str]:
    return case((rows.c.is_short == true(), "short"), else_="long")


def _constant(mode: Mode) -> Column:
    return literal_column(f"'{mode.value}'", String())


def _fees(rows: FromClause, read: Readable) -> ScalarSelect[Any]:
    """What was paid: each filled order's cost times the trade's rate for its side, as it stands inside the P&L.

    The columns fee_open_cost and fee_close_cost miss a part of every trade that was opened or closed in several orders.
    """
    entry = case((rows.c.is_short == true(), "sell"), else_="buy")
    rate = case((_ORDERS.ft_order_side == entry, rows.c.fee_open), else_=rows.c.fee_close)
    return _of_orders(rows, read.number(_ORDERS.cost) * read.number(rate))


def _volume(rows: FromClause, read: Readable) -> ScalarSelect[Any]:
    """What every filled order cost, with leverage."""
    return _of_orders(rows, read.number(_ORDERS.cost))


def _of_orders(rows: FromClause, value: Column) -> ScalarSelect[Any]:
    """The sum over a trade's filled orders; NULL as soon as one of them does not have the value."""
    filled = and_(_ORDERS.ft_trade_id == rows.c.id, _ORDERS.filled > 0)
    whole = case((func.count() == func.count(value), func.sum(value)))
    return select(whole).where(filled).correlate(rows).scalar_subquery()
