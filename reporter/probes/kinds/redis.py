"""The `redis` probe: a Redis or Valkey server as its clients see it and by its own figures."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from reporter.alerts.model import Level
from reporter.alerts.thresholds import NEVER, Measurement, plain
from reporter.config.limits import DEFAULT, DefaultLimits, DurationLimits, LowNumberLimits, NumberLimits
from reporter.config.secrets import Address, HomePath
from reporter.periods.clock import Clock
from reporter.probes.certificates import Trust
from reporter.probes.counters import CounterDelta, CounterHistory
from reporter.probes.number_formats import ago, count_of, enough, in_bytes, percent, seconds, span, weight_of, whole
from reporter.probes.probe import ProbeResult, Terms
from reporter.probes.redis_protocol import NotRespError, RedisAddress, RespConnection, RespError, line_to
from reporter.probes.settings import AskedProbeConfig, ProbeInputs, server_address
from reporter.secret import Secret

_KEYS = re.compile(r"\bkeys=(\d+)")
_CODE = re.compile(r"[A-Z]{2,20}")
_LAG = re.compile(r"\blag=(\d+)")
# With less memory in use than this, in bytes, what the process itself needs makes up most of the ratio.
_WORTH_A_RATIO = 64 * 1024 * 1024
_COUNTERS = ("keyspace_hits", "keyspace_misses", "evicted_keys", "rejected_connections")

_REFUSALS = {
    "NOAUTH": "it wants a password, and the address has none",
    "WRONGPASS": "the password is refused",
    "NOPERM": "the user may not ask it: ACL SETUSER … +ping +info",
    "LOADING": "it is loading its data",
    "MASTERDOWN": "its link to the primary is down",
    "BUSY": "a script holds it up",
    "DENIED": "it is in protected mode, and takes connections of its own machine alone",
}
_NO_CLIENTS = "it has no connection left to give (maxclients)"

Info = Mapping[str, str]


class RedisProbeConfig(AskedProbeConfig):
    """Connects to a Redis or Valkey server as any client does, and asks how it is."""

    kind: Literal["redis"]
    """`redis`."""
    url: Annotated[Address, server_address("redis", "rediss", "unix", example="redis://:PASSWORD@HOST:6379")]
    """The server's address; `rediss://` for TLS, `unix:///PATH` for a socket; best a reference to a secret."""
    ca_file: HomePath | None = None
    """The certificates that are trusted instead of the common authorities', a PEM file."""
    verify: bool = True
    """Whether the server's certificate must be valid."""
    memory: Annotated[NumberLimits, DefaultLimits(85, 95)] = DEFAULT
    """Percent of maxmemory in use; it counts only where nothing is evicted (maxmemory-policy noeviction)."""
    clients: Annotated[NumberLimits, DefaultLimits(80, 95)] = DEFAULT
    """Percent of maxclients in use."""
    hits: LowNumberLimits = LowNumberLimits()
    """Percent of keys that were asked for and found within the last hour."""
    fragmentation: NumberLimits = NumberLimits()
    """The process's memory over the data's size; judged from 64 MiB of data on."""
    last_save: DurationLimits = DurationLimits()
    """How long ago the last save to disk was; it counts only where something has changed since."""
    expect_role: Literal["primary", "replica"] | None = None
    """What the server must be: after a failover a bot may find that it cannot write any more."""
    replicas: int = Field(0, ge=0)
    """How many replicas should be connected; fewer is a warning."""
    replication_lag: Annotated[DurationLimits, DefaultLimits("30s", "5m")] = DEFAULT
    """How long ago the slowest replica was heard of."""

    def probe(self, given: ProbeInputs) -> RedisProbe:
        return RedisProbe(given.terms, given.clock, self)


@dataclass(frozen=True, slots=True)
class RedisProbe:
    """A connection of its own for each look. The latency is that of connecting and of the answer to PING."""

    kind: ClassVar[str] = "redis"
    terms: Terms
    clock: Clock
    settings: RedisProbeConfig
    _hour: CounterHistory = field(default_factory=CounterHistory, repr=False, compare=False)

    @property
    def host(self) -> str | None:
        return RedisAddress.of(self.settings.url).host

    @property
    def trust(self) -> Trust:
        return Trust(self.settings.ca_file, self.settings.verify)

    def prepare(self) -> None:
        """Read the trusted certificates."""
        if RedisAddress.of(self.settings.url).tls:
            self.trust.prepare()

    async def look(self) -> ProbeResult:
        place = RedisAddress.of(self.settings.url)
        try:
            return await self._seen(place)
        except RespError as error:
            return _refused(error, self.settings.url)
        except NotRespError:
            return ProbeResult(Level.CRITICAL, "answered with something that is not Redis")
        except asyncio.IncompleteReadError:
            return ProbeResult(Level.CRITICAL, "closed the connection")
        except FileNotFoundError:
            return ProbeResult(Level.CRITICAL, "nothing listens at its socket")

    async def _seen(self, place: RedisAddress) -> ProbeResult:
        began = time.perf_counter()
        async with line_to(place, await self.trust.context() if place.tls else None) as line:
            await line.ask("PING")
            latency = time.perf_counter() - began
            info = await _info(line)
        if not info:
            return ProbeResult(Level.OK, "online", figures=(("figures", "hidden without +info"),), latency=latency)
        change = self._hour.since(self.clock.monotonic(), {name: _number(info, name) for name in _COUNTERS})
        trouble = next(_troubles(info, self.settings.expect_role), "")
        replica = ", a replica" if info.get("role") == "slave" else ""
        return ProbeResult(
            Level.CRITICAL if trouble else Level.OK,
            f"online{replica}, but {trouble}" if trouble else f"online{replica}",
            measures=tuple(_measures(info, change, self.settings)),
            figures=tuple(_figures(info, change)),
            latency=latency,
        )


def _refused(error: RespError, url: Secret) -> ProbeResult:
    if "max number of clients" in str(error):
        return ProbeResult(Level.CRITICAL, _NO_CLIENTS)
    if error.code in _REFUSALS:
        return ProbeResult(Level.CRITICAL, _REFUSALS[error.code])
    # Whatever is no code, or stands in the address, may be our own password that comes back.
    tellable = _CODE.fullmatch(error.code) and error.code not in url.reveal()
    return ProbeResult(Level.CRITICAL, f"it says: {error.code}" if tellable else "answered with an error of its own")


async def _info(line: RespConnection) -> Info:
    """What the server says of itself; nothing where the user may not ask."""
    try:
        text = await line.ask("INFO")
    except RespError as error:
        if error.code == "NOPERM":
            return {}
        raise
    pairs = (row.partition(":") for row in text.splitlines() if not row.startswith("#"))
    return {name: value for name, mark, value in pairs if mark}


def _number(info: Info, name: str) -> float:
    """A figure; 0 where this version does not report it."""
    try:
        return float(info.get(name, 0))
    except ValueError:
        return 0.0


def _troubles(info: Info, expect_role: str | None) -> Iterator[str]:
    """What is broken whatever the limits, the worst first."""
    if expect_role == "primary" and info.get("role") == "slave":
        yield "it takes no writes: it should be a primary"
    if expect_role == "replica" and info.get("role") == "master":
        yield "it should be a replica"
    most = _number(info, "maxmemory")
    if most and _number(info, "used_memory") >= most and _keeps_all(info):
        yield "its memory is full, and it refuses writes (noeviction)"
    if info.get("aof_last_write_status", "ok") != "ok":
        yield "it cannot write its append-only file, and refuses writes"
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        yield "its last save failed, and by default it refuses writes"
    if info.get("master_link_status", "up") != "up":
        yield "its link to the primary is down"


def _keeps_all(info: Info) -> bool:
    """Whether full memory is trouble; one that evicts is a cache, and full by design."""
    return info.get("maxmemory_policy", "noeviction") == "noeviction"


def _measures(info: Info, change: CounterDelta | None, limits: RedisProbeConfig) -> Iterator[Measurement]:
    """What stands against a limit, what clients feel first."""
    used = _number(info, "used_memory")
    if most := _number(info, "maxmemory"):
        limit = limits.memory.threshold if _keeps_all(info) else NEVER
        yield Measurement("memory", 100 * used / most, limit, partial(weight_of, most))
    else:
        yield Measurement("memory", used, shown=_unlimited)
    if clients := _number(info, "maxclients"):
        shown = partial(count_of, clients)
        yield Measurement(
            "clients", 100 * _number(info, "connected_clients") / clients, limits.clients.threshold, shown
        )
    hits = change.share("keyspace_hits", "keyspace_misses") if change else None
    if hits is not None:
        yield Measurement("hits", hits, limits.hits.threshold, percent)
    if used >= _WORTH_A_RATIO:
        yield Measurement(
            "fragmentation", _number(info, "used_memory_rss") / used, limits.fragmentation.threshold, _ratio
        )
    yield from _saved(info, limits)
    yield from _replication(info, limits)


def _saved(info: Info, limits: RedisProbeConfig) -> Iterator[Measurement]:
    saved, now = _number(info, "rdb_last_save_time"), _number(info, "server_time_usec") / 1e6
    if not saved or not now or info.get("rdb_saves") == "0":
        return  # until the first save, the time is that of its start
    changes = _number(info, "rdb_changes_since_last_save")
    old = "nothing saved since {limit}"
    yield Measurement("last save", max(now - saved, 0), limits.last_save.threshold if changes else NEVER, ago, old)


def _replication(info: Info, limits: RedisProbeConfig) -> Iterator[Measurement]:
    if info.get("role") == "slave":
        if (down := _number(info, "master_link_down_since_seconds")) > 0:
            yield Measurement("cut off from its primary", down, NEVER, seconds)
        return
    connected = _number(info, "connected_slaves")
    if connected or limits.replicas:
        few = "fewer replicas than {limit} are connected"
        yield Measurement("replicas", connected, enough(limits.replicas), whole, few)
    if lags := _found(_LAG, info, "slave"):
        late = "a replica lags by more than {limit}"
        yield Measurement("replication lag", max(lags), limits.replication_lag.threshold, span, late)


def _figures(info: Info, change: CounterDelta | None) -> Iterator[tuple[str, str]]:
    """What has no limit."""
    yield "keys", plain(sum(_found(_KEYS, info, "db")))
    yield "commands", f"{plain(_number(info, 'instantaneous_ops_per_sec'))}/s"
    if blocked := _number(info, "blocked_clients"):
        yield "blocked clients", plain(blocked)
    if change:
        yield "evicted", change.told("evicted_keys")
        if change.risen["rejected_connections"]:
            yield "refused connections", change.told("rejected_connections")
    yield "append-only file", "on" if info.get("aof_enabled") == "1" else "off"
    if info.get("role") == "slave":
        yield "primary", "connected" if info.get("master_link_status") == "up" else "not connected"
    yield "up", seconds(_number(info, "uptime_in_seconds"))
    known = next((name for name in ("valkey", "redis") if f"{name}_version" in info), "")
    yield "version", f"{known.capitalize()} {info[f'{known}_version']}" if known else "N/A"


def _found(pattern: re.Pattern[str], info: Info, prefix: str) -> list[int]:
    """A figure of each row whose name begins so, such as `db0:keys=12,…`."""
    return [int(found) for name, row in info.items() if name.startswith(prefix) for found in pattern.findall(row)]


def _unlimited(figure: float) -> str:
    return f"{in_bytes(figure)}, no limit set"


def _ratio(figure: float) -> str:
    return f"{figure:.2f}"
