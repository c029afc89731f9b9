"""The commands of a floor beside the examples that they were asked for by: the same facts, in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.messages.message import Message
from reporter.operations.answering import Door
from tests.jobs.test_examples import in_order
from tests.operations.floors import CONFIG, OWNER, floor, text_of, with_a_daemon
from tests.operations.test_control import code_of
from tests.support import golden
from tests.support.paths import GOLDEN
from tests.support.stage import Stage

ACTIONS = """
actions:
  pause: {run: ["true", "{agent}"]}
  resume: {run: ["true", "{agent}"]}
  switch: {run: ["true", "{mode}"]}
"""
# The command, whether it is confirmed, and the facts of the answer as its reader finds them.
EXAMPLES: dict[str, tuple[str, bool, tuple[str, ...]]] = {
    "status": ("!status", False, ("🟢 All systems operational", "3 agents", "0 open positions")),
    "pause": ("!pause agent Momentum_BTC_v1", True, ("⏸️ Paused agent: Momentum_BTC_v1",)),
    "resume": ("!resume agent Momentum_BTC_v1", True, ("▶️ Resumed agent: Momentum_BTC_v1",)),
    "pnl": ("!pnl", False, ("P&L", "+3.75 USDT", "(+0.37%)")),
    "switch": ("!switch live", False, ("⚠️ switch live", "Confirm with confirm")),
    "help": ("!help", False, ("Commands", "status", "pnl", "agents", "positions", "pause", "resume", "switch")),
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = floor(tmp_path, CONFIG + ACTIONS)
    with with_a_daemon(found):
        yield found
    found.close()


def answered(stage: Stage, text: str, *, confirmed: bool) -> Message:
    door = Door(stage.app, lambda _: None, drawn=False)
    (answer,) = door.answer(text, OWNER)
    if confirmed:
        (answer,) = door.answer(f"confirm {code_of(text_of([answer]))}", OWNER)
    return answer


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_answer_has_the_facts_of_its_example(stage: Stage, example: str) -> None:
    text, confirmed, facts = EXAMPLES[example]
    answer = answered(stage, text.removeprefix("!"), confirmed=confirmed)
    if example != "switch":  # its code is another one each time
        assert golden.agrees(f"chat-{example}", answer)
        assert in_order((GOLDEN / f"chat-{example}.txt").read_text(encoding="utf-8"), facts)
    assert in_order(text_of([answer]), facts)
