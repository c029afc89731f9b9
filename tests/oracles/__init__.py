"""Our ratios beside those of quantstats and empyrical, on the same days.

Both are heavy and wanted by nobody but us, so their figures are kept in `tests/data/oracles.json`, with the versions
that made them. `python -m tests.oracles` makes that file anew: it installs the two into a virtual environment of its
own, which it throws away again. `python -m tests.oracles --table` prints the table of docs/figures.md from what is
kept.
"""
