"""The command line as its users see it: its output and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from argparse import Namespace
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reporter.app.home import find_home
from reporter.cli import preview
from reporter.cli.parser import main
from reporter.errors import ConfigError
from reporter.store import incidents
from tests.support.discord.local import LocalDiscord
from tests.support.paths import DATA, ROOT
from tests.support.processes import reporter
from tests.support.stage import DAILY, Stage

Says = pytest.CaptureFixture[str]
FREQTRADE = DATA / "freqtrade.sqlite"


@pytest.fixture
def floor(stage: Stage, discord: LocalDiscord) -> Stage:
    """The stock reports on a real freqtrade database, for a local Discord."""
    shutil.copy(FREQTRADE, stage.folder / "bot.sqlite")
    ledger = "ledgers: {bot: {kind: freqtrade, url: bot.sqlite, starting_balance: 10000 USDT}}"
    jobs = "  daily_summary:\n  agent_performance:\n  weekly_leaderboard:"
    return stage.on_discord(discord, jobs, more=ledger)


def test_run_job_posts_exactly_one_message_and_says_where(floor: Stage, discord: LocalDiscord) -> None:
    done = reporter(floor, "run-job", "daily_summary", "--at", "2026-10-30")
    [message] = discord.messages("daily")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"daily_summary 2026-10-30 → daily: delivered {_link(discord, message.id)}\n"
    assert "-62.41 USDT (-0.63%)" in message.text
    assert "6 (3 long, 3 short)" in message.text


def test_a_period_that_was_sent_is_sent_again_only_by_force(floor: Stage, discord: LocalDiscord) -> None:
    reporter(floor, "run-job", "daily_summary", "--at", "2026-10-30")
    again = reporter(floor, "run-job", "daily_summary", "--at", "2026-10-30")
    assert again.returncode == 0
    assert "daily_summary 2026-10-30 was sent before, at " in again.stdout
    assert " (--force sends it again)\n  → daily: delivered https://" in again.stdout
    assert _link(discord, discord.messages("daily")[0].id) in again.stdout
    assert len(discord.messages("daily")) == 1
    assert reporter(floor, "run-job", "daily_summary", "--at", "2026-10-30", "--force").returncode == 0
    assert len(discord.messages("daily")) == 2


def test_what_cannot_be_delivered_now_is_queued_and_the_code_says_so(floor: Stage, discord: LocalDiscord) -> None:
    with discord.down():
        done = reporter(floor, "run-job", "daily_summary", "--at", "2026-10-30")
    assert done.returncode == 75
    assert "daily: queued, not delivered yet: Discord cannot be reached" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run-job", "daily_sumary"], "there is no job daily_sumary: did you mean daily_summary?"),
        (["run-job", "health_probe"], "the job health_probe is not in"),
        (["run-job", "daily_summary", "--at", "2199-01-01"], "2199-01-01 has not begun yet"),
        (["preview", "daily_summary", "--at", "yesterdy"], "yesterdy"),
    ],
)
def test_a_slip_gets_a_sentence(floor: Stage, arguments: list[str], sentence: str) -> None:
    done = reporter(floor, *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekc"], "there is no command chekc: did you mean `reporter check`?"),
        (["outbox", "shwo"], "there is no action shwo: did you mean `reporter outbox show`?"),
        (["preview", "x", "--format", "htm"], "there is no --format htm: did you mean `html`?"),
        (["frobnicate"], "there is no command frobnicate: there is run, run-job"),
    ],
)
def test_a_word_that_is_no_command_is_answered_with_the_nearest(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("below", ["config", "config/reporter.yaml"])
def test_a_folder_within_a_home_is_answered_with_the_home(stage: Stage, below: str) -> None:
    home = stage.on_screen("  daily_summary:").folder
    with pytest.raises(ConfigError, match=re.escape(f"did you mean `--home {home}`?")):
        find_home(str(home / below))


def test_preview_shows_the_alert_that_people_would_get_and_saves_nothing(stage: Stage, capsys: Says) -> None:
    oven = DAILY.replace("import Context", "import Context, Level, Observation").replace("def daily", "def oven")
    oven = oven.replace("Report(facts={", "Observation('limit/oven', Level.CRITICAL, 'too hot', '301', '250') #")
    stage.report("oven", oven).on_screen("  oven:")
    preview.run_preview(stage.app, Namespace(name="oven", at=None, format="text", pictures=None))
    shown = capsys.readouterr().out
    assert "→ screen" in shown
    assert "▌ 🚨 CRITICAL: oven" in shown
    assert "critical limit/oven: too hot" in shown
    assert stage.counts() == {}


def test_preview_says_why_an_alert_would_not_be_sent(stage: Stage, capsys: Says) -> None:
    oven = DAILY.replace("import Context", "import Context, Level, Observation").replace("def daily", "def oven")
    oven = oven.replace("Report(facts={", "Observation('limit/oven', Level.CRITICAL, 'too hot') #")
    stage.report("oven", oven).on_screen("  oven:")
    with stage.app.store.begin() as connection:
        now = stage.clock.wall()
        incidents.add_silence(connection, "oven", now, now + timedelta(hours=1), "cleaning", "anna")
    preview.run_preview(stage.app, Namespace(name="oven", at=None, format="text", pictures=None))
    shown = capsys.readouterr().out
    assert "▌" not in shown
    assert "limit/oven opened is not sent: silenced by anna until 13:00 UTC: cleaning" in shown


def test_preview_sends_nothing_and_shows_the_report_in_three_ways(floor: Stage, discord: LocalDiscord) -> None:
    text = reporter(floor, "preview", "daily_summary", "--at", "2026-10-30").stdout
    page = reporter(floor, "preview", "daily_summary", "--at", "2026-10-30", "--format", "html").stdout
    body = json.loads(reporter(floor, "preview", "daily_summary", "--at", "2026-10-30", "--format", "json").stdout)
    assert "-62.41 USDT" in text
    assert page.startswith("<!doctype html>")
    assert body["allowed_mentions"] == {"parse": []}
    assert body["embeds"][0]["title"] == "📊 Daily Performance Report – 2026-10-30"
    assert discord.requests == []
    assert reporter(floor, "run-job", "daily_summary", "--at", "2026-10-30").returncode == 0


def test_a_footer_counts_what_cannot_be_read_by_what_is_wrong(floor: Stage) -> None:
    with closing(sqlite3.connect(floor.folder / "bot.sqlite")) as bot, bot:
        bot.execute("UPDATE trades SET close_profit_abs = 'n/a' WHERE id IN (1, 2, 3, 4)")
        bot.execute("UPDATE trades SET stake_currency = NULL WHERE id = 5")
    shown = reporter(floor, "preview", "daily_summary", "--at", "2026-10-30", "--format", "json").stdout
    said = "bot: 4 whose close_profit_abs is not a number, first 1: 'n/a'; 1 whose stake_currency is empty, first 5"
    assert said in json.loads(shown)["embeds"][-1]["footer"]["text"]


def test_a_page_of_a_job_without_messages_shows_what_it_saw(floor: Stage, discord: LocalDiscord) -> None:
    code = DAILY.replace("import Context", "import Context, Level, Observation")
    code = code.partition("    yield")[0] + "    yield Observation('a<b', Level.WARNING, 'hot')\n"
    floor.report("daily", code)
    floor.on_discord(discord, "  daily:")
    page = reporter(floor, "preview", "daily", "--format", "html").stdout
    assert 'name="viewport"' in page
    assert "<p>warning  a&lt;b: hot</p>" in page


def test_a_period_that_is_not_over_is_shown_so_far_and_stays_owed(floor: Stage, discord: LocalDiscord) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert reporter(floor, "run-job", "daily_summary", "--at", today).returncode == 0
    assert reporter(floor, "run-job", "daily_summary", "--at", today).returncode == 0
    titles = [message.title for message in discord.messages("daily")]
    assert titles == [f"📊 Daily Performance Report – {today} (so far)"] * 2


def test_jobs_are_listed_with_their_next_run_in_words(floor: Stage) -> None:
    listed = reporter(floor, "jobs").stdout
    assert "daily_summary  (stock) → daily\n" in listed
    assert "every day at 00:00, about yesterday; next " in listed
    assert "health_probe" in listed.partition("not in the config: ")[2]


def test_check_finds_all_well_and_names_what_is_not(floor: Stage, discord: LocalDiscord) -> None:
    well = reporter(floor, "check")
    assert (well.returncode, "✗" in well.stdout) == (0, False)
    assert (
        "✓ ledger bot answers, newest trade 2026-10-31 00:09 UTC; `reporter ledger check bot` reads its rows"
        in well.stdout
    )
    discord.revoke("daily")
    (floor.folder / "bot.sqlite").unlink()
    floor.report("agent_performance", DAILY.replace("def daily", "def agent_performance"), "# {{ nothing }")
    ill = reporter(floor, "check")
    assert ill.returncode == 1
    assert "✗ channel daily: the webhook does not work any more" in ill.stdout
    assert "✗ ledger bot: " in ill.stdout
    assert "✗ templates/agent_performance.md.j2:1: " in ill.stdout


def test_check_looks_at_all_that_is_sound_although_the_config_has_mistakes(floor: Stage, discord: LocalDiscord) -> None:
    discord.revoke("daily")
    (floor.folder / "bot.sqlite").unlink()
    floor.report("agent_performance", DAILY.replace("def daily", "def agent_performance"), "# {{ nothing }")
    floor.report("broken", "import nothing_like_this\n")
    ledgers = "ledgers:\n  bot: {kind: freqtrade, url: bot.sqlite}\n  other: {kind: native, url: 'oracle://db/bot'}"
    jobs = "  daily_summary: {setle: 1s, params: {tops: 1}}\n  sumary:\n  agent_performance:"
    floor.on_discord(discord, jobs, more=ledgers)
    ill = reporter(floor, "check")
    assert ill.returncode == 78
    assert [line.partition("reporter.yaml:")[2] for line in ill.stdout.splitlines() if "reporter.yaml" in line] == [
        "8:19: jobs.daily_summary: unknown key `setle`",
        "8:39: jobs.daily_summary.params: unknown key `tops`",
        "9:3: jobs.sumary: there is no such job",
        "13:30: ledgers.other.url: oracle cannot be read, write sqlite:///FILE, postgresql://… or mysql://…",
    ]
    for trouble in ("jobs/broken.py:1: ", "templates/agent_performance.md.j2:1: ", "ledger bot: ", "channel daily: "):
        assert f"✗ {trouble}" in ill.stdout.replace(f"{floor.folder}/", "")


def test_the_newest_trade_is_shown_in_the_users_zone(floor: Stage) -> None:
    config = floor.folder / "config/reporter.yaml"
    config.write_text(config.read_text().replace("timezone: UTC", "timezone: Asia/Kolkata"))
    assert "✓ ledger bot answers, newest trade 2026-10-31 05:39 IST" in reporter(floor, "check").stdout


def test_init_makes_a_home_that_can_be_used_and_leaves_an_older_one_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    made = _alone(tmp_path, "init", str(tmp_path / "home"))
    assert made.returncode == 0
    assert f"reporter --home {tmp_path / 'home'} check" in made.stdout
    stage.folder = tmp_path / "home"
    assert reporter(stage, "check").returncode == 0
    stage.write("config/reporter.yaml", "version: 1\n")
    assert "! it names no job, so nothing is reported" in reporter(stage, "check").stdout
    assert "nothing was changed" in _alone(tmp_path, "init", str(tmp_path / "home")).stdout


def test_what_init_makes_is_closed_to_other_writers_whatever_the_umask(tmp_path: Path) -> None:
    made = subprocess.run(
        ["sh", "-c", 'umask 0; exec "$@"', "sh", sys.executable, "-m", "reporter", "init", tmp_path / "home"],
        check=False,
    )
    assert made.returncode == 0
    assert [path for path in (tmp_path / "home").rglob("*") if path.stat().st_mode & 0o002] == []


def test_without_a_home_it_says_what_to_do_next(tmp_path: Path) -> None:
    done = _alone(tmp_path)
    assert done.returncode == 2
    assert "There is no home here yet. To look around: reporter demo. To begin: reporter init DIR" in done.stdout
    assert "there is no config here" in _alone(tmp_path, "run").stderr


@pytest.mark.parametrize(
    "program", [["-m", "reporter"], ["-c", "import sys; from reporter.cli import main; sys.exit(main())"]]
)
def test_no_command_line_of_a_library_is_loaded(program: list[str], floor: Stage) -> None:
    command = [sys.executable, "-X", "importtime", *program, "--home", str(floor.folder), "run-job", "daily", "--force"]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | floor.environ, cwd=ROOT, check=False
    )
    loaded = set(re.findall(r"\| +([\w.]+)$", ended.stderr, re.MULTILINE))
    assert "httpx" in loaded
    assert "click" not in loaded, "httpx brings its own command line: 6 MB"


def test_the_demo_shows_the_daily_summary_of_a_made_up_floor(tmp_path: Path) -> None:
    done = _alone(tmp_path, "demo", "--once", "daily_summary")
    assert done.returncode == 0
    assert "Daily Performance Report" in done.stdout
    assert "🏆 Top Performers" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", ["schema", "--version", "chekc 2>&1", "--home /none check 2>&1"])
def test_output_that_nobody_reads_any_more_is_no_traceback(words: str) -> None:
    script = f"{shlex.quote(sys.executable)} -m reporter {words} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("0\n" if words == "--version" else "141\n", "")


def test_a_demo_that_nobody_reads_any_more_ends(tmp_path: Path) -> None:
    script = f"{shlex.quote(sys.executable)} -m reporter demo | head -1; echo ${{PIPESTATUS[0]}}"
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    shell = ["bash", "-c", script]
    done = subprocess.run(shell, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.splitlines()[-1], done.stderr) == ("141", "")


def test_an_answer_that_nobody_reads_or_that_finds_no_room_is_not_called_shown(stage: Stage) -> None:
    assert stage.on_screen("  health_probe:").app.store
    asking = f"{shlex.quote(sys.executable)} -m reporter --home {shlex.quote(str(stage.folder))} ask help"
    environ = {"PATH": os.environ["PATH"], **stage.environ}
    for script, said in ((f"{asking} | true; echo ${{PIPESTATUS[0]}}", "141"), (f"{asking} > /dev/full; echo $?", "1")):
        shell = ["bash", "-c", script]
        done = subprocess.run(shell, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.strip() == said
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["init", "/proc/floor"], ["demo", "--keep", "/proc/floor"]])
def test_a_place_that_cannot_be_written_to_gets_a_sentence(tmp_path: Path, arguments: list[str]) -> None:
    done = _alone(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (1, "reporter: /proc/floor: No such file or directory\n")


def test_output_onto_a_full_disk_gets_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "reporter", "schema"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "reporter: the output: No space left on device\n")


def _link(discord: LocalDiscord, message_id: str) -> str:
    [posted] = [message for message in discord.everything() if message.id == message_id]
    return f"https://discord.com/channels/{posted.channel.guild_id}/{posted.channel.id}/{message_id}"


def _alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in an empty folder of an empty environment."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [sys.executable, "-W", "error", "-m", "reporter", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
