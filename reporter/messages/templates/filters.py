"""The filters of templates: figures as people read them, and Jinja's own filters, which keep unknown values unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import wraps
from typing import Any, Self

from jinja2 import Undefined, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context

from reporter.messages.formats import Formats, medal, plural, size_text
from reporter.messages.message import TimeStyle, time_mark
from reporter.periods.time_text import ago, duration_text
from reporter.trading.trade_statistics import expectancy, few, payoff, profit_factor, sqn


class Timed(str):
    """The text of a moment that each reader can see in his own zone; `moment` is as `time_mark` has it."""

    moment: str

    def __new__(cls, text: str, moment: datetime, style: TimeStyle) -> Self:
        timed = super().__new__(cls, text)
        timed.moment = time_mark(moment, style)
        return timed


Filter = Callable[..., Any]

_OF_SEQUENCES = (
    "batch count dictsort first groupby items last length list map max min reject rejectattr reverse select selectattr "
    "slice sort sum unique"
)
_OF_NUMBERS = "abs float int round"
_OF_FORMATS = "money signed number compact pct signed_pct trend"
_OF_TEXT = "capitalize center lower string title trim upper"


def filters(formats: Callable[[], Formats]) -> dict[str, Filter]:
    """Every filter that the templates of messages and pictures have; `formats` are those of the present rendering."""
    ours = {
        **{name: FILTERS[name] for name in _OF_SEQUENCES.split()},
        **{name: _known(FILTERS[name]) for name in _OF_NUMBERS.split()},
        **{name: _known(_on_text(FILTERS[name], formats)) for name in _OF_TEXT.split()},
        "replace": _known(_on_text(_replace, formats)),
        "join": _join(formats),
        **{name: _of_formats(name, formats) for name in _OF_FORMATS.split()},
        "date": _in_zone(Formats.date, formats),
        "clock": _in_zone(Formats.clock, formats, "clock"),
        "time": _in_zone(Formats.time, formats, "time"),
        "when": _when(formats),
        "ago": _ago,
        "duration": duration_text,
        "bytes": size_text,
        "medal": medal,
        "plural": plural,
        "few": _mark_of_few,
        "aside": _aside,
        "profit_factor": _known(profit_factor),
        "payoff": _known(payoff),
        "expectancy": _known(expectancy),
        "sqn": _known(sqn),
    }
    return {name: _defined(filter_) for name, filter_ in ours.items()} | {"default": _default, "d": _default}


def _of_formats(name: str, formats: Callable[[], Formats]) -> Filter:
    """A filter that is a method of Formats."""

    @wraps(getattr(Formats, name))
    def shown(*args: Any, **options: Any) -> Any:
        return getattr(formats(), name)(*args, **options)

    return shown


def _mark_of_few(count: int | None, of: str = "", many: str = "") -> str:
    """` (n=6)`, or ` (6 days)` with `of`, behind a figure that rests on fewer than 20; nothing behind others."""
    if count is None or not few(count):
        return ""
    return f" ({plural(count, of, many)})" if of else f" (n={count:,})"


def _aside(text: str | None) -> str:
    """` (+4.56%)`: an addition in brackets behind a figure; nothing where it is not known."""
    return "" if text is None else f" ({text})"


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
    """A filter that leaves None unknown."""

    @wraps(function)
    def known(value: Any, *args: Any, **options: Any) -> Any:
        return None if value is None else function(value, *args, **options)

    return known


def _on_text(function: Filter, formats: Callable[[], Formats]) -> Filter:
    """A filter of text that takes any value."""

    @wraps(function)
    def on_text(value: Any, *args: Any, **options: Any) -> Any:
        return function(formats().say(value), *args, **options)

    return on_text


def _in_zone(
    show: Callable[[Formats, Any, str | None], str | None],
    formats: Callable[[], Formats],
    style: TimeStyle | None = None,
) -> Filter:
    """A filter of times, which are shown in the zone whose calendar cut the report's period.

    With a `style`, a reader in Discord sees his own zone.
    """

    @pass_context
    def in_zone(context: Context, moment: date | None) -> str | None:
        text = show(formats(), moment, getattr(context.get("period"), "zone", None))
        return Timed(text, moment, style) if text and style and isinstance(moment, datetime) else text

    in_zone.__doc__ = show.__doc__
    return in_zone


def _when(formats: Callable[[], Formats]) -> Filter:
    @pass_context
    def when(context: Context, moment: datetime | None) -> Timed | None:
        """A time that counts by itself in Discord (`3 minutes ago`); elsewhere `16:12 UTC`, with another day's date."""
        text = formats().when(moment, context.get("now"), getattr(context.get("period"), "zone", None))
        return None if moment is None else Timed(text or "", moment, "ago")

    return when


@pass_context
def _ago(context: Context, moment: datetime | None) -> str | None:
    """How far a moment is from now, in one unit: `15s ago`, `2 days ago`, `in 5m`, `just now`."""
    text = ago(moment, context.get("now"))
    return Timed(text, moment, "ago") if text and moment else text


def _replace(text: str, old: str, new: str) -> str:
    """The text with one part replaced by another."""
    return text.replace(old, new)


def _join(formats: Callable[[], Formats]) -> Filter:
    def join(values: Iterable[object], between: str = "") -> str:
        """A list in one line: `names | join(", ")`."""
        return between.join(map(formats().say, values))

    return join


def _default(value: object, other: object = "") -> object:
    """The other value where the first is unknown."""
    return other if value is None or isinstance(value, Undefined) else value
