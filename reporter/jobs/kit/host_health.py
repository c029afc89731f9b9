"""The vital signs: from what a machine tells, and from how the reporter keeps up, to observations with their limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from reporter.alerts.model import AlertState, Level, Observation
from reporter.alerts.self_health import SelfHealth
from reporter.alerts.thresholds import Threshold
from reporter.jobs.context import Params
from reporter.messages.formats import size_text
from reporter.periods.time_text import duration_text
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


class Bounds(Params):
    """From where on a figure is a warning, and from where on critical; null switches either off.

    What has been entered is left at `leave_warning` or `leave_critical`, a twentieth away if these are left out.
    """

    low: ClassVar[bool] = False

    warning: float | None = Field(None, ge=0)
    critical: float | None = Field(None, ge=0)
    leave_warning: float | None = Field(None, ge=0)
    leave_critical: float | None = Field(None, ge=0)

    @property
    def threshold(self) -> Threshold:
        return Threshold(self.warning, self.critical, self.leave_warning, self.leave_critical, self.low)

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        for better, worse in (("warning", "critical"), ("leave_warning", "warning"), ("leave_critical", "critical")):
            mild, bad = getattr(self, better), getattr(self, worse)
            if mild is not None and bad is not None and (mild < bad if self.low else mild > bad):
                side = "above" if self.low else "below"
                raise ValueError(f"`{worse}` must not be {side} `{better}`")
        return self


class Percent(Bounds):
    warning: float | None = Field(85, ge=0, le=100)
    critical: float | None = Field(95, ge=0, le=100)


class Swap(Percent):
    warning: float | None = Field(90, ge=0, le=100)
    critical: float | None = Field(None, ge=0, le=100)


class PerCore(Bounds):
    warning: float | None = Field(2, ge=0)
    critical: float | None = Field(4, ge=0)


class HoursLeft(Bounds):
    low: ClassVar[bool] = True

    warning: float | None = Field(72, ge=0)
    critical: float | None = Field(6, ge=0)


class Celsius(Bounds):
    warning: float | None = Field(85, ge=0)
    critical: float | None = Field(95, ge=0)


class ErrorsASecond(Bounds):
    warning: float | None = Field(1, ge=0)


class ClockSeconds(Bounds):
    warning: float | None = Field(1, ge=0)


class Zombies(Bounds):
    warning: float | None = Field(20, ge=0)


class Once(Bounds):
    warning: float | None = Field(1, ge=0)


class Late(Bounds):
    warning: float | None = Field(15, ge=0)
    critical: float | None = Field(120, ge=0)


class Waiting(Bounds):
    warning: float | None = Field(10, ge=0)
    critical: float | None = Field(60, ge=0)


class Skipped(Bounds):
    warning: float | None = Field(3, ge=0)


class StoreSeconds(Bounds):
    warning: float | None = Field(1, ge=0)
    critical: float | None = Field(5, ge=0)


class Mebibytes(Bounds):
    warning: float | None = Field(300, ge=0)
    critical: float | None = Field(1000, ge=0)


class Threads(Bounds):
    warning: float | None = Field(200, ge=0)


class HostLimits(Params):
    """Bounds of what the machine tells."""

    cpu: Percent = Percent()
    memory: Percent = Percent()
    swap: Swap = Swap()
    disk: Percent = Percent()
    disk_hours: HoursLeft = HoursLeft()
    inodes: Percent = Percent()
    load: PerCore = PerCore()
    temperature: Celsius = Celsius()
    network_errors: ErrorsASecond = ErrorsASecond()
    clock: ClockSeconds = ClockSeconds()
    open_files: Percent = Percent()
    zombies: Zombies = Zombies()
    killed: Once = Once()
    restart_minutes: float | None = Field(15, gt=0)


class SelfLimits(Params):
    """Bounds of how the reporter itself keeps up: minutes that a report or a message is late, runs that were skipped in
    an hour, seconds that its store takes, mebibytes of memory, percent of the files that it may open."""

    late: Late = Late()
    waiting: Waiting = Waiting()
    skipped: Skipped = Skipped()
    refused: Once = Once()
    store: StoreSeconds = StoreSeconds()
    memory: Mebibytes = Mebibytes()
    threads: Threads = Threads()
    open_files: Percent = Percent()


@dataclass(frozen=True, slots=True)
class HealthSign:
    """One sign: the name that people know it by, what was seen, and what a board says of it."""

    name: str
    seen: Observation
    words: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """A figure that is to be held against its limits."""

    name: str
    key: str
    figure: float | None
    limits: Bounds
    shown: Shown
    trouble: str = "above {}"


def host_signs(
    host: Host, limits: HostLimits, standing: Standing, now: datetime, forecast: Forecast
) -> Iterator[HealthSign]:
    """What the machine tells; what it does not has no sign. Their subjects are `probe/host-…`, with the machine's name
    where reporters of several machines share a store.

    A disk that is not there is unknown. Trouble with what the machine tells no more, such as a sensor that is gone, is
    over.
    """
    at = f"@{host.name}" if host.shared else ""
    signs = {sign.seen.subject: sign for sign in _told(host, limits, standing, now, forecast, at)}
    yield from signs.values()
    for subject in standing:
        if subject.startswith("probe/host-") and subject.partition("@")[2] == at[1:] and subject not in signs:
            words = "is told no more"
            yield HealthSign(subject, Observation(subject, Level.OK, words), words)


def _told(
    host: Host, limits: HostLimits, standing: Standing, now: datetime, forecast: Forecast, at: str
) -> Iterator[HealthSign]:
    for sign in _signs(host, limits):
        if sign.figure is not None:
            yield _vital(f"probe/{sign.key}{at}", sign, sign.figure, standing, of=f" of {host.name}")
    for disk in host.disks:
        yield _disk(f"probe/host-disk-{disk.path}{at}", disk, host, limits, standing, forecast)
    for name, why in host.untold:
        if name.startswith("disk "):
            subject, words = f"probe/host-{name.replace(' ', '-', 1)}{at}", f"cannot be measured: {why}"
            yield HealthSign(name.capitalize(), Observation(subject, Level.UNKNOWN, words), words)
    yield from _restarted(f"probe/host-restart{at}", host, limits, now)


def _signs(host: Host, limits: HostLimits) -> Iterator[_Sign]:
    per_core = host.load[1] / host.cores if host.load and host.cores else None
    errors = host.network.errors if host.network else None
    yield _Sign("CPU", "host-cpu", host.cpu_percent, limits.cpu, _percent)
    yield _Sign("Memory", "host-memory", _share(host.memory_used, host.memory_total), limits.memory, _percent)
    yield _Sign("Load", "host-load", per_core, limits.load, _per_core)
    yield _Sign("Swap", "host-swap", _share(host.swap_used, host.swap_total), limits.swap, _percent)
    for disk in host.disks:
        inodes = _share(disk.inodes_used, disk.inodes_total)
        yield _Sign(f"Inodes {disk.path}", f"host-inodes-{disk.path}", inodes, limits.inodes, _percent)
    yield _Sign("Temperature", "host-temperature", host.temperature, limits.temperature, _celsius)
    yield _Sign("Network", "host-network", errors, limits.network_errors, _errors)
    yield _Sign("Clock", "host-clock", host.clock_error, limits.clock, _seconds, "may be wrong by more than {}")
    yield _Sign("Open files", "host-files", _share(host.files_used, host.files_total), limits.open_files, _percent)
    yield _Sign("Processes", "host-zombies", host.zombies, limits.zombies, _count, "{} or more dead and not fetched")
    yield _Sign("Out of memory", "host-killed", host.killed, limits.killed, _count, "{} or more processes were killed")


def _vital(subject: str, sign: _Sign, figure: float, standing: Standing, of: str = "") -> HealthSign:
    return _graded(subject, sign, figure, _known(subject, standing), of)


def _graded(subject: str, sign: _Sign, figure: float, known: Level, of: str) -> HealthSign:
    level, limit = sign.limits.threshold.graded(figure, known)
    words = "normal" if level is Level.OK else _beyond(sign, figure, limit)
    bound = None if limit is None else sign.shown(limit)
    seen = Observation(subject, level, f"{sign.name}{of}: {words}", sign.shown(figure), bound, figure)
    return HealthSign(sign.name, seen, words)


def _beyond(sign: _Sign, figure: float, limit: float | None) -> str:
    """How a figure in trouble stands to its limit; on the way back it has left the limit and not yet the alert."""
    if limit is None or sign.limits.threshold.reached(figure, limit):
        return sign.trouble.format(sign.shown(figure if limit is None else limit))
    return f"{sign.limits.threshold.back} {sign.shown(limit)}"


def _disk(
    subject: str, disk: Disk, host: Host, limits: HostLimits, standing: Standing, forecast: Forecast
) -> HealthSign:
    """A disk is judged by how full it is and by when it will be: one sign, for it is one trouble. What each of the two
    figures has entered is its own."""
    figure, state = _share(disk.used, disk.total) or 0.0, standing.get(subject, AlertState(subject))
    sign = _Sign(f"Disk {disk.path}", "", figure, limits.disk, _percent)
    by_size = _graded(subject, sign, figure, state.entered("size"), of=f" of {host.name}")
    ahead = forecast(subject, figure)
    if ahead is None:
        return _noting(by_size, size=by_size.seen.level)
    hours = ahead.total_seconds() / 3600
    level, limit = limits.disk_hours.threshold.graded(hours, state.entered("hours", low=True))
    lingers = by_size.words.startswith(limits.disk.threshold.back) and level is by_size.seen.level
    if not (level.worse_than(by_size.seen.level) or lingers):
        return _noting(by_size, size=by_size.seen.level, hours=level)
    words = f"full in about {coarse(ahead)} at this pace"
    detail = f"Disk {disk.path} of {host.name} is {_percent(figure)} full, and will be {words}"
    value = f"{_percent(figure)}, full in {coarse(ahead)}"
    seen = Observation(subject, level, detail, value, None if limit is None else duration_text(limit * 3600), figure)
    return _noting(HealthSign(f"Disk {disk.path}", seen, words), size=by_size.seen.level, hours=level)


def _noting(vital: HealthSign, *, size: Level, hours: Level = Level.OK) -> HealthSign:
    """With how each figure of a disk stands, for the next look."""
    stands = (("size", False, size), ("hours", True, hours))
    seen = replace(vital.seen, stands=tuple(one for one in stands if one[2] is not Level.OK))
    return replace(vital, seen=seen)


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
    affairs: SelfHealth | None, host: Host, limits: SelfLimits, standing: Standing, now: datetime
) -> Iterator[HealthSign]:
    """How the reporter itself keeps up, as far as that is known. Their subjects are `self/…`."""
    for sign in _own_signs(affairs, host, limits, now):
        if sign.figure is not None:
            at = f"@{host.name}" if host.shared and sign.key in {"memory", "threads", "files"} else ""
            yield _vital(f"self/{sign.key}{at}", sign, sign.figure, standing)


def _own_signs(affairs: SelfHealth | None, host: Host, limits: SelfLimits, now: datetime) -> Iterator[_Sign]:
    if affairs:
        yield from _work(affairs, limits, now)
    own = host.own
    memory = own.memory / MIB if own.memory is not None else None
    yield _Sign("Memory", "memory", memory, limits.memory, _mebibytes)
    yield _Sign("Threads", "threads", own.threads, limits.threads, _count)
    yield _Sign("Open files", "files", _share(own.files, own.files_limit), limits.open_files, _percent)


def _work(affairs: SelfHealth, limits: SelfLimits, now: datetime) -> Iterator[_Sign]:
    late = max(((now - one.due_at).total_seconds() / 60 for one in affairs.late), default=0.0)
    names = ", ".join(one.job for one in affairs.late[:3])
    oldest = (now - affairs.oldest).total_seconds() / 60 if affairs.oldest else 0.0
    yield _Sign("Reports", "late", max(0.0, late), limits.late, _minutes, f"late by more than {{}}: {names}")
    yield _Sign("Messages", "waiting", max(0.0, oldest), limits.waiting, _minutes, "waiting for more than {}")
    yield _Sign("Refused", "refused", affairs.refused, limits.refused, _count, "{} or more messages given up today")
    yield _Sign("Rounds", "skipped", affairs.skipped, limits.skipped, _count, "{} or more skipped in an hour")
    yield _Sign("Store", "store", affairs.seconds, limits.store, _seconds, "slower than {}")


def _known(subject: str, standing: Standing) -> Level:
    state = standing.get(subject)
    return state.stood if state else Level.OK


def _share(used: int | None, total: int | None) -> float | None:
    return 100 * used / total if used is not None and total else None


def _percent(figure: float) -> str:
    return f"{figure:.0f}%"


def _per_core(figure: float) -> str:
    return f"{figure:.2f}".rstrip("0").rstrip(".") + " per core"


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
