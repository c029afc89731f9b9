"""jesse's own database, as jesse 3.5.3 writes it (docs/databases.md).

jesse stores neither size nor result of a trade: both follow from its executed orders, as jesse itself computes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from reporter.errors import LedgerError
from reporter.trading.ledger.derived import DerivedRows, Row
from reporter.trading.ledger.expressions import number
from reporter.trading.ledger.mapping import moment_of
from reporter.trading.ledger.sources.base import UNNAMED

# Rows that jesse discarded or merged into others stay in the table, marked. Of orders only the executed ones count.
_TRADES = text(
    "SELECT t.id, t.strategy_name, t.symbol, t.exchange, t.type, t.opened_at, t.closed_at, t.session_mode, "
    "t.leverage, o.bought, o.bought_for, o.sold, o.sold_for, o.fees, o.orders, o.with_fee, o.priced, o.last_at "
    "FROM closedtrade t LEFT JOIN (SELECT trade_id, "
    "sum(CASE WHEN side = 'buy' THEN abs(filled_qty) END) AS bought, "
    "sum(CASE WHEN side = 'buy' THEN abs(filled_qty) * price END) AS bought_for, "
    "sum(CASE WHEN side = 'sell' THEN abs(filled_qty) END) AS sold, "
    "sum(CASE WHEN side = 'sell' THEN abs(filled_qty) * price END) AS sold_for, "
    "sum(fee) AS fees, count(*) AS orders, count(fee) AS with_fee, count(price) AS priced, max(executed_at) AS last_at "
    "FROM \"order\" WHERE status = 'EXECUTED' GROUP BY trade_id) o ON o.trade_id = t.id "
    "WHERE t.soft_deleted_at IS NULL AND t.session_mode IN ('livetrade', 'papertrade')"
)
TABLES = ("closedtrade", '"order"')
_CHANGED = (
    "SELECT count(*), max(updated_at), count(closed_at), count(soft_deleted_at) FROM closedtrade",
    'SELECT count(*), max(updated_at), count(trade_id), sum(filled_qty), sum(price), sum(fee) FROM "order"',
)


def changed(connection: Connection) -> object:
    """What differs once jesse has written something that counts here."""
    return tuple(tuple(connection.execute(text(query)).one()) for query in _CHANGED)


def derive(connection: Connection) -> DerivedRows:
    """All closed trades, open positions and agents. Raises LedgerError for what cannot be read."""
    trades: list[Row] = []
    positions: list[Row] = []
    agents: dict[object, Row] = {}
    for row in connection.execute(_TRADES).mappings():
        made = _trade(row)
        if row["closed_at"] is not None:
            trades.append(made)
        elif made["size"]:
            positions.append(_position(row, made))
        _note(agents, made)
    return DerivedRows(trades=trades, positions=positions, agents=list(agents.values()))


def _trade(row: Mapping[Any, Any]) -> Row:
    """A trade with the size, prices and result that jesse shows for it; unknown where an order has no price."""
    is_short = row["type"] == "short"
    entered, entered_for = _side(row, "sold" if is_short else "bought")
    left, left_for = _side(row, "bought" if is_short else "sold")
    entry, exit_ = _average(entered_for, entered), _average(left_for, left)
    fees = _decimal(row["fees"]) or Decimal(0)
    pnl = None
    if entered is not None and entry is not None and exit_ is not None and row["priced"] == row["orders"]:
        pnl = entered * (exit_ - entry) * (-1 if is_short else 1) - fees
    return {
        "id": str(row["id"]),
        "agent": row["strategy_name"] or UNNAMED,
        "strategy": row["strategy_name"],
        "market": row["symbol"],
        "side": "short" if is_short else "long",
        "mode": "live" if row["session_mode"] == "livetrade" else "paper",
        "currency": str(row["symbol"]).rpartition("-")[2] or "unknown",
        "size": entered,
        "entry_price": entry,
        "exit_price": exit_,
        "pnl": pnl,
        "fees": fees if row["orders"] and row["with_fee"] == row["orders"] else None,
        "opened_at": _moment(row["opened_at"]),
        "closed_at": _moment(row["closed_at"]),
        "volume": None if entered_for is None or left_for is None else entered_for + left_for,
        "leverage": _decimal(row["leverage"]),
    }


def _position(row: Mapping[Any, Any], made: Row) -> Row:
    """What of a trade is still open."""
    bought, sold = (_decimal(row[name]) or Decimal(0) for name in ("bought", "sold"))
    kept = ("id", "agent", "strategy", "market", "side", "mode", "currency", "entry_price", "opened_at")
    return {**{name: made[name] for name in kept}, "size": abs(bought - sold)}


def _side(row: Mapping[Any, Any], word: str) -> tuple[Decimal | None, Decimal | None]:
    return _decimal(row[word]), _decimal(row[f"{word}_for"])


def _average(worth: Decimal | None, size: Decimal | None) -> Decimal | None:
    return worth / size if worth is not None and size else None


def _note(agents: dict[object, Row], made: Row) -> None:
    """Keep an agent. jesse writes no heartbeat: one that does not trade may run all the same."""
    own = {"name": made["agent"], "strategy": made["strategy"], "mode": made["mode"], "currency": made["currency"]}
    agents.setdefault(made["agent"], own)


def _moment(stamp: Any) -> Any:
    """A time in milliseconds since 1970. Raises LedgerError."""
    try:
        return None if stamp is None else moment_of(stamp, "ms")
    except ValueError as error:
        raise LedgerError(str(error)) from None


def _decimal(value: Any) -> Decimal | None:
    try:
        return number(value)
    except ValueError:
        return None
