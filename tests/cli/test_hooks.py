"""`reporter hooks show|try` and `reporter events rejected`, as somebody uses them who sets up a hook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reporter.cli.parser import main
from reporter.inbox.presets import PRESETS
from reporter.inbox.submit import set_aside
from reporter.periods.clock import SystemClock
from reporter.store.database import open_store
from tests.support.paths import ROOT

CONFIG = """\
version: 1
channels: {screen: {kind: console}}
store: state.sqlite
web: {listen: "127.0.0.1:0"}
hooks:
  kuma: {preset: uptime_kuma, secret: env:SECRET}
  ci: {preset: github, secret: env:SECRET}
  mine: {map: {kind: "'deployment_success'", title: app.name, fields.version: app.version}, secret: env:SECRET}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRET", "a-secret-of-the-hooks-0123456789")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "config/reporter.yaml"
    config.parent.mkdir()
    config.write_text(CONFIG)
    config.chmod(0o600)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and all that it says."""
    code = main(["--home", str(home), *arguments])
    written = capsys.readouterr()
    return code, written.out + written.err


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_says_what_to_enter_and_where(home: Path, capsys: pytest.CaptureFixture[str], preset: str) -> None:
    code, text = said(capsys, home, "hooks", "show", preset)
    assert code == 0
    assert "/hooks/NAME" in text
    assert "SECRET" in text or "the hook's secret" in text


def test_an_unknown_preset_is_answered_with_those_that_there_are(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = said(capsys, home, "hooks", "show", "freqtrad")
    assert (code, text) == (2, f"reporter: there is no preset freqtrad; there are: {', '.join(PRESETS)}\n")


def test_a_body_is_tried_and_nothing_is_sent(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads((ROOT / "tests/data/hooks/uptime_kuma.json").read_text(encoding="utf-8"))["body"]
    (home / "body.json").write_text(json.dumps(body), encoding="utf-8")
    code, text = said(capsys, home, "hooks", "try", "kuma", str(home / "body.json"))
    assert code == 0
    made = json.loads(text)
    assert (made["kind"], made["title"]) == ("service_down", "Exchange API is down")
    assert not (home / "state.sqlite").exists()


@pytest.mark.parametrize(
    ("hook", "body", "code", "words"),
    [
        ("kuma", "{", 1, "the hook would keep it aside: the body is neither JSON nor a form"),
        ("mine", '{"App": 1}', 1, "the map finds nothing in it: it asks for app.name, app.version"),
        ("mine", '{"app": {"version": 1}}', 0, '"version": 1'),
        ("kuna", "{}", 2, "the config has no hook kuna; it has: kuma, ci, mine"),
        ("ci", "{}", 1, "GitHub says in the header X-GitHub-Event what happened"),
        ("kuma", None, 1, "body.json: No such file or directory"),
    ],
)
def test_a_trial_says_what_is_wrong(
    home: Path, capsys: pytest.CaptureFixture[str], hook: str, body: str | None, code: int, words: str
) -> None:
    if body is not None:
        (home / "body.json").write_text(body)
    found = said(capsys, home, "hooks", "try", hook, str(home / "body.json"))
    assert found[0] == code
    assert words in found[1]


def test_an_event_without_a_title_is_listed_by_its_fields(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, home, "notify", "signal_generated", "pair=BTC/USDT", "confidence=0.8")
    code, text = said(capsys, home, "events")
    assert code == 0
    assert text.endswith(": pair BTC/USDT, confidence 0.8 [waiting]\n")


def test_what_was_kept_aside_is_shown_with_its_reason(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(str(home / "state.sqlite")).begin() as connection:
        set_aside(connection, "hook kuma", "the body is no JSON", "\x1b[31m{oops", SystemClock().wall())
    code, text = said(capsys, home, "events", "rejected")
    assert code == 0
    assert "hook kuma: the body is no JSON" in text
    assert "{oops" in text
    assert "\x1b" not in text
