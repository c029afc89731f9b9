"""The Markdown parser: the result of each mark of the grammar, and that no value can be one."""

from __future__ import annotations

from string import ascii_lowercase, digits
from unicodedata import bidirectional, category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reporter.messages.markdown_parser import MarkdownError, parse, placeholder
from reporter.messages.message import (
    Block,
    Code,
    Field,
    Line,
    Message,
    Run,
    RunKind,
    Severity,
    Table,
    Text,
    Tone,
    visible,
)

# Any text, with more than its share of what means something to Markdown, to Discord, to a terminal or to us.
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text(
    st.sampled_from("#*_~`|>-+=[]()<>@:\\/!&1.x \n\r\t\0\x1b\u2028\u200b\u202e\ue000\ue001\ud800")
)


def run(text: str, kind: RunKind = "text", url: str = "") -> Line:
    return (Run(kind, text, url),)


def body(text: str) -> tuple[Block, ...]:
    return parse(text).body


def test_a_message_is_a_title_text_fields_and_a_footer() -> None:
    text = "# Title\ntext\n## Wide\nvalue\n### Beside\nother\n---\nfoot"
    assert parse(text, tone=Tone.GOOD, severity=Severity.WARNING) == Message(
        title=run("Title"),
        body=(Text((run("text"),)),),
        fields=(
            Field(run("Wide"), (Text((run("value"),)),)),
            Field(run("Beside"), (Text((run("other"),)),), inline=True),
        ),
        footer=run("foot"),
        tone=Tone.GOOD,
        severity=Severity.WARNING,
    )


def test_lines_keep_their_breaks_and_paragraphs_are_blocks() -> None:
    assert body("one\ntwo\n\n\n\nthree") == (Text((run("one"), run("two"))), Text((run("three"),)))


def test_lists_are_lines_with_their_markers() -> None:
    lines = "• a", "  • b", "• c", "  d", "3. e", "4) f"
    assert body("- a\n  - b\n\n- c\n  d\n\n3. e\n\n4) f") == (
        Text(tuple(run(line) for line in lines[:4])),
        Text((run(lines[4]),)),
        Text((run(lines[5]),)),
    )


def test_a_list_right_below_its_heading_line_stays_with_it() -> None:
    assert body("Best:\n- a\n- b") == (Text((run("Best:"), run("• a"), run("• b"))),)


def test_quotes_code_and_tables_are_blocks_of_their_own() -> None:
    text = "> said\n> - so\n\n```SQL x\nselect\n  1\n```\n| a | b | c |\n|---|--:|:-:|\n| 1 | **2** |"
    assert body(text) == (
        Text((run("said"), run("• so")), quote=True),
        Code("select\n  1", "sql"),
        Table(("a", "b", "c"), (("1", "2", ""),), "<>^"),
    )


@pytest.mark.parametrize(
    ("markup", "kind"),
    [("**a**", "bold"), ("*a*", "italic"), ("***a***", "bold italic"), ("~~a~~", "strike"), ("`a`", "code")],
)
def test_marks_make_runs(markup: str, kind: RunKind) -> None:
    assert body(f"x {markup} y") == (Text(((Run("text", "x "), Run(kind, "a"), Run("text", " y")),)),)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://a.example/b?c=d#e", "https://a.example/b?c=d#e"),
        (placeholder("https://a.example/(x)"), "https://a.example/%28x%29"),
        (f"https://a.example/{placeholder('ä b?c')}", "https://a.example/%C3%A4%20b%3Fc"),
    ],
)
def test_web_addresses_make_links(address: str, url: str) -> None:
    assert body(f"[here]({address})") == (Text((run("here", "link", url),)),)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "//a.example", "ftp://a.example", "https://", "/etc/passwd"]
)
def test_other_addresses_are_shown_as_text(address: str) -> None:
    assert body(f"[here]({address})") == body(f"[here]({placeholder(address)})") == (Text((run(f"here ({address})"),)),)


@pytest.mark.parametrize("text", ["@everyone", "<@1>", "<#2>", "<b>x</b>", "&amp;", "![x](y)", "x\n==="])
def test_what_the_grammar_does_not_have_is_plain_text(text: str) -> None:
    (block,) = body(text)
    assert isinstance(block, Text)
    assert {each.kind for line in block.lines for each in line} == {"text"}


def test_a_time_counts_by_itself_but_not_in_code_or_links() -> None:
    when = placeholder("14:00", "2026-10-30T14:00:00+00:00")
    (block,) = body(f"**{when}** `{when}` [{when}](https://a.example)")
    assert isinstance(block, Text)
    assert [(each.kind, each.text) for each in block.lines[0] if each.text != " "] == [
        ("time", "14:00"),
        ("code", "14:00"),
        ("link", "14:00"),
    ]


def test_footer_lines_are_joined() -> None:
    assert parse("# a\n---\none\n\n**two**").footer == (*run("one · "), *run("two", "bold"))


def test_a_field_may_be_empty() -> None:
    assert parse("### name").fields == (Field(run("name"), (), inline=True),)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# a\n\n# b", 3, "a message has one title"),
        ("# a\n---\nb\n---", 4, "a message has one footer"),
        ("## a\n# b", 2, "the order is title, text, fields, `---` and the footer"),
        ("# a\n---\n## b", 3, "the order is title, text, fields, `---` and the footer"),
        ("#### a", 1, "a heading has one, two or three `#`"),
        ("> # a", 1, "headings and rules stand at the left, outside quotes and lists"),
        ("text\n- ```\n  x\n  ```", 2, "a list holds text and lists, nothing else"),
        ("# a\n---\n```\nx\n```", 2, "the footer is text, without tables or code"),
        ("\n \n", None, "the message is empty"),
    ],
)
def test_what_breaks_the_grammar_is_refused_with_its_line(text: str, line: int | None, message: str) -> None:
    with pytest.raises(MarkdownError) as caught:
        parse(text)
    assert (caught.value.message, caught.value.line) == (message, line)


def text_with(value: str) -> str:
    """A text with the value in every place that there is."""
    v = placeholder(value)
    return (
        f"# {v} a **{v} a** {v}\n{v} a\n*{v} a* ~~{v} a~~ `{v} a` ***{v} a***\n"
        f"[{v} a](https://a.example/) a {v}\n\n- {v} a\n  1. {v} a\n\n> {v} a\n\n"
        f"## {v} a\n```{v}\na {v} a\n```\n### {v} a\n| {v} a | {v} b |\n|---|---|\n| {v} c | d {v} |\n---\n{v} a"
    )


def message_with(value: str) -> Message:
    """What that text means, whatever the value."""
    v, code = visible(value), visible(value, lines=True)
    language = "".join(each for each in v.partition(" ")[0].lower() if each in f"{digits}{ascii_lowercase}+#-")
    space = Run("text", " ")
    return Message(
        title=(Run("text", f"{v} a "), Run("bold", f"{v} a"), Run("text", f" {v}")),
        body=(
            Text(
                (
                    run(f"{v} a"),
                    (
                        Run("italic", f"{v} a"),
                        space,
                        Run("strike", f"{v} a"),
                        space,
                        Run("code", f"{v} a"),
                        space,
                        Run("bold italic", f"{v} a"),
                    ),
                    (Run("link", f"{v} a", "https://a.example/"), Run("text", f" a {v}")),
                )
            ),
            Text((run(f"• {v} a"), run(f"  1. {v} a"))),
            Text((run(f"{v} a"),), quote=True),
        ),
        fields=(
            Field(run(f"{v} a"), (Code(f"a {code} a", language),)),
            Field(run(f"{v} a"), (Table((f"{v} a", f"{v} b"), ((f"{v} c", f"d {v}"),), "<<"),), inline=True),
        ),
        footer=run(f"{v} a"),
    )


@given(ANY_TEXT)
@example("x\n# @everyone **pump** ||x||")
@example("](https://evil.example) [")
@example("\n---\n# forged")
@example("`` ``` ~~~ | -- |")
@example(placeholder("x"))
@example("")
def test_a_value_is_that_very_text_wherever_it_stands(value: str) -> None:
    assert parse(text_with(value)) == message_with(value)


@given(ANY_TEXT)
def test_visible_text_has_nothing_hidden_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert not {category(each) for each in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {bidirectional(each) for each in shown} & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\nc\u2028d", "a⏎b⏎c⏎d"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("pay\u202egnp.exe", "paygnp.exe"),
        ("ad\u200bmin\u3164\ufeff", "admin"),
        ("👨\u200d💻 4\ufe0f\u20e3 a\u200db", "👨\u200d💻 4\ufe0f\u20e3 ab"),
        ("\ud800\x9b", "\ufffd\ufffd"),
        ("日本 é \u05d0", "日本 é \u05d0"),
    ],
)
def test_what_could_hide_or_steer_is_dropped_or_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_in_code_lines_stay_lines() -> None:
    assert visible("a\r\nb\tc\x1b", lines=True) == "a\nb    c␛"
