from __future__ import annotations

from tests.jobs.test_market_update import watching
from tests.support import golden
from tests.support.stage import Stage


def test_a_day_of_two_markets_reads_as_it_should(stage: Stage) -> None:
    markets = (
        "btc: {ledger: bot, symbol: BTC/USDT}, eth: {ledger: bot, symbol: ETH/USDT}, sol: {ledger: bot, symbol: SOL}"
    )
    feed = watching(stage, markets, "market_analysis")
    for market in ("BTC/USDT", "ETH/USDT"):
        feed.bot.add(
            "positions", {"agent": "a", "market": market, "side": "long", "currency": "USDT", "current_price": 1}
        )
    for n in range(25):
        for market, price in (("BTC/USDT", 60_000 + 200 * n + 150 * (n % 3)), ("ETH/USDT", 2_500 + 20 * (n % 3))):
            feed.bot.run("UPDATE positions SET current_price = ? WHERE market = ?", [price, market])
        feed.read(seconds=3600)
    app, bound = stage.app, stage.app.job("market_analysis")
    (found,) = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("market_analysis", found.message)


def test_without_markets_it_says_so(stage: Stage) -> None:
    assert "No market is watched: write some under markets:." in watching(stage, "", "market_analysis").read()[0]
