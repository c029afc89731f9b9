"""Our ratios are those of quantstats and empyrical to 1e-9, wherever they are defined; elsewhere we say nothing."""

from __future__ import annotations

import re
from math import isclose
from typing import Any

import pytest

from reporter.trading.equity_curve import Curve, Day
from reporter.trading.return_ratios import Basis
from reporter.trading.trades import Flow, Money
from tests.oracles.__main__ import PEERS, laid_out, question
from tests.oracles.kept import KEPT, kept
from tests.oracles.series import Case, cases
from tests.oracles.table import table
from tests.support.paths import DOCS

DOC = DOCS / "figures.md"
CASES = {case.name: case for case in cases()}

RATIOS = ["sharpe", "sortino", "calmar", "volatility", "annual_return", "var", "cvar"]
TAIL = {"var", "cvar"}
NO_LOSS = {"sortino", "calmar"}

# Where we say nothing: by series, the figures that are undefined.
UNDEFINED: dict[str, set[str]] = {
    "nineteen days": TAIL,
    "a wild fortnight": TAIL,
    "no day": set(RATIOS),
    "one day": set(RATIOS),
    "two days": TAIL,
    "two equal returns": {"sharpe", *NO_LOSS, *TAIL},
    "a month of equal returns": {"sharpe", *NO_LOSS},
    "nothing was traded": {"sharpe", *NO_LOSS},
    "one trade in a month": NO_LOSS,
    "only wins": NO_LOSS,
    "a loss on the first day": TAIL,
    "all is lost on the last day": TAIL,
    "all is lost, and idle days follow": set(RATIOS),
    "more is lost than there was": set(RATIOS),
    "twice the money every day": {"sharpe", *NO_LOSS, *TAIL},
}

# And what the others say there.
NONSENSE: list[tuple[str, str, dict[str, float | str]]] = [
    ("no day", "sharpe", {"quantstats": "DataValidationError", "empyrical": "nan"}),
    ("one day", "annual_return", {"quantstats": 92.15, "empyrical": 92.15}),
    ("one day", "calmar", {"quantstats": "ZeroDivisionError", "empyrical": "nan"}),
    ("two equal returns", "sharpe", {"quantstats": "inf", "empyrical": "inf"}),
    ("a month of equal returns", "sharpe", {"quantstats": 1.69e14, "empyrical": 1.69e14}),
    ("nothing was traded", "sharpe", {"quantstats": "nan", "empyrical": "nan"}),
    ("only wins", "sortino", {"quantstats": "nan", "empyrical": "inf"}),
    ("only wins", "calmar", {"quantstats": "ZeroDivisionError", "empyrical": "nan"}),
    ("all is lost, and idle days follow", "sharpe", {"quantstats": -12.98, "empyrical": -12.98}),
    ("all is lost, and idle days follow", "calmar", {"quantstats": -1.0, "empyrical": -1.0}),
    ("more is lost than there was", "volatility", {"quantstats": 15.34, "empyrical": 15.34}),
]


def ours(case: Case) -> Curve:
    """Every day counts, whatever the year: the others know no weekends."""
    flows = case.flows or (Flow(),) * len(case.daily)
    days = tuple(Day(at, Money(pnl, "USDT"), flow) for at, pnl, flow in zip(case.days, case.daily, flows, strict=True))
    return Curve(days, Money(case.capital, "USDT"), "USDT", Basis(case.days_per_year, case.risk_free))


@pytest.fixture(scope="module")
def theirs() -> Any:
    return kept()["figures"]


@pytest.mark.parametrize("name", CASES)
def test_what_is_defined_is_the_same(theirs: Any, name: str) -> None:
    curve, peers = ours(CASES[name]), theirs[name]
    for figure in set(RATIOS) - UNDEFINED.get(name, set()):
        own = getattr(curve, figure)
        for peer in peers.keys() - ({"quantstats"} if figure == "var" else set()):
            assert isclose(own, peers[peer][figure], rel_tol=1e-9, abs_tol=1e-12), (figure, peer)


@pytest.mark.parametrize("name", [name for name in CASES if name != "no day"])
def test_the_deepest_fall_of_a_day_is_the_same(theirs: Any, name: str) -> None:
    share = ours(CASES[name]).drawdown.share
    assert share is not None
    for peer in theirs[name].values():
        assert isclose(share, peer["max_drawdown"], rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_what_is_undefined_is_none(name: str) -> None:
    curve = ours(CASES[name])
    assert {figure for figure in RATIOS if getattr(curve, figure) is None} == UNDEFINED.get(name, set())


@pytest.mark.parametrize(("name", "figure", "said"), NONSENSE)
def test_where_we_say_nothing_the_others_say(theirs: Any, name: str, figure: str, said: dict[str, float | str]) -> None:
    assert figure in UNDEFINED[name]
    for peer, value in said.items():
        found = theirs[name][peer][figure]
        assert found == value if isinstance(value, str) else isclose(found, value, rel_tol=1e-2)


def test_value_at_risk_by_a_normal_curve_is_another_figure(theirs: Any) -> None:
    case = theirs["freqtrade"]
    assert case["quantstats"]["var"] != pytest.approx(case["empyrical"]["var"], rel=1e-2)


def test_what_is_kept_is_of_these_series_and_versions() -> None:
    said = kept()
    assert list(said["figures"]) == list(CASES)
    assert {f"{name}=={version}" for name, version in said["versions"].items()} >= set(PEERS)
    assert laid_out(said) == KEPT.read_text(encoding="utf-8")


def test_a_series_starts_with_its_capital() -> None:
    asked = question(CASES["a loss on the first day"])
    assert asked["equity"][:3] == ["1000", "880", "920"]


def test_the_table_in_the_docs_is_current() -> None:
    found = re.search(r"<!-- oracles -->\n(.*?)\n<!-- /oracles -->", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert found, "docs/figures.md has no table between <!-- oracles --> and <!-- /oracles -->"
    assert found[1] == table(), "paste anew what `python -m tests.oracles --table` prints"
