"""What is no event is refused with the place and the remedy."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.inbox.event import EventError, read_event
from reporter.messages.message import Severity, Tone


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "an event is an object such as"),
        ({}, "kind: is missing: write what happened"),
        ({"kind": "Signal!"}, "kind: must be lower-case letters"),
        ({"kind": "signal", "severity": "loud"}, "severity: must be info, warning or critical"),
        ({"kind": "signal", "pair": "BTC"}, "pair: there is no such key; put values of your own into `fields`"),
        ({"kind": "signal", "at": "2026-10-30T14:00:00"}, "at: must be a moment with a time zone, such as 2026"),
        ({"kind": "signal", "until": "soon"}, "until: must be a moment with a time zone, such as 2026"),
        ({"kind": "signal", "title": "x" * 257}, "title: must have at most 256 characters"),
        ({"kind": "signal", "title": 5}, "title: must be text"),
        ({"kind": "signal", "seq": "x"}, "seq: must be a whole number, 0 or more"),
        ({"kind": "signal", "fields": [1]}, "fields: must be an object of at most 25 named values"),
        ({"kind": "signal", "fields": {str(n): n for n in range(26)}}, "fields: must be an object of at most 25"),
        ({"kind": "signal", "fields": {"x" * 65: 1}}, "the name of a field has between 1 and 64 characters"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(wrong: object, said: str) -> None:
    with pytest.raises(EventError) as refused:
        read_event(wrong)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("written", "kept"),
    [(0.1, Decimal("0.1")), (float("nan"), None), (10**40, str(10**40)), ([1, 2], "1, 2"), (True, True), (None, None)],
)
def test_a_value_is_made_plain(written: object, kept: object) -> None:
    assert read_event({"kind": "signal", "fields": {"value": written}}).fields == {"value": kept}


@pytest.mark.parametrize("odd", ["a\ud800b", "a\x00b", "a\x1bb", "a\x9bb"])
def test_text_is_made_fit_for_every_store_and_terminal(odd: str) -> None:
    event = read_event({"kind": "signal", "title": odd, "id": odd, "fields": {odd: odd, "list": [odd]}})
    assert (event.title, event.id, event.fields) == (
        "a\ufffdb",
        "a\ufffdb",
        {"a\ufffdb": "a\ufffdb", "list": "a\ufffdb"},
    )


@pytest.mark.parametrize(
    ("pnl", "tone"), [(200, Tone.GOOD), (-1, Tone.BAD), (0, Tone.INFO), ("+5.5", Tone.GOOD), ("N/A", Tone.INFO)]
)
def test_the_result_of_a_trade_gives_its_colour(pnl: object, tone: Tone) -> None:
    assert read_event({"kind": "trade_closed", "fields": {"pnl": pnl}}).tone == tone


@pytest.mark.parametrize(("word", "severity"), [("ERROR", "warning"), ("fatal", "critical"), ("Info", "info")])
def test_other_words_for_a_severity_are_understood(word: str, severity: str) -> None:
    assert read_event({"kind": "error", "severity": word}).severity is Severity(severity)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    st.dictionaries(st.sampled_from(["kind", "title", "fields", "at", "severity", "seq", "specversion", "data"]), JSON)
)
def test_whatever_is_handed_in_is_an_event_or_one_sentence(given_in: dict[str, object]) -> None:
    with suppress(EventError):
        assert read_event({"kind": "signal", **given_in}).kind
