"""The `icmp` probe: pings a machine (RFC 792, RFC 4443) and counts lost packets."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement
from reporter.config.limits import DEFAULT, DefaultLimits, NumberLimits
from reporter.config.types import mistake
from reporter.probes.number_formats import percent, seconds
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms, Way
from reporter.probes.settings import AskedProbeConfig, ProbeInputs

# Between two packets, in seconds: fewer than iputils lets anybody but root send.
_PAUSE = 0.2
_NOT_ALLOWED = (
    "this machine does not let us ping: give the reporter CAP_NET_RAW, "
    "or its group a place in the sysctl net.ipv4.ping_group_range"
)
# By address family: the numbers of a question and of its answer, and the protocol.
_TYPES: dict[int, tuple[int, int]] = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
_PROTOCOLS: dict[int, int] = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}


class IcmpProbeConfig(AskedProbeConfig):
    """Pings a machine."""

    kind: Literal["icmp"]
    """`icmp`."""
    host: str = Field(min_length=1, max_length=253, pattern=r"^[^\s/@]+$", examples=["gateway.example.org"])
    """The machine's name or IP address."""
    packets: int = Field(3, ge=1, le=20)
    """How many packets each look sends, five a second."""
    packet_loss: Annotated[NumberLimits, DefaultLimits(30, 70)] = DEFAULT
    """How many percent of them may stay without answer; when all do, it is critical."""

    def probe(self, given: ProbeInputs) -> IcmpProbe:
        return IcmpProbe(given.terms, self)

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.packets * _PAUSE >= self.timeout.total_seconds():
            raise mistake("so many packets take longer than `timeout`", "write fewer `packets`, or a longer `timeout`")
        return self


@dataclass(frozen=True, slots=True)
class IcmpProbe:
    """A few echo requests; when none is answered, that is critical."""

    kind: ClassVar[str] = "icmp"
    terms: Terms
    settings: IcmpProbeConfig

    @property
    def host(self) -> str:
        return self.settings.host

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, None, type=socket.SOCK_DGRAM)
        family, *_, address = found[0]
        with closing(_opened(family)) as opened:
            opened.connect(address)  # of a socket without connections this sends nothing, and so does not wait
            # Until a little before the look's own end: some answers may have come.
            times = await _Echo(opened, family).times(self.settings.packets, self.terms.timeout * 0.9)
        return self.judged(times)

    def judged(self, times: list[float]) -> ProbeResult:
        """What it comes to when these packets came back, each after so many seconds."""
        sent = self.settings.packets
        lost = 100.0 * (sent - len(times)) / sent
        if not times:
            return ProbeResult(Level.CRITICAL, f"no answer to {sent} pings", way=Way.LOST)
        loss = Measurement("packet loss", lost, self.settings.packet_loss.threshold, percent)
        return ProbeResult(
            Level.OK, "online", measures=(loss,), figures=(("slowest", seconds(max(times))),), latency=fmean(times)
        )


class _Echo:
    """One exchange of packets. What comes back is told from other people's by a token in it."""

    def __init__(self, opened: socket.socket, family: int) -> None:
        self._socket, self._family = opened, family
        self._token = secrets.token_bytes(16)
        self._sent: dict[int, float] = {}
        self._took: dict[int, float] = {}

    async def times(self, packets: int, patience: float) -> list[float]:
        """How long each packet took that came back, in seconds."""
        try:
            async with asyncio.timeout(patience):
                await asyncio.gather(self._send(packets), self._receive(packets))
        except TimeoutError:
            pass
        return list(self._took.values())

    async def _send(self, packets: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(packets):
            self._sent[number] = time.perf_counter()
            await loop.sock_sendall(self._socket, self._packet(number))
            await asyncio.sleep(_PAUSE if number < packets - 1 else 0)

    async def _receive(self, packets: int) -> None:
        loop = asyncio.get_running_loop()
        while len(self._took) < packets:
            number = self._number(await loop.sock_recv(self._socket, 2048))
            if number in self._sent:
                self._took.setdefault(number, time.perf_counter() - self._sent[number])

    def _packet(self, number: int) -> bytes:
        kind, _ = _TYPES[self._family]
        bare = struct.pack("!BBHHH", kind, 0, 0, 0, number) + self._token
        # The kernel itself sums up what is sent over IPv6.
        return bare[:2] + struct.pack("!H", checksum(bare)) + bare[4:] if self._family == socket.AF_INET else bare

    def _number(self, packet: bytes) -> int | None:
        """The number of an answer to us. A raw socket gives the IP header too, and hears our own question."""
        at = packet.find(self._token)
        if at < 8 or packet[at - 8] != _TYPES[self._family][1]:
            return None
        return int.from_bytes(packet[at - 2 : at], "big")


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    total += data[-1] << 8 if len(data) % 2 else 0
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _opened(family: int) -> socket.socket:
    """A socket for pings: the kind that anybody may be allowed, else the kind that needs CAP_NET_RAW."""
    for kind in _kinds():
        try:
            opened = socket.socket(family, kind, _PROTOCOLS[family])
        except PermissionError:
            continue
        opened.setblocking(False)
        return opened
    raise CouldNotLookError(_NOT_ALLOWED)


def _kinds() -> Iterator[int]:
    yield socket.SOCK_DGRAM
    yield socket.SOCK_RAW
