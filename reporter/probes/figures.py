"""How the figures of servers are shown, and the limits that some have in common."""

from __future__ import annotations

import math

from reporter.formats import size
from reporter.probes import NEVER, percent, seconds
from reporter.thresholds import Threshold


def weight(figure: float) -> str:
    """A figure that counts bytes: `234.0 MiB`."""
    return size(figure) or "N/A"


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
    return f"{weight(share * most / 100)} of {weight(most)} ({percent(share)})"


def enough(wanted: int) -> Threshold:
    """Fewer than are wanted is a warning. The limit lies half of one below, so that the last of them ends it."""
    few = wanted - 0.5
    return Threshold(few, leave_warning=few, low=True) if wanted else NEVER


def whole(figure: float) -> str:
    """A number of things, of which a limit may be half of one below: `2`."""
    return f"{math.ceil(figure):,}"
