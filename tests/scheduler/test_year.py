"""The year of the ratios, from the config to the job and its report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stage import Stage

JOB = '''\
"""A report that names the year of its ratios."""
from collections.abc import Iterator
from reporter import Context, Report, job

@job(covers="yesterday", schedule="daily at 00:00")
def year(ctx: Context) -> Iterator[Report]:
    """Tells the year."""
    yield Report(facts={"days": ctx.basis.days_per_year, "rate": ctx.basis.risk_free})
'''
LETTER = "# {{ days }} days at {{ rate | pct }}\n{% include '_basis.md.j2' %}\n"


@pytest.mark.parametrize(
    ("figures", "title", "said"),
    [("", "365 days at 0.0%", False), ("\nfigures: {days_per_year: 252, risk_free: 4%}", "252 days at 4.0%", True)],
)
def test_the_year_of_the_config_reaches_job_and_letter(tmp_path: Path, figures: str, title: str, said: bool) -> None:
    stage = Stage(tmp_path).on_screen(f"  year:{figures}").report("year", JOB, LETTER)
    stage.app.run_by_hand(stage.app.job("year"), None)
    stage.deliver()
    shown = stage.screen.getvalue()
    stage.close()
    assert title in shown
    assert ("252 days a year, without weekends, risk-free rate 4.00%" in shown) is said
