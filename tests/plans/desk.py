"""A store with two authors of plans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from reporter.plans.notebook import Notebook
from reporter.plans.settings import PlanAuthor, PlanSettings, Writer
from reporter.store.database import Store, open_store
from reporter.store.plans import PlanTable

DARIA, IVO, BOSS = Writer("discord:1", "daria"), Writer("telegram:2", "ivo"), Writer("cli", "owner", owner=True)
MORNING = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)

SETTINGS = PlanSettings(
    authors={
        "d": PlanAuthor("d", frozenset({"1"}), ZoneInfo("UTC"), "Daria"),
        "i": PlanAuthor("i", frozenset({"telegram:2"}), ZoneInfo("Asia/Tokyo")),
    },
    counts_from=time(8),
    agents={"momentum": "Momentum_v2", "momentum_v2": "Momentum_v2"},
    markets={"btc": "BTC/USDT", "btc/usdt": "BTC/USDT", "eth": "ETH/USDT"},
    most_charts=2,
)


@dataclass
class Desk:
    store: Store

    @contextmanager
    def notebook(self) -> Iterator[Notebook]:
        with self.store.begin() as connection:
            yield Notebook(PlanTable(connection), SETTINGS)


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    store = open_store(str(folder / "store.sqlite"))
    try:
        yield Desk(store)
    finally:
        store.close()
