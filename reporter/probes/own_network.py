"""Detects a failure of our own network: from the targets of one round and from referees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from reporter.alerts.model import Level, Observation
from reporter.alerts.policies import OWN_NETWORK
from reporter.probes.connecting import connected
from reporter.probes.failures import explain
from reporter.probes.probe import Way

# Looks that began within so many seconds speak of one moment: rounds may be 30 seconds apart and last ten.
WINDOW = 60.0
# So many unrelated targets must be silent at once, and nobody have answered since.
ENOUGH = 3
# Fewer suffice where somebody can be asked, or where we know that it is us who cannot look: no route, no answer from
# our name server.
ENOUGH_TO_ASK = ENOUGH_OF_OURS = 2
# A referee has so many seconds to let itself be heard.
PATIENCE = 2.0
# How names end that are of one's own network (RFC 6762, RFC 8375, and what routers and clouds make up).
_OWN_NAMES = (".local", ".lan", ".home", ".internal", ".home.arpa", ".localdomain", ".intranet", ".corp")

# The reading of a target meanwhile.
WHY = "not known: this machine's own network is in trouble"


@dataclass(frozen=True, slots=True)
class NetworkView:
    """What the last look at a probe says about the network: which other machine it asked, when its round began
    (monotonic seconds), `since` when it has been as it is now, and how it fared on its way. `near` says that the target
    is in a private network of ours: it can answer though the way out is cut.
    """

    host: str
    at: float
    since: float
    way: Way
    near: bool = False

    @property
    def silent(self) -> bool:
        return self.way.silent

    @property
    def ours(self) -> bool:
        """Whether it is certain that it failed on our side."""
        return self.way in {Way.NO_ROUTE, Way.NO_NAMES}

    def clears(self, other: NetworkView) -> bool:
        """Whether this answer shows that the network is not why the other one was silent.

        Who is far away is reached by way of what is near. That names are looked up is shown by one that was.
        """
        if other.way is Way.NO_NAMES:
            return not self.near and not _is_address(self.host)
        return other.near or not self.near


@dataclass(frozen=True, slots=True)
class NetworkDoubt:
    """Whose silence may be the fault of our own network. `certain`: it is, and no referee need be asked."""

    suspects: tuple[NetworkView, ...]
    certain: bool

    @property
    def silent(self) -> int:
        """How many parties that are."""
        return len({party(look.host) for look in self.suspects})

    @property
    def words(self) -> str:
        if self.certain:
            return f"none of {self.silent} targets can be reached from here: no route, or no name server"
        return f"none of {self.silent} targets answers, all at once: this machine's own network"


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
            return explain(error).way is Way.OPEN
        opened.close()
        return True


def doubt(looks: Iterable[NetworkView], now: float, enough: int = ENOUGH) -> NetworkDoubt | None:
    """Whether what was seen looks as if our own network were in trouble: `enough` parties are silent, and nobody has
    let himself be heard since a second one fell silent.

    An answer from before proves nothing about now. One from after shows that it was not the network, however many are
    silent: a refusal is an answer as well. Each party counts once.
    """
    seen = list(looks)
    silent = [look for look in seen if look.silent and now - look.at <= WINDOW]
    began = _second_silence(silent)
    heard = [look for look in seen if look.way is Way.OPEN and look.at >= began]
    answering = {party(look.host) for look in heard}
    suspects = [look for look in silent if not any(one.clears(look) for one in heard)]
    suspects = [look for look in suspects if party(look.host) not in answering]
    found = NetworkDoubt(tuple(suspects), certain=False)
    ours = {party(look.host) for look in suspects if look.ours}
    if len(ours) >= ENOUGH_OF_OURS and 2 * len(ours) >= found.silent:
        return replace(found, certain=True)
    return found if found.silent >= enough else None


def _second_silence(silent: Iterable[NetworkView]) -> float:
    """When the last but one party fell silent. Whoever has been down for long is not what has just happened."""
    newest: dict[str, float] = {}
    for look in silent:
        newest[party(look.host)] = max(look.since, newest.get(party(look.host), look.since))
    return sorted(newest.values(), reverse=True)[1] if len(newest) > 1 else float("inf")


async def settled(found: NetworkDoubt | None, referees: Sequence[Referee]) -> NetworkDoubt | None:
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


def observation(found: NetworkDoubt | None) -> Observation:
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


def is_near(host: str) -> bool:
    """Whether a host is in a private network, as far as its address or name shows."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        name = host.lower().removesuffix(".")
        return "." not in name or name.endswith(_OWN_NAMES)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_elsewhere(host: str | None) -> bool:
    """Whether a network is needed to reach a host."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
