"""Control: nothing without a configured action, a known name, the role, and a code by the same person in its minute."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reporter.errors import ReporterError
from reporter.operations.operation import Actor, NotAllowedError, Role
from reporter.store import confirmations, events
from tests.operations.floors import CONFIG, OWNER, VIEWER, ask, floor
from tests.support.stage import Stage

ACTIONS = """
actions:
  pause: {run: [sh, -c, 'echo "$0 paused" | tee -a acts', "{agent}"]}
  switch: {run: [sh, -c, "exit 3", "{mode}"]}
  restart: {run: [sh, -c, "sleep 9", "{service}"], names: [bot], timeout: 0.2s}
  deploy: {url: "env:DEPLOY_URL", names: [bot]}
"""
OPERATOR = Actor("olga", Role.OPERATOR, "discord/1")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.chdir(tmp_path)
    found = floor(tmp_path, CONFIG + ACTIONS)
    found.environ["DEPLOY_URL"] = "http://127.0.0.1:9/deploy"
    yield found
    found.close()


def code_of(answer: str) -> str:
    found = re.search(r"confirm (\d{6})", answer)
    assert found, answer
    return found[1]


def audited(stage: Stage) -> list[tuple[str, str, str]]:
    with stage.app.store.read() as connection:
        return [(one.act, one.operation, one.actor) for one in reversed(confirmations.entries(connection, 20))]


def acts(stage: Stage) -> str:
    return (stage.folder / "acts").read_text() if (stage.folder / "acts").exists() else ""


def test_a_confirmed_action_is_done_once_audited_and_told(stage: Stage) -> None:
    proposed = ask(stage, "pause agent Momentum_BTC_v1", OPERATOR)
    assert "runs sh -c" in proposed
    assert acts(stage) == ""
    done = ask(stage, f"confirm {code_of(proposed)}", OPERATOR)
    assert "⏸️ Paused agent: Momentum_BTC_v1" in done
    assert acts(stage) == "Momentum_BTC_v1 paused\n"
    with pytest.raises(ReporterError, match="nothing waits for this code"):
        ask(stage, f"confirm {code_of(proposed)}", OPERATOR)
    assert audited(stage) == [("asked", "pause", "olga"), ("done", "pause", "olga")]
    assert "olga (operator, discord/1)" in ask(stage, "actions", OWNER)
    with stage.app.store.read() as connection:
        (event,) = events.newest(connection, 5)
    assert (event.kind, event.title) == ("control", "pause Momentum_BTC_v1: done")


@pytest.mark.parametrize(
    "other",
    [Actor("otto", Role.OPERATOR, "discord/1"), Actor("olga", Role.OPERATOR, "discord/2"), Actor("olga", Role.OWNER)],
)
def test_another_person_or_place_confirms_nothing(stage: Stage, other: Actor) -> None:
    code = code_of(ask(stage, "pause agent Momentum_BTC_v1", OPERATOR))
    with pytest.raises(ReporterError, match="nothing waits for this code"):
        ask(stage, f"confirm {code}", other)
    assert acts(stage) == ""


def test_of_several_who_confirm_at_once_one_does_it(stage: Stage) -> None:
    code, said = code_of(ask(stage, "pause agent Momentum_BTC_v1", OPERATOR)), list[str]()

    def confirm() -> None:
        try:
            said.append(ask(stage, f"confirm {code}", OPERATOR))
        except ReporterError as error:
            said.append(str(error))

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(confirm)
    assert sorted("Paused agent" in one for one in said) == [*[False] * 7, True]
    assert acts(stage).count("paused") == 1


def test_after_a_minute_it_is_too_late(stage: Stage) -> None:
    code = code_of(ask(stage, "pause agent Momentum_BTC_v1", OPERATOR))
    stage.clock.forward(seconds=61)
    with pytest.raises(ReporterError, match="nothing waits for this code"):
        ask(stage, f"confirm {code}", OPERATOR)
    assert acts(stage) == ""


def test_a_code_of_a_clock_that_ran_ahead_is_not_good_until_then(stage: Stage) -> None:
    code = code_of(ask(stage, "pause agent Momentum_BTC_v1", OPERATOR))
    stage.clock.set_by(-timedelta(hours=6))
    with pytest.raises(ReporterError, match="nothing waits for this code"):
        ask(stage, f"confirm {code}", OPERATOR)


def test_what_has_changed_since_it_was_asked_is_asked_anew(stage: Stage) -> None:
    code = code_of(ask(stage, "pause agent Momentum_BTC_v1", OPERATOR))
    with closing(sqlite3.connect(stage.folder / "trading.sqlite")) as connection, connection:
        connection.execute("UPDATE agents SET status = 'stopped' WHERE name = 'Momentum_BTC_v1'")
    with pytest.raises(ReporterError, match="is stopped now: ask anew"):
        ask(stage, f"confirm {code}", OPERATOR)
    assert acts(stage) == ""
    assert audited(stage)[-1] == ("refused", "pause", "olga")


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("pause agent Momentum", "pause knows no agent Momentum: did you mean Momentum_BTC_v1"),
        ("restart database", "restart knows no service database: there are bot"),
        ("resume agent Momentum_BTC_v1", "the config has no action for resume"),
        ("deploy --force", "begins like an option"),
        ("confirm 12", "CODE is not of the form that is needed"),
    ],
)
def test_what_nobody_configured_cannot_be_asked(stage: Stage, question: str, why: str) -> None:
    with pytest.raises(ReporterError, match=why):
        ask(stage, question)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("switch live", "switch live: failed\nexit code 3"),
        ("restart bot", "restart bot: failed\ndid not end within 200ms and was stopped"),
        ("deploy bot", "deploy bot: failed\ngot no answer: ConnectError"),
    ],
)
def test_a_failure_is_told_as_it_is(stage: Stage, question: str, said: str) -> None:
    assert said in ask(stage, f"confirm {code_of(ask(stage, question))}")
    assert audited(stage)[-1][0] == "failed"


def test_a_switch_says_how_agents_trade_before_and_after(stage: Stage) -> None:
    proposed = ask(stage, "switch live")
    assert "Real money is traded from then on." in proposed
    assert "There are now 2 agents live, 1 agent paper." in proposed
    assert "There are now 2 agents live, 1 agent paper." in ask(stage, f"confirm {code_of(proposed)}")


def test_a_person_of_the_same_name_confirms_nothing(stage: Stage) -> None:
    mine, other = replace(OPERATOR, identity="telegram:1"), replace(OPERATOR, identity="telegram:2")
    code = code_of(ask(stage, "pause agent Momentum_BTC_v1", mine))
    with pytest.raises(ReporterError):
        ask(stage, f"confirm {code}", other)
    assert acts(stage) == ""
    assert "Paused agent" in ask(stage, f"confirm {code}", mine)
    assert audited(stage)[-1] == ("done", "pause", "olga [telegram:1]")


def test_each_command_has_its_role(stage: Stage) -> None:
    for question in ("pause agent Momentum_BTC_v1", "confirm 123456", "actions", "switch live"):
        with pytest.raises(NotAllowedError):
            ask(stage, question, VIEWER)
    with pytest.raises(NotAllowedError):
        ask(stage, "switch live", OPERATOR)
