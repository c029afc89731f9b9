"""Lists the chats from which a bot has heard lately: their ids are what a config needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reporter.delivery.outlets.telegram.bot_api import BotAnswer, BotApi
from reporter.errors import ReporterError
from reporter.secret import Secret

_WITH_A_CHAT = ("message", "channel_post", "edited_message", "my_chat_member")
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class HeardChat:
    """A chat, and the topic in it that was written in. `kind` is private, group, supergroup or channel."""

    id: int
    kind: str
    name: str
    topic: int | None = None


def bot_name(api: BotApi) -> str:
    """What the bot is called. Raises ReporterError."""
    found = _result(api, "getMe", {})
    return str(found.get("username", "")) if isinstance(found, dict) else ""


def heard_chats(api: BotApi) -> list[HeardChat]:
    """The chats of the last day's updates, each once. Nothing is confirmed, so nobody misses them later.

    Raises ReporterError.
    """
    found = _result(api, "getUpdates", {"timeout": 0, "allowed_updates": list(_WITH_A_CHAT)})
    return list(dict.fromkeys(chat for update in found if isinstance(update, dict) for chat in _chats(update)))


def bot_and_groups(
    token: Secret,
    base_url: str,
    groups: Sequence[int],
    *,
    proxy: Secret | None = None,
    ca_file: Path | None = None,
) -> tuple[str, list[int]]:
    """What the bot is called, and in which of the groups it is not. Raises ReporterError."""
    api = BotApi(token, base_url=base_url, proxy=proxy, ca_file=ca_file)
    try:
        return bot_name(api), [group for group in groups if not _is_in(api, group)]
    finally:
        api.close()


def _is_in(api: BotApi, group: int) -> bool:
    try:
        answer = api.call("getChatMember", {"chat_id": group, "user_id": api.bot_id})
    except httpx.HTTPError as error:
        raise ReporterError(f"Telegram cannot be reached ({type(error).__name__})") from None
    return answer.accepted and answer.result.get("status") not in {"left", "kicked"}


def _chats(update: Mapping[str, Any]) -> Iterator[HeardChat]:
    for kind in _WITH_A_CHAT:
        found = update.get(kind)
        if not isinstance(found, dict):
            continue
        chat = found.get("chat")
        if isinstance(chat, dict) and isinstance(chat.get("id"), int):
            topic = found.get("message_thread_id") if found.get("is_topic_message") else None
            name = str(chat.get("title") or chat.get("username") or chat.get("first_name") or "")
            yield HeardChat(chat["id"], str(chat.get("type", "")), name, topic if isinstance(topic, int) else None)


def _result(api: BotApi, method: str, fields: Mapping[str, Any]) -> Any:
    try:
        answer = api.call(method, fields)
    except httpx.HTTPError as error:
        raise ReporterError(f"Telegram cannot be reached ({type(error).__name__})") from None
    if not answer.accepted:
        raise ReporterError(_why(answer))
    return answer.result


def _why(answer: BotAnswer) -> str:
    if answer.status in {401, 404} and answer.by_telegram:
        return "Telegram does not know the bot's token: copy it anew from @BotFather"
    if answer.status == _CONFLICT:
        return "another program receives this bot's messages: stop it, and run the same command again"
    return f"Telegram refuses: {answer.description or answer.status}"
