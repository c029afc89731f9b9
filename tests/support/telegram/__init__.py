"""A local Telegram: its Bot API over real HTTP, refusing what Telegram refuses.

    with LocalTelegram() as telegram:
        token, chat = telegram.token(), telegram.chat("desk")
        ...
        [message] = telegram.messages("desk")

`python -m tests.support.telegram` starts one to look at.
"""

from __future__ import annotations

from tests.support.discord.faults import Garbled, Hang, Reset, Status, Truncate
from tests.support.telegram.faults import Fault, Limited, Refused
from tests.support.telegram.local import LocalTelegram
from tests.support.telegram.world import Sent

__all__ = [
    "Fault",
    "Garbled",
    "Hang",
    "Limited",
    "LocalTelegram",
    "Refused",
    "Reset",
    "Sent",
    "Status",
    "Truncate",
]
