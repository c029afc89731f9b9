"""Prices of open positions from outside the trading database: freqtrade's REST API, a ticker in JSON, or an exchange.

Answers are kept for a while, failures too, so that many reports ask a server once. A position without a price stays
without one, and the reason is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, urlsplit

from reporter.errors import LedgerError, ReporterError
from reporter.trading.ledger import ccxt_worker
from reporter.trading.ledger.expressions import json_part, number
from reporter.trading.ledger.queries import LARGEST as AMOUNTS
from reporter.trading.ledger.settings import PriceSettings
from reporter.trading.ledger.sources.base import SHORT, amount
from reporter.trading.trades import Money, Position

KEPT = 60.0  # seconds that an answer counts
PATIENCE = 5.0  # seconds that one answer may take
TOGETHER = 10.0  # seconds that all answers of one question may take
LARGEST = 2**20  # bytes of an answer
WORKING = 30.0  # seconds for ccxt, which takes some of them to be loaded

Number = tuple[Decimal | None, Decimal | None]  # the price of a position, and what closing it would make


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """What a server said at a moment, or why nothing can be taken from it."""

    at: datetime
    kept_until: float
    value: Any = None
    why: str = ""


@dataclass(slots=True)
class PriceSource:
    """Gives positions a price. Safe to share among threads. `now` is the wall clock."""

    settings: PriceSettings
    now: Callable[[], datetime]
    _answers: dict[str, PriceAnswer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def priced(self, held: Sequence[Position]) -> tuple[list[Position], str]:
        """The positions with the prices that are known, and why others are not; a stored price stays."""
        reasons: dict[str, None] = {}
        found: list[Position] = []
        markets = sorted({one.market for one in held if one.unrealised is None})
        with self._lock:
            latest = time.monotonic() + (WORKING if self.settings.kind == "ccxt" else TOGETHER)
            for one in held:
                own, why = (one, "") if one.unrealised is not None else self._with_price(one, markets, latest)
                reasons |= {why: None} if why else {}
                found.append(own)
        return found, "; ".join(reasons)

    def of_exchange(self, markets: Sequence[str]) -> Mapping[str, Any]:
        """The last prices of these markets of the exchange, as text. Raises LedgerError where it gives none."""
        with self._lock:
            answer = self._answer("\n".join(sorted(markets)), time.monotonic() + WORKING)
        if answer.why:
            raise LedgerError(answer.why)
        found: Mapping[str, Any] = answer.value or {}
        return found

    def _with_price(self, one: Position, markets: Sequence[str], latest: float) -> tuple[Position, str]:
        try:
            answer = self._answer(self._question(one, markets), latest)
            if answer.why:
                return one, answer.why
            match self.settings.kind:
                case "freqtrade":
                    price, made = _of_freqtrade(answer.value, one)
                case "ticker":
                    price, made = _moved(self._of_ticker(answer.value, one), one)
                case "ccxt":
                    price, made = _moved(self._of_exchange(answer.value, one), one)
        except ReporterError as error:
            return one, str(error)
        unrealised = None if made is None else Money(amount(made), one.currency)
        return replace(one, current_price=price, unrealised=unrealised, priced_at=answer.at), ""

    def _question(self, one: Position, markets: Sequence[str]) -> str:
        """What is asked for a position: an address; an exchange is asked for all markets at once."""
        if self.settings.kind == "ccxt":
            return "\n".join(markets)
        template = self.settings.url.reveal() if self.settings.url else ""
        if self.settings.kind == "freqtrade":
            return template.rstrip("/") + "/api/v1/status"
        return filled(template, one.market)

    def _of_exchange(self, said: Any, one: Position) -> Decimal:
        price = _number(said.get(one.market))
        if price is None or price <= 0:
            raise LedgerError(f"{self.settings.exchange} has no price of {one.market}")
        return price

    def _of_ticker(self, said: Any, one: Position) -> Decimal:
        try:
            price = _number(json_part(said, self.settings.path))
        except (ValueError, TypeError):
            price = None
        if price is None or price <= 0:
            raise LedgerError(f"the answer has no price at `{self.settings.path}` for {one.market}")
        return price

    def _answer(self, question: str, latest: float) -> PriceAnswer:
        kept = self._answers.get(question)
        if kept and time.monotonic() < kept.kept_until:
            return kept
        left = latest - time.monotonic()
        ask = self._asked_by_ccxt if self.settings.kind == "ccxt" else self._asked
        value, why = (None, "the server of the prices is too slow") if left <= 0 else ask(question, left)
        answer = PriceAnswer(self.now(), time.monotonic() + KEPT, value, why)
        self._answers = {key: one for key, one in self._answers.items() if time.monotonic() < one.kept_until}
        self._answers[question] = answer
        return answer

    def _asked_by_ccxt(self, markets: str, left: float) -> tuple[Any, str]:
        """The prices of an exchange by market, or why there are none."""
        name, url = self.settings.exchange, self.settings.url.reveal() if self.settings.url else ""
        if find_spec("ccxt") is None:
            return None, "prices by ccxt need it: pip install 'reporter[ccxt]'"
        request = {"exchange": name, "markets": markets.split("\n"), "url": url, "timeout": PATIENCE}
        command = [sys.executable, "-I", "-X", "utf8", ccxt_worker.__file__]
        try:
            done = subprocess.run(  # noqa: S603 - our own script
                command, input=json.dumps(request).encode(), capture_output=True, timeout=left, check=False, env={}
            )
            said = json.loads(done.stdout[:LARGEST])
        except (subprocess.TimeoutExpired, ValueError, OSError):
            return None, f"{name} does not answer by ccxt"
        if said.get("error") == "NotSupported":
            return None, f"ccxt cannot ask {name} for prices"
        return said.get("prices"), f"{name} does not answer by ccxt ({said['error']})" if "error" in said else ""

    def _asked(self, address: str, left: float) -> tuple[Any, str]:
        """The JSON of an answer, or why there is none; no reason names the address, which may hold a key."""
        import httpx  # noqa: PLC0415 - heavy, and only for ledgers with prices

        from reporter.http_client import CUT, BoundedTransport, Bounds  # noqa: PLC0415 - the same

        login, host = self.settings, urlsplit(address).hostname
        auth = (login.username.reveal(), login.password.reveal()) if login.username and login.password else None
        try:
            transport = BoundedTransport(address, Bounds(min(PATIENCE, left), LARGEST))
            with httpx.Client(transport=transport, follow_redirects=False) as client:
                response = client.get(address, auth=auth)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None, f"the prices' server {host} does not answer"
        except ReporterError as error:
            return None, str(error)
        if response.status_code in {401, 403}:
            return None, f"the prices' server {host} refuses the login (HTTP {response.status_code})"
        if response.status_code != httpx.codes.OK or response.extensions.get(CUT):
            what = "an answer that is too long" if response.extensions.get(CUT) else f"HTTP {response.status_code}"
            return None, f"the prices' server {host} gives {what}"
        try:
            return json.loads(response.content, parse_float=Decimal, parse_constant=lambda _: None), ""
        except (ValueError, RecursionError):
            return None, f"the prices' server {host} does not answer in JSON"


def _moved(price: Decimal, one: Position) -> Number:
    """The price, and what the way to it from the entry price has made, without fees."""
    if one.size is None or one.entry_price is None:
        raise LedgerError(f"the size or the entry price of {one.market} is not known")
    moved = (price - one.entry_price) * abs(one.size)
    return price, -moved if one.side.lower() in SHORT else moved


def _number(value: Any) -> Decimal | None:
    """A number that can be an amount; None for anything else."""
    try:
        found = number(value)
    except (ValueError, TypeError):
        return None
    return found if found is not None and abs(found) < AMOUNTS else None


def filled(template: str, market: str) -> str:
    """A template with a market's names: `BTC/USDT:USDT` has the base BTC, the quote USDT and the symbol BTCUSDT."""
    base, _, rest = market.replace("-", "/").replace("_", "/").partition("/")
    quoted = rest.partition(":")[0]
    names = {"market": market, "base": base, "quote": quoted, "symbol": base + quoted}
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _of_freqtrade(said: Any, one: Position) -> Number:
    """By freqtrade's own reckoning, which has the fees of both sides in it."""
    trades = said if isinstance(said, list) else []
    for trade in trades:
        if isinstance(trade, Mapping) and str(trade.get("trade_id")) == one.id and trade.get("pair") == one.market:
            made = _number(trade.get("profit_abs"))
            if made is None:
                raise LedgerError(f"freqtrade knows no price of {one.market} now")
            return _number(trade.get("current_rate")), made
    raise LedgerError(f"freqtrade's API does not know the open trade {one.id} ({one.market}): is it the same bot?")
