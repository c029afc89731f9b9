"""A real account as freqtrade itself measures it: our figures where it defines them alike, and else why they differ."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from math import isclose, sqrt
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

import pytest

from reporter.trading.books import Book, BookLine, By, Figures
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trade_statistics import (
    curve_of,
    daily_returns,
    deepest_fall,
    expectancy,
    profit_factor,
    sharpe,
    sqn,
)
from reporter.trading.trades import Trade
from tests.oracles.table import START, TWO_MONTHS
from tests.support.paths import DATA

# Positions opened on 1 September at 07:13 at the earliest and on 31 October at 11:58 at the latest: 60 whole days.
DAYS = 60


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    """Copied, because reading a database in WAL mode makes files beside it."""
    copy = shutil.copy(DATA / "freqtrade.sqlite", tmp_path_factory.mktemp("freqtrade"))
    return Portfolio([LedgerSettings(name="ft", kind="freqtrade", url=str(Path(copy)), starting_balance=(START,))])


@pytest.fixture(scope="module")
def theirs() -> Any:
    return json.loads((DATA / "freqtrade.expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trades(floor: Portfolio) -> list[Trade]:
    return floor.closed_trades(TWO_MONTHS)


@pytest.fixture(scope="module")
def shares(trades: list[Trade]) -> list[float]:
    """Each trade's P&L as a share of the starting balance, as freqtrade takes it."""
    return [float(trade.pnl.amount / START.amount) for trade in trades]


def split(floor: Portfolio, by: By) -> dict[str, BookLine]:
    [book] = floor.performance(TWO_MONTHS, by=by)
    return {line.key: line for line in book.lines}


def whole(floor: Portfolio) -> Book:
    [book] = floor.performance(TWO_MONTHS, daily=True)
    return book


def has_their_figures(ours: Figures, theirs: Any) -> bool:
    """freqtrade counts a flat trade as a win; its SQN is rounded."""
    made, factor, quality = expectancy(ours), profit_factor(ours), sqn(ours)
    assert (ours.trades, ours.wins + ours.flat) == (theirs["closed_trade_count"], theirs["winning_trades"])
    assert made is not None
    assert factor is not None
    assert quality is not None
    assert isclose(made.amount, theirs["expectancy"], rel_tol=1e-9)
    assert isclose(factor, theirs["profit_factor"], rel_tol=1e-9)
    return bool(round(quality, 4) == theirs["sqn"])


def test_the_whole_has_freqtrades_figures(floor: Portfolio, theirs: Any) -> None:
    assert has_their_figures(whole(floor), theirs["trade_statistics"])


@pytest.mark.parametrize("side", ["long", "short"])
def test_each_side_has_freqtrades_figures(floor: Portfolio, theirs: Any, side: str) -> None:
    assert has_their_figures(split(floor, "side")[side], theirs[f"trade_statistics_{side}"])


def test_each_side_is_counted_in_the_whole(floor: Portfolio, theirs: Any) -> None:
    book = whole(floor)
    known = [theirs[f"trade_statistics_{side}"]["closed_trade_count"] for side in ("long", "short")]
    assert [book.longs, book.shorts] == known


def test_each_strategy_has_freqtrades_figures(floor: Portfolio, theirs: Any) -> None:
    for name, line in split(floor, "strategy").items():
        known, made, quality = theirs["metrics_by_strategy"][name], expectancy(line), sqn(line)
        counts = (line.trades, line.wins, line.losses, line.flat)
        assert counts == tuple(known[key] for key in ("closed", "wins_gt0", "losses_lt0", "draws_eq0"))
        assert made is not None
        assert isclose(made.amount, known["expectancy"], rel_tol=1e-9)
        assert quality is not None
        assert round(quality, 4) == known["sqn"]


def test_each_strategy_fell_as_deep_as_freqtrade_says(trades: list[Trade], theirs: Any) -> None:
    for name, known in theirs["metrics_by_strategy"].items():
        fall = deepest_fall(trade.pnl.amount for trade in trades if trade.strategy == name)
        assert isclose(-fall, known["max_drawdown_abs"], abs_tol=1e-8)


@pytest.mark.parametrize(("by", "named"), [("entry_tag", "enter_tag"), ("exit_reason", "exit_reason")])
def test_each_tag_and_exit_made_what_freqtrade_says(floor: Portfolio, theirs: Any, by: By, named: str) -> None:
    """freqtrade calls what has no tag `Other` and leaves an empty one; here both are one group."""
    known: dict[str, tuple[float, int]] = {}
    for row in theirs[f"performance_by_{named}"]:
        name = "" if row[named] == "Other" else row[named]
        made, count = known.get(name, (0.0, 0))
        known[name] = made + row["profit_abs"], count + row["count"]
    lines = {"" if key not in known else key: line for key, line in split(floor, by).items()}
    assert {key: line.trades for key, line in lines.items()} == {key: count for key, (_, count) in known.items()}
    assert all(isclose(line.pnl.amount, known[key][0], abs_tol=1e-8) for key, line in lines.items())


def test_each_exit_won_and_lost_as_freqtrade_says(floor: Portfolio, theirs: Any) -> None:
    lines = split(floor, "exit_reason")
    known = {name: tuple(row.values()) for name, row in theirs["stats"]["exit_reasons"].items()}
    assert {key: (line.wins, line.losses, line.flat) for key, line in lines.items()} == known


def test_freqtrades_sharpe_divides_days_by_trades(shares: list[float], theirs: Any) -> None:
    said = sum(shares) / DAYS / pstdev(shares) * sqrt(365)
    assert isclose(said, theirs["trade_statistics"]["sharpe"], rel_tol=1e-9)


def test_freqtrades_sortino_divides_days_by_losing_trades(shares: list[float], theirs: Any) -> None:
    losing = pstdev(share for share in shares if share < 0)
    said = sum(shares) / DAYS / losing * sqrt(365)
    assert isclose(said, theirs["trade_statistics"]["sortino"], rel_tol=1e-9)


def test_freqtrades_calmar_multiplies_a_mean_by_a_root(shares: list[float], theirs: Any) -> None:
    known = theirs["trade_statistics"]
    assert isclose(sum(shares) / DAYS * 100 / known["max_drawdown"] * sqrt(365), known["calmar"], rel_tol=1e-9)


def test_freqtrades_year_is_of_sixty_days(floor: Portfolio, theirs: Any) -> None:
    book = whole(floor)
    assert book.closing is not None
    growth = float(book.closing.amount / START.amount)
    assert isclose(growth ** (365 / DAYS) - 1, theirs["trade_statistics"]["cagr"], rel_tol=1e-9)
    ours = curve_of(book, TWO_MONTHS, book.opening).annual_return
    assert isclose(growth ** (365 / 61) - 1, ours or 0, rel_tol=1e-12)


def test_of_the_wallets_days_freqtrade_takes_the_spread_of_all_there_are(floor: Portfolio, theirs: Any) -> None:
    worth = [point.equity.amount for point in floor.equity(TWO_MONTHS)]
    returns = [float(after / before - 1) for before, after in pairwise(worth)]
    known = theirs["wallet_history"]["sharpe"]
    assert isclose(mean(returns) / pstdev(returns) * sqrt(365), known, rel_tol=1e-9)
    ours = sharpe(daily_returns(changes(worth), worth[0]))
    assert isclose(ours or 0, known * sqrt((len(returns) - 1) / len(returns)), rel_tol=1e-9)


def changes(levels: Iterable[Decimal]) -> list[Decimal]:
    return [after - before for before, after in pairwise(levels)]
