"""Who may ask in chat, and where, as the config says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """`roles` are names of roles by identity: `telegram:123` is a user, `telegram:-100123` everybody in a group.

    `telegram_groups` are the groups in which questions are answered; in a private chat they always are.
    """

    telegram: Secret | None = None
    telegram_url: str = ""
    telegram_groups: frozenset[int] = frozenset()
    roles: Mapping[str, str] = field(default_factory=dict)
