"""Asks an exchange for the last prices of some markets by ccxt, as a process of its own that ends.

It runs as a script, imports nothing of the program, takes one request as JSON on standard input, and writes one answer:
the prices by market, or why there are none. Loading ccxt takes seconds and about 75 MB, which the daemon never pays.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any
from urllib.parse import urlsplit


def main() -> int:
    """Answer one request; returns 0."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import ccxt  # noqa: PLC0415 - heavy, and of an extra

    try:
        print(json.dumps({"prices": prices(ccxt, request)}))
    except ccxt.BaseError as error:
        print(json.dumps({"error": type(error).__name__}))  # its text may hold an address
    return 0


def prices(ccxt: Any, request: dict[str, Any]) -> dict[str, str]:
    """The last price of each market that the exchange has, as text."""
    if request["exchange"] not in ccxt.exchanges:
        raise ccxt.NotSupported(request["exchange"])
    settings = {"timeout": round(1000 * request["timeout"]), "enableRateLimit": True}
    exchange = getattr(ccxt, request["exchange"])(settings)
    if request["url"]:
        exchange.urls["api"] = _moved(exchange.urls["api"], request["url"].rstrip("/"))
    exchange.load_markets()
    known = [market for market in request["markets"] if market in exchange.markets]
    if not known:
        return {}
    if exchange.has["fetchTickers"]:
        tickers = exchange.fetch_tickers(known)
    else:
        tickers = {market: exchange.fetch_ticker(market) for market in known}
    return {market: str(tickers[market]["last"]) for market in known if tickers.get(market, {}).get("last")}


def _moved(api: Any, base: str) -> Any:
    """The same addresses at another server."""
    if isinstance(api, dict):
        return {name: _moved(part, base) for name, part in api.items()}
    return base + urlsplit(api).path if isinstance(api, str) else api


if __name__ == "__main__":
    sys.exit(main())
