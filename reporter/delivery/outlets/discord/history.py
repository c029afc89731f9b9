"""Reads a Discord channel with a bot's token, to learn whether a message arrived whose response was lost."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import httpx

from reporter.delivery.outlets.discord.responses import UNREACHABLE_PAUSE, Answer, retry_after
from reporter.delivery.outlets.discord.webhook import connect_bot
from reporter.delivery.outlets.outlet import Absent, Delivered, Found, Later, Unclear
from reporter.delivery.rate_limits import MARGIN
from reporter.secret import Secret

SECOND_LOOK = 1.0
"""Seconds after which an absent message is looked for again: what was taken may show a moment late."""
PAGE, PAGES = 100, 5
_LOOK_BACK = 5

Json = Mapping[str, Any]


class ChannelHistory:
    """A bot's view of the channels. Needs the permissions View Channel and Read Message History."""

    def __init__(self, origin: str, token: Secret, *, timeout: float, user_agent: str) -> None:
        self._client = connect_bot(origin, token, timeout=timeout, user_agent=user_agent)

    def find(self, place: str, webhook_id: str, reference: str, known: Collection[str]) -> Found:
        """The webhook's message in a channel that is none of the `known` and bears the reference, if there is one.

        Nothing is concluded unless a known message is seen as well: a bot without the right to read the history is
        shown an empty channel, not an error.
        """
        if not known:
            return Unclear("no message is known here by which the bot's sight could be tried")
        found: Found = Absent()
        for pause in (0.0, SECOND_LOOK):
            time.sleep(pause)
            seen = self._since(place, _floor(known))
            found = seen if isinstance(seen, Later | Unclear) else conclusion(seen, webhook_id, reference, known)
            if not isinstance(found, Absent):
                break
        return found

    def close(self) -> None:
        self._client.close()

    def _since(self, place: str, after: str) -> list[Json] | Later | Unclear:
        """Every message after an id, as far as a few pages hold."""
        seen: list[Json] = []
        for _ in range(PAGES):
            page = self._page(place, after)
            if not isinstance(page, list):
                return page
            seen += page
            if len(page) < PAGE:
                return seen
            after = max((str(message["id"]) for message in page), key=int)
        return Unclear("too much was written in the channel since")

    def _page(self, place: str, after: str) -> list[Json] | Later | Unclear:
        try:
            response = self._client.get(f"/channels/{place}/messages", params={"after": after, "limit": PAGE})
        except httpx.HTTPError as error:
            return Later(UNREACHABLE_PAUSE, f"the channel cannot be read ({type(error).__name__})")
        if response.status_code == 429:
            return Later(retry_after(Answer.of(response)) + MARGIN, "Discord asks the bot for a pause", paced=True)
        if response.status_code >= 500:
            return Later(UNREACHABLE_PAUSE, f"the channel cannot be read (status {response.status_code})")
        page = _json_list(response)
        if response.status_code != 200 or page is None:
            return Unclear(f"the bot may not read the channel (status {response.status_code})")
        return page


def conclusion(
    seen: Sequence[Json], webhook_id: str, reference: str, known: Collection[str]
) -> Delivered | Absent | Unclear:
    """What the messages of a channel say about one that may be among them.

    Where the bot is not shown what messages say (it lacks the intent Message Content), the only strange message of the
    webhook must be it, and of several none can be told to be.
    """
    if not any(message["id"] in known for message in seen):
        return Unclear("the bot does not see the messages that are known to be there")
    strange = [message for message in seen if message.get("webhook_id") == webhook_id and message["id"] not in known]
    mute = [message for message in strange if not message.get("embeds")]
    bearing = [message for message in strange if reference and reference in set(_footers(message))]
    if bearing:
        return _delivered(bearing[0])
    if not mute and (reference or not strange):
        return Absent()
    if len(strange) == 1:
        return _delivered(strange[0])
    return Unclear("several messages could be it")


def _footers(message: Json) -> Iterator[str]:
    """The notes in the footers, such as `ref 1a2b3c`."""
    for embed in message["embeds"]:
        yield from str((embed.get("footer") or {}).get("text", "")).split(" · ")


def _delivered(message: Json) -> Delivered:
    return Delivered(str(message["id"]), destination=str(message["channel_id"]))


def _floor(known: Collection[str]) -> str:
    """An id just below the last few known messages: one of them may have been deleted by a person."""
    newest = sorted(map(int, known))[-_LOOK_BACK:]
    return str(newest[0] - 1)


def _json_list(response: httpx.Response) -> list[Json] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, list) else None
