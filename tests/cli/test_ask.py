"""`reporter ask`: the answer on standard output, and an exit code that says how it went."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operations.floors import floor
from tests.support.processes import reporter
from tests.support.stage import Stage


@pytest.fixture
def home(tmp_path: Path) -> Stage:
    return floor(tmp_path)


def test_an_answer_stands_on_standard_output(home: Stage) -> None:
    done = reporter(home, "ask", "pnl daily 2026-10-30")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Daily Performance Report – 2026-10-30" in done.stdout
    assert "+8.25 USDT" in done.stdout


@pytest.mark.parametrize(
    ("question", "code", "said"),
    [("report nothing", 1, "there is no job nothing"), ("statsu", 2, "did you mean `stats`?")],
)
def test_the_exit_code_says_how_it_went(home: Stage, question: str, code: int, said: str) -> None:
    done = reporter(home, "ask", *question.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
