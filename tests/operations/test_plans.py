"""Plans through the table of commands: every command, every refusal, and pictures."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from reporter.errors import ReporterError
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, Role
from tests.operations.floors import CONFIG, OWNER, ask, floor, text_of
from tests.support.stage import Stage

PLANS = """\
plans:
  authors: {d: {name: Daria, users: [1]}, i: {users: ["telegram:2"]}}
  counts_from: "13:00"
  markets: {BTC/USDT: [BTC]}
"""
DARIA = Actor("daria", Role.VIEWER, "discord/plans", "discord:1")
IVO = Actor("ivo", Role.VIEWER, "telegram/5", "telegram:2")
STRANGER = Actor("eve", Role.OPERATOR, "discord/plans", "discord:2")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = floor(tmp_path, CONFIG + PLANS)
    yield found
    found.close()


def test_a_plan_is_kept_and_what_was_understood_is_echoed(stage: Stage) -> None:
    answer = ask(stage, "plan d long BTC above 950\nstay calm", DARIA)
    assert "The plan of Daria for 2026-10-31 is kept" in answer
    assert "long BTC above 950\nstay calm" in answer
    assert "understood: long BTC/USDT, entry 950 · version 1" in answer


def test_the_way_of_a_plan(stage: Stage) -> None:
    ask(stage, "plan d one", DARIA)
    ask(stage, "edit d 2026-10-31 two", DARIA)
    assert "two" in ask(stage, "plans")
    assert "No plan: i" in ask(stage, "plans today")
    assert "two" in ask(stage, "myplans", DARIA)
    assert "is withdrawn" in ask(stage, "delete d today", DARIA)
    assert "Nobody has written a plan." in ask(stage, "plans", IVO)
    history = ask(stage, "history d")
    assert [line for line in history.splitlines() if line[:2] in {"1.", "2.", "3."}] == [
        "1. written 13:00:00 by daria",
        "2. edited 13:00:00 by daria",
        "3. withdrawn 13:00:00 by daria",
    ]
    assert "1 plan, 1 edit, 0 pictures" in ask(stage, "plans verify")


def test_the_score_of_a_month(stage: Stage) -> None:
    ask(stage, "plan d long BTC", DARIA)
    answer = ask(stage, "plans --score")
    assert "Plans of 2026-10 and what came of them" in answer
    assert "followed 1" in answer
    assert "2026-10-31: followed, 2 trades as planned · +3.75 USDT · +100.00 USDT (paper)" in answer
    assert "Nobody wrote a plan." in ask(stage, "plans --score 2026-09")


def test_the_score_shows_multiples_of_the_planned_risk_and_what_came_late(stage: Stage) -> None:
    ask(stage, "plan d long BTC above 950, stop 930, target 990", DARIA)
    stage.clock.forward(hours=1)
    said = ask(stage, "edit d flat", DARIA)
    assert "It came 1h after 13:00:00, when plans count: it is kept and does not count." in said
    assert "2. edited 14:00:00 by daria, 1h after the plan counted" in ask(stage, "history d")
    with closing(sqlite3.connect(stage.folder / "trading.sqlite")) as trading, trading:
        trading.execute("UPDATE trades SET size = 0.25")
    score = ask(stage, "plans --score")
    assert "1 later version does not count · target not judged: no prices" in score
    assert "n=1 with entry and stop: too few for an average R" in score
    assert "· +3.75 USDT · +100.00 USDT (paper) · +0.75R · +20.00R (paper)" in score


def test_a_plan_keeps_when_the_chat_says_it_was_sent_and_who_wrote_it(stage: Stage) -> None:
    door = Door(stage.app, lambda _: None, drawn=False)
    said_at = stage.clock.wall().astimezone(ZoneInfo("Asia/Tokyo")) - timedelta(seconds=3)
    door.answer("plan d long BTC", DARIA, (), said_at)
    assert "· discord:1 · sent 12:59:57" in ask(stage, "history d")
    assert "Every plan is as it was written" in ask(stage, "plans verify")


def test_a_picture_comes_along(stage: Stage) -> None:
    written = io.BytesIO()
    Image.new("RGB", (4, 4)).save(written, "PNG")
    door = Door(stage.app, lambda _: None, drawn=False)
    two = [(f"chart{number}.png", written.getvalue()) for number in range(2)]
    assert "2 pictures" in text_of(door.answer("plan d see", DARIA, two))
    for question in ("plans", "myplans"):
        [shown] = Door(stage.app, lambda _: None).answer(question, DARIA)
        assert [(one.name, one.shown, one.alt) for one in shown.attachments] == [("d.png", True, "plan of Daria")]
        assert shown.attachments[0].content.startswith(b"\x89PNG")
        assert door.answer(question, DARIA)[0].attachments == ()


@pytest.mark.parametrize(
    ("text", "actor", "said"),
    [
        ("plan d mine", STRANGER, "only Daria may write the plans of d"),
        ("plan i mine", Actor("x", Role.VIEWER, "d", "discord:2"), "only i may write the plans of i"),
        ("plan x text", OWNER, "there is no author x: known are d, i"),
        ("plan d", DARIA, "plan: TEXT is missing; write `plan AUTHOR TEXT`"),
        ("edit d later", DARIA, "Daria has no plan for 2026-10-31: write one with `plan d TEXT`"),
        ("delete d 31.10.", DARIA, "31.10. is no day: write such as 2026-11-29, today or yesterday"),
        ("history i", OWNER, "i has written no plan for 2026-10-31"),
        ("myplans", STRANGER, "you write no plans here: `plans.authors` in the config says who does"),
        ("plans --score 2026-13", OWNER, "2026-13 is no month: write such as `plans --score 2026-11`"),
    ],
)
def test_each_refusal_is_a_sentence(stage: Stage, text: str, actor: Actor, said: str) -> None:
    with pytest.raises(ReporterError) as refused:
        ask(stage, text, actor)
    assert said in str(refused.value)


def test_without_plans_in_the_config_the_commands_say_how(tmp_path: Path) -> None:
    bare = floor(tmp_path / "bare")
    with pytest.raises(ReporterError, match="no plans are kept here: write `plans:"):
        ask(bare, "plan d text")
    bare.close()
