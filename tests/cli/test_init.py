"""`reporter init` in a terminal: it finds, asks, tests and shows; whatever happens, there is a home or nothing."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reporter.cli import main
from tests.support.discord.local import LocalDiscord
from tests.support.paths import ROOT
from tests.support.telegram import LocalTelegram
from tests.support.terminal import END, INTERRUPT, Terminal, terminal

HIDDEN, FULL = "Paste the webhook", pytest.mark.full


@dataclass
class Machine:
    """A user's folder with a home to be."""

    user: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.user / "home"

    @property
    def config(self) -> str:
        return (self.home / "config/reporter.yaml").read_text()

    def bot(self, place: str, name: str = "freqtrade") -> Path:
        target = self.user / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / f"tests/data/{name}.sqlite", target)
        return target

    def left(self) -> list[str]:
        """What an init that made nothing has left."""
        return [path.name for path in self.user.iterdir() if path.name.startswith(("home", ".home"))]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, {"HOME": str(tmp_path), "TZ": "Europe/Berlin"})


@pytest.fixture
def screen(machine: Machine, discord: LocalDiscord) -> Iterator[Terminal]:
    with terminal(machine.user, machine.environ, "init", "home", "--discord-url", discord.base_url) as opened:
        yield opened


def checked(machine: Machine) -> int:
    return main(["--home", str(machine.home), "check"])


def test_two_databases_and_a_wrong_webhook(machine: Machine, discord: LocalDiscord) -> None:
    machine.bot("freqtrade/user_data/a.sqlite")
    machine.bot("user_data/b.sqlite", "hummingbot")
    with terminal(machine.user, machine.environ, "init", "home", "--discord-url", discord.base_url) as screen:
        screen.answers("Which of them?", "1")
        screen.answers("begin, such as", "1000 USDT")
        screen.answers("Another database")
        wrong = discord.webhook("other").replace("/webhooks/", "/webhooks/9")
        screen.answers(HIDDEN, wrong)
        screen.answers(HIDDEN, discord.webhook("pnl"))
        for answer in "ynynnnnn":
            screen.answers("? [Y/n]", answer)
        assert screen.ended() == 0, screen.screen
    assert "the test message did not arrive" in screen.screen
    assert "A test message was delivered" in screen.screen
    assert discord.webhook("pnl") not in screen.screen
    assert "closed trades" in screen.screen
    secret = machine.home / "secrets/reports"
    assert (secret.read_text().strip(), stat.S_IMODE(secret.stat().st_mode)) == (discord.webhook("pnl"), 0o600)
    assert "timezone: Europe/Berlin" in machine.config
    assert [line.split(":")[0].strip() for line in machine.config.partition("jobs:")[2].splitlines() if line] == [
        "health_probe",
        "daily_summary",
    ]
    assert checked(machine) == 0
    assert machine.left() == ["home"]


@FULL
def test_ctrl_c_leaves_nothing(machine: Machine, screen: Terminal) -> None:
    screen.answers("A database, by file or URL")
    screen.answers(HIDDEN, INTERRUPT, end="")
    assert screen.ended() == 130
    assert machine.left() == []


@FULL
def test_the_end_of_the_answers_leaves_nothing(machine: Machine, screen: Terminal) -> None:
    screen.answers("A database, by file or URL", END, end="")
    assert screen.ended() == 1
    assert "nothing was made" in screen.screen
    assert machine.left() == []


@FULL
def test_no_database_and_no_channel(machine: Machine, screen: Terminal) -> None:
    screen.answers("A database, by file or URL")
    screen.answers(HIDDEN)
    screen.answers("Send health_probe?")
    assert screen.ended() == 0
    assert "No database of freqtrade" in screen.screen
    assert "kind: console" in machine.config
    assert "ledgers:" not in machine.config
    assert checked(machine) == 0


@FULL
def test_a_wrong_path_and_a_database_of_unknown_software(machine: Machine, screen: Terminal) -> None:
    with closing(sqlite3.connect(machine.user / "mine.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE deals (id INTEGER, symbol TEXT, side TEXT, profit REAL, closed_at TEXT)")
        rows = [(n, "BTC/USDT", "long", 1.5, f"2026-10-{n:02} 12:00:00") for n in range(1, 29)]
        connection.executemany("INSERT INTO deals VALUES (?, ?, ?, ?, ?)", rows)
    screen.answers("A database, by file or URL", "nowhere.sqlite")
    screen.answers("A database, by file or URL", "mine.sqlite")
    screen.answers("Which column names the bot?", "symbol")
    screen.answers("In which time zone", "Nowhere")
    screen.answers("In which time zone", "Asia/Tokyo")
    screen.answers("begin, such as", "much")
    screen.answers("begin, such as")
    screen.answers("Another database")
    screen.answers(HIDDEN)
    for _ in range(8):
        screen.answers("? [Y/n]")
    assert screen.ended() == 0, screen.screen
    assert "28 closed trades" in screen.screen
    assert "mapping: config/mine.yaml" in machine.config
    mapping = (machine.home / "config/mine.yaml").read_text()
    assert "timezone: Asia/Tokyo" in mapping
    assert "agent: symbol" in mapping
    assert "closed_at names none" not in mapping
    assert checked(machine) == 0


def test_whether_results_are_net_is_asked_by_the_figures(machine: Machine, screen: Terminal) -> None:
    with closing(sqlite3.connect(machine.user / "mine.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE deals (id, symbol, dirn, gain_cents, fee_cents, closed_ms)")
        rows = [(n, "BTCUSD", (-1) ** n, n * 100, 50, 1790812800000 + n) for n in range(1, 11)]
        connection.executemany("INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?)", rows)
    screen.answers("A database, by file or URL", "https://discord.com/api/webhooks/1/x")
    screen.shows("That is an address of the web")
    screen.answers("A database, by file or URL", "mine.sqlite")
    screen.answers("Which are the bot's own figures?", "3")
    screen.answers("Write a number from 1 to 2", "2")
    screen.answers("Which column names the bot?")
    screen.answers("begin, such as")
    screen.answers("Another database")
    screen.answers(HIDDEN)
    for _ in range(8):
        screen.answers("? [Y/n]", "n")
    assert screen.ended() == 0, screen.screen
    assert "1. take the fees off: live USD: 10 closed trades, 10 won, net P&L 50.00, fees 5.00" in screen.screen
    assert "2. they are off already: live USD: 10 closed trades, 10 won, net P&L 55.00, fees 5.00" in screen.screen
    mapping = (machine.home / "config/mine.yaml").read_text()
    assert "net:" not in mapping
    assert "side: dirn" not in mapping


@FULL
def test_a_bot_of_telegram(machine: Machine) -> None:
    with LocalTelegram(limits=False) as telegram:
        token = telegram.token()
        telegram.chat("desk")
        arguments = ("init", "home", "--telegram-url", telegram.base_url)
        with terminal(machine.user, machine.environ, *arguments) as screen:
            screen.answers("A database, by file or URL")
            screen.answers(HIDDEN, token)
            screen.shows("Then press Enter")
            telegram.say("desk", 1, "hello")
            screen.answers("here")
            screen.answers("Send health_probe?")
            assert screen.ended() == 0, screen.screen
    assert "kind: telegram" in machine.config
    assert token not in screen.screen + machine.config


@FULL
def test_a_folder_with_files_becomes_a_home_beside_them(machine: Machine, screen: Terminal) -> None:
    (machine.home / "config").mkdir(parents=True)
    (machine.home / "notes").write_text("mine")
    screen.answers("A database, by file or URL")
    screen.answers(HIDDEN)
    screen.answers("Send health_probe?")
    assert screen.ended() == 0
    assert (machine.home / "notes").read_text() == "mine"
    assert checked(machine) == 0
    assert machine.left() == ["home"]


def test_an_existing_home_stays_as_it_is(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    (machine.home / "config").mkdir(parents=True)
    (machine.home / "config/reporter.yaml").write_text("version: 1\n")
    assert main(["init", str(machine.home), "--yes"]) == 0
    assert "is a home already" in capsys.readouterr().out
    assert machine.config == "version: 1\n"


def test_without_a_terminal_nobody_is_asked(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(machine.home)]) == 0
    assert "Now edit" in capsys.readouterr().out


def test_options_answer_as_a_person_would(
    machine: Machine, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (machine.environ | {"HOOK": discord.webhook("pnl")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(machine.user)
    machine.bot("volume/_data/tradesv3.sqlite")
    options = ["--yes", "--look", "volume", "--webhook", "env:HOOK", "--balance"]
    more = ["--reports", "daily_summary,weekly_report", "--discord-url", discord.base_url]
    assert main(["init", "home", *options, "1000 USDT", *more]) == 0
    assert "starting_balance: 1000 USDT" in machine.config
    assert "webhook: env:HOOK" in machine.config
    assert checked(machine) == 0
    assert "daily_summary" in machine.config


def test_without_a_column_of_bots_the_summary_says_that_all_is_one(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(machine.user / "mine.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE deals (id INTEGER, symbol TEXT, side TEXT, profit REAL, closed_at TEXT)")
        rows = [(n, "BTC/USDT", "long", 1.5, f"2026-10-{n:02} 12:00:00Z") for n in range(1, 29)]
        connection.executemany("INSERT INTO deals VALUES (?, ?, ?, ?, ?)", rows)
    options = ["--yes", "--database", str(machine.user / "mine.sqlite"), "--reports", "daily_summary"]
    assert main(["init", str(machine.home), *options]) == 0
    summary = capsys.readouterr().out.partition("is ready")[2]
    assert "? All rows of mine count as one bot, mine: map `agent` to a column where there are more." in summary


def test_what_options_say_wrongly_makes_nothing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--timezone", "Nowhere"], ["--database", "none.sqlite"], ["--reports", "dayly"]):
        assert main(["init", str(machine.home), "--yes", *options]) != 0
        assert machine.left() == []
    assert "there is no time zone Nowhere" in capsys.readouterr().err
