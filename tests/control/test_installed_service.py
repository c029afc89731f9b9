"""An installed service is operated from a shell: as root and as a user of its group, with no variable set by hand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.control.installed import MEMBER, SERVICE, STRANGER, Installed, installed, interpreter
from tests.support.discord.local import LocalDiscord
from tests.support.paths import DATA, ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users, and write to /etc")

CONFIG = """\
version: 1
timezone: UTC
discord: {{base_url: "{base_url}"}}
ledgers: {{bot: {{kind: freqtrade, url: bot.sqlite, starting_balance: 10000 USDT}}}}
channels: {{daily: {{webhook: credential:hook}}}}
jobs: {{daily_summary: {{}}, health_probe: {{}}}}
probes: {{port: {{address: "127.0.0.1:1"}}}}
"""
# Commands of the README, in an order that makes sense, with their exit codes and something that they say.
COMMANDS = [
    ("check", 0, "channel daily can be posted to"),
    ("doctor", 0, "can be used"),
    ("jobs", 0, "daily_summary"),
    ("preview daily_summary --at 2026-10-30", 0, "-62.41 USDT"),
    ("run-job daily_summary --at 2026-10-30", 0, "delivered"),
    ("runs", 0, "2026-10-30"),
    ("outbox", 0, ""),
    ("channels", 0, "daily"),
    ("explain", 0, ""),
    ("silence port --for 2h", 0, "port"),
    ("notify trade_executed pair=BTC/USDT", 0, "the daemon sends it"),
    ("export trades --from 2026-10-30", 0, "USDT"),
    ("service status", 1, "daemon at"),
]
MORE = [
    ("check --diff", 0, "nothing of a job changes"),
    ("preview daily_summary --at 2026-10-30 --format json", 0, "embeds"),
    ("preview daily_summary --at 2026-10-30 --format html", 0, "<html"),
    ("run-job daily_summary --at 2026-10-30 --force", 0, "delivered"),
    ("backfill daily_summary --from 2026-10-28 --to 2026-10-29", 0, "2026-10-28"),
    ("runs daily_summary", 0, "2026-10-30"),
    ("probe port", 1, "port"),
    ("outbox --all", 0, "daily"),
    ("outbox show 1", 0, "daily"),
    ("explain probe/port", 0, "port"),
    ("ack nothing_like_this", 1, "nothing_like_this"),
    ("silence", 0, "port"),
    ("silence port --end", 0, "port"),
    ("announce 'The bot moves' --until morning", 0, "The bot moves"),
    ("announce", 0, "The bot moves"),
    ("announce --end 1", 0, "withdrawn"),
    ("channels test daily", 0, "daily"),
    ("events", 0, "trade_executed"),
    ("hooks show github", 0, "hooks/NAME"),
    ("uptime", 0, ""),
    ("ask status", 0, ""),
    ("export daily --from 2026-10-30 --format json", 0, "USDT"),
    ("ledger check", 0, "bot"),
    ("ledger inspect /nothing/like/this", 1, "/nothing/like/this"),
    ("ledger rollups", 0, "bot"),
    ("ledger verify", 0, "nothing differs"),
    ("hooks", 2, "required: ACTION"),
    ("web token bot", 0, "rpt_"),
    ("web login", 1, "the config has no `web:`"),
    ("web badges", 1, "the config has no `web:`"),
    ("web password", 1, "password"),
    ("ask 'trades 5'", 0, "Last 5 Trades"),
    ("ask help", 0, "Commands"),
    ("outbox retry 999", 1, "there is no message 999"),
    ("outbox drop 999", 1, "there is no message 999"),
    ("setup discord --dry-run", 1, "DISCORD_BOT_TOKEN"),
    ("setup telegram", 1, "TELEGRAM_TOKEN"),
    ("store info", 0, "daemon    runs on it"),
    ("store backup --out {folder}/store.sqlite", 0, "written to"),
    ("service install --dry-run", 0, "would write"),
    ("service uninstall --dry-run", 0, "would remove"),
    ("init {folder}/home", 0, "reporter.yaml"),
    ("schema", 0, "$schema"),
    ("demo --once daily_summary", 0, "P&L"),
    ("preview daily_summary --pictures {folder}", 1, "take `--format html`"),
    ("no_such_command", 2, "there is no command no_such_command"),
    ("preview no_such_job", 1, "there is no job no_such_job"),
]
# The daemon itself, which the tests start.
NOT_TRIED = {"run"}


@pytest.fixture
def service(discord: LocalDiscord) -> Iterator[Installed]:
    if (python := interpreter()) is None:
        pytest.skip("other users may not run this Python")
    with installed(python, CONFIG.format(base_url=discord.base_url), discord.webhook("daily")) as made:
        shutil.copy(DATA / "freqtrade.sqlite", made.files.home / "bot.sqlite")
        yield made


def tried(service: Installed, commands: list[tuple[str, int, str]], uid: int, folder: Path = Path("/")) -> list[str]:
    """What was not as it should be; `folder` is one of this user."""
    wrong = []
    for command, code, says in commands:
        done = service.reporter(*shlex.split(command.format(folder=folder)), uid=uid)
        output = done.stdout + done.stderr
        if done.returncode != code or says not in output or "Traceback" in output:
            wrong.append(f"{command}: exit code {done.returncode}\n{output}")
    return wrong


@pytest.mark.full
@pytest.mark.parametrize("uid", [0, MEMBER], ids=["root", "member"])
def test_every_command_works_while_the_daemon_runs(service: Installed, uid: int) -> None:
    with service.daemon(), TemporaryDirectory() as folder:
        os.chown(folder, uid, uid)
        assert tried(service, [*COMMANDS, *MORE], uid, Path(folder)) == []
        assert service.owners() == {SERVICE}


def test_each_command_of_the_readme_is_among_those_tried() -> None:
    _, _, table = (ROOT / "README.md").read_text().partition("\n## Commands\n")
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `reporter")]
    shown = {one.removeprefix("reporter ").split()[0] for row in rows for one in re.findall(r"`([^`]+)`", row)}
    ours = {command.split()[0] for command, _, _ in (*COMMANDS, *MORE)}
    assert shown - ours - NOT_TRIED == set()


def test_commands_work_while_the_daemon_runs(service: Installed) -> None:
    some = [command for command in COMMANDS if command[0].split()[0] in {"check", "run-job", "notify"}]
    with service.daemon():
        assert tried(service, some, MEMBER) == []
        assert tried(service, [("runs", 0, "2026-10-30")], 0) == []
        assert service.owners() == {SERVICE}


def test_without_a_daemon_root_becomes_the_service(service: Installed, discord: LocalDiscord) -> None:
    some = [command for command in COMMANDS if command[0].split()[0] in {"check", "run-job"}]
    assert tried(service, some, 0) == []
    assert len(discord.messages("daily")) == 1
    assert service.owners() == {SERVICE}
    assert list(Path("/run").glob("reporter-credentials-*")) == []
    with service.daemon():  # what root did does not hinder it
        assert tried(service, [("runs", 0, "2026-10-30")], MEMBER) == []


def test_who_may_not_or_finds_no_daemon_is_sent_to_where_it_works(service: Installed) -> None:
    name = service.files.name
    alone = service.reporter("runs", uid=MEMBER)
    assert (alone.returncode, alone.stdout) == (1, "")
    assert f"`systemctl start {name}`, or run this as root" in alone.stderr
    with service.daemon():
        stranger = service.reporter("runs", uid=STRANGER)
    assert (stranger.returncode, stranger.stdout) == (1, "")
    assert f"`usermod --append --groups {name} USER`, and log in again" in stranger.stderr


def test_files_are_those_of_whoever_gives_the_command(service: Installed, tmp_path: Path) -> None:
    body = tmp_path / "note.txt"
    body.write_text("mine alone")
    with service.daemon():
        table = service.reporter("export", "trades", "--from", "2026-10-30", "--out", str(tmp_path / "t.csv"))
        assert (table.returncode, table.stdout, table.stderr) == (0, "", f"written to {tmp_path / 't.csv'}\n")
        assert "USDT" in (tmp_path / "t.csv").read_text()
        assert service.reporter("notify", "audit", "--attach", str(body)).returncode == 0
        closed = service.reporter("notify", "audit", "--attach", str(body), uid=MEMBER)
        assert "Permission denied" in closed.stderr
        failed = service.reporter("export", "trades", "--from", "never", "--out", str(tmp_path / "u.csv"))
        assert (failed.returncode, (tmp_path / "u.csv").exists()) == (1, False)
