"""`reporter ledger`: what it prints about trading databases, and its exit code."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from reporter.cli.ledger import run
from tests.support.stage import Stage
from tests.trading.ledger.databases import native_sqlite

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
