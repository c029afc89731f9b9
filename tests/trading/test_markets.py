from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from reporter.trading.markets import PriceAt, UsualMoves, change, correlation, regime, volatility

NOON = datetime(2026, 10, 30, 12, tzinfo=UTC)


def walk(*moves: float, minutes: int = 5) -> list[PriceAt]:
    """Prices after these moves, the last of them at noon."""
    prices = [100.0]
    for move in moves:
        prices.append(prices[-1] * (1 + move))
    start = NOON - timedelta(minutes=minutes) * len(moves)
    return [(start + timedelta(minutes=minutes) * n, price) for n, price in enumerate(prices)]


def test_a_change_is_that_since_the_price_of_then() -> None:
    samples = walk(0.01, 0.01, 0.02)
    assert change(samples, NOON, timedelta(minutes=15)) == pytest.approx(1.01 * 1.01 * 1.02 - 1)


def test_a_change_without_a_price_of_then_is_not_known() -> None:
    assert change(walk(0.01, 0.01), NOON, timedelta(hours=1)) is None
    assert change([], NOON, timedelta(hours=1)) is None


@pytest.mark.parametrize(("moves", "word"), [
    ([0.01, 0.011] * 6, "rising"), ([-0.01, -0.011] * 6, "falling"), ([0.01, -0.01] * 6, "sideways"),
    ([0.01] * 5, None),
])  # fmt: skip
def test_a_regime_is_a_move_beyond_chance(moves: list[float], word: str | None) -> None:
    assert regime(walk(*moves)) == word


def test_volatility_is_for_a_day_whatever_the_step() -> None:
    fast, slow = walk(*[0.01, -0.01] * 20, minutes=5), walk(*[0.01, -0.01] * 20, minutes=20)
    assert (volatility(fast) or 0) / (volatility(slow) or 1) == pytest.approx(2)
    assert volatility(walk(0.1)) is None


def test_markets_that_move_together_correlate() -> None:
    luck = random.Random(1)
    moves = [luck.gauss(0, 0.01) for _ in range(40)]
    same, against = correlation(walk(*moves), walk(*moves)), correlation(walk(*moves), walk(*(-m for m in moves)))
    assert same is not None
    assert against is not None
    assert same[0] == pytest.approx(1)
    assert same[1] == 40
    assert against[0] < -0.99
    assert correlation(walk(*moves), walk(*moves[:5])) is None


def test_the_usual_move_is_of_the_hour_once_it_is_known() -> None:
    usual = UsualMoves({})
    for _ in range(9):
        usual = usual.after(5, 0.01)
    assert usual.of(5) is None
    usual = usual.after(5, 0.03)
    known, otherwise = usual.of(5), usual.of(6)
    assert known is not None
    assert otherwise is not None
    assert (known[1:], otherwise[1:]) == ((10, True), (10, False))
    assert known[0] == otherwise[0] == pytest.approx(0.012)
