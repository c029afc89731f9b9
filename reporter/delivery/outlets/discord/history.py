"""Reads a Discord channel with a bot's token, to learn whether a message arrived whose response was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import httpx

from reporter.delivery.outlets.discord.verdicts import UNREACHABLE_PAUSE, ApiResponse, json_of, limited, note_for_all
from reporter.delivery.outlets.outlet import Absent, Delivered, Found, Later, Unclear
from reporter.delivery.rate_limits import ServiceLimits

SECOND_LOOK = 1.0
"""Seconds after which an absent message is looked for again: what was taken may show a moment late."""
PAGE, PAGES = 50, 10
"""Messages of one page, and pages."""
PATIENCE = 60.0
"""Seconds for all pages: less than a lease, which is not renewed meanwhile."""
_LOOK_BACK = 5

Json = Mapping[str, Any]
Ours = Callable[[Json], bool]
"""Whether a message was posted by the webhook or bot that is asked about."""


class ChannelHistory:
    """A bot's view of the channels. Needs the permissions View Channel and Read Message History."""

    def __init__(self, client: httpx.Client, service: ServiceLimits) -> None:
        self._client = client
        self._service = service

    def find(self, channel: str, ours: Ours, reference: str, known: Collection[str]) -> Found:
        """The message of `ours` in a channel that is none of the `known` and bears the reference, if there is one.

        Nothing is concluded unless a known message is seen as well: a bot without the right to read the history is
        shown an empty channel, not an error.
        """
        if not known:
            return Unclear("no message is known here by which the bot's sight could be tried")
        end, found = time.monotonic() + PATIENCE, cast("Found", Absent())
        for pause in (0.0, SECOND_LOOK):
            time.sleep(pause)
            seen = self._since(channel, _floor(known), end)
            found = seen if isinstance(seen, Later | Unclear) else conclusion(seen, ours, reference, known)
            if not isinstance(found, Absent):
                break
        return found

    def close(self) -> None:
        self._client.close()

    def _since(self, channel: str, after: str, end: float) -> list[Json] | Later | Unclear:
        """Every message after an id, as far as a few pages hold."""
        seen: list[Json] = []
        for _ in range(PAGES):
            if time.monotonic() > end:
                return Later(UNREACHABLE_PAUSE, f"the channel cannot be read within {PATIENCE:g} s")
            page = self._page(channel, after)
            if not isinstance(page, list):
                return page
            seen += page
            if len(page) < PAGE:
                return seen
            after = max((message["id"] for message in page), key=int)
        return Unclear("too much was written in the channel since")

    def _page(self, channel: str, after: str) -> list[Json] | Later | Unclear:
        if wait := self._service.wait():
            return Later(wait, "no request may be made to Discord for the moment", paced=True, asked=False)
        self._service.note_request()
        try:
            response = self._client.get(f"/channels/{channel}/messages", params={"after": after, "limit": PAGE})
        except httpx.HTTPError as error:
            return Later(UNREACHABLE_PAUSE, f"the channel cannot be read ({type(error).__name__})")
        answer = ApiResponse.of(response)
        if response.status_code == 429:
            found = limited(answer)
            note_for_all(self._service, found)
            return found
        if response.status_code == 200 and (page := _messages(json_of(response))) is not None:
            return page
        if answer.by_discord and response.status_code < 500:
            return Unclear(f"the bot may not read the channel: {answer.text('message')}")
        return Later(UNREACHABLE_PAUSE, f"the channel cannot be read (status {response.status_code})")


def conclusion(
    seen: Sequence[Json], ours: Ours, reference: str, known: Collection[str]
) -> Delivered | Absent | Unclear:
    """What the messages of a channel say about one that may be among them.

    Where the bot is not shown what messages say (it lacks the intent Message Content), the only strange message of the
    webhook must be it, and of several none can be told to be.
    """
    if not any(message["id"] in known for message in seen):
        return Unclear("the bot does not see the messages that are known to be there")
    strange = [message for message in seen if ours(message) and message["id"] not in known]
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
    embeds = message.get("embeds")
    for embed in embeds if isinstance(embeds, list) else ():
        footer = embed.get("footer") if isinstance(embed, dict) else None
        yield from str(footer.get("text", "") if isinstance(footer, dict) else "").split(" · ")


def _delivered(message: Json) -> Delivered:
    return Delivered(str(message["id"]), destination=str(message["channel_id"]))


def _floor(known: Collection[str]) -> str:
    """An id just below the last few known messages: one of them may have been deleted by a person."""
    newest = sorted(map(int, known))[-_LOOK_BACK:]
    return str(newest[0] - 1)


def _messages(body: object) -> list[Json] | None:
    """The messages of a page; None if it is not what Discord sends."""
    if not isinstance(body, list) or not all(isinstance(message, dict) for message in body):
        return None
    whole = all(str(message.get("id")).isdigit() and message.get("channel_id") for message in body)
    return [{**message, "id": str(message["id"])} for message in body] if whole else None
