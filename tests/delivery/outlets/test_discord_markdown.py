"""Literal text appears as exactly that text; markup is read as markup."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from reporter.delivery.outlets.discord.markdown import BLANK, escaped, markdown, markdown_line
from reporter.delivery.outlets.text_table import cells, table_lines
from reporter.messages.message import Code, Run, Table, Text, visible
from tests.delivery.outlets.messages import HOSTILE, line, nasty, prose, texts
from tests.support.discord import recognised, shown


@given(nasty | texts)
@example(HOSTILE)
@example("1. first")
@example("-# small")
@example("<t:1:R>")
@example("http://x.y")
@example("¯\\_(ツ)_/¯")
@example("a:")
@settings(max_examples=300)
def test_any_text_is_seen_as_it_is_and_nothing_in_it_is_markup(text: str) -> None:
    assert shown(escaped(text)) == visible(text)
    assert recognised(escaped(text)) == set()


@given(nasty, nasty)
def test_text_beside_text_forms_no_markup(before: str, after: str) -> None:
    written = markdown([prose(before, after)])
    assert shown(written) == f"{visible(before)}\n{visible(after)}"
    assert recognised(written) == set()


@pytest.mark.parametrize("kind", ["bold", "italic", "bold italic", "strike"])
@given(text=nasty)
def test_styled_text_is_seen_as_it_is_in_that_style(kind: str, text: str) -> None:
    written = markdown_line((Run(kind, text),))  # type: ignore[arg-type]
    assert shown(written).replace(BLANK, "") == visible(text)
    assert recognised(written) == (set(kind.split()) if visible(text).strip() else set())


@given(nasty)
@example("a``b")
@example("`a")
@example("a`")
def test_code_is_seen_as_it_is(text: str) -> None:
    written = markdown_line(line(text, "code"))
    assert shown(written).strip() == visible(text).strip()
    assert recognised(written) <= {"code"}


@given(nasty, nasty)
def test_styles_beside_each_other_stay_apart(first: str, second: str) -> None:
    seen = markdown_line((Run("bold", f"a{first}z"), Run("italic", f"a{second}z"), Run("strike", "s")))
    assert shown(seen).replace(BLANK, "") == f"a{visible(first)}za{visible(second)}zs"


@given(nasty)
def test_a_block_of_code_is_not_ended_by_its_text(text: str) -> None:
    written = markdown([Code(f"-{text}-"), prose("after")])
    assert recognised(written) == {"code block"}
    assert shown(written).replace(BLANK, "") == visible(f"-{text}-", lines=True) + "\nafter"


def test_a_link_is_masked_only_where_discord_masks_it() -> None:
    url = "https://example.com/a(b)"
    assert markdown_line(line("chart", "link", url)) == "[chart](https://example.com/a%28b%29)"
    assert markdown_line(line(url, "link", url)) == "<https://example.com/a%28b%29>"
    assert shown(markdown_line(line("a]b", "link", url))) == "a]b (https://example.com/a%28b%29)"
    assert markdown_line(line("run", "link", "javascript:alert(1)")) == "run"


def test_each_reader_sees_a_time_in_his_own_zone() -> None:
    assert markdown_line(line("a while ago", "time", "2026-11-20T00:00:00+00:00")) == "<t:1795132800:R>"
    assert markdown_line(line("14:00:00", "time", "2026-11-20T00:00:00+00:00 clock")) == "<t:1795132800:T>"
    assert markdown_line(line("2026-11-20 …", "time", "2026-11-20T00:00:00+00:00 time")) == "<t:1795132800:f>"
    assert markdown_line(line("some *day*", "time", "no date")) == r"some \*day\*"


def test_a_quote_marks_each_line() -> None:
    quote = Text((line("a"), (), line("> b")), quote=True)
    assert markdown([quote]) == f"> a\n> {BLANK}\n> \\> b"
    assert shown(markdown([quote])) == f"a\n{BLANK}\n> b"


def test_ordinary_figures_carry_no_escapes() -> None:
    assert escaped("Daily P&L: +$45.60 (+4.56%), worst -$5.30, 26W/21L!") == (
        "Daily P&L: +$45.60 (+4.56%), worst -$5.30, 26W/21L!"
    )


def test_a_table_is_aligned_by_what_is_seen() -> None:
    left = table_lines(Table(("agent", "P&L"), (("日本", "+1.00"), ("e\u0301", "-20.00"), ("x", ""))))
    assert left == ["agent  P&L", "─────  ──────", "日本   +1.00", "e\u0301      -20.00", "x"]
    right = table_lines(Table(("agent", "P&L"), (("日本", "+1.00"), ("a", "-20.00")), "<>"))
    assert {cells(row) for row in right} == {13}
