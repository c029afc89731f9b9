"""Formats servers' figures, and the limits that several probes share."""

from __future__ import annotations

import math
from collections.abc import Callable

from reporter.alerts.thresholds import NEVER, Threshold
from reporter.messages.formats import size_text
from reporter.periods.time_text import duration_text


def percent(figure: float) -> str:
    """A figure that counts percent: `82%`, `99.5%`."""
    return f"{figure:,.1f}".removesuffix(".0") + "%"


def seconds(figure: float) -> str:
    """A figure that counts seconds, in the units that people use for it: `12ms`, `3h 5m`."""
    return duration_text(figure) or "N/A"


def in_bytes(figure: float) -> str:
    """A figure that counts bytes: `1.5 GiB`."""
    return size_text(figure) or "N/A"


def span(figure: float) -> str:
    """A time that may be nothing: `12m`, `none`."""
    return seconds(figure) if figure else "none"


def ago(figure: float) -> str:
    """`2m 5s ago`."""
    return f"{seconds(figure)} ago"


def count_of(most: float, share: float) -> str:
    """A share in percent, as so many of the most there can be: `8 of 100`."""
    return f"{share * most / 100:,.0f} of {most:,.0f}"


def weight_of(most: float, share: float) -> str:
    """A share in percent, as so many bytes of the most there can be: `234.0 MiB of 10.0 GiB (2.3%)`."""
    return f"{in_bytes(share * most / 100)} of {in_bytes(most)} ({percent(share)})"


def size_within(limits: Threshold) -> Callable[[float], str]:
    """How a size is shown: beside the most that it may be, where that is said. `234.0 MiB of 10.0 GiB (2.3%)`"""
    most = limits.critical
    if not most:
        return in_bytes
    return lambda figure: in_bytes(figure) if figure == most else weight_of(most, 100 * figure / most)


def enough(wanted: int) -> Threshold:
    """Fewer than are wanted is a warning. The limit lies half of one below, so that the last of them ends it."""
    few = wanted - 0.5
    return Threshold(few, leave_warning=few, low=True) if wanted else NEVER


def whole(figure: float) -> str:
    """A number of things, of which a limit may be half of one below: `2`."""
    return f"{math.ceil(figure):,}"
