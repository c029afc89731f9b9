"""`reporter ask`: the answer on standard output, and an exit code that says how it went."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.operations.floors import CONFIG, floor
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


def test_a_plan_is_written_with_its_pictures_and_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    home = floor(tmp_path, CONFIG + "plans: {authors: {d: {}}}\n")
    Image.new("RGB", (4, 4)).save(tmp_path / "chart.png")
    (tmp_path / "script.svg").write_text("<svg><script/></svg>")
    done = reporter(home, "ask", "--attach", str(tmp_path / "chart.png"), "plan d long BTC")
    assert (done.returncode, done.stderr) == (0, "")
    assert "version 1 · 1 picture" in done.stdout
    for name, said in [("script.svg", "is no PNG, JPEG or WebP picture"), ("gone.png", "cannot be read")]:
        done = reporter(home, "ask", "--attach", str(tmp_path / name), "edit d flat")
        assert (done.returncode, said in done.stderr) == (1, True)
    assert "1 plan, 0 edits, 1 picture" in reporter(home, "ask", "plans verify").stdout
