"""`/metrics`: the docs have every metric, the dashboard asks for no other, and the number of series is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reporter.web import metrics
from tests.jobs.floor import Closed, Idle, database
from tests.operations.floors import AGENTS, TRADES
from tests.support.paths import ROOT
from tests.web.listener import Listener, listener
from tests.web.test_analysis import TARGETS
from tests.web.test_api import LEDGER

DASHBOARD = ROOT / "config/examples/grafana-dashboard.json"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("metrics")
    database(folder / "trading.sqlite", TRADES, AGENTS)
    with listener(folder, LEDGER + TARGETS) as found:
        yield found


def scraped(web: Listener) -> dict[str, list[tuple[dict[str, str], float]]]:
    families = text_string_to_metric_families(web.client.get("/metrics").text)
    return {
        family.name: [
            (sample.labels, sample.value) for sample in family.samples if not sample.name.endswith("_created")
        ]
        for family in families
    }


def test_the_docs_have_a_row_for_each_metric_and_no_other(web: Listener) -> None:
    rows = re.findall(r"^\| `(reporter_\w+)`", (ROOT / "docs/web.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == {name + "_total" * (name == "reporter_process_cpu_seconds") for name in scraped(web)}


def test_the_dashboard_asks_for_nothing_that_is_not_there(web: Listener) -> None:
    board = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    known = {name + end for name in scraped(web) for end in ("", "_total")}
    assert len(asked) >= 10
    assert {name for expression in asked for name in re.findall(r"reporter_\w+", expression)} <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    sources = {target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", ())}
    assert sources == {"${datasource}"}, "whoever imports it chooses his Prometheus"


def test_limits_and_the_reporter_itself_are_among_the_metrics(web: Listener) -> None:
    found = scraped(web)
    used = {(one["limit"], one["mode"], one["agent"]): value for one, value in found["reporter_limit_used"]}
    assert used["daily_loss", "live", ""] == used["losses_in_a_row", "live", ""] == 0
    assert used["daily_loss", "live", "Momentum_BTC_v1"] == 0
    ((_, memory),) = found["reporter_process_resident_memory_bytes"]
    assert 10e6 < memory < 10e9
    ((_, threads),) = found["reporter_threads"]
    assert threads >= 2


def test_the_number_of_series_is_bounded_and_what_is_left_out_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [f"bot-{number:04}" for number in range(40)]
    database(
        tmp_path / "trading.sqlite",
        [Closed("2026-10-31 08:00:00", name, "1") for name in agents],
        [Idle(name) for name in agents],
    )
    monkeypatch.setattr(metrics, "MOST_SERIES", 30)
    monkeypatch.setattr(metrics, "MOST_IN_ALL", 70)
    with listener(tmp_path, LEDGER) as web:
        found = scraped(web)
    own = {name: rows for name, rows in found.items() if not name.startswith("reporter_process_")}
    assert len(own["reporter_agent_pnl_today"]) == 30
    assert sum(map(len, own.values())) == 70 + 1
    ((_, left_out),) = own["reporter_metrics_left_out"]
    assert left_out >= 10 + 10
