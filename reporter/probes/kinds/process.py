"""Does a program run, how often, since when, and with how much of the machine?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.probe import NEVER, CouldNotLookError, Measurement, ProbeResult, Terms, in_bytes, percent, seconds

if TYPE_CHECKING:
    import psutil

_HIDDEN = "this machine hides the processes of other users from the reporter (hidepid)"


@dataclass(frozen=True, slots=True)
class Which:
    """The processes that are meant: all that is given must fit.

    `name` is the program's name, `command` a part of its command line, `user` its owner, `pidfile` the file that holds
    its number.
    """

    name: str | None = None
    command: str | None = None
    user: str | None = None
    pidfile: Path | None = None

    def fits(self, process: psutil.Process) -> bool:
        """Whether it is one of them. Raises psutil.Error for one that is gone."""
        if self.name is not None and process.name() != self.name:
            return False
        if self.command is not None and self.command not in " ".join(process.cmdline()):
            return False
        return self.user is None or process.username() == self.user


@dataclass(frozen=True, slots=True)
class Running:
    """What the processes that fit use together. `cpu` is seconds of a core by process, `born` their start times."""

    born: tuple[float, ...] = ()
    memory: int = 0
    cpu: tuple[tuple[tuple[int, float], float], ...] = ()


@dataclass(slots=True)
class _Before:
    """The processor time of the look before, by process, and when that was in monotonic seconds."""

    at: float | None = None
    cpu: dict[tuple[int, float], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessProbe:
    """How many run, and how they are: memory in bytes, CPU in percent of one core, seconds since the youngest began.

    All figures but the youngest's age are of all that fit together. A program that dies and is started anew by somebody
    keeps a young age.
    """

    kind: ClassVar[str] = "process"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    which: Which
    at_least: int = 1
    at_most: int | None = None
    memory: Threshold = NEVER
    cpu: Threshold = NEVER
    age: Threshold = NEVER
    _before: _Before = field(init=False, default_factory=_Before, compare=False)

    def prepare(self) -> None:
        """Load psutil."""
        import psutil  # noqa: F401, PLC0415

    async def look(self) -> ProbeResult:
        running = await aside(("process", self.which), self._running)
        count = len(running.born)
        words = f"{count} running" if self.at_least != 1 or count > 1 else "running" if count else "not running"
        if count < self.at_least:
            if self.at_least == 1:
                return ProbeResult(Level.CRITICAL, words)
            wanted = str(self.at_least)
            return ProbeResult(Level.CRITICAL, f"{words}, expected {wanted}", value=str(count), limit=wanted)
        if self.at_most is not None and count > self.at_most:
            return ProbeResult(
                Level.CRITICAL, f"{words}, allowed {self.at_most}", value=str(count), limit=str(self.at_most)
            )
        return ProbeResult(Level.OK, words, measures=tuple(self._measures(running)))

    def _measures(self, running: Running) -> Iterator[Measurement]:
        if not running.born:
            return
        yield Measurement("memory", running.memory, self.memory, in_bytes)
        if (used := self._used(running)) is not None:
            yield Measurement("CPU", used, self.cpu, percent)
        age = max(0.0, self.clock.wall().timestamp() - max(running.born))
        yield Measurement("running for", age, self.age, seconds, "started less than {limit} ago")

    def _used(self, running: Running) -> float | None:
        """Percent of one core since the look before; None at the first look."""
        now, then, was = self.clock.monotonic(), self._before.at, self._before.cpu
        self._before.at, self._before.cpu = now, dict(running.cpu)
        if then is None or now <= then:
            return None
        return 100 * sum(max(0.0, cpu - was.get(one, 0.0)) for one, cpu in running.cpu) / (now - then)

    def _running(self) -> Running:
        import psutil  # noqa: PLC0415

        found = list(self._found())
        if not found and not psutil.pid_exists(1) and self.which.pidfile is None:
            raise CouldNotLookError(_HIDDEN)
        return _sums(found)

    def _found(self) -> Iterator[psutil.Process]:
        import psutil  # noqa: PLC0415

        for process in psutil.process_iter() if self.which.pidfile is None else _of_file(self.which.pidfile):
            try:
                if self.which.fits(process) and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except psutil.Error:
                continue  # it ended meanwhile, or is none of our business


def _of_file(pidfile: Path) -> Sequence[psutil.Process]:
    import psutil  # noqa: PLC0415

    try:
        return [psutil.Process(int(pidfile.read_text("ascii").split()[0]))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CouldNotLookError(f"the pid file cannot be read: {error.strerror}") from None
    except (ValueError, IndexError):
        raise CouldNotLookError("the pid file holds no number") from None
    except psutil.Error:
        return []


def _sums(found: Sequence[psutil.Process]) -> Running:
    import psutil  # noqa: PLC0415

    born, cpu, memory = list[float](), list[tuple[tuple[int, float], float]](), 0
    for process in found:
        try:
            with process.oneshot():
                times = process.cpu_times()
                memory += process.memory_info().rss
                born.append(process.create_time())
                cpu.append(((process.pid, process.create_time()), times.user + times.system))
        except psutil.Error:
            continue
    return Running(tuple(born), memory, tuple(cpu))
