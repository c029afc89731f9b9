"""The terminal as a channel: what is printed, read whole."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO, StringIO, TextIOWrapper
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from reporter.delivery.outlets.console import ConsoleOutlet
from reporter.delivery.outlets.outlet import Delivered, Later, Never
from reporter.messages.markdown_parser import parse
from reporter.messages.message import Attachment, Message, Tone
from tests.delivery.outlets.kit import OutletContract
from tests.delivery.outlets.messages import HOSTILE, line, messages, summary

LETTER = """\
# 📊 Daily Performance Report – 2026-10-30
The desk **Momentum** had a *good* day, see [its page](https://desk.example/m).

> Nothing is certain.

## 💰 Overall Performance
Starting Balance: $1,000.00
Ending Balance: $1,045.60
### Trades
47
### Win Rate
55.3% (26W/21L)
### Fees
$18.80
### 日本語の名前
👨‍💻 4️⃣ ✅
### Worst
-$5.30 (Mean_Reversion_ETH_with_a_long_name)
## 🏆 Top Performers
1. Momentum_BTC_v1: +$28.40 (18 trades, 61% WR), which is more than it had ever made in a day
2. Volume_ETH_v1: +$12.30

| Agent | P&L |
| --- | --: |
| Momentum_BTC_v1 | +$28.40 |
| 日本 | -$1.00 |

```
select 1
  from x
```
---
desk of three agents
"""
DAILY = parse(LETTER, tone=Tone.GOOD, at=datetime(2026, 10, 31, 0, 1, tzinfo=UTC))

AT_80 = """\
▌ 📊 Daily Performance Report – 2026-10-30
▌
▌ The desk Momentum had a good day, see its page (https://desk.example/m).
▌
▌ │ Nothing is certain.
▌
▌ 💰 Overall Performance
▌ Starting Balance: $1,000.00
▌ Ending Balance: $1,045.60
▌
▌ Trades                    Win Rate                  Fees
▌ 47                        55.3% (26W/21L)           $18.80
▌
▌ 日本語の名前              Worst
▌ 👨‍💻 4️⃣ ✅                  -$5.30
▌                           (Mean_Reversion_ETH_with
▌                           _a_long_name)
▌
▌ 🏆 Top Performers
▌ 1. Momentum_BTC_v1: +$28.40 (18 trades, 61% WR), which is more than it had
▌ ever made in a day
▌ 2. Volume_ETH_v1: +$12.30
▌
▌ Agent                 P&L
▌ ─────────────────────────
▌ Momentum_BTC_v1   +$28.40
▌ 日本               -$1.00
▌
▌   select 1
▌     from x
▌
▌ desk of three agents · 2026-10-31 00:01 UTC

"""


class TestContract(OutletContract):
    @pytest.fixture
    def outlet(self) -> ConsoleOutlet:
        return ConsoleOutlet(StringIO())


def printed(message: Message, *, colour: bool | None = None, width: int | None = None, zone: str = "UTC") -> str:
    stream = StringIO()
    assert isinstance(ConsoleOutlet(stream, colour, width, ZoneInfo(zone)).post(message), Delivered)
    return stream.getvalue()


def test_a_message_is_printed_as_the_embed_it_is() -> None:
    assert printed(DAILY, width=80) == AT_80


def test_columns_of_the_environment_count_also_for_what_is_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, printed(DAILY).splitlines())) <= 40
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, printed(DAILY).splitlines())) > 100


def test_what_is_piped_is_a_hundred_cells_wide_and_plain() -> None:
    piped = printed(DAILY)
    assert "\x1b" not in piped
    assert "which is more than it had ever made in a day\n" in printed(DAILY, width=120)
    assert "▌ 1. Momentum_BTC_v1: +$28.40 (18 trades, 61% WR), which is more than it had ever made in a day\n" in piped


def test_a_narrow_terminal_has_fewer_columns() -> None:
    at_50 = printed(DAILY, width=50)
    assert re.search(r"▌ Trades +Win Rate\n▌ 47 +55.3% \(26W/21L\)\n▌\n▌ Fees +日本語", at_50)
    assert re.search(r"▌ Trades\n▌ 47\n▌\n▌ Win Rate\n", printed(DAILY, width=40))


@settings(max_examples=40)
@given(messages, st.integers(20, 120))
def test_any_message_fits_the_terminal_and_steers_nothing(message: Message, width: int) -> None:
    rows = printed(message, width=width).splitlines()
    assert max(map(cell_len, rows)) <= width
    assert all(row.startswith("▌") for row in rows[:-1])
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(rows))


def test_an_escape_sequence_in_a_name_is_shown_not_obeyed() -> None:
    hostile = summary(title=line("\x1b]0;owned\x07\x1b[2Jx\n▌ forged"))
    assert printed(hostile).startswith("▌ ␛]0;owned␇␛[2Jx⏎▌ forged\n")
    assert "\x1b[2J" not in printed(hostile, colour=True)


def test_foreign_markup_stays_text() -> None:
    shown = printed(summary(title=line("[bold]a[/bold] :smile: " + HOSTILE)), width=200)
    assert shown.startswith(
        "▌ [bold]a[/bold] :smile: x⏎# @everyone **pump** ||x|| <@&1> [a](http://b.c) `code` :smile:"
    )


def test_in_colour_the_bar_has_the_tone_and_links_open() -> None:
    good, bad = (printed(replace(DAILY, tone=tone), colour=True) for tone in (Tone.GOOD, Tone.BAD))
    assert good.startswith("\x1b[38;2;46;204;113m▌ \x1b[0m\x1b[1m📊 Daily")
    assert bad.startswith("\x1b[38;2;231;76;60m▌ ")
    assert re.search("\x1b]8;id=\\d+;https://desk.example/m\x1b\\\\", good)


def test_colour_and_text_say_the_same() -> None:
    bare = re.sub("\x1b\\[[0-9;]*m|\x1b]8;[^\x1b]*\x1b\\\\", "", printed(DAILY, colour=True, width=80))
    assert [row.rstrip() for row in bare.splitlines()] == AT_80.replace(" (https://desk.example/m)", "").splitlines()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[38;" in printed(DAILY)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[38;" not in printed(DAILY)


def test_times_are_those_of_the_zone() -> None:
    assert "· 2026-10-31 09:01 JST\n" in printed(DAILY, zone="Asia/Tokyo")


def test_files_are_listed_by_name_and_size() -> None:
    shown = printed(replace(DAILY, attachments=(Attachment("equity.png", b"x" * 2048, shown=True),)))
    assert "▌ 🖼️ equity.png (2.0 KiB)\n" in shown


def test_an_edit_prints_again_with_a_mark_only_what_has_changed() -> None:
    stream = StringIO()
    outlet = ConsoleOutlet(stream)
    posted = outlet.post(DAILY)
    assert isinstance(posted, Delivered)
    length = stream.tell()
    assert outlet.edit(posted.id, DAILY) == Delivered(posted.id)
    assert stream.tell() == length
    outlet.edit(posted.id, replace(DAILY, tone=Tone.BAD))
    assert stream.getvalue()[length:].rstrip().endswith("desk of three agents · edited · 2026-10-31 00:01 UTC")


def test_a_stream_that_cannot_write_an_emoji_gets_a_question_mark() -> None:
    written = BytesIO()
    stream = TextIOWrapper(written, encoding="ascii")
    assert isinstance(ConsoleOutlet(stream).post(DAILY), Delivered)
    assert b"? ? Daily Performance Report ? 2026-10-30" in written.getvalue()


class Full(StringIO):
    """A stream on a disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Broken(StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_stream_that_takes_nothing_gives_a_verdict_not_an_error() -> None:
    closed = StringIO()
    closed.close()
    gone = Never("nobody reads this output any more", gone=True)
    assert ConsoleOutlet(Full()).post(DAILY) == Later(60, "the output cannot be written: No space left on device")
    assert ConsoleOutlet(Broken()).post(DAILY) == gone
    outlet = ConsoleOutlet(StringIO())
    outlet._stream = closed
    assert outlet.post(DAILY) == outlet.look() == gone
