"""The local Discord's JSON for its webhooks, messages and bots."""

from __future__ import annotations

from tests.support.discord.wire import Json
from tests.support.discord.world import Bot, Channel, Posted, Webhook

_PERSON = {"discriminator": "0000", "avatar": None}


def webhook_json(hook: Webhook, base_url: str) -> Json:
    return {
        "id": hook.id,
        "type": 1,
        "name": hook.name,
        "avatar": None,
        "application_id": hook.application,
        "channel_id": hook.channel.id,
        "guild_id": hook.channel.guild_id,
        "token": hook.token,
        "url": f"{base_url}/api/webhooks/{hook.id}/{hook.token}",
    }


def channel_json(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "type": 15 if channel.forum else channel.kind,
        "guild_id": channel.guild_id,
        "name": channel.name,
        "parent_id": channel.category.id if channel.category else None,
        "topic": channel.topic,
    }


def message_json(posted: Posted) -> Json:
    return {
        "id": posted.id,
        "type": 0,
        "channel_id": posted.channel.id,
        **({} if posted.by_bot else {"webhook_id": posted.webhook.id}),
        "author": {"id": posted.webhook.id, "username": posted.body.get("username", posted.webhook.name), "bot": True}
        | _PERSON,
        "content": posted.body.get("content") or "",
        "embeds": posted.embeds,
        "attachments": [
            {"id": str(number), "filename": name, "size": len(content)}
            for number, (name, content) in enumerate(posted.files.items())
        ],
        "timestamp": posted.at.isoformat(),
        "edited_timestamp": posted.edited_at.isoformat() if posted.edited_at else None,
        "flags": posted.body.get("flags") or 0,
        "components": posted.body.get("components") or [],
    }


def read_by(bot: Bot, posted: Posted) -> Json:
    """A message as a bot gets it: without the right to, it learns who spoke and when, and not what was said."""
    hidden = {} if bot.content else {"content": "", "embeds": [], "attachments": [], "components": []}
    return message_json(posted) | hidden


def application_json(bot: Bot) -> Json:
    """The application of a bot; its flag says whether it may read what is written."""
    return {
        "id": bot.id,
        "name": bot.name,
        "description": "",
        "icon": None,
        "summary": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 1 << 19 if bot.content else 0,
        "owner": {"id": "1", "username": "owner", "discriminator": "0", "avatar": None},
        "team": None,
        "interactions_endpoint_url": None,
    }


def bot_json(bot: Bot) -> Json:
    return {"id": bot.id, "username": bot.name, "discriminator": "0000", "avatar": None, "bot": True}
