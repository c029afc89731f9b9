"""`reporter probe`: what is probed is looked at once, and shown."""

from pathlib import Path

import pytest

from reporter.cli import main
from tests.probes.servers import answers, nobody_listening, serving

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
