"""Checks of the answer to an HTTP request: its text, and the values in its JSON."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement
from reporter.config.base import Settings
from reporter.config.limits import LowNumberLimits, NumberLimits
from reporter.config.types import OneOrMany, mistake
from reporter.probes.jsonpath import NOTHING, found, steps
from reporter.probes.probe import ProbeResult

if TYPE_CHECKING:
    import regex

# So many bytes of an answer are read; a probe is no download.
ENOUGH = 1024 * 1024
# How long the search for a pattern may take, in seconds: some patterns take years on some texts.
PATIENCE = 0.5
# A value of somebody else's is shown up to so many characters.
_SHOWN = 60


def _json_path(path: str) -> str:
    try:
        steps(path)
    except ValueError:
        raise mistake("is no path into JSON", "write such as `data.items[0].status`") from None
    return path


class JsonConfig(Settings):
    """What one place in the JSON of an answer must hold: a value, or a number within limits."""

    path: Annotated[str, AfterValidator(_json_path)] = Field(min_length=1, examples=["data.items[0].status"])
    """Where it stands, such as `data.items[0].status`."""
    name: str | None = Field(None, min_length=1, max_length=60)
    """What people call it; its path if left out."""
    equals: str | int | float | bool | None = None
    """The value that it must have; if neither this nor limits are given, it must be there."""
    above: NumberLimits | None = None
    """From where on a large number is trouble."""
    below: LowNumberLimits | None = None
    """From where on a small number is trouble."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum(given is not None for given in (self.equals, self.above, self.below)) > 1:
            raise mistake("`equals`, `above` and `below` exclude each other", "write one entry for each")
        return self

    def check(self, data: Any) -> ProbeResult | Measurement | None:
        """What is wrong, or the figure to grade; None where a value is as it should be."""
        value, title = found(data, self.path), self.name or self.path.removeprefix("$.")
        if value is NOTHING:
            return ProbeResult(Level.CRITICAL, f"the answer has no {title}")
        if limits := self.above or self.below:
            figure = _number(value)
            if figure is None:
                return ProbeResult(Level.CRITICAL, f"{title} is no number", value=_shown(value))
            return Measurement(title, figure, limits.threshold)
        if self.equals is None or _same(value, self.equals):
            return None
        told, wanted = _shown(value), _shown(self.equals)
        return ProbeResult(Level.CRITICAL, f"{title} is not {wanted}", value=told, limit=wanted)


JsonChecks = Annotated[tuple[JsonConfig, ...], OneOrMany()]


def check_text(text: str, contains: str | None, pattern: str | None) -> ProbeResult | None:
    """What is wrong with the text of an answer; None where it is as it should be."""
    if contains is not None and contains not in text:
        return ProbeResult(Level.CRITICAL, "the answer does not contain the text that it should")
    if pattern is not None:
        try:
            matches = compiled(pattern).search(text, timeout=PATIENCE, concurrent=True)
        except TimeoutError:
            matches = None
        if not matches:
            return ProbeResult(Level.CRITICAL, "the answer does not match the pattern that it should")
    return None


def check_json(text: str, checks: JsonChecks, *, cut: bool) -> ProbeResult:
    """What the JSON of an answer comes to, its figures left to be graded. `cut`: the answer was not read whole."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        why = "the answer is too long to be read" if cut else "the answer is no JSON"
        return ProbeResult(Level.CRITICAL, why)
    seen = [check.check(data) for check in checks]
    if wrong := next((found for found in seen if isinstance(found, ProbeResult)), None):
        return wrong
    measures = tuple(found for found in seen if isinstance(found, Measurement))
    return ProbeResult(Level.OK, "online", measures=measures)


@cache
def compiled(pattern: str) -> regex.Pattern[str]:
    """A pattern whose search can be given up. Raises regex.error for what is none."""
    import regex  # noqa: PLC0415 - few look for patterns

    return regex.compile(pattern)


def _same(value: Any, wanted: str | float | bool) -> bool:
    """Equal as JSON means it: `true` is not 1."""
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _number(value: Any) -> float | None:
    """A number, also one in quotes, which is how exchanges write them."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
