"""The event that another program hands in, checked and bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from reporter.errors import ReporterError
from reporter.messages.message import Severity, Tone
from reporter.periods.civil import YEARS
from reporter.secret import without_surrogates
from reporter.trading.signals import BUY, SELL

MOST_FIELDS = 25  # what an embed has room for
LONGEST_VALUE = 1000  # characters
LONGEST_TEXT = 4000  # characters
LARGEST_FILE = 8_000_000  # bytes
LARGEST_NUMBER: int = 10**30  # beyond it a number is text: nobody reads it, and it must not fill a message
# An event of a program whose clock runs ahead is not held back for it; a longer wait is meant.
CLOCK_SKEW = timedelta(seconds=90)
FURTHEST = timedelta(days=366)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Value = str | int | Decimal | bool | None

# What a kind feels like where its severity does not say more.
TONES = {
    **dict.fromkeys(("build_success", "deployment_success", "system_healthy", "agent_started"), Tone.GOOD),
    **dict.fromkeys(("build_failure", "deployment_failed", "service_down", "connection_lost", "error"), Tone.BAD),
    **dict.fromkeys(("risk_alert", "high_latency", "service_restart"), Tone.WARNING),
}


class EventError(ReporterError):
    """An event that cannot be accepted: `field` names the place, the text says what to write instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


def _fit(value: object) -> object:
    """Text that every database, log and terminal takes: no lone surrogates, no control but tab and line end."""
    if not isinstance(value, str):
        return value
    return _CONTROLS.sub("\ufffd", without_surrogates(value.replace("\r\n", "\n")))


def _plain_value(value: object) -> object:
    """Numbers become decimals of what was written; lists and mappings are shown as text."""
    if isinstance(value, float):
        return Decimal(repr(value)) if isfinite(value) else None
    if isinstance(value, list | tuple):
        return _fit(", ".join(str(part) for part in value))
    if isinstance(value, Mapping):
        return _fit(", ".join(f"{key}: {part}" for key, part in value.items()))
    return _fit(value)


def _bounded(value: Value) -> Value:
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    if (
        isinstance(value, Decimal | int)
        and not isinstance(value, bool)
        and not -LARGEST_NUMBER < value < LARGEST_NUMBER
    ):
        return str(value)[:LONGEST_VALUE]
    return value[:LONGEST_VALUE] if isinstance(value, str) else value


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no time zone: write such as 2026-10-30T14:00:00Z")
    if moment.year not in YEARS:
        raise ValueError(f"is not between the years {YEARS[0]} and {YEARS[-1]}")
    return moment.astimezone(UTC)


def _level(severity: object) -> object:
    words = {"error": "warning", "warn": "warning", "debug": "info", "fatal": "critical", "emergency": "critical"}
    text = str(severity).strip().lower()
    return words.get(text, text)


Word = Annotated[str, BeforeValidator(_fit)]
Moment = Annotated[datetime, AfterValidator(_aware)]
FieldValue = Annotated[Value, BeforeValidator(_plain_value), AfterValidator(_bounded)]


class Event(BaseModel):
    """One event. The same `source` and `id` are sent once, however often a program hands them in.

    `slot`: a later event of the same source and slot edits the message of the earlier one. `at` in the future: the
    event waits until then. `until`: after that moment the event is not sent any more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: Word = Field("", max_length=256)
    text: Word = Field("", max_length=LONGEST_TEXT)
    severity: Annotated[Severity, BeforeValidator(_level)] = Severity.INFO
    source: Word = Field("", max_length=64)
    agent: Word = Field("", max_length=128)
    id: Word = Field("", max_length=128)
    at: Moment | None = None
    until: Moment | None = None
    slot: Word = Field("", max_length=100)
    seq: int | None = Field(None, ge=0, lt=2**63)
    fields: dict[Annotated[Word, Field(min_length=1, max_length=64)], FieldValue] = Field(
        default_factory=dict, max_length=MOST_FIELDS
    )

    @model_validator(mode="before")
    @classmethod
    def _cloud_event(cls, given: Any) -> Any:
        """CloudEvents names some of it otherwise: type, time, data (cloudevents.io, version 1.0)."""
        if not isinstance(given, dict) or "specversion" not in given:
            return given
        data = given.get("data")
        named = {
            "kind": given.get("type"),
            "at": given.get("time"),
            "id": given.get("id"),
            "source": given.get("source"),
        }
        own = data if isinstance(data, dict) else {"text": str(data)} if data is not None else {}
        known = {key: value for key, value in own.items() if key in cls.model_fields}
        fields = {key: value for key, value in own.items() if key not in cls.model_fields}
        whole = {"fields": fields, **known, **named}
        return {key: value for key, value in whole.items() if value not in (None, {})}

    @property
    def tone(self) -> Tone:
        """What the message looks like: the result of a trade before the severity, and that before the kind."""
        if self.kind in {"trade_closed", "trade_executed", "pnl_update"} and self.severity is Severity.INFO:
            return self._result()
        if self.kind == "signal_generated" and self.severity is Severity.INFO:
            return _way(self.fields.get("signal", self.fields.get("signal_type")))
        if self.severity is Severity.CRITICAL:
            return Tone.CRITICAL
        return TONES.get(self.kind, Tone.WARNING if self.severity is Severity.WARNING else Tone.INFO)

    def _result(self) -> Tone:
        names = ("pnl", "profit", "daily_pnl", "profit_amount")
        pnl = next((self.fields[name] for name in names if name in self.fields), None)
        try:
            amount = Decimal(str(pnl))
        except ArithmeticError:
            return Tone.INFO
        return Tone.GOOD if amount > 0 else Tone.BAD if amount < 0 else Tone.INFO


def _way(word: object) -> Tone:
    way = str(word).casefold()
    return Tone.GOOD if way in BUY else Tone.BAD if way in SELL else Tone.INFO


def read_event(given: object) -> Event:
    """An event of what a program handed in. Raises EventError, which names the first field that is wrong."""
    if not isinstance(given, dict):
        raise EventError("", 'an event is an object such as {"kind": "signal_generated", "title": "BTC long"}')
    try:
        return Event.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"][:2])
        raise EventError(place, _remedy(str(first["type"]), str(first["msg"]), place)) from None


# What to write instead, by the part of an event; each is more than what the library says of it.
_MOMENT = f"must be a moment with a time zone, such as 2026-10-30T14:00:00Z, between {YEARS[0]} and {YEARS[-1]}"
_REMEDIES = {
    "kind": "must be lower-case letters, digits and _, at most 64 characters, such as trade_executed",
    "severity": "must be info, warning or critical",
    "at": _MOMENT,
    "until": _MOMENT,
    "seq": "must be a whole number, 0 or more: the sender's own counter",
    "fields": f'must be an object of at most {MOST_FIELDS} named values, such as {{"pair": "BTC/USDT"}}',
}


def _remedy(mistake: str, said: str, place: str) -> str:
    if mistake == "extra_forbidden":
        known = ", ".join(Event.model_fields)
        return f"there is no such key; put values of your own into `fields`. The keys are: {known}"
    if mistake == "missing":
        return "is missing: write what happened, such as signal_generated"
    if place.startswith("fields."):
        return "the name of a field has between 1 and 64 characters"
    if mistake == "string_type":
        return "must be text"
    return _REMEDIES.get(place) or said.removeprefix("Value error, ").replace("String should have", "must have")
