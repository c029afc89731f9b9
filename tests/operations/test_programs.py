"""A program that is run as an action costs no memory and no time beyond its bounds."""

from __future__ import annotations

import os
import tracemalloc
from datetime import timedelta
from pathlib import Path

from reporter.actions.program import ProgramAction
from tests.support.processes import until


def shell(script: str, seconds: float = 60) -> ProgramAction:
    return ProgramAction(("sh", "-c", script), timeout=timedelta(seconds=seconds))


def test_the_end_of_an_endless_output_is_kept_and_no_more() -> None:
    tracemalloc.start()
    outcome = shell("yes | head -c 20000000; exit 3").perform({})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not outcome.done
    assert outcome.words.startswith("exit code 3: y y")
    assert peak < 1_000_000


def test_what_a_program_starts_for_later_is_not_waited_for() -> None:
    outcome = shell("sleep 55 & echo started $!").perform({})
    assert outcome.done
    assert outcome.words.startswith("exit code 0: started ")
    os.kill(int(outcome.words.split()[-1]), 9)


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    outcome = shell(f"sleep 55 & echo $! > {tmp_path}/child; wait", seconds=2).perform({})
    assert not outcome.done
    assert "did not end within 2s" in outcome.words
    child = int((tmp_path / "child").read_text())
    until(lambda: is_gone(child), lambda: "what it started lives on")


def is_gone(process: int) -> bool:
    """Whether a process has ended, whether or not anybody has asked how."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True
