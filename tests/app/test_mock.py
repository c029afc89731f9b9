"""`run --mock`: everything is shown in the terminal, and neither secrets nor the real store are touched."""

from __future__ import annotations

import io
from pathlib import Path

from reporter.app.app import App
from reporter.app.mock import MockHome
from tests.support.clocks import HandClock

CONFIG = """\
version: 1
channels:
  floor: {webhook: env:NOWHERE}
  phones: {kind: telegram, token: env:NOT, chat: -1001234567890}
heartbeat: {url: env:NO}
probes: {web: {url: "https://example.org"}, here: {kind: file, path: config/reporter.yaml}}
jobs: {plans_morning: {channel: [floor, phones]}}
plans: {authors: {d: {name: Daria}}}
"""


def test_every_channel_is_the_terminal_and_the_real_store_stays(tmp_path: Path) -> None:
    folder, scratch, screen = tmp_path / "home", tmp_path / "scratch", io.StringIO()
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "reporter.yaml").write_text(CONFIG)
    scratch.mkdir()
    clock = HandClock()
    app = App(MockHome(folder, clock=clock, scratch=scratch, stream=screen), clock=clock, hold=True)
    try:
        done = app.run_by_hand(app.job("plans_morning"), None)
        assert done.outcome
        assert done.outcome.run_id
        app.deliver(done.outcome.run_id)
        assert {channel.outlet.kind for channel in app.runtime.channels.values()} == {"console"}
        assert set(app.runtime.notify.rules.probes) == {"here"}
        assert app.runtime.heartbeat is None
    finally:
        app.close()
    shown = screen.getvalue()
    assert shown.count("Plans for 2026-10-31") == 2
    assert "#floor\n" in shown
    assert "#phones\n" in shown
    assert not (folder / "state").exists()
