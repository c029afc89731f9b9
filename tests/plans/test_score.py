"""A plan is judged by the version that counted, and by names of the config alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reporter.plans.intention import Intention, understood
from reporter.plans.model import TradingPlan
from reporter.plans.score import PlanResult, result_of, scores
from reporter.trading.trades import Mode, Money, Trade
from tests.plans.desk import DARIA, MORNING, SETTINGS, Desk, desk

AUTHOR = SETTINGS.authors["d"]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as found:
        yield found


def trade(side: str = "long", market: str = "BTC/USDT", agent: str = "Momentum_v2", pnl: str = "2.50") -> Trade:
    at = MORNING + timedelta(hours=3)
    return Trade(
        id="1",
        ledger="main",
        agent=agent,
        strategy=None,
        market=market,
        side=side,
        opened_at=at,
        closed_at=at,
        size=None,
        pnl=Money(Decimal(pnl), "USDT"),
        fees=None,
        mode=Mode.LIVE,
    )


def sized(pnl: str, size: str | None = "2", **changes: object) -> Trade:
    return replace(trade(pnl=pnl), size=None if size is None else Decimal(size), **changes)  # type: ignore[arg-type]


def result(plan: TradingPlan, *trades: Trade) -> PlanResult:
    return result_of(plan, SETTINGS, AUTHOR, trades)


def test_a_line_names_side_market_and_levels() -> None:
    found = understood(
        "- Buy btc above 950, stop 930.5, target $990, risk 1%\nand Momentum.", SETTINGS.agents, SETTINGS.markets
    )
    levels = Intention("long", "BTC/USDT", *map(Decimal, ("950", "930.5", "990", "1")))
    assert (found.intentions, found.agents, found.markets) == ((levels,), ("Momentum_v2",), ("BTC/USDT",))
    assert str(found) == "long BTC/USDT, entry 950, stop 930.5, target 990, risk 1%; agent Momentum_v2"


@pytest.mark.parametrize("text", ["long DOGE", "along BTCUSD", "momentums"])
def test_nothing_is_guessed(text: str) -> None:
    assert str(understood(text, SETTINGS.agents, SETTINGS.markets)) == "no known agent or market"


@pytest.mark.parametrize(
    ("text", "trades", "verdict", "why"),
    [
        ("long BTC", [trade()], "followed", "1 trade as planned"),
        ("long BTC", [trade(), trade(side="short")], "against", "1 of 2 trades went the other way"),
        ("long BTC", [trade(market="ETH/USDT")], "not traded", "nothing that it names closed a trade"),
        ("watch BTC", [trade()], "not judged", "it has no line such as `long TSLA`"),
        ("stay calm", [trade()], "not judged", "it names no agent or market of the config"),
        ("long BTC by momentum", [trade(agent="other")], "not traded", "nothing that it names closed a trade"),
    ],
)
def test_a_plan_is_judged_by_its_trades(kept: Desk, text: str, trades: list[Trade], verdict: str, why: str) -> None:
    with kept.notebook() as notebook:
        found = result(notebook.write("d", text, DARIA, MORNING), *trades)
    assert (found.verdict, found.why) == (verdict, why)


def test_a_later_edit_does_not_count_and_is_shown(kept: Desk) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "short BTC", DARIA, MORNING)
        plan = notebook.edit("d", "long BTC", DARIA, MORNING + timedelta(hours=6))
    found = result(plan, trade())
    assert found.verdict == "against"
    assert [version.number for version in found.late_edits] == [2]


def test_a_plan_that_comes_late_is_kept_and_not_judged(kept: Desk) -> None:
    with kept.notebook() as notebook:
        found = result(notebook.write("d", "long BTC", DARIA, MORNING + timedelta(hours=6)), trade())
    assert (found.verdict, found.why) == ("not judged", "written after plans count")


def test_a_plan_withdrawn_after_it_counted_stays_in_the_score(kept: Desk) -> None:
    with kept.notebook() as notebook:
        notebook.write("d", "long BTC", DARIA, MORNING)
        plan = notebook.withdraw("d", DARIA, MORNING + timedelta(hours=6))
        judged = [result(found, trade()) for found in notebook.between(date(2026, 11, 1), date(2026, 11, 30))]
    assert result(plan, trade()).verdict == "followed"
    (score,) = scores(judged)
    assert (score.counts["followed"], score.judged, score.followed_share) == (1, 1, None)


def test_amounts_of_two_modes_are_not_added(kept: Desk) -> None:

    with kept.notebook() as notebook:
        plan = notebook.write("d", "long BTC", DARIA, MORNING)
    found = result(plan, trade(), replace(trade(), mode=Mode.PAPER), trade(pnl="-1"))
    assert found.pnl == ((Mode.LIVE, Money(Decimal("1.50"), "USDT")), (Mode.PAPER, Money(Decimal("2.50"), "USDT")))


LEVELS = "long BTC above 950, stop 930"


@pytest.mark.parametrize(
    ("text", "trades", "multiples"),
    [
        (LEVELS, [sized("60")], [(Mode.LIVE, "1.5")]),
        (LEVELS, [sized("60"), sized("-40")], [(Mode.LIVE, "0.5")]),
        (LEVELS, [sized("60"), sized("-40", mode=Mode.PAPER)], [(Mode.LIVE, "1.5"), (Mode.PAPER, "-1")]),
        ("short BTC at 930, stop 950", [sized("20", "-1", side="short")], [(Mode.LIVE, "1")]),
        (LEVELS, [sized("60"), sized("9", side="short")], [(Mode.LIVE, "1.5")]),
        (LEVELS, [sized("60"), sized("60", None)], []),
        (LEVELS, [sized("60", "0")], []),
        (LEVELS, [replace(sized("60"), pnl=Money(Decimal(60), "BTC"))], []),
        ("long BTC, stop 930", [sized("60")], []),
        ("long BTC above 950", [sized("60")], []),
        ("long BTC above 930, stop 950", [sized("60")], []),
        (f"{LEVELS}\nlong BTC above 960, stop 930", [sized("60")], []),
        (f"{LEVELS}\nlong BTC", [sized("60")], []),
        (LEVELS, [], []),
    ],
)
def test_what_a_plan_made_is_measured_by_its_planned_risk(
    kept: Desk, text: str, trades: list[Trade], multiples: list[tuple[Mode, str]]
) -> None:
    with kept.notebook() as notebook:
        found = result(notebook.write("d", text, DARIA, MORNING), *trades)
    assert found.multiples == tuple((mode, Decimal(multiple)) for mode, multiple in multiples)


@pytest.mark.parametrize(("plans", "mean"), [(19, None), (20, Decimal("0.5"))])
def test_a_mean_multiple_needs_as_many_plans_as_a_share(kept: Desk, plans: int, mean: Decimal | None) -> None:
    with kept.notebook() as notebook:
        plan = notebook.write("d", LEVELS, DARIA, MORNING)
    (score,) = scores([result(plan, sized("20"))] * plans + [result(plan)])
    assert (score.measured(Mode.LIVE), score.mean_multiple(Mode.LIVE)) == (plans, mean)
    assert score.mean_multiple(Mode.PAPER) is None
