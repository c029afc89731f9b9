"""A process that writes plans is killed in the middle: what it said is kept is kept, in an unbroken chain."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from reporter.store.plans import PlanTable
from tests.plans.desk import DARIA, MORNING, desk
from tests.plans.test_notebook import DAY
from tests.support.paths import ROOT

WRITER = """
import sys
from pathlib import Path
from tests.plans.desk import DARIA, MORNING, desk
with desk(Path(sys.argv[1])) as kept:
    for number in range(10_000):
        with kept.notebook() as notebook:
            notebook.edit("d", f"{sys.argv[2]}.{number}", DARIA, MORNING)
        print(f"{sys.argv[2]}.{number}", flush=True)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.full)])
def test_what_was_kept_before_a_kill_is_kept(tmp_path: Path, kills: int) -> None:
    with desk(tmp_path) as kept, kept.notebook() as notebook:
        notebook.write("d", "start", DARIA, MORNING)
    said = [line for turn in range(kills) for line in killed(tmp_path, turn)]
    with desk(tmp_path) as kept, kept.store.read() as connection:
        versions = PlanTable(connection).of_day(DAY)
        assert PlanTable(connection).broken_links() == []
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    texts = [version.text for version in versions][1:]
    assert [text for text in texts if text in set(said)] == said
    assert len(texts) - len(said) <= kills  # what a kill left unsaid


def killed(folder: Path, turn: int) -> list[str]:
    """What a writer said before it was killed, some edits after its first."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(turn)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout
        said = [writer.stdout.readline().strip()]
        time.sleep(0.05 + 0.01 * (turn % 7))
        writer.kill()
        return said + [line.strip() for line in writer.stdout if line.endswith("\n")]
