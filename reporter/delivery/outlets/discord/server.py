"""The REST client of a bot on a Discord server: its channels, and the webhooks in them.

Paths, limits and codes are from the Discord API documentation (resources/guild, channel, webhook, user; topics/opcodes
and topics/permissions).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from reporter.delivery.outlets.discord.outlet import USER_AGENT
from reporter.delivery.outlets.discord.verdicts import ApiResponse, json_of, mistakes, unanswered, verdict
from reporter.delivery.outlets.discord.webhook import BOT_ANSWER, DISCORD, WebhookAddress, connect_bot
from reporter.delivery.outlets.outlet import Later, Never, Unclear
from reporter.delivery.rate_limits import MARGIN
from reporter.errors import ReporterError
from reporter.http_client import CUT
from reporter.secret import Secret

T = TypeVar("T")

TEXT, CATEGORY, ANNOUNCEMENT = 0, 4, 5
"""Types of channels."""
IN_CATEGORY, IN_CHANNEL = 50, 15
"""How many channels a category takes, and how many webhooks a channel."""
RIGHTS = {"View Channels": 1 << 10, "Manage Channels": 1 << 4, "Manage Webhooks": 1 << 29}
"""What a bot needs for furnishing, by the names that Discord shows."""
HISTORY = 1 << 16
"""Read Message History, by which doubts about a delivery are resolved."""
ADMINISTRATOR = 1 << 3
CONTENT = 1 << 18 | 1 << 19
"""Flags of an application that may read messages: of one that was verified, or that is in fewer than 100 servers."""
NAME, TOPIC = 100, 1024
"""The longest name and topic of a channel, in characters."""
PATIENCE = 180.0
"""A longer pause, in seconds, nobody should wait for at a terminal."""
PAUSES = (1.0, 2.0, 4.0)
"""Between tries at what cannot be reached, in seconds."""

_INCOMING = 1
_REASON = {"X-Audit-Log-Reason": "reporter setup discord"}
_SENTENCES = {
    10003: "the channel is gone",
    10004: "there is no such server, or the bot is not in it",
    30007: f"the channel has {IN_CHANNEL} webhooks, the most that Discord allows: delete one in its settings",
    30013: "the server has 500 channels, the most that Discord allows: delete some",
    30058: "the server has 1000 webhooks, the most that Discord allows: delete some",
    50001: "the bot does not see this channel or server: give its role View Channels",
    50013: "the bot may not do this: give its role Manage Channels and Manage Webhooks, in this category too",
}
_SERVER_FULL = {30013, 30058}
_FORM = 50035


class BotRefusedError(ReporterError):
    """Discord does not do what it was asked; asking again cannot help. `final` says that for no channel it would."""

    def __init__(self, sentence: str, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final


class AnswerLostError(ReporterError):
    """It may be done or not: who asked has to look."""


@dataclass(frozen=True, slots=True)
class ServerCard:
    """A server that the bot is in, and the rights that its roles give it there, as a bit field."""

    id: str
    name: str
    rights: int

    @property
    def lacking(self) -> list[str]:
        """The names of the rights that are needed and not there."""
        return [name for name, bit in RIGHTS.items() if not self.rights & (bit | ADMINISTRATOR)]


@dataclass(frozen=True, slots=True)
class ServerChannel:
    """A channel, or a category, of a server; `category` is the id of the one that it stands in."""

    id: str
    name: str
    kind: int
    category: str | None


@dataclass(frozen=True, slots=True)
class ChannelWebhook:
    """A webhook that can be posted to. `application` is the id of the application that made it."""

    id: str
    name: str
    channel: str
    application: str | None
    address: Secret


class Bot:
    """What a bot may ask of Discord about the servers it is in. All methods raise ReporterError.

    `say` is called with each pause; what makes something raises AnswerLostError where nobody knows whether it was made.
    """

    def __init__(
        self,
        token: Secret,
        *,
        base_url: str = DISCORD,
        say: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        timeout: float = 15,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._origin = base_url.rstrip("/")
        self._say = say
        self._sleep = sleep
        self._free_at: dict[str, float] = {}  # by what is asked, in seconds of the monotonic clock
        self._client = connect_bot(
            self._origin, token, timeout=timeout, user_agent=USER_AGENT, proxy=proxy, ca_file=ca_file
        )

    def application(self) -> str:
        """The id of the bot's application, which webhooks bear that it made."""
        return self._ask("GET", "/applications/@me", lambda found: _id(found["id"]))

    def reads(self) -> bool:
        """Whether the page of the bot lets it read what people write."""
        return self._ask("GET", "/applications/@me", lambda found: bool(int(found.get("flags") or 0) & CONTENT))

    def servers(self) -> list[ServerCard]:
        return self._ask(
            "GET",
            "/users/@me/guilds",
            lambda found: [
                ServerCard(_id(each["id"]), str(each["name"]), int(each["permissions"])) for each in _list(found)
            ],
        )

    def places(self, server: str) -> list[ServerChannel]:
        """The channels and categories of a server, the oldest first."""
        found = self._ask("GET", f"/guilds/{server}/channels", lambda found: [_place(each) for each in _list(found)])
        return sorted(found, key=lambda place: int(place.id))

    def hooks(self, server: str) -> list[ChannelWebhook]:
        """The webhooks of a server whose address the bot can see, and where all others are; the oldest first."""
        found = self._ask(
            "GET", f"/guilds/{server}/webhooks", lambda found: [self._hook(each) for each in _list(found)]
        )
        return sorted(found, key=lambda hook: int(hook.id))

    def open_place(
        self, server: str, name: str, kind: int, *, category: str | None = None, topic: str = ""
    ) -> ServerChannel:
        """Make a channel or a category."""
        body: dict[str, Any] = {"name": name, "type": kind}
        body |= {"parent_id": category} if category else {}
        body |= {"topic": topic} if topic else {}
        return self._ask("POST", f"/guilds/{server}/channels", _place, body)

    def open_hook(self, channel: str, name: str) -> ChannelWebhook:
        """Make a webhook in a channel."""
        return self._ask("POST", f"/channels/{channel}/webhooks", self._hook, {"name": name})

    def close(self) -> None:
        self._client.close()

    def _hook(self, one: Mapping[str, Any]) -> ChannelWebhook:
        token = str(one.get("token") or "") if one.get("type") == _INCOMING else ""
        address = f"{self._origin}/api/webhooks/{_id(one['id'])}/{token}" if token else ""
        application = one.get("application_id")
        return ChannelWebhook(
            _id(one["id"]),
            str(one.get("name") or ""),
            str(one.get("channel_id") or ""),
            str(application) if application else None,
            Secret(address, "Discord") if address else Secret(""),
        )

    def _ask(self, method: str, path: str, read: Callable[[Any], T], body: Mapping[str, Any] | None = None) -> T:
        """One request, and what `read` makes of its answer. It is tried again while Discord certainly did nothing; a
        look also while nobody knows."""
        pauses = iter(PAUSES)
        while True:
            found = self._answered(method, path, body)
            if isinstance(found, httpx.Response):
                try:
                    return read(json_of(found))
                except (KeyError, TypeError, ValueError, AttributeError):
                    if method != "GET":
                        raise AnswerLostError(f"the answer of Discord was lost: {_alien(found)}") from None
                    raise BotRefusedError(_alien(found), final=True) from None
            if isinstance(found, Unclear) and method != "GET":
                raise AnswerLostError(f"the answer of Discord was lost: {found.why}")
            self._wait(found, pauses)

    def _answered(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response | Later | Unclear:
        headers = _REASON if method == "POST" else None
        route = f"{method} {path}"
        self._sleep(max(0.0, self._free_at.get(route, 0.0) - time.monotonic()))
        try:
            response = self._client.request(method, path, json=body, headers=headers)
            self._note_pace(route, ApiResponse.of(response))
        except httpx.HTTPError as error:
            found = unanswered(error)
        else:
            if response.is_success:
                return response
            answer = ApiResponse.of(response)
            found = verdict(answer)
            if isinstance(found, Never):
                raise _refused(answer)
        return found if isinstance(found, Later) else Unclear(getattr(found, "why", "it makes no sense"))

    def _note_pace(self, route: str, answer: ApiResponse) -> None:
        """Where the answer says that the next request would be refused, it waits."""
        if answer.number("x-ratelimit-remaining") == 0:
            after = min(answer.number("x-ratelimit-reset-after") or 0.0, PATIENCE)
            self._free_at[route] = time.monotonic() + after + MARGIN

    def _wait(self, found: Later | Unclear, pauses: Iterator[float]) -> None:
        """Wait as long as Discord asks, or a little longer each time. Raises ReporterError when that helps nobody."""
        if isinstance(found, Later) and found.paced:
            if found.after > PATIENCE:
                minutes = f"{found.after / 60:.0f} minutes"
                raise BotRefusedError(
                    f"Discord asks for a pause of {minutes}: run the same command again then", final=True
                )
            self._say(f"Discord asks for a pause of {found.after:.0f} s")
            self._sleep(found.after)
            return
        pause = next(pauses, None)
        if pause is None or (isinstance(found, Later) and found.everywhere):
            raise BotRefusedError(f"Discord cannot be asked: {found.why}", final=True)
        self._sleep(pause)


def hook_id(address: Secret, base_url: str = DISCORD) -> str | None:
    """The id of the webhook at an address; None if it is none."""
    try:
        return WebhookAddress.parse(address, base_url).id
    except ReporterError:
        return None


def invitation(application: str) -> str:
    """The page on which somebody who runs a server lets the bot in, with the rights that it needs."""
    rights = sum(RIGHTS.values()) + HISTORY
    return f"{DISCORD}/oauth2/authorize?client_id={application}&scope=bot&permissions={rights}"


def _place(one: Mapping[str, Any]) -> ServerChannel:
    parent = one.get("parent_id")
    return ServerChannel(_id(one["id"]), str(one["name"]), int(one["type"]), _id(parent) if parent else None)


def _list(found: Any) -> list[Any]:
    """Raises TypeError for an answer that is no list."""
    if not isinstance(found, list):
        raise TypeError
    return found


def _id(found: Any) -> str:
    """An id as Discord writes them. Raises ValueError for anything else: it becomes part of an address."""
    if not (isinstance(found, str) and found.isascii() and found.isdigit()):
        raise ValueError
    return found


def _alien(response: httpx.Response) -> str:
    size = f"is larger than {BOT_ANSWER.size >> 20} MB" if response.extensions.get(CUT) else "is not Discord's"
    other = "something between here and Discord may have answered, such as a proxy or a sign-in page"
    return f"the answer (status {response.status_code}) {size}: {other}"


def _refused(answer: ApiResponse) -> BotRefusedError:
    if answer.status == 401:
        return BotRefusedError(
            "Discord does not know the bot's token: copy it anew (Developer Portal, Bot, Reset Token)", final=True
        )
    code = answer.code or 0
    if code == _FORM:
        return BotRefusedError("; ".join(mistakes(answer.body.get("errors"))) or "Discord does not take this")
    sentence = _SENTENCES.get(code, f"Discord refuses: {answer.text('message')} (status {answer.status}, code {code})")
    return BotRefusedError(sentence, final=code in _SERVER_FULL)
