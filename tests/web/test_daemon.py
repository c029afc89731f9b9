"""The daemon as a process: what is handed in from outside arrives in Discord, once, also through a kill."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from reporter.client import Client
from tests.support.discord.local import LocalDiscord
from tests.support.processes import Process, daemon, reporter, until
from tests.support.stage import Stage

TOKEN = "token-of-the-bot-0123456789"
MORE = """
events: {default: {channel: daily}}
web: {listen: "127.0.0.1:0", tokens: {bot: env:REPORTER_TOKEN}}
"""


@pytest.fixture
def home(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.on_discord(discord, "  daily_summary: {enabled: false}", more=MORE)
    stage.environ["REPORTER_TOKEN"] = TOKEN
    return stage


def now() -> datetime:
    """The client and the command line stamp events by the clock of this machine."""
    return datetime.now(UTC)


def titles(discord: LocalDiscord) -> list[str]:
    """Of all embeds: messages of one kind may travel in one request."""
    return [embed["title"] for message in discord.everything() for embed in message.embeds]


def address(running: Process) -> str:
    running.says("listening on")
    found = re.search(r"listening on (\S+)", running.log)
    assert found
    return found[1]


def test_every_door_leads_to_the_same_channel(home: Stage, discord: LocalDiscord, tmp_path: Path) -> None:
    with daemon(home.folder, now(), home.environ) as running:
        url = address(running)
        done = reporter(home, "notify", "build_success", "repository=me/bot", "--id", "1")
        assert (done.returncode, done.stdout) == (0, "1: saved, the daemon sends it\n")
        bot = Client(url, TOKEN, source="bot", spool=tmp_path / "spool")
        bot.notify_trade_opened(symbol="BTC/USDT")
        until(lambda: len(titles(discord)) == 2, lambda: f"{bot.stats()} {titles(discord)}\n{running.log}")
    assert sorted(titles(discord)) == ["✅ Build Successful", "🟢 Trade Opened"]


def test_what_is_handed_in_while_the_daemon_is_down_arrives_once_it_is_up(home: Stage, discord: LocalDiscord) -> None:
    done = reporter(home, "notify", "deployment_started", "service=bot", "--id", "7")
    assert done.returncode == 75
    assert "no daemon runs on this store" in done.stdout
    assert reporter(home, "notify", "deployment_started", "--id", "7").returncode == 0
    with daemon(home.folder, now(), home.environ) as running:
        running.says("report delivered")
        running.stop(signal.SIGKILL)
    with daemon(home.folder, now(), home.environ) as running:
        address(running)
        reporter(home, "notify", "system", "--title", "last")
        until(lambda: "ℹ️ last" in titles(discord), lambda: running.log)
    assert titles(discord).count("🚀 Deployment Started") == 1


def test_a_wrong_event_gets_a_sentence(home: Stage) -> None:
    done = reporter(home, "notify", "Build!", "x")
    assert done.returncode == 2
    assert "write key=value" in done.stderr


def test_without_web_nothing_of_it_is_imported() -> None:
    code = "import sys; from reporter.cli.daemon import doors; import reporter.app.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"starlette", "uvicorn", "jmespath"} & set(loaded)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:  # nobody listens, or the listener went away with the question
        return False


def test_a_changed_web_section_takes_effect_without_a_restart(home: Stage) -> None:
    config = home.folder / "config/reporter.yaml"
    text = config.read_text()
    with daemon(home.folder, now(), home.environ) as running:
        first = address(running)
        config.write_text(text.replace("127.0.0.1:0", "localhost:0"))
        running.send(signal.SIGHUP)
        running.says("listening on", times=2)
        second = re.findall(r"listening on (\S+)", running.log)[-1]
        assert answers(second)
        assert not answers(first)
        config.write_text("\n".join(line for line in text.splitlines() if not line.startswith("web:")))
        running.send(signal.SIGHUP)
        until(lambda: not answers(second), lambda: running.log)
