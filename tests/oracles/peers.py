"""What quantstats and empyrical say of series of equity: JSON in, JSON out. Runs where those two are installed.

    python -m tests.oracles.peers < series.json > figures.json

In: a list of {name, equity, days_per_year, risk_free}, equity at the start and at the end of each day, as text. Out:
the versions, and under each name the figures by peer. What JSON has no number for is text: `nan`, `inf`, or the error.
"""

from __future__ import annotations

import json
import math
import platform
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module, metadata
from typing import Any

Figures = dict[str, float | str]
Formula = Callable[[], Any]


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    figures = {case["name"]: {"quantstats": _quantstats(case), "empyrical": _empyrical(case)} for case in asked}
    json.dump({"versions": _versions(), "figures": figures}, sys.stdout)


def _versions() -> dict[str, str]:
    names = ["quantstats", "empyrical-reloaded", "numpy", "pandas", "scipy"]
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def _returns(case: Mapping[str, Any]) -> Any:
    """Daily returns as people make them of equity."""
    pandas = import_module("pandas")
    equity = pandas.Series([float(worth) for worth in case["equity"]])
    returns = equity.pct_change(fill_method=None).iloc[1:]
    returns.index = pandas.date_range("2026-01-01", periods=len(returns), freq="D")
    return returns


def _quantstats(case: Mapping[str, Any]) -> Figures:
    stats, returns = import_module("quantstats").stats, _returns(case)
    days, rate = case["days_per_year"], float(case["risk_free"])
    return _said(
        {
            "sharpe": lambda: stats.sharpe(returns, rf=rate, periods=days),
            "sortino": lambda: stats.sortino(returns, rf=rate, periods=days),
            "calmar": lambda: stats.calmar(returns, periods=days),
            "volatility": lambda: stats.volatility(returns, periods=days),
            "annual_return": lambda: stats.cagr(returns, periods=days),
            "max_drawdown": lambda: stats.max_drawdown(returns),
            "var": lambda: stats.value_at_risk(returns),
            "cvar": lambda: stats.conditional_value_at_risk(returns, method="historical"),
            "win_rate": lambda: stats.win_rate(returns),
            "profit_factor": lambda: stats.profit_factor(returns),
            "payoff": lambda: stats.payoff_ratio(returns),
            "best_day": lambda: stats.best(returns),
            "worst_day": lambda: stats.worst(returns),
        }.items()
    )


def _empyrical(case: Mapping[str, Any]) -> Figures:
    stats, returns = import_module("empyrical"), _returns(case)
    days = case["days_per_year"]
    rate = (1 + float(case["risk_free"])) ** (1 / days) - 1
    return _said(
        {
            "sharpe": lambda: stats.sharpe_ratio(returns, risk_free=rate, annualization=days),
            "sortino": lambda: stats.sortino_ratio(returns, required_return=rate, annualization=days),
            "calmar": lambda: stats.calmar_ratio(returns, annualization=days),
            "volatility": lambda: stats.annual_volatility(returns, annualization=days),
            "annual_return": lambda: stats.annual_return(returns, annualization=days),
            "max_drawdown": lambda: stats.max_drawdown(returns),
            "var": lambda: stats.value_at_risk(returns),
            "cvar": lambda: stats.conditional_value_at_risk(returns),
        }.items()
    )


def _said(formulas: Iterable[tuple[str, Formula]]) -> Figures:
    return {name: _plain(formula) for name, formula in formulas}


def _plain(formula: Formula) -> float | str:
    try:
        figure = float(formula())
    except Exception as error:  # noqa: BLE001 - which error a peer raises is what we want to know
        return type(error).__name__
    return figure if math.isfinite(figure) else str(figure)


if __name__ == "__main__":
    main()
