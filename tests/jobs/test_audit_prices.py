"""The audit's rule `price_off`: prices of trades beside those that the market jobs saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from reporter.errors import ConfigError
from tests.jobs.feeds import FeedOfABot
from tests.jobs.test_market_update import ticker
from tests.support import golden
from tests.support.stage import Stage

AUDIT = "audit:\n  price: {price_off: 2%, severity: high}\n"
MARKET = 'btc: {{url: "{url}", trades: "BTC-*", currency: USD}}'


class PricedBot(FeedOfABot):
    """A bot whose market has a price that a test may change: `says`."""

    def __init__(self, stage: Stage, says: dict[str, Any], market: str, job: str = "audit_trades") -> None:
        super().__init__(stage, job)
        self.says = says
        config = stage.folder / "config/reporter.yaml"
        config.write_text(f"{config.read_text()}  market_update: {{channel: live}}\nmarkets: {{{market}}}\n{AUDIT}")

    def samples(self, price: object, *, seconds: float = 0) -> None:
        """Let time pass; the market job then sees this price."""
        self.says["price"] = price
        self.stage.clock.forward(seconds=seconds)
        self.stage.app.run_by_hand(self.stage.app.job("market_update"), None)

    def closed_now(self, entry: object, out: object, *, held: float = 0, **more: Any) -> None:
        own: dict[str, Any] = {"agent": "Momentum", "market": "BTC-USD", "currency": "USD", "mode": "live"}
        own |= {"entry_price": entry, "exit_price": out, "opened_at": self.stamp(held)}
        self.closes("1", **{**own, **more})

    def audits(self, *, seconds: float = 15) -> list[str]:
        return [text for text in self.read(seconds=seconds) if "Trade Audit" in text]


@pytest.fixture
def priced(stage: Stage) -> Iterator[Callable[..., PricedBot]]:
    stage.clock.now = datetime.fromisoformat("2026-01-30T14:23:45+00:00")
    says: dict[str, Any] = {"price": 0}
    with ticker(says) as url:
        yield lambda market=MARKET, **more: PricedBot(stage, says, market.format(url=url), **more)


def test_prices_beside_the_market_read_as_they_should(priced: Callable[..., PricedBot]) -> None:
    bot = priced()
    bot.audits(seconds=0)
    bot.samples("68000")
    bot.samples("69000", seconds=300)
    bot.closed_now("67900", "71070", held=200)
    app, bound = bot.stage.app, bot.stage.app.job("audit_trades")
    bot.stage.clock.forward(seconds=15)
    [found] = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("audit_trades_price_off", found.message)


def test_a_price_off_the_market_raises_an_alert_and_one_within_passes(priced: Callable[..., PricedBot]) -> None:
    bot = priced()
    bot.audits(seconds=0)
    bot.samples("100")
    bot.closed_now("98", "102")
    [passed] = bot.audits()
    assert passed.startswith("✅ Trade Audit Passed")
    bot.closed_now("97.9", "102.1")
    [failed] = bot.audits()
    assert failed.count("breaks the rule") + failed.count("exceeded limit") == 2
    assert "Overage: +0.1% (5%)" in failed


@pytest.mark.parametrize(("given", "why"), [
    ({"market": "ETH-USD"}, "no market of the config prices ETH-USD"),
    ({"currency": "EUR"}, "btc is priced in USD, the trade in EUR"),
    ({"exit_price": None}, "the trading database does not say"),
    ({"opened_at": None}, "the trading database does not say"),
    ({"opened_at": "2026-01-30 13:00:00"}, "no price of btc was seen in the ten minutes before"),
])  # fmt: skip
def test_what_cannot_be_compared_is_not_judged_and_says_why(
    priced: Callable[..., PricedBot], given: dict[str, Any], why: str
) -> None:
    bot = priced()
    bot.audits(seconds=0)
    bot.samples("100")
    bot.closed_now("100", "100", **given)
    [text] = bot.audits()
    assert text.startswith("❔ Trade Audit: not all could be judged")
    assert f"not judged: {why}" in text


def test_a_price_that_came_after_the_trade_or_long_before_says_nothing_of_it(priced: Callable[..., PricedBot]) -> None:
    bot = priced()
    bot.audits(seconds=0)
    bot.samples("100")
    bot.stage.clock.forward(seconds=601)
    bot.closed_now("100", "100")
    bot.samples("100", seconds=1)
    [text] = bot.audits()
    assert text.count("not judged: no price of btc was seen in the ten minutes before") == 2


def test_a_market_of_a_symbol_prices_the_trades_of_that_name(priced: Callable[..., PricedBot]) -> None:
    bot = priced("x: {{ledger: bot, symbol: BTC-USD, currency: USD}}")
    bot.audits(seconds=0)
    bot.holds("BTC-USD", 100)
    bot.samples(None)
    bot.closed_now("100", "103")
    [text] = bot.audits()
    assert "Limit: 2% off 100" in text


def test_another_source_under_the_same_name_has_no_past(priced: Callable[..., PricedBot], stage: Stage) -> None:
    bot = priced()
    bot.audits(seconds=0)
    bot.samples("100")
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("currency: USD}", 'currency: USD, price: "other"}'))
    stage.reload()
    bot.closed_now("100", "100")
    [text] = bot.audits()
    assert "not judged: no price of btc was seen" in text


@pytest.mark.parametrize(("job", "ago"), [("audit_report", 1), ("weekly_audit_report", 7)])
def test_the_report_of_a_day_and_of_a_week_judges_by_the_prices_of_then(
    priced: Callable[..., PricedBot], job: str, ago: int
) -> None:
    bot = priced(job=job)
    bot.samples("100")
    for out in ("100", "103", "104"):
        bot.closed_now("100", out)
    bot.closed_now("100", "100", market="ETH-USD")
    bot.stage.clock.forward(days=ago)
    app, bound = bot.stage.app, bot.stage.app.job(job)
    [found] = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees(f"{job}_price_off", found.message)


def test_a_rule_about_prices_without_markets_is_refused(priced: Callable[..., PricedBot]) -> None:
    bot = priced("")
    with pytest.raises(ConfigError, match="no market says what a price was"):
        bot.audits()
