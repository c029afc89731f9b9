"""Who may ask in chat, and where, as the config says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class ChatWay:
    """How a bot's service is reached: by a `proxy` instead of the environment's, with the certificates of `ca_file`."""

    proxy: Secret | None = None
    ca_file: Path | None = None


DIRECT = ChatWay()


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """The bot of Discord, and where it answers. `prefix` is empty where it reads nothing that is written."""

    token: Secret
    url: str
    guild: str
    channels: frozenset[str] = frozenset()
    prefix: str = "!"
    ephemeral: bool = False
    way: ChatWay = DIRECT


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """`roles` are names of roles by identity: `telegram:123` is a user, `telegram:-100123` everybody in a group,
    `discord:123` a user, `discord:role:123` and `discord:channel:123` everybody who has the role or is there.

    `telegram_groups` are the groups in which questions are answered; in a private chat they always are.
    """

    telegram: Secret | None = None
    telegram_url: str = ""
    telegram_groups: frozenset[int] = frozenset()
    telegram_way: ChatWay = DIRECT
    discord: DiscordSettings | None = None
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DoorState:
    """How the door of a service stands since a moment; `why` explains that it is not connected. `error` is the last
    trouble, whenever it was. `bot` is its name, `commands` how many it has shown."""

    service: str
    connected: bool
    since: datetime
    why: str = ""
    error: str = ""
    error_at: datetime | None = None
    bot: str = ""
    commands: int | None = None

    def changed(self, now: datetime, *, connected: bool, why: str) -> DoorState:
        """The state after the door has said how it stands."""
        if (connected, why) == (self.connected, self.why):
            return self
        since = self.since if connected == self.connected else now
        error, error_at = (why, now) if why else (self.error, self.error_at)
        return replace(self, connected=connected, since=since, why=why, error=error, error_at=error_at)


class DoorStates:
    """How the doors in chat stand, by service. Safe to use from several threads; `changed` is told each new state."""

    def __init__(self, now: Callable[[], datetime], changed: Callable[[DoorState], None] = lambda _: None) -> None:
        self._now, self._changed = now, changed
        self._lock = threading.Lock()
        self._states: dict[str, DoorState] = {}

    def note(self, service: str, *, connected: bool, why: str = "") -> None:
        """A door says how it stands; `why` explains that it is not connected."""
        now = self._now()
        with self._lock:
            before = self._states.get(service)
            began = DoorState(service, connected, now, why)
            after = before.changed(now, connected=connected, why=why) if before else began
            self._states[service] = after
        if after != before:
            self._changed(after)

    def introduce(self, service: str, bot: str, commands: int | None = None) -> None:
        """A door says which bot it has, and how many commands it has shown."""
        with self._lock:
            before = self._states.get(service) or DoorState(service, False, self._now())
            known = before.commands if commands is None else commands
            after = self._states[service] = replace(before, bot=bot, commands=known)
        if after != before:
            self._changed(after)

    def words(self, service: str) -> tuple[str, str]:
        """`connected`, `disconnected` or `not configured`, and why."""
        with self._lock:
            found = self._states.get(service)
        if found is None:
            return "not configured", ""
        return ("connected" if found.connected else "disconnected"), found.why

    def all(self) -> dict[str, str]:
        """`connected` or `disconnected` by service."""
        with self._lock:
            services = list(self._states)
        return {service: self.words(service)[0] for service in services}
