"""Many questions at once under Telegram's own limits: each is answered, in order, and none gets a 429."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from reporter.periods.clock import SystemClock
from tests.chat.test_telegram_door import World
from tests.support.clocks import HandClock
from tests.support.telegram import LocalTelegram


class RunningClock(HandClock):
    """Its monotonic time passes by itself: the pace of requests counts by it."""

    def monotonic(self) -> float:
        return SystemClock().monotonic()


EACH = 5
"""Questions of one person; more within ten seconds are left out."""


@pytest.mark.parametrize(
    ("people", "group"),
    [(4, 0), pytest.param(40, 0, marks=pytest.mark.full), pytest.param(35, 5, marks=pytest.mark.full)],
)
def test_all_are_answered_in_order_without_a_429(tmp_path: Path, people: int, group: int) -> None:
    """`people` ask in private chats, `group` in one group: 200 questions in the full run."""
    with LocalTelegram(now=SystemClock().wall) as telegram, ExitStack() as stack:
        telegram.token()
        world = World(tmp_path, telegram, RunningClock(SystemClock().wall()), viewers=people + group)
        stack.callback(world.app.close)
        stack.callback(world.opened().stop)
        chats = [f"private-{number}" for number in range(people)]
        for number, chat in enumerate(chats):
            telegram.chat(chat, "private")
            ask(telegram, chat, 1000 + number)
        for number in range(people, people + group):
            ask(telegram, "desk", 1000 + number)
        for chat in chats:
            assert [order(text.text) for text in telegram.wait_for(chat, EACH, seconds=300)] == list(range(EACH))
        assert len(telegram.wait_for("desk", EACH * group, seconds=300)) == EACH * group
        assert telegram.limited == 0


COMMANDS = ("agents", "alerts", "trades", "uptime", "latency")


def ask(telegram: LocalTelegram, chat: str, user: int) -> None:
    for name in COMMANDS:
        telegram.say(chat, user, f"/help {name}")


def order(text: str) -> int:
    """Which of the questions an answer is about."""
    return next(number for number, name in enumerate(COMMANDS) if f"{name} " in f"{text} ".replace(":", " "))
