"""The systemd unit that is shipped starts our daemon, and systemd understands it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

UNIT = ROOT / "systemd" / "reporter.service"


def directive(name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_unit_starts_a_command_that_we_have() -> None:
    program, *words = directive("ExecStart").split()
    assert program.endswith("/bin/reporter")
    help_of = subprocess.run(
        [sys.executable, "-m", "reporter", *words, "--help"], capture_output=True, text=True, check=False
    )
    assert help_of.returncode == 0, help_of.stderr
    assert words[-1] == "run"


def test_a_config_that_cannot_be_used_is_not_started_again(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "reporter.yaml").write_text("version: 1\nchanels: {}\n")
    command = [sys.executable, "-m", "reporter", "--home", str(tmp_path), "run"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert str(ended.returncode) == directive("RestartPreventExitStatus"), ended.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(directive("ExecStart").split()[0], "/bin/sh"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
