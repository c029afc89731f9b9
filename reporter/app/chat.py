"""From the config's `chat` to what the doors work with."""

from __future__ import annotations

from reporter.config.chat import BotSettings, DiscordChatConfig
from reporter.config.models import Config
from reporter.scheduler.chat_settings import DIRECT, ChatSettings, ChatWay, DiscordSettings


def chat_settings(config: Config) -> ChatSettings | None:
    """Who may ask where; None without `chat:`. Of two roles the higher one counts."""
    entry = config.chat
    if entry is None:
        return None
    roles = {identity: role for role in ("viewer", "operator", "owner") for identity in getattr(entry.roles, role)}
    telegram, discord = entry.telegram, entry.discord
    return ChatSettings(
        telegram=telegram.token if telegram and not telegram.token.missing else None,
        telegram_url=config.telegram.base_url,
        telegram_groups=frozenset(telegram.groups if telegram else ()),
        telegram_way=_way(telegram) if telegram else DIRECT,
        discord=_discord(discord, config.discord.base_url) if discord and not discord.token.missing else None,
        roles=roles,
    )


def _discord(entry: DiscordChatConfig, url: str) -> DiscordSettings:
    return DiscordSettings(
        entry.token, url, entry.guild, frozenset(entry.channels), entry.prefix, entry.ephemeral, _way(entry)
    )


def _way(entry: BotSettings) -> ChatWay:
    return ChatWay(None if entry.proxy is None or entry.proxy.missing else entry.proxy, entry.ca_file)
