"""A day of plans in a running daemon: written, edited, read, withdrawn by Discord, Telegram, command line, REST."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PIL import Image

from reporter.client import create_client
from tests.support.discord import LocalDiscord
from tests.support.paths import ROOT
from tests.support.processes import daemon, free_port, until
from tests.support.telegram import LocalTelegram

CONFIG = """\
version: 1
store: {store}
discord: {{base_url: "{discord}"}}
telegram: {{base_url: "{telegram}"}}
channels: {{screen: {{kind: console}}}}
jobs: {{}}
chat:
  discord: {{token: env:DISCORD, guild: {guild}, channels: {desk}}}
  telegram: {{token: env:TELEGRAM}}
  roles: {{viewer: ["discord:{daria}", "telegram:11"]}}
plans:
  authors: {{d: {{name: Daria, users: ["discord:{daria}", "telegram:11"]}}}}
  listen: "127.0.0.1:{port}"
  timezone: Etc/GMT{west:+}
"""


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        local.chat.bot()
        yield local


@pytest.fixture
def telegram() -> Iterator[LocalTelegram]:
    with LocalTelegram(limits=False) as local:
        local.chat("daria", "private")
        yield local


def test_a_plan_goes_through_every_door(tmp_path: Path, discord: LocalDiscord, telegram: LocalTelegram) -> None:
    daria, port = discord.chat.member("daria"), free_port()
    (tmp_path / "config").mkdir()
    config = CONFIG.format(
        store=f"sqlite:///{tmp_path / 'store.sqlite'}",
        discord=discord.base_url,
        telegram=telegram.base_url,
        guild=discord.guild.id,
        desk=discord.channel_id("desk"),
        daria=daria.id,
        port=port,
        west=datetime.now(UTC).hour - 12,  # where it is noon, so that no midnight comes between
    )
    (tmp_path / "config" / "reporter.yaml").write_text(config)
    (tmp_path / "third.png").write_bytes(picture(3))
    environ = {"HOME": str(tmp_path), "DISCORD": discord.chat.bot(), "TELEGRAM": telegram.token()}
    plans = create_client(f"http://127.0.0.1:{port}", cache_ttl=0)
    with daemon(tmp_path, datetime.now(UTC), environ) as running:
        discord.chat.until_connected(120)
        until(lambda: bot(plans.check_health()) == "connected", lambda: running.log, seconds=120)

        files = {"picture": ("one.png", picture(1))}
        asked = discord.chat.slash("desk", daria, "plan", author="d", text="long BTC", files=files)
        assert "The plan of Daria for " in discord.chat.answers(asked)[0].text
        telegram.show("daria", 11, [picture(2)], "/edit d short BTC")
        assert "version 2 · 2 pictures" in telegram.wait_for("daria", 1, seconds=120)[0].text
        said = ask(tmp_path, environ, "--attach", str(tmp_path / "third.png"), "edit d flat")
        assert "version 3 · 3 pictures" in said

        for question in ("plans", "myplans"):
            assert "flat" in discord.chat.answers(discord.chat.slash("desk", daria, question))[0].text
            assert "flat" in ask(tmp_path, environ, question)
        telegram.say("daria", 11, "/history d")
        assert "3. edited" in telegram.wait_for("daria", 2, seconds=120)[1].text

        found = plans.fetch_coach_plan("d")
        assert found
        assert (found["coach_name"], found["plan"], len(found["charts"])) == ("coach_d", "flat", 3)
        assert [size(address) for address in found["charts"]] == [(1, 8), (2, 8), (3, 8)]
        every = plans.fetch_all_coach_plans()
        assert every
        assert every["plans"] == [found]

        telegram.say("daria", 11, "/delete d")
        assert "is withdrawn" in telegram.wait_for("daria", 3, seconds=120)[2].text
        assert plans.fetch_coach_plan("d") is None
        history = plans.fetch_history("d")
        assert history
        assert [version["act"] for version in history["history"]] == ["written", "edited", "edited", "withdrawn"]
        assert "Every plan is as it was written" in ask(tmp_path, environ, "plans verify")
        assert "Traceback" not in running.log


def ask(home: Path, environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "reporter", "--home", str(home), "ask", *arguments]
    environ = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout


def bot(health: dict[str, object]) -> object:
    components = health.get("components")
    return components["discord_bot"]["status"] if isinstance(components, dict) else health


def picture(width: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, 8)).save(content, "PNG")
    return content.getvalue()


def size(address: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(httpx.get(address, trust_env=False).content)) as found:
        return found.size
