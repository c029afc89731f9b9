"""Rate limits that are kept ahead of time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reporter.delivery.rate_limits import MARGIN, Limit
from tests.support.discord.limiter import ALGORITHMS, Algorithm


def test_below_the_limit_nothing_waits() -> None:
    assert Limit(5, 2.0).free_at([1.0, 2.0, 3.0, 4.0]) == 0


def test_at_the_limit_the_oldest_has_to_be_out_of_sight() -> None:
    assert Limit(5, 2.0).free_at([0.5, 1.0, 1.1, 1.2, 1.3, 1.4]) == 1.0 + 2.0 + MARGIN


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(gaps=some.lists(some.floats(0, 3), max_size=60), latency=some.floats(0, 0.5))
def test_whoever_keeps_it_is_never_refused(algorithm: Algorithm, gaps: list[float], latency: float) -> None:
    limit, server = Limit(5, 2.0), ALGORITHMS[algorithm](5, 2.0)
    now, answered = 10.0, list[float]()
    for gap in gaps:
        now = max(now + gap, limit.free_at(answered))
        arrives = now + latency / 2
        assert server.wait("here", arrives) == 0
        server.count("here", arrives)
        now += latency
        answered.append(now)
