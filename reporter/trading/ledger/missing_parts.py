"""What tables that make no proposal lack to be tables of trades, and which of their columns could be it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reporter.trading.ledger.candidates import Candidate, candidates
from reporter.trading.ledger.proposal import TableCatalog

_TABLES, _COLUMNS = 5, 6  # that are named at most


def missing_parts(catalog: TableCatalog) -> list[str]:
    """One line a table that has rows, the nearest to one of trades first."""
    lacking: list[tuple[int, str]] = []
    for shape in catalog.tables():
        if rows := catalog.sample(shape):
            columns = candidates({one.name: (one.type, one.default) for one in shape.columns}, rows)
            parts = _lacking(columns)
            lacking.append((len(parts), f"{shape.name}: {'; '.join(parts)}"))
    return [line for parts, line in sorted(lacking, key=lambda one: one[0])[:_TABLES] if parts]


def _lacking(columns: Sequence[Candidate]) -> list[str]:
    def has(part: str, is_so: Callable[[Candidate], bool] = lambda one: one.is_number) -> bool:
        return any(one.named(part) is not None and is_so(one) for one in columns)

    lacks = []
    if not any(has(part, lambda one: one.is_time) for part in ("closed_at", "opened_at", "at")):
        lacks.append(_without("a closing time", [one for one in columns if one.is_time], "times"))
    if not (has("market", lambda one: one.is_text) or any(one.is_market for one in columns) or has("side", _is_side)):
        lacks.append(_without("a market or side", [one for one in columns if one.is_side or _is_name(one)], "words"))
    if not _has_result(has, sided=has("side", _is_side)):
        lacks.append(_without("a result in money", [one for one in columns if _is_result(one)], "gains and losses"))
    return lacks


def _has_result(has: Callable[[str], bool], *, sided: bool) -> bool:
    """Whether the result is there, or what it follows from."""
    priced = has("quantity") and ((has("entry_price") and has("exit_price")) or (sided and has("price")))
    return has("pnl") or priced or (has("stake") and (has("payout") or has("percent")))


def _without(what: str, could_be: Sequence[Candidate], hold: str) -> str:
    names = ", ".join(one.name for one in could_be[:_COLUMNS])
    return f"no column has a name of {what}; {f'{names} could be it, by {hold} in it' if names else 'none could be it'}"


def _is_side(one: Candidate) -> bool:
    return one.is_side and not one.is_time


def _is_name(one: Candidate) -> bool:
    return one.is_text and one.is_word and not one.is_unique


def _is_result(one: Candidate) -> bool:
    """Numbers above and below 0, as results are."""
    known: list[Any] = [value for value in one.numbers if value]
    return one.is_number and not one.is_time and any(value < 0 for value in known) and any(v > 0 for v in known)
