"""The config of questions in chat: by which bot, in which groups, and who may do what."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from reporter.config.addresses import web_address
from reporter.config.base import Settings
from reporter.config.secrets import Address, HomePath, SecretText
from reporter.config.types import OrEmpty, mistake, one_or_many

_IDENTITY = re.compile(r"telegram:-?[1-9]\d{0,19}|discord:(?:role:|channel:)?[1-9]\d{0,19}")


def _identities(value: Any) -> tuple[str, ...]:
    found = tuple(one_or_many(value))
    for one in found:
        if not isinstance(one, str) or not _IDENTITY.fullmatch(one):
            remedy = "write `telegram:123456789`, `discord:123456789` or `discord:role:123456789`"
            raise mistake("this is nobody", f"{remedy}; the log says the ids of who wrote to the bot")
    return tuple(map(str, found))


def _groups(value: Any) -> tuple[int, ...]:
    found = tuple(one_or_many(value))
    groups = tuple(one for one in found if isinstance(one, int) and not isinstance(one, bool) and one < 0)
    if len(groups) < len(found):
        raise mistake(
            "a group has a negative id", "write such as `-1001234567890`; `reporter setup telegram` lists them"
        )
    return groups


def _snowflake(value: Any) -> str:
    if isinstance(value, bool) or not _SNOWFLAKE.fullmatch(str(value)):
        raise mistake(
            "this is no id of Discord", "write its number: Developer Mode, then Copy ID in the menu of a name"
        )
    return str(value)


def _snowflakes(value: Any) -> tuple[str, ...]:
    return tuple(_snowflake(one) for one in one_or_many(value))


def _prefix(value: Any) -> str:
    """`false` is no prefix."""
    if value is None or value is False or value == "":
        return ""
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise mistake("a prefix is 1 to 5 signs", "write such as `!`, or `false` to read nothing that people write")
    return value


_SNOWFLAKE = re.compile(r"[1-9]\d{0,19}")
_PREFIX = re.compile(r"[^\s\w/@#<]{1,5}")
_STRINGS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_NUMBERS = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
Identities = Annotated[tuple[str, ...], BeforeValidator(_identities), WithJsonSchema(_STRINGS)]
Groups = Annotated[tuple[int, ...], BeforeValidator(_groups), WithJsonSchema(_NUMBERS)]


Snowflake = Annotated[
    str, BeforeValidator(_snowflake), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]})
]
Snowflakes = Annotated[
    tuple[str, ...],
    BeforeValidator(_snowflakes),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "array"}]}),
]
Prefix = Annotated[str, BeforeValidator(_prefix), WithJsonSchema({"anyOf": [{"type": "string"}, {"const": False}]})]


class BotSettings(Settings):
    """How a bot's service is reached."""

    proxy: Annotated[Address, AfterValidator(web_address)] | None = None
    """The HTTP proxy to go through, instead of the environment's."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""


class TelegramChatConfig(BotSettings):
    """Questions to a bot of Telegram."""

    token: SecretText = Field(examples=["env:TELEGRAM_TOKEN"])
    """The bot's token; alerts of channels with the same token get buttons."""
    groups: Groups = ()
    """Groups in which the bot answers, by their ids; in a private chat it always does."""


class DiscordChatConfig(BotSettings):
    """Questions to a bot of Discord; needs the extra `chat`."""

    token: SecretText = Field(examples=["env:DISCORD_TOKEN"])
    """The bot's token; alerts that webhooks of its application post get buttons."""
    guild: Snowflake
    """The id of the server."""
    channels: Snowflakes = ()
    """Channels in which the bot answers, by their ids; in a private chat it always does."""
    prefix: Prefix = "!"
    """What stands before a command that is written; `false` reads nothing, and leaves `/` and buttons."""
    ephemeral: bool = False
    """Whether answers to `/` and to buttons are seen by the asker alone."""


class RolesConfig(Settings):
    """Who may do what. Nobody else gets an answer."""

    owner: Identities = ()
    """Who may everything: `telegram:ID`, `discord:ID`, `discord:role:ID` or `discord:channel:ID`; one or a list."""
    operator: Identities = ()
    """Who may also acknowledge and silence."""
    viewer: Identities = ()
    """Who may look."""


class ChatConfig(Settings):
    """Questions in chat."""

    telegram: TelegramChatConfig | None = None
    """The bot of Telegram that answers."""
    discord: DiscordChatConfig | None = None
    """The bot of Discord that answers."""
    roles: Annotated[RolesConfig, OrEmpty()] = RolesConfig()
    """Who may do what. Nobody else gets an answer."""
