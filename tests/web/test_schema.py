"""REST against its own description: generated calls meet no 500 and no answer outside it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.jobs.floor import database
from tests.operations.floors import AGENTS, TRADES
from tests.web.listener import OPERATOR, listener
from tests.web.test_analysis import TARGETS
from tests.web.test_api import LEDGER

pytest.importorskip("schemathesis", reason="no generated calls: see .ci/setup")

CALLS = 5_000
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.full
def test_no_generated_call_meets_an_answer_outside_the_description(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with listener(tmp_path, LEDGER + TARGETS) as web:
        done = threading.Event()

        def pace() -> None:
            while not done.wait(0.02):
                web.clock.forward(seconds=20)  # a token has its pace

        turning = threading.Thread(target=pace)
        turning.start()
        command = [
            str(Path(sys.executable).with_name("st")), "run", f"{web.server.address}/openapi.json",
            "-H", f"Authorization: Bearer {OPERATOR}",
            "--phases", "examples,coverage,fuzzing", "-n", "80", "--checks", CHECKS,
        ]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        done.set()
        turning.join()
    assert ended.returncode == 0, ended.stdout[-6000:]
    (made,) = re.findall(r"(\d+) generated", ended.stdout)
    assert int(made) >= CALLS
