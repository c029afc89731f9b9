"""The one line of a message says what it is and its main figure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.messages.headline import LONGEST, headline
from reporter.messages.message import Block, Field, Message, Run, Table, Text


def line(text: str) -> tuple[Run, ...]:
    return (Run("text", text),) if text else ()


def prose(*lines: str) -> Text:
    return Text(tuple(map(line, lines)))


@pytest.mark.parametrize(
    ("body", "fields", "expected"),
    [
        ([prose("Too hot")], [], "Oven · Too hot"),
        ([prose("", "  Too hot  ")], [("P&L", "+1")], "Oven · Too hot"),
        ([prose("2026-10-26 to 2026-11-01")], [("P&L", "+1.00 USDT")], "Oven · P&L: +1.00 USDT"),
        ([], [("", "+1.00 USDT")], "Oven · +1.00 USDT"),
        ([Table(("agent", "P&L", "n"), (("A", "1", "9"), ("B", "-2", "8")))], [], "Oven · A: 1, B: -2"),
        ([Table(("n", "v"), (("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")))], [], "Oven · A: 1, B: 2, C: 3"),
        ([], [("", ""), ("P&L", "+1")], "Oven · P&L: +1"),
        ([prose("2026-10-30 was hot")], [], "Oven · 2026-10-30 was hot"),
        ([], [], "Oven"),
    ],
)
def test_it_is_the_title_and_what_stands_first(body: list[Block], fields: list[tuple[str, str]], expected: str) -> None:
    named = tuple(Field(line(name), (prose(value),)) for name, value in fields)
    assert headline(Message(title=line("Oven"), body=tuple(body), fields=named)) == expected


@given(st.text(), st.text())
def test_it_is_one_line_of_bounded_length(title: str, figure: str) -> None:
    text = headline(Message(title=line(title), body=(prose(figure),)))
    assert len(text) <= LONGEST
    assert "\n" not in text


@pytest.mark.parametrize(
    ("length", "shown"), [(150, "x" * 150), (151, "x" * 149 + "…"), (999, "x" * 149 + "…")], ids=["fits", "one", "many"]
)
def test_what_is_too_long_is_cut_with_a_mark(length: int, shown: str) -> None:
    assert headline(Message(title=line("x" * length))) == shown
    assert headline(Message(title=line("x" * 140 + " " * 9 + "yyy"))) == "x" * 140 + "…"
