"""Who may ask in chat, and where, as the config says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """The bot of Discord, and where it answers. `prefix` is empty where it reads nothing that is written."""

    token: Secret
    url: str
    guild: str
    channels: frozenset[str] = frozenset()
    prefix: str = "!"
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """`roles` are names of roles by identity: `telegram:123` is a user, `telegram:-100123` everybody in a group,
    `discord:123` a user, `discord:role:123` and `discord:channel:123` everybody who has the role or is there.

    `telegram_groups` are the groups in which questions are answered; in a private chat they always are.
    """

    telegram: Secret | None = None
    telegram_url: str = ""
    telegram_groups: frozenset[int] = frozenset()
    discord: DiscordSettings | None = None
    roles: Mapping[str, str] = field(default_factory=dict)


class DoorStates:
    """How the doors in chat stand, by service. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, tuple[bool, str]] = {}

    def note(self, service: str, *, connected: bool, why: str = "") -> None:
        """A door says how it stands; `why` explains that it is not connected."""
        with self._lock:
            self._states[service] = connected, why

    def words(self, service: str) -> tuple[str, str]:
        """`connected`, `disconnected` or `not configured`, and why."""
        with self._lock:
            found = self._states.get(service)
        if found is None:
            return "not configured", ""
        return ("connected" if found[0] else "disconnected"), found[1]

    def all(self) -> dict[str, str]:
        """`connected` or `disconnected` by service."""
        with self._lock:
            services = list(self._states)
        return {service: self.words(service)[0] for service in services}
