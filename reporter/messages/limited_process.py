"""Does work that could last for ever or take all memory in a process of its own, which ends at a hard limit.

One call of C is enough for both (`'x' * 10**9`, a large picture), and no thread can be interrupted in one. A child made
by `fork` has everything that the work needs, starts in about a millisecond, shares the parent's memory, and is gone
afterwards. The kernel enforces the limits, whatever the child does.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import re
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reporter.errors import ReporterError

MIB = 2**20
LARGEST_RESULT = 16 * MIB
"""In bytes; a picture has at most 2 MiB, a message far less."""
HANGS_AFTER = 20.0
"""Seconds on the wall clock after which a child is ended, however little it has done."""
IDLE = 0.2
"""A child that was ended after `HANGS_AFTER` and took fewer seconds of the processor waited for something."""

# With several threads a child may wait for a lock whose owner it does not have; it is ended then, and made once more.
warnings.filterwarnings("ignore", r"This process .* is multi-threaded, use of fork", DeprecationWarning)

_FRAME = re.compile(r'^  File "(.*)", line (\d+) in ', re.MULTILINE)
_DONE, _REFUSED = b"+", b"-"


@dataclass(frozen=True, slots=True)
class Budget:
    """What the work may take: seconds of the processor, and megabytes beyond what the program itself holds."""

    seconds: float
    megabytes: int


class BoundsError(ReporterError):
    """The work was ended. `frames` are the files and lines that it was at, the innermost first."""

    def __init__(self, why: str, frames: Sequence[tuple[str, int]] = ()) -> None:
        super().__init__(why)
        self.frames = tuple(frames)


class RefusedError(ReporterError):
    """The work itself raised a ReporterError, with this text."""


def run_limited(work: Callable[[], bytes], budget: Budget) -> bytes:
    """What the work returns, done in a child process. What the work changes is lost with the child.

    Raises RefusedError where the work raises a ReporterError, and BoundsError where it is ended at a limit.
    """
    try:
        return _in_child(work, budget)
    except _HungError:
        try:
            return _in_child(work, budget)
        except _HungError:
            raise BoundsError(f"it does nothing for {HANGS_AFTER:g} s") from None


class _HungError(Exception):
    """The child waited for something, most likely for a lock that another thread held when it was made."""


def _in_child(work: Callable[[], bytes], budget: Budget) -> bytes:
    (result, to_result), (trace, to_trace) = os.pipe(), os.pipe()
    answer: bytes | None = b""
    try:
        child = os.fork()
        if child == 0:
            _be_the_child(work, budget, to_result, to_trace)
    except OSError as error:
        raise BoundsError(f"no process can be started for it: {error.strerror}") from None
    finally:
        os.close(to_result)
        os.close(to_trace)
    try:
        answer = _received(result, time.monotonic() + HANGS_AFTER)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # it is done, over its budget, or hangs
        _, status, used = os.wait4(child, 0)
        os.close(result)
        found = _received(trace, time.monotonic() + 1.0, MIB) or b""
        os.close(trace)
    if answer is None:
        raise BoundsError(f"its result has more than {LARGEST_RESULT // MIB} MiB")
    if answer[:1] == _DONE:
        return answer[1:]
    if answer[:1] == _REFUSED:
        raise RefusedError(answer[1:].decode(errors="replace"))
    number, spent = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, used.ru_utime + used.ru_stime
    if number in {signal.SIGKILL, signal.SIGALRM} and spent < IDLE:
        raise _HungError
    frames = [(file, int(line)) for file, line in _FRAME.findall(found.decode(errors="replace"))]
    raise BoundsError(_in_words(number, budget), frames)


def _in_words(number: int, budget: Budget) -> str:
    if number in {signal.SIGALRM, signal.SIGKILL}:
        return f"it takes more than {HANGS_AFTER:g} s"
    if number in {signal.SIGPROF, signal.SIGXCPU}:
        return f"it takes more than {budget.seconds:g} s of the processor"
    return f"it takes more than {budget.megabytes} MiB of memory, or breaks the library that draws"


def _received(pipe: int, end: float, at_most: int = LARGEST_RESULT) -> bytes | None:
    """What a child writes until it closes the pipe: nothing of what comes too late, None of what is too long.

    What is there already is never too late, however long this process had to wait for its turn.
    """
    parts: list[bytes] = []
    size = 0
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while poll.poll(max(end - time.monotonic(), 0) * 1000):
        part = os.read(pipe, 65536)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > at_most:
            return None
    return b""


def _be_the_child(work: Callable[[], bytes], budget: Budget, result: int, trace: int) -> None:
    """Do the work under budget, write what comes of it, and end. Never returns."""
    code = 1
    try:
        _let_go(result, trace)
        _set_limits(budget, trace)
        try:
            answer = _DONE + work()
        except ReporterError as error:
            answer = _REFUSED + str(error).encode("utf-8", "replace")
        except MemoryError:
            answer = _REFUSED + _in_words(0, budget).encode()
        except Exception as error:  # noqa: BLE001 - the parent reports it
            answer = _REFUSED + f"{type(error).__name__}: {error}".encode("utf-8", "replace")
        while answer:
            answer = answer[os.write(result, answer) :]
        code = 0
    finally:
        os._exit(code)


def _let_go(*kept: int) -> None:
    """Close what belongs to the parent: its store, its connections, and the pipes of other children."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    first = 3
    for file in sorted(kept):
        os.closerange(first, file)
        first = file + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _set_limits(budget: Budget, trace: int) -> None:
    """Set the budget that the kernel holds. At one of time the place in the template is written to `trace` first."""
    gc.disable()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable(trace, all_threads=False)
    for number in (signal.SIGPROF, signal.SIGALRM):
        faulthandler.register(number, trace, all_threads=False, chain=True)
    signal.setitimer(signal.ITIMER_PROF, budget.seconds)
    signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER)
    whole = int(budget.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for kind, held in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = _held(held) + budget.megabytes * MIB
        resource.setrlimit(kind, (most, most))


def _held(name: str) -> int:
    """How many bytes of the address space this process holds (proc(5))."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split(maxsplit=1)[0]) * 1024
