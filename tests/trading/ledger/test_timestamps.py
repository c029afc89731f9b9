"""Times in every form that bots store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.trading.ledger.timestamps import as_moment

MOMENT = datetime(2026, 10, 30, 12, 0, 0, 250000, tzinfo=UTC)
SECONDS = 1793361600.25


@pytest.mark.parametrize(
    "value",
    [
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.astimezone(timezone(timedelta(hours=2))),
        SECONDS,
        Decimal(str(SECONDS)),
        str(SECONDS),
        1793361600250,
        "1793361600250",
        1793361600250000,
        1793361600250000000,
        "2026-10-30 12:00:00.25",
        "2026-10-30T12:00:00.250Z",
        "2026-10-30T14:00:00,250+02:00",
        "2026-10-30 14:00:00.25+02",
        "2026-10-30 12:00:00.25 UTC",
        "2026-10-30 14:00:00.250000999 +0200 CEST",
        " 2026-10-30 12:00:00.25\n",
    ],
)
def test_a_time_is_read_in_whatever_form_it_is_kept(value: object) -> None:
    assert as_moment(value) == MOMENT


def test_a_day_is_its_midnight() -> None:
    assert as_moment(date(2026, 10, 30)) == as_moment("2026-10-30") == datetime(2026, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "now",
        "2026-13-01",
        "2026-10-30 25:00",
        "NaN",
        "inf",
        True,
        "30.10.2026",
        timedelta(1),
        "14:02",
        "2026-10-30 14:00 CET",
        "9999-12-31 23:59-01:00",
        "0001-01-01 00:00+01:00",
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        as_moment(value)


@given(st.integers(130_000_000_000, 7_000_000_000_000))
def test_seconds_and_their_thousandths_are_told_apart(thousandths: int) -> None:
    """From 1974 to 2191."""
    whole = datetime.fromtimestamp(thousandths / 1e3, UTC)
    for number in (whole.timestamp(), thousandths, thousandths * 10**3, thousandths * 10**6):
        assert abs(as_moment(number) - whole) < timedelta(milliseconds=1)
