"""hummingbot's own database, as hummingbot 20260922 writes it (docs/databases.md).

An agent is a controller where there is one, else the strategy's config file. A closed trade is an executor; the fills
of a config file without executors are matched by average cost. Prices, amounts and fees are integers times 10^6.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from reporter.errors import LedgerError
from reporter.trading.average_cost import Closing, Fill, OpenPosition, closings
from reporter.trading.ledger.derived import DerivedRows, Row
from reporter.trading.ledger.expressions import number
from reporter.trading.ledger.fee_rates import no_rate
from reporter.trading.ledger.mapping import moment_of
from reporter.trading.ledger.sources.base import UNNAMED

SCALE = Decimal(1_000_000)
_PAPER = "_paper_trade"
# hummingbot knows a market of perpetual futures by this word in the connector's name. It trades no other with leverage.
_PERPETUAL = "perpetual"
_POSITION_HOLD = 10
_REASONS = {
    1: "time_limit",
    2: "stop_loss",
    3: "take_profit",
    4: "expired",
    5: "early_stop",
    6: "trailing_stop",
    7: "insufficient_balance",
    8: "failed",
    9: "completed",
}
_EXECUTORS = text(
    "SELECT id, timestamp, close_type, close_timestamp, config, net_pnl_quote, cum_fees_quote, filled_amount_quote, "
    'is_active, custom_info, controller_id FROM "Executors"'
)
_FILLS = text(
    "SELECT config_file_path, strategy, market, symbol, quote_asset, timestamp, order_id, trade_type, price, amount, "
    'leverage, trade_fee, trade_fee_in_quote, exchange_trade_id FROM "TradeFill" ORDER BY timestamp'
)
_HELD = text(
    "SELECT id, controller_id, connector_name, side, trading_pair, timestamp, amount, breakeven_price, "
    'unrealized_pnl_quote, realized_pnl_quote, cum_fees_quote FROM "Position"'
)
TABLES = ('"TradeFill"', '"Executors"', '"Position"')
_CHANGED = (
    'SELECT count(*), max(timestamp), sum(amount) FROM "TradeFill"',
    'SELECT count(*), sum(close_timestamp), sum(net_pnl_quote), max(timestamp), max(is_active) FROM "Executors"',
    'SELECT count(*), max(timestamp), sum(realized_pnl_quote), sum(unrealized_pnl_quote) FROM "Position"',
)


def changed(connection: Connection) -> object:
    """What differs once hummingbot has written something that counts here."""
    return tuple(tuple(connection.execute(text(query)).one()) for query in _CHANGED)


def derive(connection: Connection) -> DerivedRows:
    """All closed trades, open positions and agents. Raises LedgerError for what cannot be read."""
    trades: list[Row] = []
    positions: list[Row] = []
    fills: list[Row] = []
    agents: dict[str, Row] = {}
    controlled: dict[str, str] = {}
    for executor in connection.execute(_EXECUTORS).mappings():
        info, config = _json(executor["custom_info"]), _json(executor["config"])
        controller = _controller(executor, config)
        controlled |= {str(order): controller for order in info.get("order_ids") or ()}
        row = _of_executor(executor, config, info)
        if row is not None:
            trades.append(row)
            _note(agents, row, str(config.get("controller_id") or ""))
    for held in connection.execute(_HELD).mappings():
        realised, position = _of_held(held)
        trades.extend([realised] if realised else [])
        positions.append(position)
        _note(agents, position, "")
    trades.extend(_of_fills(connection, controlled, positions, agents, fills))
    return DerivedRows(trades=trades, positions=positions, agents=list(agents.values()), fills=fills)


def _of_executor(row: Mapping[Any, Any], config: Mapping[str, Any], info: Mapping[str, Any]) -> Row | None:
    """A closed executor as a trade; None for one that is at work, or that left its position open."""
    if row["is_active"] or row["close_timestamp"] is None or row["close_type"] in {None, _POSITION_HOLD}:
        return None
    market, connector = str(config.get("trading_pair") or "unknown"), str(config.get("connector_name") or "")
    return {
        "id": f"executor/{row['id']}",
        "agent": _controller(row, config),
        "strategy": str(config.get("type") or ""),
        "market": market,
        "side": {1: "long", 2: "short"}.get(_side(config.get("side", info.get("side")))),
        "mode": _mode(connector),
        "currency": _quote(market),
        "size": _decimal(config.get("amount")),
        "entry_price": _decimal(info.get("current_position_average_price") or config.get("entry_price")),
        "exit_price": _decimal(info.get("close_price")),
        "pnl": _decimal(row["net_pnl_quote"]),
        "fees": _decimal(row["cum_fees_quote"]),
        "opened_at": _moment(row["timestamp"]),
        "closed_at": _moment(row["close_timestamp"]),
        "exit_reason": _REASONS.get(row["close_type"], str(row["close_type"])),
        "volume": _decimal(row["filled_amount_quote"]),
        "leverage": _leverage(connector, config),
    }


def _leverage(connector: str, config: Mapping[str, Any]) -> Decimal | None:
    """The leverage of an executor. On a spot market its config may name one too, which hummingbot does not use."""
    if not connector:
        return None
    return _decimal(config.get("leverage")) if _PERPETUAL in connector.lower() else Decimal(1)


def _controller(row: Mapping[Any, Any], config: Mapping[str, Any]) -> str:
    return str(row["controller_id"] or config.get("controller_id") or UNNAMED)


def _of_held(row: Mapping[Any, Any]) -> tuple[Row | None, Row]:
    """A position that executors left open: what it has realised by now, as hummingbot counts it, and what is open."""
    market, agent = str(row["trading_pair"]), str(row["controller_id"])
    shared: Row = {
        "agent": agent,
        "strategy": "held position",
        "market": market,
        "side": "long" if str(row["side"]).upper().endswith("BUY") else "short",
        "mode": _mode(str(row["connector_name"])),
        "currency": _quote(market),
    }
    size, at = _scaled(row["amount"]), _moment(row["timestamp"])
    position = {
        **shared,
        "id": f"held/{row['id']}",
        "size": size,
        "entry_price": _scaled(row["breakeven_price"]),
        "unrealised_pnl": _scaled(row["unrealized_pnl_quote"]),
        "priced_at": at,
    }
    realised = _scaled(row["realized_pnl_quote"])
    if not realised:
        return None, position
    fees = _scaled(row["cum_fees_quote"])
    trade = {**shared, "id": f"held/{row['id']}", "pnl": realised, "fees": fees, "closed_at": at}
    return {**trade, "exit_reason": "held position"}, position


def _of_fills(
    connection: Connection,
    controlled: Mapping[str, str],
    positions: list[Row],
    agents: dict[str, Row],
    single: list[Row],
) -> Iterator[Row]:
    """The closings of config files without executors, and what their fills leave open; `single` gets every fill."""
    fills: dict[tuple[str, str, str], list[Fill]] = defaultdict(list)
    shared: dict[tuple[str, str, str], Row] = {}
    leverages: dict[tuple[str, str, str], set[Decimal | None]] = defaultdict(set)
    with_executors: set[str] = set()
    for row in connection.execute(_FILLS).mappings():
        key = (str(row["config_file_path"]), str(row["market"]), str(row["symbol"]))
        if row["order_id"] in controlled:
            with_executors.add(key[0])
        fill = _fill(row)
        fills[key].append(fill)
        leverages[key].add(_decimal(row["leverage"]))
        shared[key] = {
            "agent": key[0].rpartition("/")[2] or str(row["strategy"] or UNNAMED),
            "strategy": str(row["strategy"]),
            "market": key[2],
            "mode": _mode(key[1]),
            "currency": str(row["quote_asset"]),
        }
        agent = controlled.get(row["order_id"], shared[key]["agent"])
        single.append({**shared[key], "agent": agent, **fill.as_row()})
    for key, own in fills.items():
        if key[0] in with_executors:
            continue
        position, common = OpenPosition(), shared[key]
        # Fills with several are matched by average cost, and nobody can say which of them a trade had.
        leverage = next(iter(leverages[key])) if len(leverages[key]) == 1 else None
        for closing in closings(own, position):
            yield {**common, **_row(closing), "leverage": leverage}
        _note(agents, common, "")
        if position.quantity:
            positions.append({**common, **_open(position), "id": "/".join(key)})


def _fill(row: Mapping[Any, Any]) -> Fill:
    amount = _scaled(row["amount"]) or Decimal(0)
    fee, unpriced = _fee(row)
    return Fill(
        id=f"{row['market']}/{row['order_id']}/{row['exchange_trade_id']}",
        at=_moment(row["timestamp"]),
        quantity=amount if row["trade_type"] == "BUY" else -amount,
        price=_scaled(row["price"]) or Decimal(0),
        fee=fee,
        unpriced=unpriced,
    )


def _fee(row: Mapping[Any, Any]) -> tuple[Decimal | None, str]:
    """The fee in the quote currency. hummingbot writes 0 where it knew no rate of the fee's token: the fee is unknown
    then, and the token is named."""
    if row["trade_fee_in_quote"]:
        return _scaled(row["trade_fee_in_quote"]), ""
    fee = _json(row["trade_fee"])
    tokens = [str(flat.get("token")) for flat in fee.get("flat_fees") or () if _decimal(flat.get("amount"))]
    if _decimal(fee.get("percent")):
        tokens.append(str(fee.get("percent_token")))
    return (None, tokens[0]) if tokens else (Decimal(0), "")


def _row(closing: Closing) -> Row:
    return {
        "id": closing.id,
        "side": closing.side,
        "size": closing.size,
        "entry_price": closing.entry_price,
        "exit_price": closing.exit_price,
        "pnl": closing.net if closing.net is not None else no_rate(closing.unpriced),
        "unpriced": closing.unpriced or None,
        "fees": closing.fees,
        "opened_at": closing.opened_at,
        "closed_at": closing.closed_at,
        "volume": closing.size * (closing.entry_price + closing.exit_price),
    }


def _open(position: OpenPosition) -> Row:
    return {
        "side": "long" if position.quantity > 0 else "short",
        "size": abs(position.quantity),
        "entry_price": position.average_price,
        "opened_at": position.opened_at,
    }


def _note(agents: dict[str, Row], row: Row, strategy: str) -> None:
    """Keep an agent. hummingbot writes no heartbeat: one that does not trade may run all the same."""
    strategy_of = row["strategy"] if not strategy else None
    own = {"name": row["agent"], "strategy": strategy_of, "mode": row["mode"], "currency": row["currency"]}
    agents.setdefault(str(row["agent"]), own)


def _moment(stamp: Any) -> datetime:
    """A time in seconds or milliseconds since 1970, told apart by its size. Raises LedgerError."""
    try:
        found = moment_of(stamp)
    except ValueError as error:
        raise LedgerError(str(error)) from None
    if found is None:
        raise LedgerError("a row has no time")
    return found


def _scaled(value: Any) -> Decimal | None:
    number = _decimal(value)
    return None if number is None else number / SCALE


def _decimal(value: Any) -> Decimal | None:
    try:
        return number(value)
    except ValueError:
        return None


def _json(value: Any) -> dict[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str | bytes) else value
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _side(value: Any) -> int:
    words = {"BUY": 1, "SELL": 2, "TRADETYPE.BUY": 1, "TRADETYPE.SELL": 2}
    return words.get(str(value).upper(), int(value) if str(value).isdigit() else 0)


def _mode(market: str) -> str:
    return "paper" if market.endswith(_PAPER) else "live"


def _quote(pair: str) -> str:
    return pair.rpartition("-")[2] or "unknown"
