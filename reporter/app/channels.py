"""Opens the channels of a config: an outlet, its noise, and a fingerprint of where it leads."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TextIO, TypedDict
from zoneinfo import ZoneInfo

from reporter.config import channels, models
from reporter.config.loading import Loaded
from reporter.delivery.channels import Channel, ChannelFilter
from reporter.delivery.outlets.outlet import Outlet
from reporter.delivery.rate_limits import Limit, ServiceLimits
from reporter.errors import Problem, ReporterError
from reporter.messages.quiet_hours import QuietRules
from reporter.periods.clock import Clock
from reporter.secret import Secret

# One process asks Telegram no faster than that, whatever the number of its chats: the limit of a bot is 30 in a second.
_TELEGRAM_REQUESTS = Limit(25, 1.0)
# Stands in for a secret that this process has not: the outlet can be opened, and nothing is posted by it.
_NO_TOKEN = "1000:unavailable-unavailable-unavailable"  # noqa: S105


class Services:
    """What all channels of a service share. `labelled` channels of the terminal show their names."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.labelled = False
        self.discord = ServiceLimits(clock.monotonic)
        self.telegram = ServiceLimits(clock.monotonic, _TELEGRAM_REQUESTS)
        self._applications: dict[tuple[str, str], Callable[[], str | None]] = {}

    def discord_application(self, settings: models.Config) -> Callable[[], str | None] | None:
        """Which application's bot answers questions and buttons; None where none does."""
        chat = settings.chat.discord if settings.chat else None
        if chat is None or chat.token.missing:
            return None
        from reporter.delivery.outlets.discord.buttons import BotApplication  # noqa: PLC0415 - where it is used
        from reporter.delivery.outlets.discord.outlet import USER_AGENT  # noqa: PLC0415

        key = chat.token.reveal(), settings.discord.base_url
        if key not in self._applications:
            proxy = None if chat.proxy is None or chat.proxy.missing else chat.proxy
            application = BotApplication(
                chat.token, key[1], USER_AGENT, self.clock.monotonic, proxy=proxy, ca_file=chat.ca_file
            )
            self._applications[key] = application.id
        return self._applications[key]


def open_channels(
    loaded: Loaded, home: Path, stream: TextIO | None, services: Services
) -> tuple[dict[str, Channel], list[Problem]]:
    """The channels that can be opened, and what is wrong with the others."""
    opened: dict[str, Channel] = {}
    problems: list[Problem] = []
    for name, entry in loaded.config.channels.items():
        try:
            channel = _channel(name, entry, loaded, home, stream, services)
            opened[name] = replace(channel, filter=ChannelFilter(entry.only, entry.without))
        except ReporterError as error:
            problems.append(loaded.problem(("channels", name), str(error)))
    return opened, problems


def _channel(
    name: str, entry: channels.ChannelConfig, loaded: Loaded, home: Path, stream: TextIO | None, services: Services
) -> Channel:
    zone = ZoneInfo(loaded.config.timezone)
    quiet_rules = QuietRules(entry.noise, entry.quiet_hours, entry.digest_at, zone)
    if isinstance(entry, channels.ConsoleChannel):
        from reporter.delivery.outlets.console import ConsoleOutlet  # noqa: PLC0415 - loaded only where it is used

        folder = home / entry.pictures if entry.pictures else None
        several = sum(isinstance(channel, channels.ConsoleChannel) for channel in loaded.config.channels.values()) > 1
        label = name if services.labelled or several else ""
        console = ConsoleOutlet(stream or sys.stdout, zone=zone, pictures=folder, label=label)
        return Channel(name, console, "console", quiet_rules=quiet_rules, pictures=folder is not None)
    missing = loaded.missing("channels", name)
    unavailable = f"{missing[0].path}: {missing[0].message}" if missing else ""
    if isinstance(entry, channels.TelegramChannel):
        outlet, address = _telegram(entry, loaded.config, services, unavailable=bool(unavailable))
    elif isinstance(entry, channels.AppriseChannel):
        outlet, address = _apprise(entry, loaded.config, unavailable=bool(unavailable))
    elif isinstance(entry, channels.HttpChannel):
        outlet, address = _http(entry, services, unavailable=bool(unavailable))
    else:
        outlet, address = _discord(entry, loaded.config, services, unavailable=bool(unavailable))
    hold = entry.doubt == "hold"
    return Channel(name, outlet, address, entry.keep, quiet_rules, hold_doubtful=hold, unavailable=unavailable)


def _discord(
    entry: channels.DiscordChannel, settings: models.Config, services: Services, *, unavailable: bool
) -> tuple[Outlet, str]:
    from reporter.delivery.outlets.discord.outlet import DiscordOutlet  # noqa: PLC0415 - loaded only where it is used

    if entry.webhook is None:
        return _discord_bot(entry, settings, services, unavailable=unavailable)
    webhook = Secret(f"{settings.discord.base_url}/api/webhooks/0/unavailable") if unavailable else entry.webhook
    outlet = DiscordOutlet(
        webhook,
        base_url=settings.discord.base_url,
        username=entry.username,
        avatar_url=entry.avatar_url,
        thread_id=entry.thread_id,
        thread_name=entry.thread_name,
        bot_token=None if entry.bot_token is None or entry.bot_token.missing else entry.bot_token,
        mention=entry.mentions,
        headline=entry.headline,
        application=services.discord_application(settings),
        monotonic=services.clock.monotonic,
        service=services.discord,
        **_way(entry),
    )
    return outlet, _address(webhook.reveal(), entry.thread_id or entry.thread_name)


def _discord_bot(
    entry: channels.DiscordChannel, settings: models.Config, services: Services, *, unavailable: bool
) -> tuple[Outlet, str]:
    from reporter.delivery.outlets.discord.bot import DiscordBotOutlet  # noqa: PLC0415 - loaded only where it is used

    token = Secret("unavailable") if unavailable or entry.bot_token is None else entry.bot_token
    chat = settings.chat.discord if settings.chat else None
    outlet = DiscordBotOutlet(
        token,
        channel=entry.channel,
        user=entry.user,
        answered=chat is not None and not chat.token.missing and chat.token.reveal() == token.reveal(),
        base_url=settings.discord.base_url,
        mention=entry.mentions,
        headline=entry.headline,
        monotonic=services.clock.monotonic,
        service=services.discord,
        **_way(entry),
    )
    return outlet, _address(f"{token.reveal()} {entry.channel or entry.user}", None)


def _telegram(
    entry: channels.TelegramChannel, settings: models.Config, services: Services, *, unavailable: bool
) -> tuple[Outlet, str]:
    from reporter.delivery.outlets.telegram.outlet import TelegramOutlet  # noqa: PLC0415 - loaded only where it is used

    token = Secret(_NO_TOKEN) if unavailable else entry.token
    chat = "1" if unavailable else entry.chat.reveal()
    outlet = TelegramOutlet(
        token,
        chat,
        topic=entry.topic,
        buttons=_is_answered(token, settings),
        zone=ZoneInfo(settings.timezone),
        base_url=settings.telegram.base_url,
        monotonic=services.clock.monotonic,
        service=services.telegram,
        **_way(entry),
    )
    return outlet, _address(f"{token.reveal()} {chat}", None if entry.topic is None else str(entry.topic))


class _WayThere(TypedDict):
    """How a service is reached."""

    proxy: Secret | None
    ca_file: Path | None


def _way(entry: channels.WebChannel) -> _WayThere:
    proxy = entry.proxy
    return _WayThere(proxy=None if proxy is None or proxy.missing else proxy, ca_file=entry.ca_file)


def _apprise(entry: channels.AppriseChannel, settings: models.Config, *, unavailable: bool) -> tuple[Outlet, str]:
    try:
        from reporter.delivery.outlets.apprise_services import AppriseOutlet  # noqa: PLC0415 - an extra, and heavy
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("reporter"):
            raise
        raise ReporterError(
            f"a channel of kind `apprise` needs {error.name}: pip install 'reporter[apprise]'"
        ) from None
    url = Secret("json://127.0.0.1:9/unavailable") if unavailable else entry.url
    return AppriseOutlet(url, zone=ZoneInfo(settings.timezone)), _address(url.reveal(), None)


def _http(entry: channels.HttpChannel, services: Services, *, unavailable: bool) -> tuple[Outlet, str]:
    from reporter.delivery.outlets.signed_webhook import SignedWebhook  # noqa: PLC0415 - loaded only where it is used

    url = Secret("https://unavailable.invalid") if unavailable else entry.url
    outlet = SignedWebhook(url, entry.secret, services.clock.wall, private=entry.private, **_way(entry))
    return outlet, _address(url.reveal(), None)


def _is_answered(token: Secret, settings: models.Config) -> bool:
    """Whether questions to this bot, and its buttons, are answered."""
    chat = settings.chat.telegram if settings.chat else None
    return chat is not None and not chat.token.missing and chat.token.reveal() == token.reveal()


def _address(place: str, thread: str | None) -> str:
    """A fingerprint of a place and of the thread in it, which may be what was wrong with a channel found dead."""
    own = _fingerprint(place)[:16]
    return f"{own}-{_fingerprint(thread)[:8]}" if thread else own


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
