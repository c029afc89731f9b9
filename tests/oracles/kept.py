"""The stored figures of quantstats and empyrical."""

from __future__ import annotations

import json
from typing import Any

from tests.support.paths import DATA

KEPT = DATA / "oracles.json"


def kept() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return said
