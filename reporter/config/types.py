"""The small texts of the config — `5m`, `52%`, `50 USDT`, `role:123` — as types that pydantic parses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reporter.config.yaml_document import shown
from reporter.errors import nearest
from reporter.messages import quiet_hours
from reporter.periods import schedules, weekly_hours
from reporter.secret import redacted
from reporter.trading.trades import Money


def mistake(message: str, hint: str = "") -> PydanticCustomError:
    """An error whose sentence and hint reach the user as they are."""
    return PydanticCustomError("mistake", "{message}", {"message": message, "hint": hint})


def did_you_mean(wrong: str, known: list[str]) -> str:
    """A hint that names the nearest of the known words, or all of them when none is near; empty without any."""
    if near := nearest(wrong, known):
        return f"did you mean `{near}`?"
    return f"known: {', '.join(known)}" if known else ""


@dataclass(frozen=True, slots=True)
class OrEmpty:
    """A section whose lines are all commented out is null to YAML; it says nothing, so it is an empty one.

    `empty` makes it: `dict`, or `tuple` for a list.
    """

    empty: Callable[[], object] = dict

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: self.empty() if value is None else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """A list of entries; one of them alone need not be put in brackets."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(one_or_many, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        entries = handler(schema)
        return {"anyOf": [entries, entries["items"]]}


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d{1,7}(?:\.\d{1,6})?) ?(ms|s|m|h|d|w)")


LONGEST_DURATION = timedelta(days=36_525)
"""100 years: a moment so far from now can still be counted, in every zone."""


def duration(value: object) -> timedelta:
    """`30s`, `5m`, `1.5h` as a timedelta. Raises PydanticCustomError."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        plain = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        raise mistake("must be a duration with its unit", f"write `{value}s`" if plain else "write such as `30s`, `5m`")
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds > LONGEST_DURATION.total_seconds():
        raise mistake("is longer than 100 years", "write such as `30s`, `5m`")
    return timedelta(seconds=seconds)


def _some(value: timedelta) -> timedelta:
    if not value:
        raise mistake("must be longer than nothing", "write such as `30s`, `5m`")
    return value


_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(rf"(\d{{1,7}}(?:\.\d{{1,6}})?) ?({'|'.join(_SIZES)})")


def size(value: object) -> int:
    """`500 MB`, `1.5 GiB` as bytes. Raises PydanticCustomError."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise mistake("must be a size with its unit", f"write `{value} B`, or such as `500 MB`, `2 GiB`")
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise mistake("must be a size with its unit", "write such as `500 MB`, `2 GiB`")
    return int(float(found[1]) * _SIZES[found[2]])


_AMOUNT = re.compile(r"(-?\d{1,20}(?:\.\d{1,18})?) +([A-Z0-9]{2,12})")
_NEARLY_AN_AMOUNT = re.compile(r"([$€£]?) ?(-?\d+(?:\.\d+)?) *([A-Za-z]{0,12})")
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}


def amount(value: object) -> Money:
    """`50 USDT` as Money. Raises PydanticCustomError."""
    if isinstance(value, Money):
        return value
    if isinstance(value, str) and (found := _AMOUNT.fullmatch(value)):
        return Money(Decimal(found[1]), found[2])
    raise mistake("must be an amount with its currency", _nearest_amount(str(value)))


def _nearest_amount(text: str) -> str:
    found = _NEARLY_AN_AMOUNT.fullmatch(text)
    if not found:
        return "write such as `50 USDT`"
    currency = found[3].upper() or _SIGNS.get(found[1], "USDT")
    return f"write `{found[2]} {currency}`"


def _amounts(value: object) -> tuple[Money, ...]:
    amounts = tuple(amount(one) for one in _listed(value))
    currencies = [one.currency for one in amounts]
    if twice := next((name for name in currencies if currencies.count(name) > 1), None):
        raise mistake(f"{twice} is given twice", "give each currency once")
    return amounts


def _positive(amounts: tuple[Money, ...]) -> tuple[Money, ...]:
    if any(one.amount <= 0 for one in amounts):
        raise mistake("must be more than nothing", "write the amount without a minus sign")
    return amounts


_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%")


def share(value: object) -> Decimal:
    """`52%` as 0.52. Raises PydanticCustomError."""
    if isinstance(value, Decimal):
        return value
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if found and (percent := Decimal(found[1])) <= 100:
        return percent / 100
    raise mistake("must be a percentage from 0% to 100%", _nearest_share(value))


def _nearest_share(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return "write such as `52%`"
    return f"write `{value * 100 if 0 < value < 1 else value:g}%`"


def timezone(value: object) -> str:
    """An IANA name of a time zone. Raises PydanticCustomError."""
    if not isinstance(value, str) or not value:
        raise mistake("must be the name of a time zone", "write such as `Europe/Berlin`, or `UTC`")
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # a name unknown, a path, a folder
        raise mistake(f"`{shown(value)}` is no time zone", _nearest_zone(value)) from None
    return value


def _nearest_zone(wrong: str) -> str:
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    city = wrong.strip().replace(" ", "_").casefold()
    same_city = [zone for zone in zones if zone.casefold().rpartition("/")[2] == city]
    hint = f"did you mean `{same_city[0]}`?" if same_city else did_you_mean(wrong, zones)
    return hint if hint.startswith("did") else "write an IANA name such as `Europe/Berlin`, or `UTC`"


def _schedule(value: object) -> str:
    """The text of a schedule, as it was written. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise mistake("must be a schedule", "write such as `every 30s` or `daily at 00:00`")
    try:
        schedules.parse(value)
    except schedules.ScheduleError as error:
        raise mistake(redacted(str(error)).removesuffix(".")) from None
    return value


def _quiet_hours(value: object) -> quiet_hours.QuietHours:
    """`22:00-07:00` as QuietHours. Raises PydanticCustomError."""
    if isinstance(value, quiet_hours.QuietHours):
        return value
    try:
        return quiet_hours.quiet_hours(value if isinstance(value, str) else "")
    except ValueError as error:
        raise mistake(str(error), "write such as `22:00-07:00`") from None


def _weekly_hours(value: object) -> weekly_hours.WeeklyHours:
    """`mon-fri 09:30-16:00 America/New_York` as WeeklyHours. Raises PydanticCustomError."""
    if isinstance(value, weekly_hours.WeeklyHours):
        return value
    try:
        found = weekly_hours.weekly_hours(value if isinstance(value, str) else "")
    except ValueError as error:
        raise mistake(str(error), "write such as `mon-fri 09:30-16:00 America/New_York`, or `08:00-20:00`") from None
    if found.zone:
        timezone(found.zone)
    return found


def _time_of_day(value: object) -> time:
    """`08:00` as a time. Raises PydanticCustomError."""
    if isinstance(value, time):
        return value
    try:
        return quiet_hours.time_of_day(value if isinstance(value, str) else "")
    except ValueError as error:
        raise mistake(str(error), "write such as `08:00`") from None


def _listed(value: object) -> list[object] | tuple[object, ...]:
    return value if isinstance(value, list | tuple) else [value]


def one_or_many(value: object) -> tuple[object, ...]:
    """A list's members, and of anything else itself alone."""
    return tuple(_listed(value))


def _filled(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise mistake("the list is empty", "name one, or leave the key out")
    return value


_NAME = re.compile(r"[\w-]{1,64}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise mistake("a name is made of letters, digits, `-` and `_`", "write such as `pnl-daily`")
    return value


_CURRENCY = re.compile(r"[A-Z0-9]{2,12}")


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise mistake("a currency is named by its code", "write it in capitals, such as `USDT`")
    return value


def _snowflake(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and re.fullmatch(r"\d{15,20}", text):
        return text
    raise mistake("must be an id of Discord, 15 to 20 digits", "copy it with Discord's developer mode on: Copy ID")


_MENTION = re.compile(r"everyone|(role|user):\d{15,20}")


def _mention(value: object) -> str:
    if isinstance(value, str) and _MENTION.fullmatch(value):
        return value
    hint = "write `everyone`, `role:ID` or `user:ID`, where ID is the number that Discord's Copy ID gives"
    raise mistake("names nobody that can be mentioned", hint)


def _text_schema(pattern: str, *examples: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return {**schema, "examples": list(examples)} if examples else schema


def _one_or_many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def _read_by(read: Callable[[Any], object], schema: dict[str, Any]) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(read), WithJsonSchema(schema)


_DURATION_SCHEMA = _text_schema(_DURATION.pattern, "30s", "5m", "2h", "1d")
_SIZE_SCHEMA = _text_schema(_SIZE.pattern, "500 MB", "2 GiB")
_AMOUNT_SCHEMA = _text_schema(_AMOUNT.pattern, "50 USDT")
_SHARE_SCHEMA = _text_schema(_SHARE.pattern, "52%")
_NAME_SCHEMA: dict[str, Any] = {"type": "string"}
_MENTION_SCHEMA = _text_schema(_MENTION.pattern, "role:123456789012345678", "everyone")

Pause = Annotated[
    timedelta,
    *_read_by(duration, _DURATION_SCHEMA),
    PlainSerializer(lambda span: f"{span.total_seconds():g}s", return_type=str),
]
Duration = Annotated[Pause, AfterValidator(_some)]
Durations = Annotated[
    tuple[Duration, ...], BeforeValidator(one_or_many), WithJsonSchema(_one_or_many(_DURATION_SCHEMA))
]
Size = Annotated[int, *_read_by(size, _SIZE_SCHEMA), PlainSerializer(lambda count: f"{count} B", return_type=str)]
Share = Annotated[
    Decimal,
    *_read_by(share, _SHARE_SCHEMA),
    PlainSerializer(lambda part: f"{(part * 100).normalize():f}%", return_type=str),
]
Amounts = Annotated[
    tuple[Money, ...],
    *_read_by(_amounts, _one_or_many(_AMOUNT_SCHEMA)),
    PlainSerializer(lambda amounts: [f"{one.amount} {one.currency}" for one in amounts], return_type=list[str]),
]
Words = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
PositiveAmounts = Annotated[Amounts, AfterValidator(_positive)]
Timezone = Annotated[str, *_read_by(timezone, {"type": "string", "examples": ["UTC", "Europe/Berlin"]})]
ScheduleText = Annotated[str, *_read_by(_schedule, {"type": "string", "examples": ["every 30s", "daily at 00:00"]})]
QuietHours = Annotated[
    quiet_hours.QuietHours,
    *_read_by(_quiet_hours, _text_schema(quiet_hours.QUIET_HOURS, "22:00-07:00")),
    PlainSerializer(str, return_type=str),
]
WeeklyHours = Annotated[
    weekly_hours.WeeklyHours,
    *_read_by(
        _weekly_hours, _text_schema(weekly_hours.WEEKLY_HOURS, "mon-fri 09:30-16:00 America/New_York", "08:00-20:00")
    ),
    PlainSerializer(str, return_type=str),
]
TimeOfDay = Annotated[
    time,
    *_read_by(_time_of_day, _text_schema(quiet_hours.TIME_OF_DAY, "08:00")),
    PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str),
]
Name = Annotated[str, AfterValidator(_name), WithJsonSchema(_text_schema(_NAME.pattern))]
Currency = Annotated[str, AfterValidator(_currency), WithJsonSchema(_text_schema(_CURRENCY.pattern))]
Names = Annotated[
    tuple[str, ...], BeforeValidator(one_or_many), AfterValidator(_filled), WithJsonSchema(_one_or_many(_NAME_SCHEMA))
]
Snowflake = Annotated[
    str, *_read_by(_snowflake, {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d{15,20}$"}]})
]
Mention = Annotated[str, *_read_by(_mention, _MENTION_SCHEMA)]
Mentions = Annotated[tuple[Mention, ...], BeforeValidator(one_or_many), WithJsonSchema(_one_or_many(_MENTION_SCHEMA))]
Statuses = Annotated[
    tuple[Annotated[int, Field(ge=100, le=599)], ...],
    BeforeValidator(one_or_many),
    AfterValidator(_filled),
    WithJsonSchema(_one_or_many({"type": "integer", "minimum": 100, "maximum": 599})),
]
