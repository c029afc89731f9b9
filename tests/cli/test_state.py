"""State belongs to its home, and a command needs only the secrets that it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.discord.local import LocalDiscord
from tests.support.processes import reporter
from tests.support.stage import DAILY, Stage

NO_STORE = """\
version: 1
channels: {screen: {kind: console}}
jobs: {daily: {}}
"""
READ_ONLY = (
    "runs", "jobs", "outbox", "channels", "explain", "uptime", "silence", "silence db", "announce", "preview daily",
)  # fmt: skip
SECRETS = """\
ledgers: {bot: {kind: native, url: env:NO_DATABASE}}
heartbeat: {url: env:NO_HEARTBEAT}
probes:
  web: {url: env:NO_WEB}
  cache: {kind: redis, url: env:NO_REDIS}
  db: {kind: postgres, url: env:NO_POSTGRES}
  query: {kind: sql, url: env:NO_SQL, query: SELECT 1}
  port: {address: "127.0.0.1:1", send: env:NO_WORD}
"""


def home(folder: Path) -> Stage:
    stage = Stage(folder)
    stage.report("daily", DAILY)
    stage.write("config/reporter.yaml", NO_STORE)
    return stage


def test_two_homes_of_one_user_share_no_store(tmp_path: Path) -> None:
    first, second = home(tmp_path / "first"), home(tmp_path / "second")
    first.environ = second.environ = {"HOME": str(tmp_path)}
    for stage in (first, second):
        done = reporter(stage, "run-job", "daily")
        assert "sent before" not in done.stdout
        assert "delivered" in done.stdout
    assert (tmp_path / "first/state/reporter.sqlite").exists()


@pytest.fixture
def elsewhere(stage: Stage, discord: LocalDiscord) -> Stage:
    """A home that has run, in a shell that has none of its secrets."""
    stage.report("daily", DAILY).on_discord(discord, "  daily:\n  health_probe:")
    assert reporter(stage, "run-job", "daily").returncode == 0
    stage.on_discord(discord, "  daily:\n  health_probe:", more=SECRETS)
    del stage.environ["WEBHOOK_DAILY"]
    return stage


@pytest.mark.parametrize("command", READ_ONLY)
def test_a_command_that_uses_no_secret_needs_none(elsewhere: Stage, command: str) -> None:
    if command.startswith("preview"):  # a report may read the ledgers, and nothing else
        elsewhere.environ["NO_DATABASE"] = str(elsewhere.folder / "bot.sqlite")
    done = reporter(elsewhere, *command.split())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("run", 78, "the environment has no variable `WEBHOOK_DAILY`"),
        ("preview daily", 78, "ledgers.bot.url: the environment has no variable `NO_DATABASE`"),
        ("run-job daily", 78, "ledgers.bot.url: the environment has no variable `NO_DATABASE`"),
        ("channels test daily", 1, "channels.daily.webhook: the environment has no variable `WEBHOOK_DAILY`"),
        ("outbox retry --channel daily", 1, "channels.daily.webhook: the environment has no variable `WEBHOOK_DAILY`"),
        ("probe web", 78, "probes.web.url: the environment has no variable `NO_WEB`"),
    ],
)
def test_a_command_names_the_secret_that_it_uses(elsewhere: Stage, command: str, code: int, sentence: str) -> None:
    done = reporter(elsewhere, *command.split())
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr


def test_a_run_by_hand_needs_the_webhooks_of_its_job_alone(elsewhere: Stage) -> None:
    elsewhere.environ["NO_DATABASE"] = str(elsewhere.folder / "bot.sqlite")
    done = reporter(elsewhere, "run-job", "daily", "--force")
    assert done.returncode == 1
    assert "channels.daily.webhook: the environment has no variable `WEBHOOK_DAILY`" in done.stderr


@pytest.mark.parametrize("command", ["runs", "outbox", "channels", "explain", "uptime", "silence", "ack db"])
def test_a_home_without_a_past_says_so(tmp_path: Path, command: str) -> None:
    stage = home(tmp_path)
    done = reporter(stage, *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert "this home has no store yet" in done.stderr
    assert str(tmp_path / "state/reporter.sqlite") in done.stderr
    assert not (tmp_path / "state").exists()
