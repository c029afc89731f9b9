"""A local Discord: its webhook protocol over real HTTP, refusing what Discord refuses.

    with LocalDiscord() as discord:
        url = discord.webhook("daily")
        ...
        [message] = discord.messages("daily")

`python -m tests.support.discord` starts one to look at.
"""

from __future__ import annotations

from tests.support.discord.faults import Ban, Fault, Garbled, Hang, Limited, Refused, Reset, Status, Truncate
from tests.support.discord.local import LocalDiscord
from tests.support.discord.markdown import recognised, shown
from tests.support.discord.wire import Request
from tests.support.discord.world import Posted

__all__ = [
    "Ban",
    "Fault",
    "Garbled",
    "Hang",
    "Limited",
    "LocalDiscord",
    "Posted",
    "Refused",
    "Request",
    "Reset",
    "Status",
    "Truncate",
    "recognised",
    "shown",
]
