"""A column that says whether the money was real, and that a mapping leaves out: then paper trades count as live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporter.trading.ledger.candidates import Candidate, candidates
from reporter.trading.ledger.catalog import SqlCatalog
from reporter.trading.ledger.checks import Trouble
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.proposal import is_mode

_LIVE = frozenset({"live", "real", "prod", "production", "mainnet"})
_NO, _YES = frozenset({"0", "false", "f", "no"}), frozenset({"1", "true", "t", "yes"})


def unmapped_mode(source: object, mapping: Mapping[str, Any], trades: int) -> Trouble | None:
    """What to say of a mapped table whose `mode` is not mapped though a column looks like it. Raises LedgerError."""
    if not trades or not isinstance(source, Database) or "mode" in mapping["columns"] or not mapping.get("table"):
        return None
    catalog = SqlCatalog(source)
    for shape in catalog.tables():
        if shape.name == mapping["table"]:
            types = {column.name: (column.type, column.default) for column in shape.columns}
            found = [one for one in candidates(types, catalog.sample(shape)) if _tells(one)]
            return _said(found[0], trades) if found else None
    return None


def _tells(one: Candidate) -> bool:
    """Whether some row is a paper trade by a column of such a name."""
    if one.named("mode") is None or not is_mode(one):
        return False
    live = _LIVE | (_YES if "live" in one.meaning.base.split("_") else _NO)
    return bool(one.words.keys() - live)


def _said(one: Candidate, trades: int) -> Trouble:
    holds = " and ".join(sorted(one.words)[:4])
    remedy = f"mode: not mapped, so all {trades:,} count as live; column {one.name} holds {holds}"
    return Trouble("mode not mapped", remedy, "odd", trades, trades, f"column {one.name}")
