"""`reporter setup discord`: creates what is missing once, however often it runs and is interrupted."""

from __future__ import annotations

import argparse
import io
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from reporter.app.app import opened
from reporter.app.home import FolderHome
from reporter.cli import setup
from reporter.config import loading
from reporter.config import yaml_document as documents
from reporter.config.insert_entries import with_entries
from reporter.delivery.outlets.discord.provision import allowed_name
from reporter.errors import ConfigError, ReporterError
from reporter.store import outbox
from tests.delivery.courier import FORKS
from tests.delivery.figures import numbers
from tests.delivery.traffic import letter, until
from tests.support.clocks import HandClock
from tests.support.discord import Garbled, Limited, LocalDiscord, Refused, Reset, Status, Truncate
from tests.support.discord.guild import CATEGORY

CONFIG = """\
version: 1
timezone: UTC
discord: {{base_url: "{base_url}"}}
# What comes from whom.
channels:  # all of them
{channels}
jobs: {{}}
"""
PLAN = """\
STATUS:
  system-health: How the machines are
  alerts:
MONEY:
  pnl-daily: The summary of each day
"""
NAMES = ["alerts", "pnl-daily", "system-health"]


class House:
    """A home, its plan, and a bot's token for a local Discord."""

    def __init__(self, folder: Path, discord: LocalDiscord) -> None:
        self.discord = discord
        self.config = folder / "config/reporter.yaml"
        self.secrets = folder / "secrets/discord"
        self.said = ""
        self.environ = {"HOME": str(folder), "DISCORD_BOT_TOKEN": discord.furnisher()}
        self.config.parent.mkdir()
        self.plan(PLAN)
        self.channels("")

    def plan(self, text: str) -> None:
        self.config.with_name("server.yaml").write_text(text)

    def channels(self, listed: str) -> None:
        self.config.write_text(CONFIG.format(base_url=self.discord.base_url, channels=listed))

    def setup(self, *arguments: str) -> int:
        """What the command does; what it says is in `said`, and holds no secret."""
        screen = io.StringIO()
        try:
            with redirect_stdout(screen), redirect_stderr(screen):
                return setup.run_setup(self.config, options(*arguments), self.environ)
        finally:
            self.said = screen.getvalue()
            hooks = self.discord.guild.webhooks.values()
            assert not any(
                token in self.said for token in [self.environ["DISCORD_BOT_TOKEN"], *(h.token for h in hooks)]
            )

    def address(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()


def options(*arguments: str) -> argparse.Namespace:
    """What the command line makes of these: flags, and options with their values."""
    given: dict[str, object] = {
        "bot_token": "env:DISCORD_BOT_TOKEN",
        "server": None,
        "plan": None,
        "name": "reporter",
        "secrets": None,
    }
    given |= dict.fromkeys(("dry_run", "write", "all", "credentials"), False)
    words = iter(arguments)
    for word in words:
        key = word.removeprefix("--").replace("-", "_")
        given[key] = True if given[key] is False else next(words)
    return argparse.Namespace(**given)


@pytest.fixture
def house(tmp_path: Path, discord: LocalDiscord) -> House:
    return House(tmp_path, discord)


def there(discord: LocalDiscord) -> list[str]:
    """The names of the channels, each with the category that it stands in."""
    channels = [one for one in discord.guild.channels.values() if one.kind != CATEGORY]
    return sorted(f"{one.category.name if one.category else '-'}/{one.name}" for one in channels)


def hooks(discord: LocalDiscord) -> Counter[str]:
    """How many webhooks each channel has."""
    return Counter(hook.channel.name for hook in discord.guild.hooks())


def leads_right(house: House) -> bool:
    """Whether each kept address leads to the channel of its name."""
    for file in house.secrets.iterdir():
        httpx.post(file.read_text().strip(), params={"wait": "true"}, json={"content": file.name}).raise_for_status()
    return all(house.discord.messages(file.name)[-1].text == file.name for file in house.secrets.iterdir())


def test_what_is_missing_is_made_and_a_second_time_nothing(house: House) -> None:
    assert house.setup() == 0
    assert there(house.discord) == ["MONEY/pnl-daily", "STATUS/alerts", "STATUS/system-health"]
    assert hooks(house.discord) == dict.fromkeys(NAMES, 1)
    assert leads_right(house)
    assert {file.stat().st_mode & 0o777 for file in house.secrets.iterdir()} == {0o600}
    assert house.setup() == 0
    assert "Created nothing; 3 of 3 are ready." in house.said
    assert hooks(house.discord) == dict.fromkeys(NAMES, 1)


def test_what_was_made_by_hand_is_taken_as_it_is(house: House) -> None:
    guild = house.discord.guild
    elsewhere = guild.open_channel("pnl-daily", category=guild.open_channel("Old", kind=CATEGORY).id)
    guild.open_channel("status", kind=CATEGORY)
    by_hand = guild.open_webhook("reporter", elsewhere)
    guild.open_webhook("somebody else's", elsewhere)
    assert house.setup() == 0
    assert there(house.discord) == ["Old/pnl-daily", "status/alerts", "status/system-health"]
    assert by_hand.token in house.address("pnl-daily")


def test_a_channel_that_was_renamed_stays_what_it_is(house: House) -> None:
    assert house.setup() == 0
    next(one for one in house.discord.guild.channels.values() if one.name == "alerts").name = "alarms"
    assert house.setup() == 0
    assert there(house.discord) == ["MONEY/pnl-daily", "STATUS/alarms", "STATUS/system-health"]
    assert "its webhook posts into #alarms" in house.said


def test_a_dry_run_makes_nothing(house: House) -> None:
    assert house.setup("--dry-run", "--write") == 0
    assert "Would create 2 categories, 3 channels, 3 webhooks." in house.said
    assert (house.discord.guild.channels, house.secrets.exists()) == ({}, False)
    assert not any(request.method == "POST" for request in house.discord.requests)


@pytest.mark.parametrize("fault", [Reset(accept=True), Truncate(), Status(504, accept=True), Status(503), Reset()])
def test_a_lost_answer_makes_nothing_twice(house: House, fault: Reset | Truncate | Status) -> None:
    house.discord.fail(fault, times=2, method="POST")
    house.setup()
    house.discord.fail(fault, method="POST")
    assert house.setup() == 0
    assert there(house.discord) == ["MONEY/pnl-daily", "STATUS/alerts", "STATUS/system-health"]
    assert hooks(house.discord) == dict.fromkeys(NAMES, 1)


def furnish(arguments: list[str], environ: Mapping[str, str]) -> None:
    setup.run_setup(Path(arguments[0]), options(*arguments[1:]), environ)


def begun(house: House) -> ForkServerProcess:
    process = FORKS.Process(target=furnish, args=([str(house.config), "--all"], house.environ), daemon=True)
    process.start()
    return process


@pytest.mark.parametrize(("rounds", "size"), [(3, 4), pytest.param(60, 30, marks=pytest.mark.full)])
def test_killed_at_any_moment_it_makes_nothing_twice(tmp_path: Path, rounds: int, size: int) -> None:
    chance = random.Random(rounds)
    with LocalDiscord(limits=False, latency=0.01, jitter=0.02) as discord:
        house = House(tmp_path, discord)
        house.plan("\n".join(f"C{number}:\n  a{number}:\n  b{number}:\n  c{number}:" for number in range(size)))
        for _ in range(rounds):
            asked = len(discord.requests) + chance.randint(3, 9)
            process = begun(house)
            until(lambda: len(discord.requests) > asked or not process.is_alive(), 20, lambda: "nothing", pause=0.001)  # noqa: B023
            process.kill()
            process.join()
        assert house.setup("--all") == 0
        categories = [one.name for one in discord.guild.channels.values() if one.kind == CATEGORY]
        assert sorted(categories) == sorted(f"C{number}" for number in range(size))
        assert there(discord) == sorted(f"C{n}/{letter}{n}" for n in range(size) for letter in "abc")
        assert set(hooks(discord).values()) == {1}
        assert len(hooks(discord)) == 3 * size
        assert leads_right(house)


def test_a_second_set_up_at_the_same_time_is_kept_out(house: House) -> None:
    house.discord.latency = 0.2
    process = begun(house)
    until(lambda: len(house.discord.requests) > 2, 20, lambda: "nothing is asked")
    with pytest.raises(ReporterError, match="another set-up is at it"):
        house.setup()
    process.kill()
    process.join()


def test_a_full_category_has_its_channel_beside_it(house: House) -> None:
    guild = house.discord.guild
    full = guild.open_channel("MONEY", kind=CATEGORY)
    for number in range(50):
        guild.open_channel(f"old-{number}", category=full.id)
    assert house.setup() == 0
    assert "MONEY has 50 channels, the most that Discord allows: it stands outside" in house.said
    assert house.setup() == 0
    assert there(house.discord).count("-/pnl-daily") == 1


def test_a_channel_full_of_webhooks_says_what_to_do_and_stops_no_other(house: House) -> None:
    guild = house.discord.guild
    channel = guild.open_channel("alerts")
    others = [guild.open_webhook(f"other {number}", channel) for number in range(15)]
    assert house.setup() == 1
    assert "#alerts                   ✗ the channel has 15 webhooks, none of them ours" in house.said
    assert "2 of 3 are ready" in house.said
    others[3].revoked = True
    assert house.setup() == 0
    assert hooks(house.discord)["alerts"] == 15


@pytest.mark.parametrize(
    ("wanted", "name"), [("Discord Floor", "Floor"), ("my-DISCORD", "my"), ("clyde", "reporter"), ("P&L", "P&L")]
)
def test_webhooks_have_a_name_that_discord_takes(house: House, wanted: str, name: str) -> None:
    assert house.setup("--name", wanted) == 0
    assert {hook.name for hook in house.discord.guild.hooks()} == {name}
    assert (f"they are named {name!r}" in house.said) == (wanted != name)
    assert allowed_name(name) == name


def test_who_may_not_is_told_what_is_lacking(house: House) -> None:
    house.environ["DISCORD_BOT_TOKEN"] = house.discord.furnisher("poor", webhooks=False)
    with pytest.raises(
        ReporterError, match=r"lacks Manage Webhooks: .* https://discord.com/oauth2/authorize\?client_id="
    ):
        house.setup()
    house.environ["DISCORD_BOT_TOKEN"] = "nobody"
    with pytest.raises(ReporterError, match="does not know the bot's token"):
        house.setup()
    assert house.discord.guild.channels == {}


def test_a_server_that_the_bot_is_not_in_is_told_with_those_that_it_is_in(house: House) -> None:
    with pytest.raises(ReporterError, match=rf"in no server 123; it is in:\n  {house.discord.guild.id}  Polybot"):
        house.setup("--server", "123")
    house.discord.guild.shut = True
    with pytest.raises(ReporterError, match="the bot is in no server yet\nan admin of the server lets the bot in"):
        house.setup()


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("MTA1NTk-secret", "takes no token, which others could see"),
        ("env:NO_TOKEN", "the environment has no variable `NO_TOKEN`"),
        ("file:/nowhere/token", "cannot be read"),
    ],
)
def test_a_token_is_only_taken_by_reference(house: House, reference: str, sentence: str) -> None:
    with pytest.raises(ReporterError, match=sentence) as refusal:
        house.setup("--bot-token", reference)
    assert "secret" not in str(refusal.value)


def test_a_refusal_in_the_midst_stops_no_other_channel(house: House) -> None:
    house.discord.fail(Refused(), method="POST")
    assert house.setup() == 1
    assert house.said.count("✗") == 1
    assert house.setup() == 0


@pytest.mark.parametrize("text", ["<html>Sign in</html>", "[]", "{}", '[{"id": "../x"}]', "null", '{"id": 7}'])
def test_an_answer_that_is_not_discords_gets_a_sentence(house: House, text: str) -> None:
    house.discord.fail(Garbled(text), method="GET", times=9)
    with pytest.raises(ReporterError, match=r"the answer \(status 200\) is not Discord's: something between"):
        house.setup()


def test_a_channel_whose_answer_is_garbled_is_looked_for_before_it_is_made_again(house: House) -> None:
    house.discord.fail(Garbled("<html>Sign in</html>", accept=True), method="POST")
    assert house.setup() == 0
    assert len(house.discord.guild.channels) == len({channel.name for channel in house.discord.guild.channels.values()})


def test_a_long_pause_is_not_waited_for(house: House) -> None:
    house.discord.fail(Limited(3600), method="POST")
    with pytest.raises(ReporterError, match="a pause of 60 minutes: run the same command again then"):
        house.setup()
    assert house.setup() == 0


def test_the_pace_that_discord_tells_is_kept(tmp_path: Path) -> None:
    with LocalDiscord() as discord:
        house = House(tmp_path, discord)
        house.plan("MANY:\n" + "".join(f"  channel-{number}:\n" for number in range(6)))
        assert house.setup() == 0
        assert (discord.journal.limited, len(there(discord))) == (0, 6)


def test_the_config_gets_what_is_missing_and_keeps_all_else(house: House) -> None:
    house.channels("  # the old one\n  screen: {kind: console}\n")
    before = house.config.read_text()
    assert house.setup("--write") == 0
    lines = before.splitlines()
    after = [line for line in house.config.read_text().splitlines() if "secrets/discord" not in line]
    assert after == lines
    loaded = loading.load(house.config, house.environ).config
    assert sorted(loaded.channels) == sorted([*NAMES, "screen"])
    assert not any(house.address(name) in house.said for name in NAMES)


def test_a_config_that_would_not_work_any_more_is_left_as_it_is(house: House) -> None:
    house.channels("  screen: {kind: console}\n")
    house.config.write_text(house.config.read_text().replace("jobs: {}", "jobs: {daily_summary: {}}"))
    before = house.config.read_text()
    with pytest.raises(ReporterError, match=r"would no longer work(.|\n)*jobs\.daily_summary"):
        house.setup("--write")
    assert house.config.read_text() == before


def test_without_leave_to_write_the_lines_are_shown(house: House) -> None:
    before = house.config.read_text()
    house.setup()
    assert "channels:\n  system-health: {webhook: file:secrets/discord/system-health}\n" in house.said
    assert house.config.read_text() == before


def test_only_the_channels_of_the_config_are_made_where_it_has_some(house: House) -> None:
    house.channels("  alerts: {webhook: file:/dev/null}\n  mine: {webhook: file:keys/mine}\n")
    house.channels(
        "  alerts: {webhook: file:keys/alerts}\n  mine: {webhook: env:GONE}\n  pnl-daily: {webhook: env:KEY}\n"
    )
    house.environ["KEY"] = house.discord.webhook("elsewhere")
    assert house.setup() == 0
    assert there(house.discord) == ["-/elsewhere", "-/mine", "STATUS/alerts"]
    assert "left alone, because the config has their webhooks: pnl-daily" in house.said
    assert "write `webhook: file:secrets/discord/mine` instead of `env:GONE`, which leads nowhere" in house.said
    assert (house.config.parent.parent / "keys/alerts").is_file()


def test_a_webhook_that_was_deleted_is_made_anew_and_one_that_works_elsewhere_is_left_alone(house: House) -> None:
    assert house.setup() == 0
    old = house.address("alerts")
    next(hook for hook in house.discord.guild.hooks() if hook.token in old).revoked = True
    with LocalDiscord(limits=False) as other:
        foreign = other.webhook("foreign").replace(other.base_url, house.discord.base_url)
    (house.secrets / "pnl-daily").write_text(foreign)
    assert house.setup() == 0
    assert house.address("alerts") != old
    assert leads_right(house)


def test_after_a_webhook_was_deleted_and_set_up_again_what_waited_goes_out_in_order(house: House) -> None:
    house.setup("--write")
    clock = HandClock()
    home = FolderHome(house.config.parent.parent, clock=clock, environ=house.environ)
    with opened(home, clock=clock) as app:
        next(hook for hook in house.discord.guild.hooks() if hook.channel.name == "alerts").revoked = True
        with app.store.begin() as connection:
            for number in range(4):
                outbox.enqueue(connection, letter("alerts", number), clock.now)
        assert app.delivery.serve(app.runtime.channels, "alerts") == 0
        house.setup()
        app.runtime.close()
        app.runtime = home.build()
        assert app.delivery.serve(app.runtime.channels, "alerts") == 4
    assert numbers(house.discord.messages("alerts")) == [0, 1, 2, 3]


def test_a_service_names_them_as_credentials(house: House) -> None:
    assert house.setup("--credentials", "--write") == 0
    assert f"LoadCredential=discord:{house.secrets}" in house.said
    assert "  alerts: {webhook: credential:discord_alerts}\n" in house.config.read_text()
    assert house.setup("--credentials", "--write") == 0
    assert house.config.read_text().count("discord_alerts") == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("jobs:\n", "jobs:\n\nchannels:\n  a: {x: 1}\n"),
        ("channels:\njobs:", "channels:\n  a: {x: 1}\njobs:\n"),
        ("channels: # mine\n    b: {kind: console}\n", "channels: # mine\n    a: {x: 1}\n    b: {kind: console}\n"),
    ],
)
def test_entries_are_put_where_channels_stand(text: str, wanted: str) -> None:
    assert with_entries(documents.read("x", text.encode()), "channels", {"a": "{x: 1}"}) == wanted


def test_channels_in_one_line_are_left_to_their_writer() -> None:
    with pytest.raises(ReporterError, match="x:1: `channels:` is written in one line"):
        with_entries(documents.read("x", b"channels: {}\n"), "channels", {"a": "{}"})


def test_a_config_that_is_not_right_yet_costs_a_sentence_at_most(house: House) -> None:
    house.channels("  odd: {kind: [a]}\n  odder: 5\n  alerts: {webhook: 7}\n")
    assert house.setup() == 0
    assert there(house.discord) == ["STATUS/alerts"]
    house.config.unlink()
    house.config.mkdir()
    with pytest.raises(ReporterError, match=r"reporter\.yaml: cannot be read: Is a directory"):
        house.setup()


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ("- a\n", "must hold categories"),
        ("A: text\n", "must be a category"),
        ("A:\n  Big Name:\n", "made of small letters"),
        ("A:\n  a: [1]\n", "must be text"),
        ("A:\n  a:\nB:\n  a:\n", "stands in the plan twice"),
    ],
)
def test_a_mistake_in_a_plan_is_told_with_its_line(house: House, plan: str, sentence: str) -> None:
    house.plan(plan)
    with pytest.raises(ConfigError, match=rf"server.yaml:\d.*{sentence}|server.yaml: {sentence}"):
        house.setup()
