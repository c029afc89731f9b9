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


def test_a_day_is_called_lively_beside_the_days_before(stage: Stage) -> None:
    feed = watching(stage, "btc: {ledger: bot, symbol: BTC/USDT}", "market_analysis")
    feed.holds("BTC/USDT", 100)
    texts = []
    for hour in range(4 * 24 + 23):
        feed.bot.run("UPDATE positions SET current_price = ?", [100 + hour % 2 * (0.1 if hour < 96 else 0.4)])
        texts = feed.read(seconds=3600)
    assert "a day, lively (3.8 times that of the 4 days before)" in texts[0]
