"""The `process` probe: how many processes run, since when, and their memory and CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement
from reporter.config.limits import LowDurationLimits, NumberLimits, SizeLimits
from reporter.config.secrets import HomePath
from reporter.config.types import mistake
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.number_formats import in_bytes, percent, seconds
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms
from reporter.probes.settings import ProbeConfig, ProbeInputs

if TYPE_CHECKING:
    import psutil

_HIDDEN = "this machine hides the processes of other users from the reporter (hidepid)"


class ProcessProbeConfig(ProbeConfig):
    """Counts processes of this machine. Which ones, by all that is given."""

    kind: Literal["process"]
    """`process`."""
    program: str | None = Field(None, min_length=1)
    """The program's name, as `ps -e` shows it."""
    command: str | None = Field(None, min_length=1)
    """Part of its command line."""
    owner: str | None = Field(None, min_length=1)
    """The user that it runs as."""
    pidfile: HomePath | None = None
    """The file that holds its process id."""
    at_least: int = Field(1, ge=0)
    """How many must run."""
    at_most: int | None = Field(None, ge=0)
    """How many may run."""
    memory: SizeLimits = SizeLimits()
    """How much memory they may use together (RSS)."""
    cpu: NumberLimits = NumberLimits()
    """How many percent of one core they may use together."""
    running_for: LowDurationLimits = LowDurationLimits()
    """How short a time ago the youngest of them may have started: what is started again and again is always young."""

    def probe(self, given: ProbeInputs) -> ProcessProbe:
        return ProcessProbe(given.terms, given.clock, self)

    def fits(self, process: psutil.Process) -> bool:
        """Whether the process is one of those meant. Raises psutil.Error for one that is gone."""
        if self.program is not None and process.name() != self.program:
            return False
        if self.command is not None and self.command not in " ".join(process.cmdline()):
            return False
        return self.owner is None or process.username() == self.owner

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if not (self.program or self.command or self.owner or self.pidfile):
            raise mistake("it is not said which process is meant", "write `program`, `command`, `owner` or `pidfile`")
        if self.at_most is not None and self.at_most < self.at_least:
            raise mistake("`at_most` is less than `at_least`", "no number fits both")
        return self


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
    settings: ProcessProbeConfig
    _before: _Before = field(init=False, default_factory=_Before, compare=False)

    def prepare(self) -> None:
        """Load psutil."""
        import psutil  # noqa: F401, PLC0415

    async def look(self) -> ProbeResult:
        running = await aside(("process", self.terms.name), self._running)
        count, least, most = len(running.born), self.settings.at_least, self.settings.at_most
        words = f"{count} running" if least != 1 or count > 1 else "running" if count else "not running"
        if count < least:
            if least == 1:
                return ProbeResult(Level.CRITICAL, words)
            wanted = str(least)
            return ProbeResult(Level.CRITICAL, f"{words}, expected {wanted}", value=str(count), limit=wanted)
        if most is not None and count > most:
            return ProbeResult(Level.CRITICAL, f"{words}, allowed {most}", value=str(count), limit=str(most))
        return ProbeResult(Level.OK, words, measures=tuple(self._measures(running)))

    def _measures(self, running: Running) -> Iterator[Measurement]:
        if not running.born:
            return
        yield Measurement("memory", running.memory, self.settings.memory.threshold, in_bytes)
        if (used := self._used(running)) is not None:
            yield Measurement("CPU", used, self.settings.cpu.threshold, percent)
        age = max(0.0, self.clock.wall().timestamp() - max(running.born))
        yield Measurement(
            "running for", age, self.settings.running_for.threshold, seconds, "started less than {limit} ago"
        )

    def _used(self, running: Running) -> float | None:
        """Percent of one core since the look before; None at the first look."""
        now, then, was = self.clock.monotonic(), self._before.at, self._before.cpu
        self._before.at, self._before.cpu = now, dict(running.cpu)
        if then is None or now <= then:
            return None
        return 100 * sum(max(0.0, cpu - was.get(process, 0.0)) for process, cpu in running.cpu) / (now - then)

    def _running(self) -> Running:
        import psutil  # noqa: PLC0415

        found = list(self._found())
        if not found and not psutil.pid_exists(1) and self.settings.pidfile is None:
            raise CouldNotLookError(_HIDDEN)
        return _sums(found)

    def _found(self) -> Iterator[psutil.Process]:
        import psutil  # noqa: PLC0415

        for process in psutil.process_iter() if self.settings.pidfile is None else _of_file(self.settings.pidfile):
            try:
                if self.settings.fits(process) and process.status() != psutil.STATUS_ZOMBIE:
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
