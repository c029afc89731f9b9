"""How many messages a week of failures makes: the figures of the table in `docs/alerts.md`."""

from __future__ import annotations

import os
import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.notify.weeks import EVERY, HOUR, TRACES, ours, table
from tests.support.paths import DOCS

DOCUMENT = DOCS / "alerts.md"
TABLE = re.compile(r"(?<=<!-- weeks -->\n).*?(?=<!-- end of weeks -->)", re.DOTALL)
SEEDS = 20


@pytest.mark.full
def test_the_documents_figures_are_those_of_twenty_weeks() -> None:
    document = DOCUMENT.read_text("utf-8")
    made = table(SEEDS)
    if os.environ.get("REPORTER_GOLDEN") == "write":
        document = TABLE.sub(lambda _: made, document)
        DOCUMENT.write_text(document, "utf-8")
    assert made in document


@pytest.mark.parametrize(
    ("trace", "most"), [("2 h of 3 min bad, 3 min good", 5), ("2 h in which half of the looks fail", 7)]
)
def test_two_hours_of_flapping_make_few_messages(trace: str, most: int) -> None:
    assert 2 <= ours(TRACES[trace](random.Random(1))).messages <= most


@given(down=st.integers(1, 40), up=st.integers(1, 80))
@example(down=2, up=32)
def test_no_rhythm_of_two_hours_makes_more_than_six_messages(down: int, up: int) -> None:
    def fails(second: int, last: bool) -> bool:
        return second < 2 * HOUR and second // EVERY % (down + up) < down

    assert ours(fails, 4 * HOUR).messages <= 6


def test_an_outage_is_told_after_twenty_seconds_and_its_end_once() -> None:
    outcome = ours(TRACES["an outage of 10 minutes each day"](random.Random(1)))
    assert (outcome.messages, outcome.delay) == (14, 20.0)
