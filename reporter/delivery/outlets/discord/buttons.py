"""The buttons of an alert or a board in Discord, and whether the bot that receives them is the one whose webhook posts.

Buttons that act work only in messages of a webhook that the bot's own application has made (resources/webhook).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from reporter.delivery.outlets.discord.verdicts import json_of
from reporter.delivery.outlets.discord.webhook import connect_bot
from reporter.errors import ReporterError
from reporter.messages.message import Message
from reporter.secret import Secret

log = logging.getLogger(__name__)

BUTTONS = {
    "ack": "✋ Acknowledge",
    "silence": "🔇 Silence 1 h",
    "morning": "🌙 Until morning",
    "explain": "🔎 Explain",
    "graph": "📈 Show graph",
}
"""What a button says, by its verb. Its id holds the verb and an incident's id and no more, in 100 characters."""
REFRESH = "🔄 Refresh"
"""On a board; its id holds the name of the job."""
CHOOSE = "For one of them…"
"""Above a menu of incidents; who chooses one gets its buttons."""
OPTIONS, LABEL = 25, 100
"""Options of a menu, and characters of one."""
AGAIN_AFTER = 600.0
"""Seconds before Discord is asked again whose bot it is, where it did not answer."""
_WITHIN = 5.0

Json = dict[str, Any]


def rows(message: Message) -> list[Json]:
    """The rows of buttons of a message: those of its open incident, or that of a board; and a menu of several."""
    labels = BUTTONS if message.incident else {"refresh": REFRESH} if message.refreshes else {}
    about = message.incident or message.refreshes
    buttons = [
        {"type": 2, "style": 2, "label": label, "custom_id": f"r1:{verb}:{about}"} for verb, label in labels.items()
    ]
    found = [{"type": 1, "components": buttons}] if buttons else []
    return [*found, *([{"type": 1, "components": [_menu(message)]}] if message.members else [])]


def _menu(message: Message) -> Json:
    """What is chosen is the id of an incident. It stands in the values of the menu, whose own id names the verb."""
    options = [{"label": subject[:LABEL], "value": id_} for id_, subject in message.members[:OPTIONS]]
    about = message.incident or "several"
    return {"type": 3, "custom_id": f"r1:one:{about}", "placeholder": CHOOSE, "options": options}


class BotApplication:
    """The id of the application of the bot that answers. Discord is asked once."""

    def __init__(
        self,
        token: Secret,
        base_url: str,
        user_agent: str,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._proxy, self._ca_file = proxy, ca_file
        self._token, self._base_url, self._user_agent = token, base_url, user_agent
        self._monotonic = monotonic
        self._id: str | None = None
        self._asked_at: float | None = None

    def id(self) -> str | None:
        """None while it is not known: an alert then goes without buttons."""
        now = self._monotonic()
        if self._id is None and (self._asked_at is None or now - self._asked_at > AGAIN_AFTER):
            self._asked_at = now
            self._id = self._ask()
        return self._id

    def _ask(self) -> str | None:
        try:
            client = connect_bot(
                self._base_url,
                self._token,
                timeout=_WITHIN,
                user_agent=self._user_agent,
                proxy=self._proxy,
                ca_file=self._ca_file,
            )
            with client:
                found = json_of(client.get("/applications/@me"))
        except (httpx.HTTPError, ReporterError):
            found = None
        id_ = found.get("id") if isinstance(found, dict) else None
        if not isinstance(id_, str):
            log.warning("Discord does not say whose bot `chat.discord` is, so alerts have no buttons for a while")
            return None
        return id_
