"""The whole floor: each of the 37 channels of the plan gets its messages."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from reporter.app import demo_floor
from reporter.app.app import App, opened
from reporter.app.check import check_home
from reporter.app.home import FLOOR, FolderHome, make_home
from reporter.cli.demo import demo_home
from reporter.config.server_plan import read_plan
from reporter.messages.message import Message, from_dict, plain
from reporter.store import tables
from tests.support.clocks import HandClock
from tests.support.paths import ROOT

PLANNED = [one.name for one in read_plan(ROOT / "config/server.yaml")]


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Message]]:
    """What each channel got when the invented floor was played once."""
    folder = tmp_path_factory.mktemp("floor")
    clock = HandClock(datetime(2026, 10, 30, 14, 45, tzinfo=UTC))
    demo_home(folder, None, floor=True, now=clock.now)
    with opened(FolderHome(folder, clock=clock, stream=io.StringIO()), clock=clock) as app:
        wrong = demo_floor.play(app, folder / "trading.sqlite", lambda seconds: clock.forward(seconds=seconds))
        assert wrong == []
        return _messages(app)


def _messages(app: App) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = {}
    with app.store.read() as connection:
        for row in connection.execute(select(tables.outbox).order_by(tables.outbox.c.id)):
            found.setdefault(row.channel, []).append(from_dict(json.loads(row.message)))
    return found


def test_there_are_37_channels() -> None:
    assert len(PLANNED) == len(set(PLANNED)) == 37


@pytest.mark.parametrize("channel", PLANNED)
def test_each_channel_of_the_plan_gets_a_message_with_facts(messages: dict[str, list[Message]], channel: str) -> None:
    told = [one for one in messages.get(channel, ()) if one.body or one.fields]
    assert told, f"nothing was sent to {channel}"
    assert any("Nothing To Show" not in plain(one.title) for one in told), f"{channel} got an empty board"


def test_a_floor_is_laid_ready_for_its_webhooks(tmp_path: Path) -> None:
    """Each channel refers to the file that `setup discord` writes; with these the config is right."""
    created = make_home(tmp_path, config=FLOOR)
    assert created == [tmp_path / "config/reporter.yaml", tmp_path / "config/schema.json"]
    for name in PLANNED:
        secret = tmp_path / "secrets/discord" / name
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text(f"https://discord.com/api/webhooks/{PLANNED.index(name) + 10**17}/{'t' * 68}")
        secret.chmod(0o600)
    with opened(FolderHome(tmp_path, clock=HandClock())) as app:
        assert list(app.runtime.channels) == PLANNED
        assert app.home.warnings == ()


def test_a_floor_whose_reader_has_gone_runs_and_sends_nothing_more(tmp_path: Path) -> None:
    clock = HandClock(datetime(2026, 10, 30, 14, 45, tzinfo=UTC))
    demo_home(tmp_path, None, floor=True, now=clock.now)
    with opened(FolderHome(tmp_path, clock=clock, stream=io.StringIO()), clock=clock) as app:
        app.stopping.set()
        assert demo_floor.play(app, tmp_path / "trading.sqlite", lambda _: None) == []
        assert _messages(app) == {}
        with app.store.read() as connection:
            assert connection.execute(select(tables.runs)).all() == []


def test_what_a_new_floor_lacks_is_two_mistakes_with_their_remedies(tmp_path: Path) -> None:
    """37 channels that nobody has set up yet are one of them, and what they draw along is none."""
    make_home(tmp_path, config=FLOOR)
    with_mistakes = [one for one in check_home(FolderHome(tmp_path, clock=HandClock())) if one.trouble]
    assert [one.trouble for one in with_mistakes] == ["config", "ledger"]
    config, ledger = (one.text for one in with_mistakes)
    assert "nor can those of 36 more channels" in config
    assert "`reporter setup discord --all` creates the channels and writes these files" in config
    assert "there is no file" in ledger


def test_the_invented_floor_has_no_rule_about_prices_that_nobody_saw() -> None:
    assert "price_off" in (ROOT / "config/examples/floor.yaml").read_text()
    assert "price_off" not in demo_floor.floor_config(None)
