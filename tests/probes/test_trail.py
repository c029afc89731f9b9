"""Rates from counters."""

from reporter.probes.counters import CounterHistory


def test_the_first_look_says_nothing_and_the_next_what_has_come() -> None:
    trail = CounterHistory()
    assert trail.since(100, {"hits": 50}) is None
    change = trail.since(160, {"hits": 80})
    assert change is not None
    assert (change.risen, change.within) == ({"hits": 30}, 60)
    assert (change.rate("hits"), change.told("hits")) == (0.5, "30 in 1m")


def test_only_the_last_while_counts_however_often_one_looks() -> None:
    trail = CounterHistory(span=3600, step=60)
    for second in range(0, 7201, 10):
        change = trail.since(second, {"hits": second})
    assert change is not None
    assert 3600 <= change.within <= 3660
    assert change.risen["hits"] == change.within


def test_a_counter_that_begins_anew_forgets_what_was_before() -> None:
    trail = CounterHistory()
    trail.since(0, {"hits": 500})
    assert trail.since(60, {"hits": 3}) is None
    change = trail.since(120, {"hits": 4})
    assert change is not None
    assert change.told("hits") == "1 in 1m"


def test_a_share_of_too_few_says_nothing() -> None:
    trail = CounterHistory()
    trail.since(0, {"hits": 0, "misses": 0})
    few, many = trail.since(1, {"hits": 9, "misses": 1}), trail.since(2, {"hits": 900, "misses": 100})
    assert few is not None
    assert many is not None
    assert few.share("hits", "misses") is None
    assert many.share("hits", "misses") == 90
