"""One report goes to Discord, Telegram and by mail at once, each channel with its own filter and noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.delivery.channels import ChannelFilter
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord
from tests.support.mail import LocalMail
from tests.support.telegram import LocalTelegram

CONFIG = """\
version: 1
discord: {{base_url: "{discord}"}}
telegram: {{base_url: "{telegram}"}}
channels:
  floor: {{webhook: env:HOOK}}
  phone: {{kind: telegram, token: env:BOT, chat: {chat}, noise: silent, except: [boards, "probe/*"]}}
  mail: {{kind: apprise, url: env:MAIL, only: [summary, alerts]}}
jobs: {{summary: {{channel: [floor, phone, mail]}}, pulse: {{channel: [floor, phone, mail]}}}}
alerts: {{routes: {{all: [floor, phone, mail]}}}}
"""
JOB = """\
from collections.abc import Iterator
from reporter import Context, Report, job

@job(covers="today", schedule="every 5m")
def {name}(ctx: Context) -> Iterator[Report]:
    yield Report({slot})
"""


@pytest.fixture
def world() -> Iterator[tuple[LocalDiscord, LocalTelegram, LocalMail]]:
    with LocalDiscord(limits=False) as discord, LocalTelegram(limits=False) as telegram, LocalMail() as mail:
        yield discord, telegram, mail


def home(folder: Path, discord: LocalDiscord, telegram: LocalTelegram, mail: LocalMail) -> App:
    chat = telegram.chat("phone")
    config = CONFIG.format(discord=discord.base_url, telegram=telegram.base_url, chat=chat)
    files = {"config/reporter.yaml": config}
    for name, slot in (("summary", ""), ("pulse", 'slot="pulse"')):
        files |= {f"jobs/{name}.py": JOB.format(name=name, slot=slot), f"templates/{name}.md.j2": f"# The {name}\n"}
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    environ = {"HOME": str(folder), "HOOK": discord.webhook("floor"), "BOT": telegram.token(), "MAIL": mail.url}
    clock = HandClock()
    return App(FolderHome(folder, clock=clock, environ=environ), clock=clock)


def test_each_channel_takes_what_it_wants(tmp_path: Path, world: tuple[LocalDiscord, LocalTelegram, LocalMail]) -> None:
    discord, telegram, mail = world
    app = home(tmp_path, *world)
    for name in ("summary", "pulse"):
        app.run_by_hand(app.job(name), None, force=False)
    for channel in app.runtime.channels:
        app.delivery.serve(app.runtime.channels, channel)
    app.close()
    assert [message.title for message in discord.messages("floor")] == ["The summary", "The pulse"]
    assert [(m.text.split("\n")[0], m.silent) for m in telegram.messages("phone")] == [("The summary", True)]
    assert [message["Subject"] for message in mail.messages] == ["The summary"]


@pytest.mark.parametrize(
    ("only", "without", "about", "takes"),
    [
        ((), (), ("daily_summary", "reports"), True),
        (("daily_*",), (), ("daily_summary", "reports"), True),
        (("daily_summary",), (), ("alerts", "probe/db"), False),
        (("alerts",), ("probe/*",), ("alerts", "probe/db"), False),
        (("alerts",), ("probe/*",), ("alerts", "limit/daily_loss"), True),
        ((), ("boards",), ("pnl_realtime", "boards"), False),
        (("trade",), (), ("trade", "events"), True),
    ],
)
def test_a_filter(only: tuple[str, ...], without: tuple[str, ...], about: tuple[str, ...], takes: bool) -> None:
    assert ChannelFilter(only, without).takes(about) is takes
