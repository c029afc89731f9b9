"""The door in Discord as it is used: a daemon that is started, killed and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.support.discord import LocalDiscord, Posted
from tests.support.discord.interactions import Member
from tests.support.processes import daemon, free_port, until

CONFIG = """\
version: 1
store: {store}
discord: {{base_url: "{url}"}}
channels: {{desk: {{webhook: env:HOOK}}}}
jobs: {{health_probe: {{schedule: every 1s}}}}
probes: {{gone: {{kind: tcp, address: "127.0.0.1:{port}", every: 1s, alert: {{failures: 1}}}}}}
chat:
  discord: {{token: env:BOT, guild: {guild}, channels: {desk}}}
  roles: {{owner: "discord:{owner}"}}
plans: {{authors: {{d: {{users: ["discord:{owner}"]}}}}, listen: "127.0.0.1:{listen}"}}
"""


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        local.chat.bot()
        local.adopt("desk")
        yield local


def test_a_button_works_after_a_kill_and_health_says_how_the_bot_stands(tmp_path: Path, discord: LocalDiscord) -> None:
    owner, listen = discord.chat.member("owner"), free_port()
    environ = home(tmp_path, discord, owner, listen)
    with daemon(tmp_path, datetime.now(UTC), environ) as running:
        discord.chat.until_connected(120)
        until(lambda: alerts(discord) != [], lambda: running.log, seconds=120)
        [alert] = alerts(discord)
        running.stop(signal.SIGKILL)
    with daemon(tmp_path, datetime.now(UTC), environ) as running:
        until(lambda: bot_state(listen) == "connected", lambda: running.log, seconds=120)
        done = discord.chat.press(alert, owner, "✋ Acknowledge")
        assert "Acknowledged by owner" in discord.chat.answers(done)[0].text
        until(lambda: "Acknowledged by owner" in alert.text, lambda: running.log, seconds=120)
        [board] = [one for one in discord.messages("desk") if "🔄 Refresh" in one.buttons]
        asked = discord.chat.press(board, owner, "🔄 Refresh")
        assert "Refreshed." in discord.chat.answers(asked, seconds=120)[0].text
        discord.chat.gateway.deaf = True
        discord.chat.gateway.drop()
        until(lambda: bot_state(listen) == "disconnected", lambda: running.log, seconds=120)
        assert running.stop() < 10
        assert "Traceback" not in running.log


def test_without_the_door_nothing_of_it_is_imported() -> None:
    code = "import sys; from reporter.cli.daemon import doors; import reporter.app.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"discord", "aiohttp", "yarl"} & set(loaded)


def home(folder: Path, discord: LocalDiscord, owner: Member, listen: int) -> dict[str, str]:
    (folder / "config").mkdir()
    config = CONFIG.format(
        store=f"sqlite:///{folder / 'store.sqlite'}",
        url=discord.base_url,
        port=free_port(),
        guild=discord.guild.id,
        desk=discord.channel_id("desk"),
        owner=owner.id,
        listen=listen,
    )
    (folder / "config" / "reporter.yaml").write_text(config)
    return {"HOME": str(folder), "BOT": discord.chat.bot(), "HOOK": discord.webhook("desk")}


def alerts(discord: LocalDiscord) -> list[Posted]:
    """Those about our probe; a busy machine has troubles of its own."""
    return [one for one in discord.messages("desk") if "✋ Acknowledge" in one.buttons and "gone" in one.text]


def bot_state(port: int) -> str:
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).json()
    except httpx.HTTPError:
        return "no answer"
    return str(found["components"]["discord_bot"]["status"])
