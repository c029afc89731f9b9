"""Is it our own network? What one round saw of the targets, and what referees say in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from statistics import median_low

from reporter.alerts import Level, Observation
from reporter.policies import OWN_NETWORK
from reporter.probes.connecting import connected
from reporter.probes.failures import explain

# Looks that began within so many seconds speak of one moment: rounds may be 30 seconds apart and last ten.
WINDOW = 60.0
# So many unrelated targets must be silent at once, and be at least half of those that were asked.
ENOUGH = 3
# Fewer suffice where we know that it is us who cannot look: no route, no answer from our name server.
ENOUGH_OF_OURS = 2
# A referee has so many seconds to let itself be heard.
PATIENCE = 2.0

# What is told of a target meanwhile.
WHY = "not known: this machine's own network is in trouble"


@dataclass(frozen=True, slots=True)
class Look:
    """What the last look at a probe says about the network: which other machine it asked, when its round began
    (monotonic seconds), `since` when it has been as it is now, and whether anything came.

    `silent`: nothing came back. `ours`: it did not even leave this machine, or the name was not looked up.
    """

    host: str
    at: float
    since: float
    silent: bool
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """So many parties of those asked were silent. `certain`: it is us, and no referee need be asked."""

    silent: int
    asked: int
    certain: bool

    @property
    def words(self) -> str:
        if self.certain:
            return f"{self.silent} of {self.asked} targets cannot be reached from here: no route, or no name server"
        return f"{self.silent} of {self.asked} targets did not answer in one round: this machine's own network"


@dataclass(frozen=True, slots=True)
class Referee:
    """Somebody who is always there. That anything comes back from it, be it a refusal, shows that our network works."""

    host: str
    port: int

    async def vouches(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                opened = await connected(self.host, self.port)
        except TimeoutError:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is judged by whether anything came back
            return not explain(error).silent
        opened.close()
        return True


def doubt(looks: Iterable[Look], now: float) -> Doubt | None:
    """Whether what was seen looks as if our own network were in trouble.

    Each party counts once. Answers from before half of the silence began prove nothing about now; those that came later
    show that it was not the network, for whoever has been down for long.
    """
    seen = list(looks)
    silent = [look for look in seen if look.silent and now - look.at <= WINDOW]
    began = median_low([look.since for look in silent] or [now])
    answering = {party(look.host) for look in seen if not look.silent and look.at >= began}
    quiet = {party(look.host) for look in silent} - answering
    ours = {party(look.host) for look in silent if look.ours} - answering
    asked = len(quiet | answering)
    if len(ours) >= ENOUGH_OF_OURS and 2 * len(ours) >= asked:
        return Doubt(len(ours), asked, certain=True)
    if len(quiet) >= ENOUGH and 2 * len(quiet) >= asked:
        return Doubt(len(quiet), asked, certain=False)
    return None


async def settled(found: Doubt | None, referees: Sequence[Referee]) -> Doubt | None:
    """A doubt that the referees, if there are any, do not lift."""
    if found is None or found.certain or not referees:
        return found
    asked = [asyncio.ensure_future(referee.vouches()) for referee in referees]
    try:
        for answer in asyncio.as_completed(asked):
            if await answer:
                return None
        return found
    finally:
        for one in asked:
            one.cancel()


def observation(found: Doubt | None) -> Observation:
    """How our own network stands."""
    if found is None:
        return Observation(OWN_NETWORK, Level.OK, "online")
    return Observation(OWN_NETWORK, Level.CRITICAL, found.words, figure=float(found.silent))


def party(host: str) -> str:
    """Whom a host belongs to, by its domain: the machines of one exchange fail together. An address is its own."""
    try:
        return str(ip_address(host))
    except ValueError:
        labels = host.lower().removesuffix(".").split(".")
    # A short label before the last is mostly no name of anybody: co.uk, com.au.
    return ".".join(labels[-3:] if len(labels[-2:][0]) <= 3 else labels[-2:])


def is_elsewhere(host: str | None) -> bool:
    """Whether a network is needed to reach a host."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
