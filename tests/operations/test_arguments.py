"""From the words of a question to arguments: by place, behind a word, to the end; and what is said of a mistake."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

import pytest

from reporter.operations.answering import found, understood
from reporter.operations.arguments import read_arguments, usage, validated
from reporter.operations.operation import NotUnderstoodError
from reporter.operations.table import BY_NAME, OPERATIONS
from tests.support.paths import DOCS


def read(text: str) -> dict[str, Any]:
    operation, words = understood(text)
    arguments = read_arguments(operation, words)
    return {name: getattr(arguments, name) for name in arguments.model_fields_set}


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("pnl", {}),
        ("/pnl weekly", {"period": "weekly"}),
        ("!PNL weekly 2026-10-12", {"period": "weekly", "date": "2026-10-12"}),
        ("trades 3 of Momentum", {"number": 3, "agent": "Momentum"}),
        ("trades of Momentum", {"agent": "Momentum"}),
        ('trades of "Momentum BTC" 3', {"number": 3, "agent": "Momentum BTC"}),
        ("silence db for 2h", {"subject": "db", "span": timedelta(hours=2)}),
        ("silence db 2h", {"subject": "db", "span": timedelta(hours=2)}),
        ("silence FOR 30m db", {"subject": "db", "span": timedelta(minutes=30)}),
        ("ack db because we wait for disks", {"subject": "db", "note": "we wait for disks"}),
        ("pnl Weekly", {"period": "weekly"}),
        ("PNL Week", {"period": "weekly"}),
        ("pnl yesterday", {"date": "yesterday"}),
        ("pnl 30.10.2026", {"date": "30.10.2026"}),
        ("pnl last week", {"date": "last week"}),
        ("pnl daily 30 Oct 2026", {"period": "daily", "date": "30 Oct 2026"}),
        ("alerts OFF for 1 hour", {"state": "off", "span": timedelta(hours=1)}),
        ("trades Momentum_BTC_v1", {"agent": "Momentum_BTC_v1"}),
        (
            "ack db for 2 hours because 3 days are long",
            {"subject": "db", "span": timedelta(hours=2), "note": "3 days are long"},
        ),
        ('plan d long BTC,\n  stop "930"', {"author": "d", "text": 'long BTC,\n  stop "930"'}),
        ("silence probe/db* because it's slow", {"subject": "probe/db*", "reason": "it's slow"}),
    ],
)
def test_words_become_arguments(text: str, given: dict[str, Any]) -> None:
    assert read(text) == given


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing was asked"),
        ("statsu", "there is no command statsu: did you mean `stats`?"),
        ("fly to the moon", "there is no command fly: `help` lists them, such as `status` or `pnl yesterday`"),
        ("pnl yearly", "pnl: period must be `today` or `daily` or `weekly` or `monthly`; write `pnl [today|"),
        ("trades 3.5", "trades: N must be a whole number"),
        ("weekly pnl", "a question begins with its command: did you mean `pnl weekly`?"),
        ("last 5 trades", "a question begins with its command: did you mean `trades 5`?"),
        ("whats my pnl", "a question begins with its command: did you mean `pnl`?"),
        ("show agents", "a question begins with its command: did you mean `agents`?"),
        ("trades 51", "trades: N must be less than or equal to 50"),
        ("silence", "silence: SUBJECT is missing; write `silence SUBJECT [for SPAN] [until TIME] [because REASON]`"),
        ("silence db for ever", "silence: SPAN must be a duration with its unit: write such as `30s`, `5m`"),
        ("status now", "status: `now` is too much; write `status`"),
        ("x" * 10_001, "a question has at most 10000 characters"),
    ],
)
def test_what_is_not_understood_gets_the_usage_or_the_nearest_command(text: str, said: str) -> None:
    with pytest.raises(NotUnderstoodError) as error:
        read(text)
    assert str(error.value).startswith(said)


def test_a_form_gives_arguments_by_their_names() -> None:
    assert validated(found("trades"), {"number": 5}).model_dump()["number"] == 5
    with pytest.raises(NotUnderstoodError, match="trades has no argument n: it has number, agent"):
        validated(found("trades"), {"n": 5})


def test_every_operation_has_a_name_of_its_own_and_a_line_of_help() -> None:
    names = [name for one in OPERATIONS for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)
    for one in OPERATIONS:
        assert one.name.isidentifier()
        assert 0 < len(one.help) <= 100  # the limit of a description in Discord
        assert usage(one).startswith(one.name)


DOCUMENT = DOCS / "commands.md"
ROWS = re.compile(r"(?<=<!-- commands -->\n).*?(?=<!-- end of commands -->)", re.DOTALL)


def test_the_document_lists_every_command() -> None:
    """`REPORTER_GOLDEN=write` writes the table of the document again."""
    rows = "| command | role | |\n| --- | --- | --- |\n"
    rows += "".join(f"| `{usage(one).replace('|', chr(92) + '|')}` | {one.role} | {one.help} |\n" for one in OPERATIONS)
    text = DOCUMENT.read_text(encoding="utf-8")
    if os.environ.get("REPORTER_GOLDEN") == "write":
        DOCUMENT.write_text(ROWS.sub(lambda _: rows, text), encoding="utf-8")
    assert ROWS.findall(text) == [rows]
