"""The formulas over returns, for job files: `from reporter.metrics import curve_of, sharpe`."""

from reporter.trading.trade_statistics import *
