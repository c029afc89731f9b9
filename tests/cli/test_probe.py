"""`reporter probe`: runs the probes once and shows their values."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reporter.cli.parser import main
from tests.probes.servers import answers, nobody_listening, says, serving

CONFIG = """\
store: state.sqlite
channels: {{screen: {{kind: console}}}}
probes:
  web: {{url: "http://bot:hunter2@127.0.0.1:{port}/?key=s3cret", timeout: 20s}}
  alive: {{kind: file, path: alive, age: {{warning: 10m}}}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPORTER_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "alive").touch()
    return tmp_path


def configured(home: Path, port: int) -> None:
    path = home / "config" / "reporter.yaml"
    path.write_text(CONFIG.format(port=port))
    path.chmod(0o600)


def test_each_probe_is_shown_with_its_figures(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(answers(200)) as port:
        configured(home, port)
        code = main(["probe"])
    shown = capsys.readouterr().out
    assert code == 0
    assert "🟢 web" in shown
    assert "🟢 alive" in shown
    assert "size 0 B" in shown
    assert "hunter2" not in shown
    assert "s3cret" not in shown


def test_what_a_server_says_cannot_steer_the_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(says('{"status": "\\u001b[2J\\nall is well"}')) as port:
        configured(home, port)
        path = home / "config" / "reporter.yaml"
        path.write_text(path.read_text().replace("timeout: 20s", "expect_json: {path: status, equals: ok}"))
        main(["probe", "web"])
    shown = capsys.readouterr().out
    assert "␛[2J⏎all is well" in shown
    assert "\x1b" not in shown


def test_trouble_is_an_exit_code(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with nobody_listening() as port:
        configured(home, port)
        codes = main(["probe", "web"]), main(["probe", "alive"])
    shown = capsys.readouterr().out
    assert codes == (1, 0)
    assert "refused" in shown


def test_a_wrong_name_is_met_with_the_right_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(home, 1)
    assert main(["probe", "wep"]) == 1
    assert "there is no probe wep: did you mean web?" in capsys.readouterr().err


CUT_OFF = """\
store: state.sqlite
channels: {screen: {kind: console}}
own_network: {referees: []}
probes:
  web: {url: "http://192.0.2.1/"}
  port: {address: "198.51.100.2:443"}
  name: {kind: dns, name: example.org, nameserver: 203.0.113.53}
  ping: {kind: icmp, host: 198.51.100.4}
  alive: {kind: file, path: alive}
"""


@pytest.fixture
def without_a_network() -> list[str]:
    """What to write before a command so that it runs in a network of its own, with nothing in it."""
    command = [shutil.which("unshare") or "false", "--net", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network of their own")
    return command


def test_without_a_network_no_target_is_called_down(home: Path, without_a_network: list[str]) -> None:
    (home / "config" / "reporter.yaml").write_text(CUT_OFF)
    command = [*without_a_network, sys.executable, "-m", "reporter", "--home", str(home), "probe"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert shown.count("not known: this machine's own network is in trouble") == 4, shown
    assert "🔴 own network" in shown
    assert "none of 4 targets can be reached from here" in shown
    assert "🟢 alive" in shown
