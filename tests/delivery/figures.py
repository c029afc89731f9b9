"""The fate of numbered messages, and their time beside the least time that the limits allow."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support.discord import LocalDiscord, Posted

# A file to which each case adds its line, as a row of a table.
FIGURES = "REPORTER_FIGURES"


@dataclass(frozen=True)
class Figures:
    """`requests` is how many posts were taken, `odd` how many of them Discord took in silence though something about
    them was wrong; `over` is in seconds beyond the least time, where that was measured."""

    sent: int
    lost: int
    doubled: int
    inversions: int
    requests: int
    limited: int
    early: int
    odd: int
    over: float | None = None

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.doubled or self.inversions or self.limited or self.early or self.odd)


def numbers(messages: Iterable[Posted]) -> list[int]:
    """The numbers of the messages that were told, in the order in which a reader finds them."""
    titles = (embed.get("title", "") for message in messages for embed in message.embeds)
    return [int(title.removeprefix("No ")) for title in titles if title.startswith("No ")]


def least_seconds(count: int, webhooks: int = 1) -> float:
    """The least time for so many reports to a channel: 4 in 2 s for each webhook, 27 in 60 s for the channel. The rest
    of what Discord allows, 5 and 30, is kept for alerts."""
    return 60.0 * ((count - 1) // 27) + 2.0 * ((count - 1) % 27 // (4 * webhooks))


def figures(discord: LocalDiscord, wanted: dict[str, int], *, webhooks: int = 1) -> Figures:
    """What arrived in each channel, of which so many numbered messages were wanted."""
    told = {name: numbers(discord.messages(name)) for name in wanted}
    posts = [discord.messages(name) for name in wanted]
    return Figures(
        sent=sum(wanted.values()),
        lost=sum(len(set(range(wanted[name])) - set(found)) for name, found in told.items()),
        doubled=sum(sum(Counter(found).values()) - len(set(found)) for found in told.values()),
        inversions=sum(after < before for found in told.values() for before, after in pairwise(found)),
        requests=sum(map(len, posts)),
        limited=discord.journal.limited,
        early=discord.journal.early,
        odd=sum(bool(message.warnings) for message in discord.everything()) + discord.journal.unversioned,
        over=max((_over(messages, webhooks) for messages in posts if messages), default=None),
    )


def _over(messages: Sequence[Posted], webhooks: int) -> float:
    took = (messages[-1].at - messages[0].at).total_seconds()
    return took - least_seconds(len(messages), webhooks)


def record(case: str, found: Figures) -> None:
    """Add a row to the table of figures, if one is wanted."""
    if path := os.environ.get(FIGURES):
        over = "" if found.over is None else f"{found.over:+.1f} s"
        cells = (case, found.sent, found.requests, found.lost, found.doubled, found.inversions, found.limited, over)
        with Path(path).open("a", encoding="utf-8") as table:
            table.write(f"| {' | '.join(map(str, cells))} |\n")
