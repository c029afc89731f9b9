"""How much of a limit is used, and the observation of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import AlertState, Level, Phase
from reporter.jobs.kit.limit_usage import LONGEST_NAME, LimitKind, LimitOwner, LimitUsage, UsageGrading
from reporter.messages.formats import Formats
from reporter.trading.books import Book, BookLine, Unread
from reporter.trading.trades import Mode, Money

NOTHING = Money(Decimal(0), "USDT")
FIGURES = {"trades": 0, "wins": 0, "losses": 0, "flat": 0, "pnl": NOTHING, "fees": None}
SUMS = {"gross_profit": NOTHING, "gross_loss": NOTHING}
BOOK = Book(**FIGURES, **SUMS, mode=Mode.LIVE, currency="USDT")  # type: ignore[arg-type]
LINE = BookLine(**FIGURES, **SUMS, key="A", ledger="bot", label="A")  # type: ignore[arg-type]
GRADING = UsageGrading(0.8, paper_critical=False, day=datetime(2026, 10, 30, tzinfo=UTC), formats=Formats())
LOSS, REVIEW = LimitKind("loss", "Loss", daily=True), LimitKind("review", "Review", mild="Under Review")

shares = st.floats(0, 50)
states = st.sampled_from([None, *(level for level in Level if level.failing)])


def gauge(used: float | None, measure: LimitKind = LOSS, book: Book = BOOK, line: BookLine | None = None) -> LimitUsage:
    return LimitUsage(measure, LimitOwner(book, line), used, "-1", "-2")


def alert(level: Level | None, day: int = 30) -> AlertState | None:
    since = datetime(2026, 10, day, 9, tzinfo=UTC)
    return None if level is None else AlertState("limit/loss", Phase.OPEN, level, since, opened_at=since)


@given(shares, shares, states)
def test_more_of_a_limit_is_never_milder(one: float, other: float, known: Level | None) -> None:
    less, more = sorted((one, other))
    levels = [GRADING.observed(gauge(used), alert(known)).level for used in (less, more)]
    assert not levels[0].worse_than(levels[1])


@given(shares, states)
def test_an_open_alert_is_never_seen_milder_for_being_open(used: float, known: Level | None) -> None:
    fresh, open_ = (GRADING.observed(gauge(used), state).level for state in (None, alert(known)))
    assert not fresh.worse_than(open_)


@given(shares, states)
def test_what_was_open_before_the_day_counts_for_nothing(used: float, known: Level | None) -> None:
    old = alert(known, day=29)
    assert GRADING.observed(gauge(used), old).level is GRADING.observed(gauge(used), None).level


@given(shares, states, st.sampled_from([LOSS, REVIEW]))
def test_paper_and_mild_measures_are_never_critical(used: float, known: Level | None, measure: LimitKind) -> None:
    paper = replace(BOOK, mode=Mode.PAPER)
    assert GRADING.observed(gauge(used, measure, paper), alert(known)).level is not Level.CRITICAL
    assert GRADING.observed(gauge(used, REVIEW), alert(known)).level is not Level.CRITICAL


@given(shares)
def test_a_book_that_is_not_whole_is_never_well(used: float) -> None:
    part = replace(BOOK, unread=(Unread("gone", "away"),))
    assert GRADING.observed(gauge(used, book=part), None).level is not Level.OK
    assert GRADING.observed(gauge(used, book=part, line=LINE), None).level is GRADING.observed(gauge(used), None).level


def test_what_nobody_knows_says_why() -> None:
    seen = GRADING.observed(gauge(None), None)
    assert (seen.level, seen.detail) == (Level.UNKNOWN, "Loss cannot be judged: -1")


@pytest.mark.parametrize(("used", "mode", "measure", "headline"), [
    (0.8, Mode.LIVE, LOSS, "Approaching Loss Limit: A"),
    (1.0, Mode.LIVE, LOSS, "LOSS LIMIT REACHED: A"),
    (1.0, Mode.PAPER, LOSS, "Loss Limit Reached: A (paper)"),
    (1.0, Mode.LIVE, REVIEW, "Under Review: A"),
])  # fmt: skip
def test_a_headline_says_what_whose_and_how_grave(used: float, mode: Mode, measure: LimitKind, headline: str) -> None:
    assert GRADING.observed(gauge(used, measure, replace(BOOK, mode=mode), LINE), None).headline == headline


@given(st.text(min_size=1))
def test_the_subject_of_any_agent_fits_its_column(name: str) -> None:
    line = replace(LINE, key=name, ledger="l" * 40)
    assert len(gauge(1, line=line).subject) <= 200
    assert line.key in gauge(1, line=line).subject or len(name) > LONGEST_NAME
