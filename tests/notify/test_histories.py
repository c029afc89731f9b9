"""Each history of `docs/alerts.md`, played from end to end: what arrives in Discord is what the document says.

After a change that is meant to show, `REPORTER_GOLDEN=write pytest tests/alerts` writes the document's table anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.notify.alert_home import Arrived, floor
from tests.notify.histories import HISTORIES, History
from tests.support.paths import DOCS
from tests.support.servers import PostgreSQL

DOCUMENT = DOCS / "alerts.md"
TABLE = re.compile(r"(?<=<!-- histories -->\n).*?(?=<!-- end of histories -->)", re.DOTALL)
HEAD = "| What happens | At | Where | What arrives |\n| --- | --- | --- | --- |\n"


CASES = [
    pytest.param(one, id=one.name.replace(" ", "-").lower(), marks=[pytest.mark.full] if one.long else [])
    for one in HISTORIES
]


@pytest.mark.parametrize("history", CASES)
def test_what_arrives_is_what_the_document_says(history: History, tmp_path: Path) -> None:
    with floor(tmp_path, history.probes, history.alerts) as stage:
        history.play(stage)
    rows = list(rows_of(history, stage.arrived))
    if os.environ.get("REPORTER_GOLDEN") == "write":
        written = {**documented(), history.name: rows}
        table = HEAD + "".join(f"{row}\n" for one in HISTORIES for row in written.get(one.name, ()))
        DOCUMENT.write_text(TABLE.sub(lambda _: table, DOCUMENT.read_text("utf-8")), "utf-8")
    assert rows == documented()[history.name]


def test_a_store_on_postgresql_tells_the_same(tmp_path: Path, server: PostgreSQL) -> None:
    history = next(one for one in HISTORIES if one.name == "All at once")
    with floor(tmp_path, history.probes, history.alerts) as stage:
        stage.stage.environ["STORE"] = server.url(schema=server.new_schema())
        history.play(stage)
    assert list(rows_of(history, stage.arrived)) == documented()[history.name]


def test_the_document_tells_no_history_that_is_not_played() -> None:
    assert list(documented()) == [history.name for history in HISTORIES]


def rows_of(history: History, arrived: Sequence[Arrived]) -> Iterator[str]:
    """The rows of a history: one for each thing that arrived, or one that says that nothing did."""
    head = f"**{history.name}.** {history.words}"
    if not arrived:
        yield f"| {head} | | | nothing |"
    for number, one in enumerate(arrived):
        where = f"edit in {one.channel}" if one.edited else one.channel
        yield f"| {'' if number else head} | {one.at} | {where} | {_told(one)} |"


def _told(one: Arrived) -> str:
    """An edit is told by its title; a message by its reason as well, and by whom it calls."""
    called = "".join(f"@{name} " for name in sorted(one.called)) if not one.edited else ""
    said = zip(one.titles, one.words, strict=True)
    return "<br>".join(f"{called}{title}{'' if one.edited else f': {words}'}" for title, words in said)


def documented() -> dict[str, list[str]]:
    """The rows of the document's table, by the name of the history that they tell."""
    table = TABLE.search(DOCUMENT.read_text("utf-8"))
    found: dict[str, list[str]] = {}
    for row in (table[0] if table else "").splitlines()[2:]:
        if named := re.match(r"\| \*\*(.+?)\.\*\*", row):
            found[named[1]] = []
        found[list(found)[-1]].append(row)
    return found
