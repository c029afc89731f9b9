"""The config's `rates:` section: the worth of a currency in another one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from reporter.config.base import Settings
from reporter.config.types import Currency, amount, mistake
from reporter.trading.exchange_rates import Rate, Rates
from reporter.trading.trades import Money


def _worth(value: object) -> Money:
    found = amount(value)
    if found.amount <= 0:
        raise mistake("must be more than nothing", "write what one unit is worth, such as `1.08 USD`")
    return found


def _moment(value: object) -> datetime:
    """`2026-11-20 12:00` as a moment; one that names no offset is UTC."""
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise mistake("must be a time", "write such as `2026-11-20 12:00`, which is UTC") from None


Worth = Annotated[
    Money,
    PlainValidator(_worth),
    WithJsonSchema({"type": "string", "examples": ["1.08 USD"]}),
    PlainSerializer(lambda money: f"{money.amount} {money.currency}", return_type=str),
]
Moment = Annotated[
    datetime,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-11-20 12:00"]}),
    PlainSerializer(datetime.isoformat, return_type=str),
]


class RateConfig(Settings):
    """The worth of one unit of a currency; an amount alone is a rate without a time."""

    worth: Worth
    """The worth of one unit, such as `1.08 USD`."""
    at: Moment | None = None
    """The time of the rate, which reports show; `2026-11-20 12:00` is UTC."""


def _with_a_key(said: object) -> object:
    return {"worth": said} if isinstance(said, str) else said


RatesConfig = dict[
    Currency,
    Annotated[RateConfig, BeforeValidator(_with_a_key, json_schema_input_type=Worth | RateConfig)],
]


def as_rates(said: RatesConfig) -> Rates:
    return {currency: Rate(currency, one.worth, one.at) for currency, one in said.items()}
