"""What an answer of the web must be like: its status, its text, and what its JSON says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.config.jsonpath import NOTHING, found
from reporter.probes.probe import NEVER, Measurement, ProbeResult

if TYPE_CHECKING:
    import regex

# So many bytes of an answer are read; a probe is no download.
ENOUGH = 1024 * 1024
# How long the search for a pattern may take, in seconds: some patterns take years on some texts.
PATIENCE = 0.5
# A value of somebody else's is shown up to so many characters.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class JsonCheck:
    """What one place in the JSON must hold: a value, or a figure within its limits.

    `path` is such as `data.items[0].status`; a leading `$.` may stand before it, and `["a.b"]` names a key with a dot.
    """

    path: str
    equals: str | float | bool | None = None
    limits: Threshold = NEVER
    name: str = ""

    @property
    def title(self) -> str:
        return self.name or self.path.removeprefix("$.")

    def seen(self, data: Any) -> ProbeResult | Measurement | None:
        """What is wrong, or the figure to grade; None where a value is as it should be."""
        value = found(data, self.path)
        if value is NOTHING:
            return ProbeResult(Level.CRITICAL, f"the answer has no {self.title}")
        if self.limits is not NEVER:
            return self._measured(value)
        if self.equals is None or _same(value, self.equals):
            return None
        told, wanted = _shown(value), _shown(self.equals)
        return ProbeResult(Level.CRITICAL, f"{self.title} is not {wanted}", value=told, limit=wanted)

    def _measured(self, value: Any) -> ProbeResult | Measurement:
        figure = _number(value)
        if figure is None:
            return ProbeResult(Level.CRITICAL, f"{self.title} is no number", value=_shown(value))
        return Measurement(self.title, figure, self.limits)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a good answer is like."""

    status: tuple[int, ...] = (200,)
    contains: str | None = None
    matches: str | None = None
    json: tuple[JsonCheck, ...] = ()

    @property
    def body_matters(self) -> bool:
        return bool(self.contains or self.matches or self.json)

    def judged(self, status: int, body: bytes) -> ProbeResult:
        """What an answer comes to. Its figures are left to be graded."""
        if status not in self.status:
            return ProbeResult(Level.CRITICAL, f"HTTP {status}, expected {' or '.join(map(str, self.status))}")
        text = body.decode("utf-8", "replace") if self.body_matters else ""
        return next(self._wrong_text(text), None) or self._judged_json(text, len(body))

    def _wrong_text(self, text: str) -> Iterator[ProbeResult]:
        if self.contains is not None and self.contains not in text:
            yield ProbeResult(Level.CRITICAL, "the answer does not contain the text that it should")
        if self.matches is not None and not self._searched(text):
            yield ProbeResult(Level.CRITICAL, "the answer does not match the pattern that it should")

    def _searched(self, text: str) -> bool:
        try:
            return bool(compiled(self.matches or "").search(text, timeout=PATIENCE, concurrent=True))
        except TimeoutError:
            return False

    def _judged_json(self, text: str, size: int) -> ProbeResult:
        if not self.json:
            return ProbeResult(Level.OK, "online")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            why = "the answer is too long to be read" if size > ENOUGH else "the answer is no JSON"
            return ProbeResult(Level.CRITICAL, why)
        seen = [check.seen(data) for check in self.json]
        if wrong := next((one for one in seen if isinstance(one, ProbeResult)), None):
            return wrong
        return ProbeResult(Level.OK, "online", measures=tuple(one for one in seen if isinstance(one, Measurement)))


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
