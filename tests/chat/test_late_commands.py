"""Whatever changes something is not done when it comes late, at any door in chat, and that is said once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from reporter.chat.questions import LATE_CHANGE, Question, Questions
from reporter.messages.message import Message, plain_blocks
from reporter.operations.operation import Actor, Role
from reporter.operations.table import OPERATIONS
from tests.operations.floors import floor
from tests.support.processes import until


def test_no_command_that_changes_something_is_done_late(tmp_path: Path) -> None:
    stage, said = floor(tmp_path), dict[str, list[str]]()
    questions = Questions(stage.app, lambda _: None)
    changing = [one.name for one in OPERATIONS if one.changes]
    for number, name in enumerate(changing):
        actor = Actor("anna", Role.OWNER, "telegram:1", f"telegram:{number}")
        at = stage.clock.wall() - LATE_CHANGE - timedelta(seconds=1)
        questions.take(Question(text=f"/{name} db", at=at), actor, partial(keep, said, name))
    until(lambda: len(said) == len(changing), lambda: str(said))
    questions.close()
    assert {name for name, texts in said.items() if len(texts) == 1 and "not done" in texts[0]} == set(changing)
    stage.close()


def keep(said: dict[str, list[str]], name: str, found: Sequence[Message]) -> None:
    said.setdefault(name, []).extend("\n".join(plain_blocks(one.body)) for one in found)
