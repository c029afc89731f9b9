"""The config of markets: what is watched, and where its price comes from."""

from __future__ import annotations

import hashlib
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from reporter.config.addresses import web_address
from reporter.config.base import Settings
from reporter.config.secrets import Address
from reporter.config.types import Name, Words, mistake
from reporter.trading.ledger import postgres_readonly
from reporter.trading.ledger.postgres_statements import acting
from reporter.trading.markets import PricedMarket


def _only_reads(query: str) -> str:
    if not postgres_readonly.reads(query) or ";" in query.rstrip().rstrip(";") or acting(query):
        raise mistake("must be one SELECT that only reads", "write such as `SELECT price FROM prices LIMIT 1`")
    return query


class MarketConfig(Settings):
    """A market. Its price comes from one source: a `url`, a `query` to a ledger, or a `symbol` of a ledger or an
    `exchange`."""

    url: Annotated[Address, AfterValidator(web_address)] | None = None
    """An HTTP address that answers JSON, or a reference to it. With `exchange`: another server that speaks for it."""
    price: str = Field("price", min_length=1, max_length=200)
    """Where the price stands in the JSON, such as `data[0].last`; for a query, its column."""
    volume: str | None = Field(None, min_length=1, max_length=200)
    """Where the volume stands."""
    liquidity: str | None = Field(None, min_length=1, max_length=200)
    """Where the liquidity stands, a number or a word."""
    ledger: Name | None = None
    """One of the `ledgers`."""
    query: Annotated[str, AfterValidator(_only_reads)] | None = None
    """A SELECT that gives one row with the columns above."""
    symbol: str | None = Field(None, min_length=1, max_length=100)
    """A market of the ledger: the newest price of its open positions. Or one of the exchange: its last price."""
    exchange: str | None = Field(None, pattern="^[a-z0-9_]{1,40}$", examples=["kraken"])
    """An exchange, by its name in ccxt."""
    currency: str = Field("USDT", max_length=12)
    """The currency of the price."""
    trades: Words = ()
    """The markets of trades that it prices for the audit, by name or pattern; its `symbol`, else its name, if empty."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        asked = self.url is not None and self.exchange is None
        sources = (asked, self.query is not None, self.symbol is not None)
        places = (asked, self.ledger is not None, self.exchange is not None)
        if sum(sources) != 1 or sum(places) != 1 or (self.exchange and not self.symbol):
            remedy = "write `url`, or `ledger` with `query` or `symbol`, or `exchange` with `symbol`"
            raise mistake("needs one source", remedy)
        return self

    @property
    def source(self) -> str:
        """A short fingerprint of where the price comes from."""
        url = "" if self.url is None or self.url.missing else self.url.reveal()
        parts = (url, self.exchange, self.ledger, self.query, self.symbol, self.price, self.currency)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def as_priced(self, name: str) -> PricedMarket:
        trades = self.trades or (self.symbol or name,)
        return PricedMarket(name=name, source=self.source, trades=trades, currency=self.currency)


Markets = dict[Name, MarketConfig]
