"""The systemd unit that is shipped starts our daemon, systemd understands it, and `service` puts it in place."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reporter.app.service_files import ServiceFiles, service_of
from reporter.cli import main
from reporter.errors import ReporterError
from tests.support.paths import ROOT

UNIT = ROOT / "systemd" / "reporter.service"
LIMITS = [
    "MemoryMax",
    "TasksMax",
    "CPUWeight",
    "IOWeight",
    "OOMScoreAdjust",
    "LimitCORE",
    "WatchdogSec",
    "RuntimeDirectory",
]
with_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")


def directive(name: str, text: str = UNIT.read_text()) -> str:
    found = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
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


def test_the_unit_bounds_whatever_could_cost_the_bot_something() -> None:
    assert all(directive(name) for name in LIMITS)


@pytest.mark.parametrize("version", [252, 253])
def test_the_unit_is_made_for_the_systemd_that_is_there(version: int) -> None:
    text = ServiceFiles("pnl").unit_text("/srv/reporter/bin/reporter", version)
    assert directive("ExecStart", text) == "/srv/reporter/bin/reporter --home /etc/pnl run"
    assert {directive(f"{kind}Directory", text) for kind in ("State", "Runtime", "Configuration")} == {"pnl"}
    assert directive("Type", text) == ("notify" if version == 252 else "notify-reload")
    assert ("ExecReload" in text) is (version == 252)


@with_systemd
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(directive("ExecStart").split()[0], "/bin/sh"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


@with_systemd
def test_the_service_is_exposed_to_little() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=12", str(UNIT)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in judged.stderr:
        pytest.skip("systemd is older than 250")
    assert judged.returncode == 0, judged.stdout.splitlines()[-1:]


def test_install_and_uninstall_on_the_files_of_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--root", str(tmp_path))
    assert main(["service", "install", *at, "--dry-run"]) == 0
    assert f"would write {tmp_path}/etc/systemd/system/reporter.service" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main(["service", "install", *at]) == 0
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert made >= {
        "etc/systemd/system/reporter.service",
        "etc/sysusers.d/reporter.conf",
        "etc/reporter/config/reporter.yaml",
    }
    capsys.readouterr()
    assert main(["service", "install", *at]) == 0
    assert "write" not in capsys.readouterr().out.partition("\n\n")[0]  # all is in place
    assert main(["service", "uninstall", *at]) == 0
    assert "rm -r /var/lib/reporter" in capsys.readouterr().out
    assert not (tmp_path / "etc/systemd/system/reporter.service").exists()
    assert (tmp_path / "etc/reporter/config/reporter.yaml").exists()


@pytest.mark.parametrize("home", ["/srv/reporter", "/etc", "/etc/-x", "/etc/a b"])
def test_a_service_has_its_home_in_etc(home: str) -> None:
    with pytest.raises(ReporterError, match="a service has its home in /etc"):
        service_of(Path(home))
