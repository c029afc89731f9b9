"""`reporter web`: tokens, links and hashes, made where the daemon will look for them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from reporter.cli.web import run_web
from reporter.errors import ReporterError
from reporter.store import web_keys
from reporter.web.passwords import is_password
from tests.notify.alert_home import options
from tests.operations.floors import CONFIG, floor
from tests.support.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return floor(tmp_path, CONFIG + "web: {listen: '127.0.0.1:8787'}\n")


def test_a_token_is_shown_once_and_kept_as_a_digest(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    run_web(stage.app, options(action="token", name="grafana", may=["read"], days=90))
    token = capsys.readouterr().out.strip()
    with stage.app.store.read() as connection:
        found = web_keys.find(connection, "token", token, stage.clock.wall())
    assert found
    assert (found.name, found.may) == ("grafana", "read")
    run_web(stage.app, options(action="tokens"))
    listed = capsys.readouterr().out
    assert "grafana: may read" in listed
    assert token not in listed
    run_web(stage.app, options(action="revoke", name="grafana"))
    with pytest.raises(ReporterError, match="there is no token grafana"):
        run_web(stage.app, options(action="revoke", name="grafana"))


def test_a_link_to_log_in_names_the_listener(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    run_web(stage.app, options(action="login", role="viewer"))
    assert capsys.readouterr().out.startswith("http://127.0.0.1:8787/login/rpl_")


def test_a_password_becomes_a_hash(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    run_web(stage.app, options(action="password"))
    assert is_password("correct horse battery", capsys.readouterr().out.strip())
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    with pytest.raises(ReporterError, match="at least 10 characters"):
        run_web(stage.app, options(action="password"))
