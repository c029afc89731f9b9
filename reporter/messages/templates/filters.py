"""The filters of templates: figures as people read them, and Jinja's own filters, which keep unknown values unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Self

from jinja2 import Undefined, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context

from reporter.messages.formats import Formats, medal, plural, size_text, trend
from reporter.periods.time_text import ago, duration_text
from reporter.trading.metrics import expectancy, few, payoff, profit_factor, sqn


class Timed(str):
    """The text of a time that can count by itself; `moment` is ISO 8601."""

    moment: str

    def __new__(cls, text: str, moment: datetime) -> Self:
        timed = super().__new__(cls, text)
        timed.moment = moment.isoformat()
        return timed


Filter = Callable[..., Any]

_OF_SEQUENCES = (
    "batch count dictsort first groupby items last length list map max min reject rejectattr reverse select selectattr "
    "slice sort sum unique"
)
_OF_NUMBERS = "abs float int round"
_OF_TEXT = "capitalize center lower string title trim upper"


def filters(formats: Formats) -> dict[str, Filter]:
    """Every filter that letters and pictures have."""
    ours = {
        **{name: FILTERS[name] for name in _OF_SEQUENCES.split()},
        **{name: _known(FILTERS[name]) for name in _OF_NUMBERS.split()},
        **{name: _known(_on_text(FILTERS[name], formats)) for name in _OF_TEXT.split()},
        "replace": _known(_on_text(str.replace, formats)),
        "join": lambda values, between="": between.join(map(formats.say, values)),
        "money": formats.money,
        "signed": formats.signed,
        "number": formats.number,
        "compact": formats.compact,
        "pct": formats.pct,
        "signed_pct": formats.signed_pct,
        "date": _in_zone(formats.date),
        "clock": _in_zone(formats.clock),
        "time": _in_zone(formats.time),
        "when": _when(formats),
        "ago": pass_context(lambda context, moment: ago(moment, context.get("now"))),
        "duration": duration_text,
        "bytes": size_text,
        "medal": medal,
        "trend": trend,
        "plural": plural,
        "few": _mark_of_few,
        "profit_factor": _known(profit_factor),
        "payoff": _known(payoff),
        "expectancy": _known(expectancy),
        "sqn": _known(sqn),
    }
    return {name: _defined(filter_) for name, filter_ in ours.items()} | {"default": _default, "d": _default}


def _mark_of_few(count: int | None, of: str = "", many: str = "") -> str:
    """What stands behind a figure that rests on few trades, or on few of something else."""
    if count is None or not few(count):
        return ""
    return f" ({plural(count, of, many)})" if of else f" (n={count})"


def _defined(function: Filter) -> Filter:
    """A filter that asks first whether what it is given exists, so that the error names what does not."""

    @wraps(function)
    def asked(*args: Any, **options: Any) -> Any:
        for value in (*args, *options.values()):
            if isinstance(value, Undefined):
                str(value)  # raises
        return function(*args, **options)

    return asked


def _known(function: Filter) -> Filter:
    return lambda value, *args, **options: None if value is None else function(value, *args, **options)


def _on_text(function: Filter, formats: Formats) -> Filter:
    return lambda value, *args, **options: function(formats.say(value), *args, **options)


def _in_zone(show: Callable[[Any, str | None], Any]) -> Filter:
    """A filter of times, which are shown in the zone whose calendar cut the report's period."""
    return pass_context(lambda context, moment: show(moment, getattr(context.get("period"), "zone", None)))


def _when(formats: Formats) -> Filter:
    def when(context: Context, moment: datetime | None) -> Timed | None:
        text = formats.when(moment, context.get("now"), getattr(context.get("period"), "zone", None))
        return None if moment is None else Timed(text or "", moment)

    return pass_context(when)


def _default(value: object, other: object = "") -> object:
    return other if value is None or isinstance(value, Undefined) else value
