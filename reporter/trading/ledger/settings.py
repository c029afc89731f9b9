"""The settings of one ledger: its kind, address, starting balance and mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reporter.secret import Secret
from reporter.trading.freshness_rule import FreshnessRule
from reporter.trading.trades import Mode, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSettings:
    """Where the prices of a ledger's open positions come from.

    Of kind `freqtrade`, `url` is the address of its REST API, with its login. Of kind `ticker`, it is a template with
    `{symbol}`, or `{base}` and `{quote}`, or `{market}`; `path` leads to the price in the answer: `data.0.last`.
    Of kind `ccxt`, `exchange` is its name there, and `url` another server that speaks for it.
    """

    kind: Literal["freqtrade", "ticker", "ccxt"]
    url: Secret | None = None
    exchange: str | None = None
    username: Secret | None = None
    password: Secret | None = None
    path: str = "price"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """One trading database.

    `kind` is `native` or `freqtrade`; `url` a SQLAlchemy URL of SQLite or PostgreSQL, or the path of a SQLite file.
    `mode` says whether the money is real where the database does not (freqtrade), and which mode `starting_balance`
    belongs to. `starting_balance` has an amount a currency, `capital` an amount an agent, which the database's own
    word does not change. `mapping` says how the rows of a ledger of kind `mapping` become trades, `prices`
    where the prices of open positions come from that the database does not have. `fresh` says how old the newest trade
    may be.
    """

    name: str
    kind: str
    url: Secret | str
    starting_balance: tuple[Money, ...] = ()
    mode: Mode | None = None
    capital: Mapping[str, Money] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)
    prices: PriceSettings | None = None
    fresh: FreshnessRule | None = None
