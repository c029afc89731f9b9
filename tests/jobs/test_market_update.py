from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reporter.app.check import check_home
from reporter.errors import ConfigError
from tests.inbox.test_send import hand_in
from tests.jobs.feeds import FeedOfABot
from tests.probes.servers import serving
from tests.support import golden
from tests.support.stage import Stage
from tests.trading.ledger.test_prices import kraken

SIGNALS = [("Momentum", "BUY", 0.82), ("Mean Reversion", "SELL", 0.45), ("Volume", "NEUTRAL", None)]


@contextmanager
def ticker(answer: dict[str, Any]) -> Iterator[str]:
    """A server that answers JSON; the answer may be changed meanwhile."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/ticker"
        server.shutdown()
        thread.join()


def watching(stage: Stage, markets: str, job: str = "market_update", params: str = "{}") -> FeedOfABot:
    feed = FeedOfABot(stage, job, params)
    config = stage.folder / "config/reporter.yaml"
    config.write_text(f"{config.read_text()}markets: {{{markets}}}\n")
    return feed


def test_a_market_reads_as_it_should(stage: Stage) -> None:
    answer = {"data": [{"last": "0.5500", "volume": 45234, "depth": "High"}]}
    with ticker(answer) as url:
        paths = 'price: "data[0].last", volume: "data[0].volume", liquidity: "data[0].depth"'
        feed = watching(stage, f'btc: {{url: "{url}", {paths}, currency: ""}}')
        feed.read(seconds=0)
        answer["data"][0]["last"] = "0.5734"
        stage.clock.forward(minutes=15)
        for strategy, way, strength in SIGNALS:
            fields = {"market": "BTC-USD-UP-15m", "strategy": strategy, "signal": way, "strength": strength}
            hand_in(stage.app.store, {"kind": "signal_generated", "fields": fields}, now=stage.clock.now)
        app, bound = stage.app, stage.app.job("market_update")
        (found,) = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("market_update", found.message)


def test_a_market_may_have_a_channel_of_its_own_and_a_price_of_a_query(stage: Stage) -> None:
    feed = watching(stage, "eth: {ledger: bot, query: SELECT 2587.4 AS price}", params="{markets: {eth: live}}")
    feed.read()
    feed._looked_at = 0
    [(channel, text)] = feed.sent_to()
    assert (channel, text.splitlines()[1]) == ("live", "Current Price: 2,587.4 USDT")


def test_signals_of_what_a_market_prices_are_its_own(stage: Stage) -> None:
    feed = watching(stage, "main: {ledger: bot, query: SELECT 1 AS price, trades: BTC/USDT}")
    for pair in ("BTC/USDT", "ETH/USDT"):
        fields = {"pair": pair, "signal": "LONG", "strategy": pair[:3]}
        hand_in(stage.app.store, {"kind": "signal_generated", "fields": fields}, now=stage.clock.now)
    [text] = feed.read()
    assert "BTC: 🟢 LONG" in text
    assert "ETH" not in text


def test_the_price_of_open_positions_serves_too(stage: Stage) -> None:
    feed = watching(stage, "sol: {ledger: bot, symbol: SOL/USDT}")
    feed.bot.add(
        "positions", {"agent": "a", "market": "SOL/USDT", "side": "long", "currency": "USDT", "current_price": 165}
    )
    assert "Current Price: 165 USDT" in feed.read()[0]


def test_a_source_without_a_price_says_why_and_leaves_the_others(stage: Stage) -> None:
    with ticker({"error": "no"}) as url:
        feed = watching(stage, f'a: {{url: "{url}"}}, b: {{ledger: bot, query: SELECT 1 AS price}}')
        first, second = feed.read()
    assert "⚠️ No price: there is no price at price of the answer" in first.replace("`", "")
    assert "Current Price: 1 USDT" in second


@pytest.mark.parametrize(("market", "said"), [
    ("a: {ledger: bott, symbol: x}", "there is no ledger `bott`"),
    ("a: {symbol: x}", "needs one source"),
    ("a: {ledger: bot, query: DELETE FROM trades}", "must be one SELECT that only reads"),
])  # fmt: skip
def test_a_market_without_a_source_is_refused(stage: Stage, market: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        watching(stage, market).read()


def test_an_exchange_is_asked_by_ccxt_for_all_of_its_markets_at_once(stage: Stage) -> None:
    with serving(kraken) as port:
        place = f'exchange: kraken, url: "http://127.0.0.1:{port}"'
        feed = watching(stage, f"btc: {{{place}, symbol: BTC/USDT}}, x: {{{place}, symbol: X/Y}}")
        first, second = feed.read()
    assert "Current Price: 101.25 USDT" in first
    assert "No price: kraken has no price of X/Y" in second


@pytest.mark.parametrize(
    "market", ["{exchange: kraken}", "{exchange: kraken, symbol: A/B, ledger: bot}", "{symbol: A}"]
)
def test_an_exchange_needs_a_symbol_and_no_ledger(stage: Stage, market: str) -> None:
    with pytest.raises(ConfigError, match="needs one source"):
        watching(stage, f"btc: {market}").read()


def test_check_names_the_extra_that_an_exchange_needs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(stage, "btc: {exchange: kraken, symbol: BTC/USDT}")
    monkeypatch.setitem(sys.modules, "ccxt", None)
    found = [one.text for one in check_home(stage.app.home) if one.trouble == "config"]
    assert found == ["the config needs ccxt, not installed here: pip install 'reporter[ccxt]'"]
