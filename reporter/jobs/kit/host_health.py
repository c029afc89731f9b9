"""From the machine's figures and the reporter's own health to observations with their limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from reporter.alerts.model import AlertState, Level, Observation
from reporter.alerts.self_health import SelfHealth
from reporter.alerts.thresholds import Measurement, entered
from reporter.config.limits import DEFAULT, DefaultLimits, LowNumberLimits, NumberLimits, PercentLimits
from reporter.jobs.context import Params
from reporter.messages.formats import size_text
from reporter.periods.time_text import duration_text, passed
from reporter.probes.host.facts import Disk, Host

Standing = Mapping[str, AlertState]
# When something will be full at its pace: asked by subject and present figure.
Forecast = Callable[[str, float], timedelta | None]
Shown = Callable[[float], str]

MIB = 1024**2
# The subjects that the signs of a machine can have, as patterns, and those of the reporter itself.
_OF_A_MACHINE = (
    "cpu",
    "memory",
    "load",
    "swap",
    "temperature",
    "network",
    "clock",
    "files",
    "zombies",
    "killed",
    "restart",
)
_OF_A_DISK = ("disk-*", "inodes-*")
_OF_US = ("late", "waiting", "refused", "skipped", "store", "memory", "threads", "files")
HOST_SUBJECTS = tuple(f"probe/host-{key}{at}" for key in (*_OF_A_MACHINE, *_OF_A_DISK) for at in ("", "@*"))
SELF_SUBJECTS = tuple(f"self/{key}{at}" for key in _OF_US for at in ("", "@*"))


class HostLimits(Params):
    """Limits of what is measured on the machine."""

    cpu: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT
    memory: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT
    swap: Annotated[PercentLimits, DefaultLimits(90)] = DEFAULT
    disk: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT
    disk_hours: Annotated[LowNumberLimits, DefaultLimits(72, 6)] = DEFAULT
    inodes: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT
    load: Annotated[NumberLimits, DefaultLimits(2, 4)] = DEFAULT
    temperature: Annotated[NumberLimits, DefaultLimits(85, 95)] = DEFAULT
    network_errors: Annotated[NumberLimits, DefaultLimits(1)] = DEFAULT
    clock: Annotated[NumberLimits, DefaultLimits(1)] = DEFAULT
    open_files: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT
    zombies: Annotated[NumberLimits, DefaultLimits(20)] = DEFAULT
    killed: Annotated[NumberLimits, DefaultLimits(1)] = DEFAULT
    restart_minutes: float | None = Field(15, gt=0)


class SelfLimits(Params):
    """Limits of how the reporter itself keeps up: minutes that a report or a message is late, runs that were skipped in
    an hour, seconds that its store takes, mebibytes of memory, percent of the files that it may open."""

    late: Annotated[NumberLimits, DefaultLimits(15, 120)] = DEFAULT
    waiting: Annotated[NumberLimits, DefaultLimits(10, 60)] = DEFAULT
    skipped: Annotated[NumberLimits, DefaultLimits(3)] = DEFAULT
    refused: Annotated[NumberLimits, DefaultLimits(1)] = DEFAULT
    store: Annotated[NumberLimits, DefaultLimits(1, 5)] = DEFAULT
    memory: Annotated[NumberLimits, DefaultLimits(300, 1000)] = DEFAULT
    threads: Annotated[NumberLimits, DefaultLimits(200)] = DEFAULT
    open_files: Annotated[PercentLimits, DefaultLimits(85, 95)] = DEFAULT


@dataclass(frozen=True, slots=True)
class HealthSign:
    """One sign: the name that people know it by, what was seen, and what a board says of it."""

    name: str
    seen: Observation
    words: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """A figure that is to be held against its limits; `key` is the end of its subject."""

    name: str
    key: str
    figure: float | None
    limits: NumberLimits | LowNumberLimits | PercentLimits
    shown: Shown
    trouble: str = ""


def host_signs(
    host: Host, limits: HostLimits, standing: Standing, now: datetime, forecast: Forecast
) -> Iterator[HealthSign]:
    """The signs of the machine's figures; a figure that the machine does not provide has none. Subjects are
    `probe/host-…`, with the machine's name where reporters of several machines share a store.

    A missing disk is unknown. An alert for a figure that disappears, such as one of a removed sensor, is resolved.
    """
    at = f"@{host.name}" if host.shared else ""
    signs = {sign.seen.subject: sign for sign in _told(host, limits, standing, now, forecast, at)}
    yield from signs.values()
    for subject in standing:
        if subject.startswith("probe/host-") and subject.partition("@")[2] == at[1:] and subject not in signs:
            words = "is no longer reported"
            yield HealthSign(subject, Observation(subject, Level.OK, words), words)


def _told(
    host: Host, limits: HostLimits, standing: Standing, now: datetime, forecast: Forecast, at: str
) -> Iterator[HealthSign]:
    for sign in _signs(host, limits):
        if sign.figure is not None:
            yield _graded(f"probe/{sign.key}{at}", sign, sign.figure, standing, of=f" of {host.name}")
    for disk in host.disks:
        yield _disk(f"probe/host-disk-{disk.path}{at}", disk, host, limits, standing, forecast)
    for name, why in host.untold:
        if name.startswith("disk "):
            subject, words = f"probe/host-{name.replace(' ', '-', 1)}{at}", f"cannot be measured: {why}"
            before = _state(subject, standing).observation
            seen = Observation(subject, Level.UNKNOWN, words, stands=before.stands if before else ())
            yield HealthSign(name.capitalize(), seen, words)
    yield from _restarted(f"probe/host-restart{at}", host, limits, now)


def _signs(host: Host, limits: HostLimits) -> Iterator[_Sign]:
    per_core = host.load[1] / host.cores if host.load and host.cores else None
    errors = host.network.errors if host.network else None
    cpu, memory = _share_of(host.cpu_limit is not None), _share_of(host.memory_limited)
    hot = f"above {{limit}} at {host.sensor}" if host.sensor else ""
    yield _Sign("CPU", "host-cpu", host.cpu_percent, limits.cpu, cpu)
    yield _Sign("Memory", "host-memory", _share(host.memory_used, host.memory_total), limits.memory, memory)
    yield _Sign("Load", "host-load", per_core, limits.load, _per_core)
    yield _Sign("Swap", "host-swap", _share(host.swap_used, host.swap_total), limits.swap, _percent)
    for disk in host.disks:
        inodes = _share(disk.inodes_used, disk.inodes_total)
        yield _Sign(f"Inodes {disk.path}", f"host-inodes-{disk.path}", inodes, limits.inodes, _percent)
    yield _Sign("Temperature", "host-temperature", host.temperature, limits.temperature, _celsius, hot)
    yield _Sign("Network", "host-network", errors, limits.network_errors, _errors)
    yield _Sign("Clock", "host-clock", host.clock_error, limits.clock, _seconds, "may be wrong by more than {limit}")
    yield _Sign("Open files", "host-files", _share(host.files_used, host.files_total), limits.open_files, _percent)
    yield _Sign(
        "Processes", "host-zombies", host.zombies, limits.zombies, _count, "{limit} or more dead and not fetched"
    )
    yield _Sign(
        "Out of memory", "host-killed", host.killed, limits.killed, _count, "{limit} or more processes were killed"
    )


def _graded(subject: str, sign: _Sign, figure: float, standing: Standing, of: str = "") -> HealthSign:
    measured = Measurement(sign.key, figure, sign.limits.threshold, sign.shown, sign.trouble)
    grade = measured.grade(_state(subject, standing).entered(measured.key))
    words = "normal" if grade.level is Level.OK else grade.beyond
    stands = entered({measured.key: grade.level})
    detail = f"{sign.name}{of}: {words}"
    seen = Observation(subject, grade.level, detail, grade.value, grade.limit_text, figure, stands=stands)
    return HealthSign(sign.name, seen, words)


def _disk(
    subject: str, disk: Disk, host: Host, limits: HostLimits, standing: Standing, forecast: Forecast
) -> HealthSign:
    """A disk is judged by how full it is and by when it will be full: one sign, for it is one trouble. Each of the two
    figures keeps its own level."""
    name, figure, state = f"Disk {disk.path}", _share(disk.used, disk.total) or 0.0, _state(subject, standing)
    size = Measurement("size", figure, limits.disk.threshold, _percent)
    by_size = size.grade(state.entered(size.key))
    words = "normal" if by_size.level is Level.OK else by_size.beyond
    detail = f"{name} of {host.name}: {words}"
    levels, bad, value = {size.key: by_size.level}, by_size, by_size.value
    ahead = forecast(subject, figure)
    if ahead is not None:
        hours = Measurement("hours", ahead.total_seconds() / 3600, limits.disk_hours.threshold, _hours)
        by_hours = hours.grade(state.entered(hours.key))
        levels[hours.key] = by_hours.level
        lingers = by_size.returning and by_hours.level is by_size.level
        if by_hours.level.worse_than(by_size.level) or lingers:
            words, bad = f"full in about {coarse(ahead)} at this pace", by_hours
            detail = f"{name} of {host.name} is {by_size.value} full, and will be {words}"
            value = f"{by_size.value}, full in {coarse(ahead)}"
    seen = Observation(subject, bad.level, detail, value, bad.limit_text, figure, stands=entered(levels))
    return HealthSign(name, seen, words)


def coarse(span: timedelta) -> str:
    """A time so roughly that it does not change with each look: `3 days`, `7h`, `less than an hour`."""
    hours = int(span.total_seconds() // 3600)
    if hours < 1:
        return "less than an hour"
    return duration_text(timedelta(hours=hours), units=2 if hours < 48 else 1)


def _restarted(subject: str, host: Host, limits: HostLimits, now: datetime) -> Iterator[HealthSign]:
    if host.booted_at is None or limits.restart_minutes is None:
        return
    lately = timedelta() <= now - host.booted_at < timedelta(minutes=limits.restart_minutes)
    words = f"machine {host.name} " + (f"was started at {host.booted_at:%H:%M} UTC" if lately else "keeps running")
    yield HealthSign("Restart", Observation(subject, Level.WARNING if lately else Level.OK, words), words)


def self_signs(
    self_health: SelfHealth | None, host: Host, limits: SelfLimits, standing: Standing, now: datetime
) -> Iterator[HealthSign]:
    """How the reporter itself keeps up, as far as that is known. Their subjects are `self/…`."""
    for sign in _own_signs(self_health, host, limits, now):
        if sign.figure is not None:
            at = f"@{host.name}" if host.shared and sign.key in {"memory", "threads", "files"} else ""
            yield _graded(f"self/{sign.key}{at}", sign, sign.figure, standing)


def _own_signs(self_health: SelfHealth | None, host: Host, limits: SelfLimits, now: datetime) -> Iterator[_Sign]:
    if self_health:
        yield from _work(self_health, limits, now)
    own = host.own
    memory = own.memory / MIB if own.memory is not None else None
    yield _Sign("Memory", "memory", memory, limits.memory, _mebibytes)
    yield _Sign("Threads", "threads", own.threads, limits.threads, _count)
    yield _Sign("Open files", "files", _share(own.files, own.files_limit), limits.open_files, _percent)


def _work(self_health: SelfHealth, limits: SelfLimits, now: datetime) -> Iterator[_Sign]:
    late = max((passed(one.due_at, now).total_seconds() / 60 for one in self_health.late), default=0.0)
    names = ", ".join(one.job for one in self_health.late[:3])
    oldest = passed(self_health.oldest, now).total_seconds() / 60 if self_health.oldest else 0.0
    yield _Sign("Reports", "late", late, limits.late, _minutes, f"late by more than {{limit}}: {names}")
    yield _Sign("Messages", "waiting", oldest, limits.waiting, _minutes, "waiting for more than {limit}")
    yield _Sign(
        "Refused", "refused", self_health.refused, limits.refused, _count, "{limit} or more messages given up today"
    )
    yield _Sign("Rounds", "skipped", self_health.skipped, limits.skipped, _count, "{limit} or more skipped in an hour")
    yield _Sign("Store", "store", self_health.seconds, limits.store, _seconds, "slower than {limit}")


def _state(subject: str, standing: Standing) -> AlertState:
    return standing.get(subject) or AlertState(subject)


def _share(used: int | None, total: int | None) -> float | None:
    return 100 * used / total if used is not None and total else None


def _percent(figure: float) -> str:
    return f"{figure:.0f}%"


def _share_of(limited: bool) -> Shown:
    """How a share is written: of the machine, or of what a container may use."""
    return (lambda figure: f"{_percent(figure)} of the limit") if limited else _percent


def _per_core(figure: float) -> str:
    return f"{figure:.2f}".rstrip("0").rstrip(".") + " per core"


def _hours(figure: float) -> str:
    return duration_text(figure * 3600) or ""


def _celsius(figure: float) -> str:
    return f"{figure:.0f} °C"


def _errors(figure: float) -> str:
    return f"{figure:.3g} errors a second"


def _seconds(figure: float) -> str:
    return duration_text(figure) or ""


def _minutes(figure: float) -> str:
    return duration_text(figure * 60) or ""


def _mebibytes(figure: float) -> str:
    return size_text(figure * MIB) or ""


def _count(figure: float) -> str:
    return f"{figure:g}"
