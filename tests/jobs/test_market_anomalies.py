from __future__ import annotations

from tests.jobs.test_market_update import watching
from tests.support.stage import Stage


def test_a_move_far_beyond_the_usual_is_told_once(stage: Stage) -> None:
    feed = watching(stage, "btc: {ledger: bot, symbol: BTC/USDT}", "market_anomalies")
    feed.holds("BTC/USDT", 100)
    for n in range(16):
        feed.bot.run("UPDATE positions SET current_price = ?", [100 + 0.1 * (n % 2)])
        assert feed.read(seconds=300) == []
    feed.bot.run("UPDATE positions SET current_price = 103")
    [text] = feed.read(seconds=300)
    assert text.startswith("🌊 Unusual Move: BTC +")
    assert "times as much" in text
    assert feed.read(seconds=300) == []


def test_nothing_is_unusual_while_nothing_is_known(stage: Stage) -> None:
    feed = watching(stage, "btc: {ledger: bot, symbol: BTC/USDT}", "market_anomalies")
    feed.bot.add(
        "positions", {"agent": "a", "market": "BTC/USDT", "side": "long", "currency": "USDT", "current_price": 1}
    )
    feed.read()
    feed.bot.run("UPDATE positions SET current_price = 50")
    assert feed.read(seconds=900) == []
