"""From an answer of Telegram to a verdict on the message that was sent: delivered, later, never or unclear."""

from __future__ import annotations

import re

import httpx

from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear, Verdict
from reporter.delivery.outlets.telegram.bot_api import LONGEST_PAUSE, BotAnswer
from reporter.delivery.rate_limits import MARGIN
from reporter.periods.time_text import duration_text

UNREACHABLE_PAUSE = 1.0
"""Seconds before another try at a service that cannot be reached."""
UNREADABLE_PAUSE = 60.0
"""Seconds to wait where a 429 does not say how long."""

_MISSING = re.compile("message to (edit|delete) not found|MESSAGE_ID_INVALID|message identifier is not specified")
_FROZEN = re.compile("no text in the message to edit|no caption in the message|message can't be edited")
_UNCHANGED = re.compile("message is not modified")
# What is wrong with the chat, whatever the message says: each further message would be refused as well.
_CHAT_WRONG = (
    (
        re.compile("chat not found|chat_id is empty|PEER_ID_INVALID"),
        "the chat is gone, its id is wrong, or the bot was never in it (a person writes to the bot first)",
    ),
    (re.compile("message thread not found|TOPIC_DELETED"), "its topic is gone: give another `topic`"),
    (re.compile("TOPIC_CLOSED"), "its topic is closed: open it again, or give another `topic`"),
    (
        re.compile(
            "not enough rights to send text|have no rights to send a message|CHAT_WRITE_FORBIDDEN|CHAT_RESTRICTED"
            "|need administrator rights|CHAT_ADMIN_REQUIRED"
        ),
        "the bot has no right to post there",
    ),
    (re.compile("group chat was deactivated|group chat was upgraded"), "the group is not there any more"),
)


def verdict(answer: BotAnswer) -> Verdict:
    """What the answer to a request means for its message.

    *Never* is said only on Telegram's own word. A page from anything in between (a proxy, a sign-in page) may have any
    status, and means *later*.
    """
    if answer.accepted:
        return _accepted(answer)
    if answer.status == 200:
        return Unclear("the answer 200 is not Telegram's")
    if answer.status >= 500:
        return Unclear(f"Telegram answered {answer.status}, which does not say whether the message was taken")
    if answer.status == 429:
        return _limited(answer)
    if not answer.by_telegram:
        why = f"something between here and Telegram answered {answer.status}, such as a proxy or a sign-in page"
        return Later(UNREACHABLE_PAUSE, why)
    return _refused(answer)


def unanswered(error: httpx.HTTPError) -> Verdict:
    """What it means that no answer, or only half of one, came."""
    detail = f"{type(error).__name__}: {error}".rstrip(": ")
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
            return Later(UNREACHABLE_PAUSE, f"Telegram cannot be reached ({detail})", asked=False)
        case _:
            return Unclear(f"the connection failed before Telegram's answer was complete ({detail})")


def unchanged(answer: BotAnswer) -> bool:
    """Whether an edit was refused because the message already is what it was to become."""
    return answer.by_telegram and _UNCHANGED.search(answer.description) is not None


def message_ids(result: object) -> list[int]:
    """The ids of the messages that an answer names: one, or those of an album."""
    found = result if isinstance(result, list) else [result]
    ids = [each.get("message_id") for each in found if isinstance(each, dict)]
    return [id_ for id_ in ids if isinstance(id_, int)]


def _accepted(answer: BotAnswer) -> Verdict:
    """Telegram gives back what it saved; an answer without it proves nothing."""
    ids = message_ids(answer.result)
    if not ids:
        return Unclear("the answer does not name the message")
    first = answer.result[0] if isinstance(answer.result, list) else answer.result
    chat = first.get("chat")
    destination = str(chat["id"]) if isinstance(chat, dict) and isinstance(chat.get("id"), int) else None
    return Delivered(written_id(ids), destination=destination, date=answer.date)


def written_id(ids: list[int]) -> str:
    """An album's messages as one id: `101-104`, for they follow each other."""
    if len(ids) > 1 and ids == list(range(ids[0], ids[0] + len(ids))):
        return f"{ids[0]}-{ids[-1]}"
    return ",".join(map(str, ids))[:64].rpartition(",")[0] if len(ids) > 5 else ",".join(map(str, ids))


def read_id(id_: str) -> list[int]:
    """The messages of an id. Raises ValueError for one that is not ours."""
    first, dash, last = id_.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else list(map(int, id_.split(",")))


def _limited(answer: BotAnswer) -> Later:
    asked = answer.parameter("retry_after")
    seconds = float(asked) if asked is not None and 0 <= asked <= LONGEST_PAUSE else UNREADABLE_PAUSE
    after = seconds + MARGIN
    return Later(after, f"Telegram asks for a pause of {duration_text(after)} in this chat", paced=True)


def _refused(answer: BotAnswer) -> Verdict:
    """What Telegram's own refusal means."""
    told = answer.description
    if _MISSING.search(told):
        return Never(f"the message is not there any more: {told}", missing=True)
    if _FROZEN.search(told):
        return Never(f"the message cannot be edited any more: {told}", frozen=True)
    for pattern, why in _CHAT_WRONG:
        if pattern.search(told):
            return Never(f"{why}: {told}", gone=True)
    match answer.status:
        case 401 | 404:
            why = "Telegram does not know the bot's token: copy it anew from @BotFather"
            return Never(f"{why}: {told}", gone=True)
        case 403:
            return Never(f"the bot may not write there any more: {told}", gone=True)
        case _:
            return Never(f"Telegram refuses the message: {told}")
