from __future__ import annotations

import random

import pytest

from reporter.trading.markets import UsualMoves, correlation, correlation_words, volatility_word
from tests.trading.test_markets import walk


@pytest.mark.parametrize(("ratio", "n", "words"), [
    (0.95, 24, "closely together"), (-0.95, 24, "closely against each other"), (0.6, 24, "mostly together"),
    (0.3, 288, "loosely together"), (0.3, 24, "no clear relation"), (0.6, 10, "no clear relation"),
    (-0.05, 288, "no clear relation"),
])  # fmt: skip
def test_correlation_has_a_word_that_minds_its_n(ratio: float, n: int, words: str) -> None:
    assert correlation_words(ratio, n) == words


def test_markets_without_relation_are_rarely_called_related() -> None:
    luck = random.Random(5)
    found = [correlation(*(walk(*(luck.gauss(0, 0.01) for _ in range(50))) for _ in range(2))) for _ in range(400)]
    words = [correlation_words(*one) for one in found if one]
    assert len(words) == 400
    assert words.count("no clear relation") / 400 == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize(("ratio", "word"), [(0.5, "calm"), (1.0, "as usual"), (1.4, "as usual"), (1.6, "lively")])
def test_volatility_has_a_word(ratio: float, word: str) -> None:
    assert volatility_word(ratio) == word


def test_prices_of_one_minute_belong_together() -> None:
    luck = random.Random(1)
    moves = [luck.gauss(0, 0.01) for _ in range(20)]
    late = [(at.replace(second=9), price) for at, price in walk(*moves)]
    found = correlation(walk(*moves), late)
    assert found is not None
    assert found[1] == 20


def test_a_calm_market_is_rarely_called_unusual() -> None:
    """A few moves of one hour are no measure: by them alone these ten weeks had 22 messages."""
    told = 0
    for seed in range(5):
        luck, usual, prices = random.Random(seed), UsualMoves({}), [0.0]
        for n in range(14 * 288):
            prices.append(prices[-1] + luck.gauss(0, 0.001))
            size, hour = abs(prices[-1] - prices[max(0, n - 2)]), n // 12 % 168
            known = usual.of(hour)
            told += bool(known and size >= 5 * known[0])
            usual = usual.after(hour, size)
    assert told <= 4


def test_a_price_that_stands_still_teaches_nothing() -> None:
    assert UsualMoves({}).after(3, 0.0) == UsualMoves({})
