"""What the user sees after a fault: a helpful sentence, the other jobs at work, and no secret."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from reporter.periods.clock import SystemClock
from tests.support.discord.local import LocalDiscord
from tests.support.paths import DATA
from tests.support.processes import daemon, reporter, until
from tests.support.stage import DAILY, Stage

FREQTRADE = DATA / "freqtrade.sqlite"
ROUTES = "alerts: {routes: {all: [alarm], fallback: [alarm]}}"
RAISES = DAILY.replace("def daily", "def broken").replace(
    "    yield", "    raise ValueError('no price for DOGE')\n    yield"
)
READS = DAILY.replace("def daily", "def broken").replace(
    'facts={"late": ctx.now - ctx.period.end}', "books=ctx.ledger.performance(ctx.period)"
)
JOBS = "  broken: {channel: daily}\n  daily: {channel: daily}"


@pytest.fixture
def floor(stage: Stage, discord: LocalDiscord) -> Stage:
    """One job that will go wrong and one that is well."""
    stage.report("daily", DAILY)
    return stage.on_discord(discord, JOBS, channels=["daily", "alarm"], more=ROUTES)


def seen(stage: Stage, discord: LocalDiscord) -> str:
    """Run both jobs as the daemon would; what the alarm channel shows then. The other job has reported."""
    stage.tick()
    stage.clock.forward(days=1)
    stage.tick()
    stage.deliver()
    assert discord.messages("alarm") == []  # what fails once is tried once more before people hear of it
    stage.clock.forward(seconds=31)
    stage.tick()
    for _ in range(3):
        stage.deliver()
    assert [message.title for message in discord.messages("daily")] == ["2026-10-31"]
    told = "\n".join(message.text for message in discord.messages("alarm"))
    for name in ("daily", "alarm"):
        assert stage.environ[f"WEBHOOK_{name.upper()}"].rpartition("/")[2] not in told
    return told


def test_a_job_that_raises_is_told_with_its_line(floor: Stage, discord: LocalDiscord) -> None:
    floor.report("broken", RAISES)
    told = seen(floor, discord)
    assert "Broken for 2026-10-31: broken.py:8: ValueError: no price for DOGE" in told


def test_a_job_that_cannot_be_loaded_is_told_with_its_line(floor: Stage, discord: LocalDiscord) -> None:
    floor.report("broken", DAILY.replace("def daily(", "def broken(") + "\nimport nothing_like_this\n")
    assert "broken" in floor.app.runtime.broken
    with pytest.raises(Exception, match="cannot be loaded") as caught:
        floor.app.job("broken")
    assert "jobs/broken.py:10: ModuleNotFoundError: No module named 'nothing_like_this'" in str(caught.value)


@pytest.mark.parametrize(
    ("letter", "sentence"),
    [
        (
            "# {{ perod.label }}\n",
            "templates/broken.md.j2:1: unknown name 'perod' · # {{ perod.label }} · did you mean",
        ),
        ("# Day\n\n{% if x %}\n", "templates/broken.md.j2:3: "),
        ("# One\n# Two\n", "templates/broken.md.j2:2: "),
    ],
)
def test_a_template_with_a_mistake_is_told_with_its_line(
    floor: Stage, discord: LocalDiscord, letter: str, sentence: str
) -> None:
    floor.report("broken", DAILY.replace("def daily", "def broken"), letter)
    assert sentence.lower() in seen(floor, discord).lower()


def test_a_database_that_is_gone_is_told_and_the_period_stays_owed(floor: Stage, discord: LocalDiscord) -> None:
    floor.report("broken", READS, "# {{ period.label }}: {{ books | length }}\n")
    ledger = "\nledgers: {bot: {kind: freqtrade, url: gone/bot.sqlite, starting_balance: 10000 USDT}}"
    floor.on_discord(discord, JOBS, channels=["daily", "alarm"], more=ROUTES + ledger)
    told = seen(floor, discord)
    assert "bot" in told
    assert "gone/bot.sqlite" in told
    (floor.folder / "gone").mkdir()
    shutil.copy(FREQTRADE, floor.folder / "gone/bot.sqlite")
    floor.clock.forward(minutes=5)
    assert floor.told() == ["broken 2026-10-31"]


def test_a_config_with_a_typo_is_refused_with_its_line_and_a_suggestion(floor: Stage) -> None:
    config = (
        (floor.folder / "config/reporter.yaml").read_text().replace("daily: {channel: daily}", "daily: {chanel: daily}")
    )
    floor.report("broken", RAISES).write("config/reporter.yaml", config)
    done = reporter(floor, "run")
    assert done.returncode == 78
    assert "config/reporter.yaml:10:11: jobs.daily: unknown key `chanel`" in done.stderr
    assert "did you mean `channel`?" in done.stderr


def test_a_webhook_that_answers_404_is_told_by_run_job_and_on_the_fallback(floor: Stage, discord: LocalDiscord) -> None:
    floor.report("broken", RAISES)
    discord.revoke("daily")
    done = reporter(floor, "run-job", "daily", "--at", "2026-10-30")
    assert done.returncode == 75
    assert "queued, not delivered yet: the webhook does not work any more: Unknown Webhook" in done.stdout
    assert done.stderr == ""
    floor.clock.now = SystemClock().wall()
    floor.deliver()
    alarm, *_ = discord.messages("alarm")
    assert "Channel daily is closed to us" in alarm.text


def test_a_hostile_agent_appears_as_that_very_text_and_calls_nobody(floor: Stage, discord: LocalDiscord) -> None:
    hostile = "x\\n# @everyone **pump** ||x||"
    code = DAILY.replace('facts={"late": ctx.now - ctx.period.end}', f'facts={{"agent": "{hostile}"}}')
    letter = "# {{ agent }}\n{{ agent }} and **{{ agent }}**\n## {{ agent }}\n- {{ agent }}\n---\n{{ agent }}\n"
    floor.report("broken", RAISES).report("daily", code, letter).run("daily", "2026-10-30")
    [message] = discord.messages("daily")
    shown = "x⏎# @everyone **pump** ||x||"
    assert message.title == shown
    assert message.text.count(shown) == 6 + 3  # in the embed, and in the line above it
    assert message.called == set()


def test_a_store_that_is_deleted_under_a_daemon_loses_no_message(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("daily", DAILY)
    stage.on_discord(discord, "  daily: {channel: daily}", channels=["daily", "alarm"], more=ROUTES)
    with discord.down():
        assert reporter(stage, "run-job", "daily").returncode == 75
    with discord.down(), daemon(stage.folder, SystemClock().wall(), stage.environ) as running:
        running.says("daily: every day")
        shutil.rmtree(stage.folder / "state")
        running.says("was deleted while the daemon ran, and was written again: nothing is lost")
        running.stop()
    with daemon(stage.folder, SystemClock().wall() + timedelta(hours=1), stage.environ):
        until(lambda: len(discord.messages("daily")) == 1 and bool(discord.messages("alarm")), lambda: "nothing came")
    alarm, *_ = discord.messages("alarm")
    assert "our own store" in alarm.text
    assert "was deleted while" in alarm.text
