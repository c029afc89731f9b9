"""From figures to levels, by their previous levels."""

from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.model import FigureKey, Level
from reporter.alerts.thresholds import Measurement, Threshold
from reporter.probes.grading import graded, latency
from reporter.probes.number_formats import percent
from reporter.probes.probe import ProbeResult

DISK = Threshold(80, 95)


def disk(figure: float) -> ProbeResult:
    return ProbeResult(Level.OK, "online", measures=(Measurement("disk", figure, DISK, percent),))


def test_a_figure_is_worse_from_its_limit_on_and_better_only_well_below_it() -> None:
    stands: dict[FigureKey, Level] = {}
    details = []
    for figure in (79, 80, 78, 96, 91, 90, 75):
        sight, stands = graded(disk(figure), stands)
        details.append(f"{sight.level}: {sight.detail}")
    assert details == [
        "ok: online",
        "warning: online, but disk above 80%",
        "warning: online, but disk not yet well below 80%",
        "critical: online, but disk above 95%",
        "critical: online, but disk not yet well below 95%",
        "warning: online, but disk above 80%",
        "ok: online",
    ]


def test_all_that_is_in_trouble_is_named_and_the_worst_leads() -> None:
    slow = latency(1.0, Threshold(0.5))
    sight, _ = graded(ProbeResult(Level.OK, "online", measures=(slow, Measurement("disk", 97, DISK, percent))), {})
    assert (sight.level, sight.value, sight.limit, sight.figure) == (Level.CRITICAL, "97%", "95%", 97)
    assert sight.detail == "online, but disk above 95%, slower than 500ms"
    assert sight.figures == (("disk", "97%"),)


def test_small_figures_may_be_the_bad_ones() -> None:
    days = Measurement("days", 10, Threshold(14, 3, low=True))
    sight, _ = graded(ProbeResult(Level.OK, "online", measures=(days,)), {})
    assert (sight.level, sight.detail) == (Level.WARNING, "online, but days below 14")


def test_what_failed_already_stays_as_it_is_and_shows_its_figures() -> None:
    down = ProbeResult(Level.CRITICAL, "refused", measures=(Measurement("disk", 99, DISK, percent),))
    sight, _ = graded(down, {})
    assert (sight.detail, sight.figures) == ("refused", (("disk", "99%"),))


def test_a_look_without_figures_forgets_none() -> None:
    _, stands = graded(disk(85), {})
    _, stands = graded(ProbeResult(Level.CRITICAL, "refused"), stands)
    sight, _ = graded(disk(78), stands)
    assert sight.level is Level.WARNING


@given(st.floats(0, 200), st.sampled_from(list(Level)))
def test_what_was_known_makes_a_figure_no_milder_and_no_worse_than_it_was(figure: float, known: Level) -> None:
    sight, _ = graded(disk(figure), {("disk", False): known})
    fresh, _ = graded(disk(figure), {})
    assert not fresh.level.worse_than(sight.level)
    assert not (sight.level.worse_than(fresh.level) and sight.level.worse_than(known))
