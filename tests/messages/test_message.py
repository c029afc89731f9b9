"""A message survives being stored, carries no secret, and says how it was delivered."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from reporter.messages.message import (
    Attachment,
    Code,
    Field,
    Message,
    Run,
    Severity,
    Table,
    Text,
    Tone,
    from_dict,
    plain,
    plain_blocks,
    time_mark,
    to_dict,
)

NOON = datetime(2026, 10, 30, 12, tzinfo=UTC)
PROSE = Text(((Run("text", "See "), Run("link", "here", "https://example.org")), (Run("bold", "+1"),)))
WHOLE = Message(
    title=(Run("text", "Oven"),),
    body=(PROSE, replace(PROSE, quote=True), Code("a  b\nc", "sql"), Table(("n", "v"), (("A", "1"), ("B", "2")), "<>")),
    fields=(Field((Run("text", "P&L"),), (PROSE,), inline=True), Field((), (Code("x"),))),
    footer=(Run("italic", "done"),),
    tone=Tone.BAD,
    severity=Severity.WARNING,
    at=NOON,
    attachments=(Attachment("a.png", b"\x89PNG\xff", shown=True, alt="a line"), Attachment("b.csv", b"1,2")),
    silent=True,
    mention=("everyone", "user:1"),
    incident="1a2b3c4d",
    refreshes="board",
    members=(("1a2b3c4d", "probe/db"), ("5e6f", "probe/bot")),
)


@pytest.mark.parametrize(
    "message",
    [Message(), WHOLE, *(replace(WHOLE, **{one.name: getattr(Message(), one.name)}) for one in fields(Message))],
)
def test_a_message_that_was_stored_is_the_same(message: Message) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(message)))) == message


def test_a_message_of_an_earlier_version_is_still_read() -> None:
    stored = to_dict(WHOLE)
    for name in ("silent", "mention", "incident", "refreshes", "members"):
        del stored[name]
    assert from_dict(stored) == replace(WHOLE, silent=False, mention=(), incident="", refreshes="", members=())
    with pytest.raises(ValueError, match="a message of version 2 cannot be read, only version 1"):
        from_dict(stored | {"version": 2})


def test_notes_stand_behind_the_footer() -> None:
    assert WHOLE.noted("", "") is WHOLE
    assert WHOLE.noted("late", "", "twice") == replace(
        WHOLE, footer=(Run("italic", "done"), Run("text", " · "), Run("text", "late · twice"))
    )
    assert Message().noted("late").footer == (Run("text", "late"),)


def test_the_bare_text_of_a_message() -> None:
    assert plain(PROSE.lines[0]) == "See here"
    assert list(plain_blocks(WHOLE.body)) == [
        "See here",
        "+1",
        "See here",
        "+1",
        "a  b",
        "c",
        "n | v",
        "A | 1",
        "B | 2",
    ]


def test_a_moment_counts_by_itself_unless_it_has_a_style() -> None:
    assert [time_mark(NOON, style) for style in ("ago", "clock")] == [
        "2026-10-30T12:00:00+00:00",
        "2026-10-30T12:00:00+00:00 clock",
    ]
