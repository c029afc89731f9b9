"""The keys of the config that name channels: Discord, Telegram, other services, a signed webhook, the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from reporter.config.addresses import web_address
from reporter.config.base import Settings
from reporter.config.secrets import Address, ChatId, HomePath, SecretText
from reporter.config.types import (
    Duration,
    Mentions,
    Names,
    OrEmpty,
    QuietHours,
    Snowflake,
    TimeOfDay,
    mistake,
)
from reporter.messages.message import Severity
from reporter.messages.quiet_hours import Noise


class MentionConfig(Settings):
    """Who is mentioned, by how urgent the message is."""

    critical: Mentions = ()
    """Entries are `everyone`, `role:ID` or `user:ID`; one or a list."""
    warning: Mentions = ()
    """The same for warnings."""
    info: Mentions = ()
    """The same for reports."""


class ChannelSettings(Settings):
    """What any channel may say about itself."""

    noise: Annotated[Noise, Field(strict=False)] = Noise.NOW
    """What becomes of messages that are not critical: `now`, `silent` (without a sound), `digest` (once a day, in one
    message) or `off`."""
    quiet_hours: QuietHours | None = None
    """When only critical messages are sent, such as `22:00-07:00`; the rest comes as one message at their end."""
    digest_at: TimeOfDay = Field(time(8), json_schema_extra={"default": "08:00"})
    """At what time of day the digest comes."""
    only: Names = ()
    """Which messages come here: jobs, kinds of events, subjects of alerts such as `probe/*`, or `reports`, `boards`,
    `alerts`, `events`; one or a list. Without it, all that is sent here."""
    without: Names = Field((), alias="except")
    """Which messages do not come here, in the same words."""


class WebChannel(ChannelSettings):
    """What a channel may say that is reached over the web."""

    proxy: Annotated[Address, AfterValidator(web_address)] | None = None
    """The HTTP proxy to go through, instead of the environment's."""
    ca_file: HomePath | None = None
    """The certificates (PEM) to trust, instead of those that browsers trust."""


class DiscordChannel(WebChannel):
    """A channel of Discord, reached by its webhook, or by a bot; with a bot also a person."""

    kind: Literal["discord"] = "discord"
    """`discord` is what a channel is when nothing is said."""
    webhook: SecretText | None = Field(None, examples=["env:DISCORD_WEBHOOK"])
    """The webhook's address; it is a secret. Without it, `bot_token` posts to `channel` or `user`."""
    channel: Snowflake | None = None
    """The id of the channel or thread that the bot posts into."""
    user: Snowflake | None = None
    """The id of the person to whom the bot writes."""
    username: str | None = Field(None, min_length=1, max_length=80)
    """The name to post under, instead of the webhook's own."""
    avatar_url: str | None = Field(
        None, pattern="^https://", max_length=2048, examples=["https://example.org/floor.png"]
    )
    """The picture to post with, an https address."""
    thread_id: Snowflake | None = None
    """Post into this thread of the channel."""
    thread_name: str | None = Field(None, min_length=1, max_length=100)
    """In a forum channel: begin a thread of this name with each message."""
    headline: bool = True
    """A line above each embed says what the message is and its main figure: a phone's notification shows that line."""
    mention: Annotated[MentionConfig, OrEmpty()] = MentionConfig()
    """Who is mentioned. Without it nobody ever is, whatever a message says."""
    bot_token: SecretText | None = None
    """A bot's token, which lets doubts about a delivery be resolved by reading the channel; or which posts itself."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that may have arrived or not, where the channel cannot be read: `repeat` it, with a
    mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""

    @property
    def mentions(self) -> Mapping[Severity, tuple[str, ...]]:
        return {severity: getattr(self.mention, severity.value) for severity in Severity}

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [name for name in ("webhook", "channel", "user") if getattr(self, name) is not None]
        if len(places) != 1:
            said = (
                " and ".join(f"`{name}`" for name in places) + " exclude each other"
                if places
                else "`webhook` is missing"
            )
            raise mistake(said, "write `webhook`, or `bot_token` with `channel` or `user`")
        if self.webhook is None and self.bot_token is None:
            raise mistake(f"`{places[0]}` needs `bot_token`", "write such as `bot_token: env:DISCORD_TOKEN`")
        only = [name for name in ("username", "avatar_url", "thread_id", "thread_name") if getattr(self, name)]
        if self.webhook is None and only:
            raise mistake(f"`{only[0]}` is for webhooks", "leave it out; a thread's id may stand as `channel`")
        return self

    @model_validator(mode="after")
    def _one_thread(self) -> Self:
        if self.thread_id and self.thread_name:
            raise mistake("`thread_id` and `thread_name` exclude each other", "keep the one that is meant")
        return self


class TelegramChannel(WebChannel):
    """A chat of Telegram, reached by a bot."""

    kind: Literal["telegram"]
    """`telegram` sends as a bot."""
    token: SecretText = Field(examples=["env:TELEGRAM_TOKEN"])
    """The bot's token, from @BotFather; it is a secret."""
    chat: ChatId
    """The chat's id, such as `-1001234567890`, the `@name` of a public channel, or a reference to either."""
    topic: int | None = Field(None, ge=1)
    """In a group with topics: the topic's id (`message_thread_id`)."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that may have arrived or not: `repeat` it, with a mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""


class AppriseChannel(ChannelSettings):
    """A service that the library Apprise knows: Slack, e-mail, ntfy, Pushover, Matrix and others."""

    kind: Literal["apprise"]
    """`apprise` sends through the library of that name (docs/apprise.md)."""
    url: SecretText = Field(examples=["env:SLACK_URL"])
    """The service's URL, as Apprise writes it; it is a secret."""
    allow: Names = ()
    """Schemas of services besides the usual ones, such as `irc`."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that was not taken for certain: `repeat` it, with a mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""


class HttpChannel(WebChannel):
    """A program of your own, which gets each message as JSON, signed."""

    kind: Literal["http"]
    """`http` posts signed JSON (docs/webhooks.md)."""
    url: Annotated[Address, AfterValidator(web_address)] = Field(examples=["env:FLOOR_URL"])
    """The address; it is a secret."""
    secret: SecretText = Field(examples=["env:FLOOR_SECRET"])
    """The key of the signature, as the receiver has it: `whsec_` and base64, or any text."""
    private: bool = False
    """Whether the address may be of this machine or network, or http."""
    doubt: Literal["repeat", "hold"] = "repeat"
    """What becomes of a message that may have arrived or not: `repeat` it, with a mark, or `hold` it and say so."""
    keep: Duration | None = None
    """How old a message may be and still be sent; without it, it is tried until it is delivered."""


class ConsoleChannel(ChannelSettings):
    """Standard output, where each message is shown as the embed it would be."""

    kind: Literal["console"]
    """`console` shows messages where the program runs."""
    pictures: Annotated[str, Field(min_length=1)] | None = None
    """A folder (seen from the home) that pictures are put into and named in the output; without it none are drawn."""


def _channel_kind(value: object) -> object:
    return value.get("kind", "discord") if isinstance(value, dict) else getattr(value, "kind", "discord")


ChannelConfig = Annotated[
    Annotated[DiscordChannel, Tag("discord")]
    | Annotated[TelegramChannel, Tag("telegram")]
    | Annotated[AppriseChannel, Tag("apprise")]
    | Annotated[HttpChannel, Tag("http")]
    | Annotated[ConsoleChannel, Tag("console")],
    Discriminator(_channel_kind),
]


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in {"http", "https"} and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        plain = False
    if not plain:
        raise mistake("must be the address of a server", "write such as `https://discord.com`")
    return url.rstrip("/")


class DiscordConfig(Settings):
    """Which Discord is spoken to."""

    base_url: Annotated[str, AfterValidator(_base_url)] = "https://discord.com"
    """Another server than Discord's own, such as one for tests; webhooks must then be of that server."""


class TelegramConfig(Settings):
    """Which Telegram is spoken to."""

    base_url: Annotated[str, AfterValidator(_base_url)] = "https://api.telegram.org"
    """Another server of the Bot API than Telegram's own, such as one that you run yourself."""
