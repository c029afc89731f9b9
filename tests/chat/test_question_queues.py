"""What is quick waits for nothing slow: no report, no program, and no chat that is full."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reporter.alerts.model import Level, Observation
from reporter.chat.questions import Question, Questions
from reporter.chat.task_queue import MOST_PASSED_OVER
from reporter.messages.message import Message
from reporter.operations.operation import Actor, Role
from tests.operations.floors import CONFIG, floor, text_of
from tests.support.processes import until
from tests.support.stage import Stage

SLOW = '''\
"""A report that waits until it may go on."""
import time
from pathlib import Path
from reporter import Context, Report, job


@job(covers="yesterday", schedule="daily at 00:00")
def slow(ctx: Context):
    """It waits."""
    while not Path({gate!r}).exists():
        time.sleep(0.01)
    yield Report()
'''
LONGER = "This takes longer; the answer follows."
MORE = """\
  slow:
actions: {{pause: {{run: [sh, -c, 'while ! test -e {gate}; do sleep 0.01; done']}}}}
"""


class Asked:
    """People who ask by `Questions`, and what they hear; one at a time asks at most a few questions."""

    def __init__(self, folder: Path) -> None:
        self.gate = folder / "gate"
        self.stage: Stage = floor(folder, CONFIG + MORE.format(gate=self.gate))
        self.stage.report("slow", SLOW.format(gate=str(self.gate)))
        self.stage.app.runner.observe(self.stage.app.runtime, [Observation("limit/loss", Level.CRITICAL, "passed")])
        self.questions = Questions(self.stage.app, lambda _: None, patience=0.2)
        self.heard: list[tuple[str, str]] = []

    def ask(self, text: str) -> None:
        def say(messages: Sequence[Message]) -> None:
            self.heard.append((text, text_of(messages)))

        actor = Actor("anna", Role.OWNER, "telegram:5", "telegram:1")
        self.questions.take(Question(text=text), actor, say)

    def answer(self, text: str) -> str:
        """The answer to a text, once it is there."""

        def told() -> list[str]:
            return [said for asked, said in self.heard if asked == text and LONGER not in said]

        until(lambda: told() != [], lambda: str(self.heard), seconds=30)
        return told()[0]

    def is_waiting(self, text: str) -> bool:
        """Whether all that is known is that it takes longer."""
        return (text, f"\n{LONGER}\n") in self.heard and len([one for one, _ in self.heard if one == text]) == 1


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    made = Asked(tmp_path)
    yield made
    made.gate.touch()
    made.questions.close()
    made.stage.close()


@pytest.mark.parametrize("before", ["report slow", "send slow"])
def test_an_acknowledgement_waits_for_no_report(asked: Asked, before: str) -> None:
    asked.ask(before)
    for text, said in {"ack limit/loss": "Acknowledged", "pause agent Paper_v1": "confirm", "help": "Commands"}.items():
        asked.ask(text)
        assert said in asked.answer(text)
    until(lambda: asked.is_waiting(before), lambda: str(asked.heard))


def test_an_acknowledgement_waits_for_no_program(asked: Asked) -> None:
    asked.ask("pause agent Paper_v1")
    code = re.search(r"confirm \d{6}", asked.answer("pause agent Paper_v1"))
    assert code
    asked.ask(code[0])
    asked.ask("ack limit/loss")
    assert "Acknowledged" in asked.answer("ack limit/loss")
    until(lambda: asked.is_waiting(code[0]), lambda: str(asked.heard))
    asked.gate.touch()
    assert "Paused" in asked.answer(code[0])


def test_who_waits_long_hears_that_it_takes_longer_and_then_the_answer(asked: Asked) -> None:
    asked.ask("report slow")
    until(lambda: asked.is_waiting("report slow"), lambda: str(asked.heard))
    asked.gate.touch()
    assert "2026-10-30" in asked.answer("report slow")


def test_what_hangs_holds_up_the_next_question_no_longer_than_one_is_patient(asked: Asked) -> None:
    for number in range(MOST_PASSED_OVER):
        asked.ask(f"{' ' * number}report slow")
    asked.ask("agents")
    assert "Momentum_BTC_v1" in asked.answer("agents")
    asked.gate.touch()
    assert "2026-10-30" in asked.answer("report slow")
