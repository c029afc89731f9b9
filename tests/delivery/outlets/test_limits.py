"""A message that is too large becomes several, and Discord accepts every one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporter.delivery.outlets.discord.limits import LIMITS, fit
from reporter.delivery.outlets.discord.markdown import markdown
from reporter.delivery.outlets.discord.outlet import DiscordOutlet
from reporter.delivery.outlets.message_splitting import NOTES, clip, cut, split_line
from reporter.delivery.outlets.outlet import Delivered, Later
from reporter.messages.message import Attachment, Code, Line, Message, Run, Severity, Table, Text, plain, plain_blocks
from reporter.secret import Secret
from tests.delivery.outlets.messages import field, line, lines, messages, prose, summary
from tests.support.discord import LocalDiscord

CLUSTERS = (
    "a",
    "é",
    "e\u0301",
    "👩🏽",
    "👨\u200d👩\u200d👧",
    "🇩🇪",
    "4\ufe0f\u20e3",
    "각",
    "\u1112\u1161\u11ab",
    "日",
    "*",
)


@pytest.fixture(scope="module")
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local


@pytest.fixture(scope="module")
def outlet(discord: LocalDiscord) -> Iterator[DiscordOutlet]:
    made = DiscordOutlet(Secret(discord.webhook("daily")), base_url=discord.base_url)
    yield made
    made.close()


def text_of(parts: list[Message]) -> str:
    """All that the parts say, without blanks: these may go where a part ends."""
    said = (text for part in parts for text in plain_blocks((*part.body, *(b for f in part.fields for b in f.blocks))))
    return "".join("".join(said).split())


@given(messages)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_discord_takes_every_part_of_any_message(outlet: DiscordOutlet, message: Message) -> None:
    for part in outlet.fit(message):
        late = part.noted("delivered 14m late", "may be a repeat", "n" * (NOTES - 50))
        verdict = outlet.post(late)
        while isinstance(verdict, Later):  # the outlet keeps the pace of the whole process
            time.sleep(verdict.after or 0.01)
            verdict = outlet.post(late)
        assert isinstance(verdict, Delivered)


@given(st.lists(lines, min_size=1, max_size=8), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_nothing_is_lost_between_parts(some: list[Line], times: int) -> None:
    message = Message(body=(Text(tuple(some) * times),), fields=(field("a", "word " * 500),))
    parts = fit(message)
    if len(parts) < 10:
        assert text_of(parts) == text_of([message])


@given(messages)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_part_needs_no_more_fitting(message: Message) -> None:
    for part in fit(message):
        assert fit(part) == [part]


@given(st.lists(st.sampled_from(CLUSTERS), min_size=2, max_size=60), st.integers(12, 40))
def test_no_cut_goes_through_what_is_seen_as_one_character(clusters: list[str], limit: int) -> None:
    ends = {len("".join(clusters[:count])) for count in range(len(clusters) + 1)}
    done = 0
    for part in split_line(line("".join(clusters)), limit, LIMITS.line):
        done += len(plain(part))
        assert done in ends


@given(lines, st.integers(0, 200))
def test_a_cut_keeps_every_run(some: Line, at: int) -> None:
    head, tail = cut(some, at)
    assert plain(head) + plain(tail) == plain(some)
    assert [run for run in (*head, *tail) if run.kind == "time"] == [run for run in some if run.kind == "time"]


@pytest.mark.parametrize(("length", "parts"), [(4096, 1), (4097, 2)])
def test_a_description_has_4096_characters(length: int, parts: int) -> None:
    assert len(fit(Message(body=(prose("a" * length),)))) == parts


def test_escapes_count() -> None:
    assert len(fit(Message(body=(prose("*" * 2048),)))) == 1
    assert len(fit(Message(body=(prose("*" * 2049),)))) == 2


def test_a_character_outside_the_basic_plane_counts_once() -> None:
    assert len(fit(Message(body=(prose("🚀" * 4096),)))) == 1


@pytest.mark.parametrize(("count", "sizes"), [(25, [25]), (26, [25, 1]), (51, [25, 25, 1])])
def test_a_message_has_25_fields(count: int, sizes: list[int]) -> None:
    parts = fit(Message(fields=tuple(field(f"name {number}", "value") for number in range(count))))
    assert [len(part.fields) for part in parts] == sizes


def test_all_text_of_a_message_together_has_6000_characters() -> None:
    message = Message(title=line("t"), fields=tuple(field(f"{number}", "v" * 900) for number in range(12)))
    parts = fit(message)
    assert [len(part.fields) for part in parts] == [6, 6]
    assert [plain(part.footer) for part in parts] == ["1/2", "2/2"]


def test_a_long_field_goes_on_in_fields_of_its_name() -> None:
    [part] = fit(Message(fields=(field("Trades", "word " * 400),)))
    assert [plain(each.name) for each in part.fields] == ["Trades", "Trades (2)"]


def test_blocks_stay_whole_where_they_can() -> None:
    first, second = fit(Message(body=(prose("a " * 1500), prose("b " * 1500))))
    assert [text_of([part]) for part in (first, second)] == ["a" * 1500, "b" * 1500]


def test_each_part_of_code_has_its_fence_and_of_a_table_its_header() -> None:
    code, table = Code("x = 1\n" * 1000, "python"), Table(("agent", "pnl"), (("Momentum", "+1.00"),) * 300, "<>")
    for part in fit(Message(body=(code,))):
        assert markdown(part.body).startswith("```python\nx = 1\n")
        assert markdown(part.body).endswith("\n```")
    parts = fit(Message(body=(table,)))
    assert len(parts) > 1
    assert all(markdown(part.body).startswith("```\nagent ") for part in parts)


def test_a_table_wider_than_a_message_is_told_cell_by_cell() -> None:
    message = Message(body=(Table(("a", "b"), (("x" * 3000, "y" * 3000),)),))
    assert text_of(fit(message)) == "ab" + "x" * 3000 + "y" * 3000


def test_only_the_first_part_calls_anybody() -> None:
    parts = fit(summary(body=(prose("word " * 3000),), severity=Severity.CRITICAL))
    assert [part.severity for part in parts] == [Severity.CRITICAL] + [Severity.INFO] * (len(parts) - 1)


def test_titles_and_names_end_in_a_mark_when_clipped() -> None:
    [part] = fit(Message(title=line("*" * 200), fields=(field("n" * 300, "v"),), footer=line("f" * 3000)))
    assert plain(part.title) == "*" * 127 + "…"
    assert plain(part.fields[0].name) == "n" * 255 + "…"
    assert plain(part.footer).endswith("…")


def test_what_is_left_out_is_counted() -> None:
    parts = fit(Message(body=(prose("x" * 50_000),)))
    assert len(parts) == 10
    kept = len(text_of(parts))
    assert plain(parts[-1].footer) == f"… {50_000 - kept:,} characters more, in whole.txt · 10/10"


def test_what_is_left_out_is_in_a_file() -> None:
    rows = tuple((str(number), "x" * 90) for number in range(500))
    parts = fit(Message(title=line("Trades"), body=(Table(("no", "what"), rows),), fields=(field("Sum", "500"),)))
    [file] = [file for part in parts for file in part.attachments]
    text = file.content.decode()
    assert [text.count("x" * 90), text.startswith("Trades"), text.endswith("Sum\n500\n")] == [500, True, True]


def test_a_very_long_text_takes_no_long_time() -> None:
    assert len(fit(Message(body=(prose("word" * 60_000),)))) == 10


def test_ten_files_go_with_a_message_and_a_large_one_is_named() -> None:
    files = tuple(Attachment(f"{number}.csv", b"1") for number in range(12))
    large = Attachment("ticks.csv", b"0" * (10 * 2**20 + 1))
    first, second = fit(summary(attachments=(large, *files)))
    assert [len(part.attachments) for part in (first, second)] == [10, 2]
    assert "ticks.csv is too large for Discord (10.0 MiB)" in plain(first.footer)


def test_files_that_ten_messages_do_not_hold_are_counted() -> None:
    parts = fit(summary(attachments=tuple(Attachment(f"{number}.csv", b"1") for number in range(103))))
    assert [len(part.attachments) for part in parts] == [10] * 10
    assert ["files more" in plain(part.footer) for part in parts] == [False] * 9 + [True]
    assert "… 3 files more" in plain(parts[-1].footer)


def test_a_clipped_line_keeps_its_styles() -> None:
    assert clip((Run("bold", "abcdef"), Run("text", "ghi")), 8, LIMITS.line) == (Run("bold", "abc"), Run("text", "…"))


def test_a_long_title_and_footer_leave_less_room_for_the_rest(outlet: DiscordOutlet) -> None:
    message = Message(title=line("t" * 256), footer=line("f" * 2048), body=(prose("x" * 9000),))
    parts = outlet.fit(message.noted("more"))
    assert text_of(parts) == "x" * 9000
    assert [type(outlet.post(part.noted("n" * (NOTES - 3)))) for part in parts] == [Delivered] * len(parts)
