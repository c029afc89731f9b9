"""The audit over REST."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reporter.web import audit_resource
from tests.jobs.floor import Closed, database
from tests.web.listener import READER, Listener, listener
from tests.web.test_api import LEDGER

RULES = """\
audit:
  loss: {largest_loss: 5 USDT, severity: high}
  price: {price_off: 2%}
markets: {btc: {ledger: floor, symbol: BTC/USDT}}
"""
TRADES = [Closed("2026-10-30 10:00:00", "a", "-7"), Closed("2026-10-30 11:00:00", "b", "3")]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("audit")
    database(folder / "trading.sqlite", TRADES)
    with listener(folder, LEDGER + RULES) as found:
        yield found


def get(web: Listener, query: str = "", status: int = 200) -> Any:
    answer = web.client.get(f"/api/v1/audit?{query}", headers={"Authorization": f"Bearer {READER}"})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_verdicts_are_rows_with_expected_actual_and_by_how_much(web: Listener) -> None:
    found = get(web, "from=2026-10-30&to=2026-10-30")
    assert [found[name] for name in ("trades", "passed", "failed", "not_judged")] == [2, 0, 1, 1]
    [row] = found["checks"]
    shown = {name: row[name] for name in ("trade", "agent", "rule", "check", "verdict", "severity", "share")}
    assert shown == {
        "trade": "1", "agent": "a", "rule": "loss", "check": "Loss", "verdict": "failed", "severity": "high",
        "share": "0.4",
    }  # fmt: skip
    assert [row[name] for name in ("expected", "actual", "by_how_much")] == ["5.00 USDT", "7.00 USDT", "2.00 USDT"]


def test_what_could_not_be_judged_is_counted_and_says_why(web: Listener) -> None:
    found = get(web, "from=2026-10-30&to=2026-10-30&verdict=not%20judged")
    assert found["listed_of"] == len(found["checks"]) == 4
    assert {row["why"] for row in found["checks"]} == {"the trading database does not say"}
    entry = next(one for one in found["rules"] if one["check"] == "Entry price")
    assert (entry["passed"], entry["failed"], entry["not_judged"]) == (0, 0, 2)


def test_an_audit_of_many_days_is_refused(web: Listener) -> None:
    assert "at most 32 days" in get(web, "from=2026-01-01&to=2026-10-30", 400)["detail"]


def test_an_audit_of_a_part_would_pass_for_the_whole(tmp_path: Path) -> None:
    with listener(tmp_path, LEDGER + RULES) as web:
        assert "needs every ledger" in get(web, status=503)["detail"]


def test_where_time_is_over_it_says_how_far_it_came(web: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_resource, "SECONDS", -1.0)
    found = get(web, "from=2026-10-29&to=2026-10-30")
    assert (found["trades"], found["judged_to"]) == (1, "2026-10-30T11:00:00+01:00")
