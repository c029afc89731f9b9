"""The config of questions in chat: by which bot, in which groups, and who may do what."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from reporter.config.base import Settings
from reporter.config.secrets import SecretText
from reporter.config.types import OrEmpty, mistake, one_or_many

_IDENTITY = re.compile(r"telegram:-?[1-9]\d{0,19}")


def _identities(value: Any) -> tuple[str, ...]:
    found = tuple(one_or_many(value))
    for one in found:
        if not isinstance(one, str) or not _IDENTITY.fullmatch(one):
            raise mistake("this is nobody", "write `telegram:123456789`; the log says the ids of who wrote to the bot")
    return tuple(map(str, found))


def _groups(value: Any) -> tuple[int, ...]:
    found = tuple(one_or_many(value))
    groups = tuple(one for one in found if isinstance(one, int) and not isinstance(one, bool) and one < 0)
    if len(groups) < len(found):
        raise mistake(
            "a group has a negative id", "write such as `-1001234567890`; `reporter setup telegram` lists them"
        )
    return groups


_STRINGS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_NUMBERS = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
Identities = Annotated[tuple[str, ...], BeforeValidator(_identities), WithJsonSchema(_STRINGS)]
Groups = Annotated[tuple[int, ...], BeforeValidator(_groups), WithJsonSchema(_NUMBERS)]


class TelegramChatConfig(Settings):
    """Questions to a bot of Telegram."""

    token: SecretText = Field(examples=["env:TELEGRAM_TOKEN"])
    """The bot's token; alerts of channels with the same token get buttons."""
    groups: Groups = ()
    """Groups in which the bot answers, by their ids; in a private chat it always does."""


class RolesConfig(Settings):
    """Who may do what. Nobody else gets an answer."""

    owner: Identities = ()
    """Who may everything: `telegram:ID` of a person, or of a group with all who are in it; one or a list."""
    operator: Identities = ()
    """Who may also acknowledge and silence."""
    viewer: Identities = ()
    """Who may look."""


class ChatConfig(Settings):
    """Questions in chat."""

    telegram: TelegramChatConfig | None = None
    """The bot of Telegram that answers."""
    roles: Annotated[RolesConfig, OrEmpty()] = RolesConfig()
    """Who may do what. Nobody else gets an answer."""
