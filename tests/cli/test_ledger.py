"""`reporter ledger`: what it prints about trading databases, and its exit code."""

from __future__ import annotations

import argparse
import re
import sqlite3
from pathlib import Path

import pytest

from reporter.cli.ledger import run
from reporter.cli.parser import main
from reporter.cli.rollups import run_rollups, run_verify
from tests.support.paths import DATA
from tests.support.stage import Stage
from tests.trading.ledger.databases import native_sqlite
from tests.trading.ledger.dirty import without_checks
from tests.trading.ledger.example_databases import made

CONFIG = """\
version: 1
timezone: UTC
store: env:STORE
ledgers: {one: {kind: native, url: env:ONE}, two: {kind: native, url: env:TWO}}
channels: {screen: {kind: console}}
"""


def test_a_check_prints_each_trouble_with_its_remedy(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = native_sqlite(tmp_path)
    for number in (1, 2, 3):
        one.trade(number, f"2026-10-0{number} 10:00:00", opened_at="2026-10-02 10:00:00")
    stage.environ |= {"ONE": one.url, "TWO": str(tmp_path / "missing.sqlite")}
    stage.write("config/reporter.yaml", CONFIG)
    assert run(stage.app, argparse.Namespace(action="check", names=[])) == 1
    told = capsys.readouterr().out
    assert "✗ one (native): 3 closed trades, 0 open" in told
    words = " ".join(told.split())
    assert "✗ close before open 1 (33.3%) first: 1 (2026-10-01 10:00 < 2026-10-02 10:00)" in words
    assert "both times are UTC: correct what writes them" in told
    assert "  ✓ nothing found: closes in the future, times outside 2010 to 2100" in told
    assert "✗ two (native) cannot be read: there is no file" in told
    one.run("DELETE FROM trades WHERE id = 1")
    assert run(stage.app, argparse.Namespace(action="check", names=["one"])) == 0


def test_a_check_says_whether_the_newest_trade_is_too_old(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = native_sqlite(tmp_path), native_sqlite(tmp_path)
    one.trade(1, "2026-10-01 10:00:00")
    stage.environ |= {"ONE": one.url, "TWO": two.url}
    stage.write(
        "config/reporter.yaml",
        CONFIG.replace("url: env:ONE", "url: env:ONE, fresh: 1d").replace("url: env:TWO", "url: env:TWO, fresh: 1d"),
    )
    assert run(stage.app, argparse.Namespace(action="check", names=[])) == 0
    told = capsys.readouterr().out.splitlines()
    [stale, unknown] = [line for line in told if "limit 1 day" in line]
    assert stale.startswith("  ! newest trade ")
    assert unknown == "  ! no trade yet, so whether it is fresh (limit 1 day) is not known"


def test_a_roll_up_is_built_shown_and_verified_by_hand(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = without_checks(native_sqlite(tmp_path))
    for number in (1, 2, 3):
        one.trade(number if number < 3 else "n/a", f"2026-10-0{number} 10:00:00")
    stage.environ["ONE"] = one.url
    stage.write("config/reporter.yaml", CONFIG.replace(", two: {kind: native, url: env:TWO}", ""))
    assert run_rollups(stage.app, argparse.Namespace(rebuild=False, names=[])) == 0
    assert "· one: no roll-up yet; figures are read from the database" in capsys.readouterr().out
    assert run_rollups(stage.app, argparse.Namespace(rebuild=True, names=["one"])) == 0
    told = capsys.readouterr().out
    assert "✓ one: 2 trades rolled up in" in told
    assert "✓ one: 2 trades, without 1 unreadable trade, from 2026-10-01 10:00:00 UTC to" in told
    asked = argparse.Namespace(names=[], first=None)
    assert run_verify(stage.app, asked) == 0
    one.run("UPDATE trades SET pnl = 9 WHERE id = 3")
    assert run_verify(stage.app, asked) == 1
    told = capsys.readouterr().out
    assert "✗ one: 3 trades verified in" in told
    assert ", 1 hour differed\n  2026-10-03 10:00:00 UTC, one hour" in told


def inspected(home: Path, *words: str) -> int:
    return main(["--home", str(home), "ledger", "inspect", *words])


def test_an_unknown_file_becomes_a_ledger_of_the_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, bot = tmp_path / "home", str(made(tmp_path, "cents"))
    main(["init", str(home)])
    before = (home / "config" / "reporter.yaml").read_text()
    assert inspected(home, bot, "--write", "mine") == 0
    said = capsys.readouterr().out
    assert "live USD: 20 closed trades, 14 won, net P&L 1,158.04, fees 22.99" in said
    assert f"`reporter --home {home} preview daily_summary`" in said
    after = (home / "config" / "reporter.yaml").read_text()
    assert after.replace(f"  mine: {{kind: mapping, url: {bot}, mapping: config/mine.yaml}}\n", "") == before
    assert main(["--home", str(home), "ledger", "check", "mine"]) == 0
    mapping = (home / "config" / "mine.yaml").read_text()
    assert inspected(home, bot, "--write", "mine") == 1
    assert "has a ledger mine: write another name after --write" in capsys.readouterr().err
    assert (home / "config" / "mine.yaml").read_text() == mapping


def test_known_software_is_added_without_a_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, bot = tmp_path / "home", DATA / "freqtrade.sqlite"
    main(["init", str(home)])
    assert inspected(home, str(bot), "--write", "ft") == 0
    assert "Compare with freqtrade's `/profit` and `/count`:" in capsys.readouterr().out
    assert f"  ft: {{kind: freqtrade, url: {bot}}}\n" in (home / "config" / "reporter.yaml").read_text()
    assert not (home / "config" / "ft.yaml").exists()


def test_known_software_shows_rows_as_they_stand_and_as_they_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ledger", "inspect", str(DATA / "freqtrade.sqlite")])
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("Rows as they stand, and as they are read:") + 1
    before, after = lines[first : first + 10 : 2], lines[first + 1 : first + 11 : 2]
    assert all(line.startswith("  id=") and "exchange=" in line for line in before)
    assert all(line.startswith("    → ") and " USDT net, fees " in line for line in after)


def test_software_whose_trades_are_computed_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ledger", "inspect", str(DATA / "hummingbot.sqlite")])
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("Trades as they are read:") + 1
    assert all(line.startswith("    → ") for line in lines[first : first + 5])
    assert lines[first + 5] == ""
    assert any(line.startswith("    fees: 6 of ") and "without a rate of NOSUCH" in line for line in lines)


def test_a_row_shows_no_secret_no_trick_and_no_long_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = ("id", "closed_at", "symbol", "pnl", "mnemonic", "note", "callback")
    trick = "one\x1b[31mtwo\nthree" + "x" * 100
    rows = [
        (n, f"2026-10-{n:02} 10:00:00", "BTC/USDT", n - 5.5, "k3y of twelve words", trick, "https://u:pw@x.org")
        for n in range(1, 12)
    ]
    with sqlite3.connect(tmp_path / "bot.sqlite") as bot:
        bot.execute(f"CREATE TABLE trades ({', '.join(columns)})")
        bot.executemany(f"INSERT INTO trades VALUES ({', '.join('?' * len(columns))})", rows)
    bot.close()
    main(["ledger", "inspect", str(tmp_path / "bot.sqlite")])
    out = capsys.readouterr().out
    assert "mnemonic=***" in out
    assert "note=one␛[31mtwo⏎three" in out
    assert max(map(len, re.findall(r"x+", out))) <= 24
    assert not [word for word in ("k3y", "u:pw", "\x1b") if word in out]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no.sqlite"], "there is no file no.sqlite"),
        (["postgresql://bot:hunter2@127.0.0.1/x"], "the address holds a password, which others could see"),
        (["env:NO_SUCH_NAME"], "NO_SUCH_NAME"),
        ([str(DATA / "freqtrade.sqlite"), "--write", "a b"], "a b is no name for a ledger"),
    ],
)
def test_what_cannot_be_inspected_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert inspected(tmp_path, *words) == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert "hunter2" not in shown.err + shown.out
