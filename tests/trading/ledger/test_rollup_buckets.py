"""Buckets that are merged say what a walk through all of their trades says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reporter.trading.ledger.path_metrics import LinePath, PathMetrics
from reporter.trading.ledger.rollup_buckets import Bucket, Hour, LongPath, Path, figures_of, fine, from_fine, hours_of
from reporter.trading.trades import Mode

changes = st.lists(st.integers(-(10**12), 10**12), max_size=12)


def walked(results: list[int]) -> Path:
    path = Path()
    for change in results:
        path.step(change)
    return path


@given(st.lists(changes, max_size=8))
def test_merged_paths_are_the_path_of_all_their_trades(parts: list[list[int]]) -> None:
    merged = reduce(Path.then, map(walked, parts), Path())
    whole = [change for part in parts for change in part]
    by_hand = PathMetrics()
    for change in whole:
        by_hand.step(change)
    assert merged == walked(whole)
    assert (merged.net, merged.fall, merged.high) == (by_hand.level, by_hand.deepest, by_hand.peak)


@given(changes, changes, changes)
def test_it_does_not_matter_which_buckets_are_merged_first(a: list[int], b: list[int], c: list[int]) -> None:
    one, two, three = walked(a), walked(b), walked(c)
    assert one.then(two).then(three) == one.then(two.then(three))


@given(st.lists(changes, max_size=8))
def test_the_deepest_fall_of_all_time_is_where_a_walk_finds_it(hours: list[list[int]]) -> None:
    path, by_hand, peak_at, fall_at = LongPath(), PathMetrics(), 0, (0, 0)
    for hour, own in enumerate(hours):
        path.take(walked(own), hour)
        for change in own:
            peak, deepest = by_hand.peak, by_hand.deepest
            by_hand.step(change)
            peak_at = hour if by_hand.peak > peak else peak_at
            fall_at = (peak_at, hour) if by_hand.deepest < deepest else fall_at
    assert (path.fall, path.level, path.peak) == (by_hand.deepest, by_hand.level, by_hand.peak)
    assert not path.fall or (path.began, path.deepest) == fall_at


def test_an_hour_has_a_bucket_for_each_agent_and_one_for_the_book() -> None:
    rows = [
        (1, "10:00", 7, "a", "live", "USDT", 2.5, 0.1, None, 50, "long", 60.0, 0),
        (2, "10:01", 7, "b", "live", "USDT", -4.0, None, None, None, "SELL", None, 0),
        (3, "11:01", 8, "a", "live", "USDT", 0.1, 0.2, 0.0, 7, "?", 0.5, 0),
    ]
    hours, trades, last = hours_of(rows)
    assert trades == 3
    assert last is not None
    assert (last.trade, last.hour) == (3, 8)
    (book,) = hours[7].books.values()
    assert len(hours[7].lines) == 2
    assert (book.trades, book.wins, book.losses, from_fine(book.pnl), book.fees_known) == (2, 1, 1, Decimal("-1.5"), 1)
    assert (book.longs, book.shorts, book.held, book.held_known, book.volume_known) == (1, 1, 60_000_000, 1, 1)
    whole = book.then(*hours[8].books.values())
    assert (whole.path.net, whole.path.fall, whole.path.high) == (-140_000_000, -400_000_000, 250_000_000)


cents = st.integers(-3, 3).map(lambda n: n / 4)
costs = st.tuples(*[st.none() | st.integers(0, 100).map(lambda n: n / 8)] * 3)
closed = st.tuples(
    st.sampled_from("ab"), cents, costs, st.sampled_from(["long", "Short", "?", None]), st.none() | cents
)


@given(st.lists(st.lists(closed, max_size=5), max_size=6))
def test_merged_hours_say_of_each_line_and_book_what_one_hour_of_all_trades_says(parts: list[list[Any]]) -> None:
    rows = [
        (number * 10 + place, "10:00", number, agent, "live", "USDT", pnl, *spent, side, held, 0)
        for number, part in enumerate(parts)
        for place, (agent, pnl, spent, side, held) in enumerate(part)
    ]
    merged, whole = Hour(), Hour()
    for _, hour in sorted(hours_of(rows)[0].items()):
        merged.take(hour)
    for hour in hours_of([(*row[:2], 0, *row[3:]) for row in rows])[0].values():
        whole.take(hour)
    assert without_checksums(merged) == without_checksums(whole)
    for agent in "ab":
        walk = LinePath()
        for trade, pnl in ((row[0], row[6]) for row in rows if row[3] == agent):
            walk.take(round(pnl * 10**8), trade)
        bucket = merged.lines.get((agent, Mode.LIVE, "USDT"), Bucket())
        assert figures_of(bucket, "USDT").streaks == walk.streaks
        assert [bucket.best, bucket.worst] == [
            None if id_ is None else (result, id_)
            for result, id_ in ((walk.best, walk.best_id), (walk.worst, walk.worst_id))
        ]


def without_checksums(hour: Hour) -> list[object]:
    own = [*hour.lines.items(), *hour.books.items()]
    return [(key, replace(bucket, checksum=0)) for key, bucket in sorted(own, key=str)]


def test_a_checksum_sees_every_edit_that_leaves_the_sums_alone() -> None:
    def checksum(*rows: tuple[object, ...]) -> int:
        ((_, hour),) = hours_of(rows)[0].items()
        return next(iter(hour.books.values())).checksum

    rest = (0, 0, 5, "long", 60, 0)
    one = (1, "10:00", 7, "a", "live", "USDT", 2, *rest)
    two = (2, "10:01", 7, "a", "live", "USDT", 3, *rest)
    swapped = ((1, "10:00", 7, "a", "live", "USDT", 3, *rest), (2, "10:01", 7, "a", "live", "USDT", 2, *rest))
    short = (*one[:-3], "short", 60, 0)
    found = {checksum(one, two), checksum(*swapped), checksum(one), checksum(one, (3, *two[1:])), checksum(short)}
    assert len(found) == 5


@given(st.lists(st.decimals(-(10**9), 10**9, places=8), max_size=50))
def test_sums_of_many_buckets_are_exact(amounts: list[Decimal]) -> None:
    whole = sum((fine(amount) for amount in amounts), 0)
    assert from_fine(whole) == sum(amounts, Decimal(0))
    assert Bucket(pnl=whole).then(Bucket(pnl=-whole)).pnl == 0
