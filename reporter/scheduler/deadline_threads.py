"""Work that nobody waits for longer than its deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from reporter.errors import DeadlineError, JobError, ScarceError
from reporter.periods.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Abandoned:
    """A thread that did not end in time, and the version of the work that it runs."""

    version: object
    thread: threading.Thread


class DeadlineThreads:
    """Runs each work in a thread of its own, and abandons the thread at the deadline or when the daemon stops.

    A thread cannot be killed. An abandoned one that ends later finds that nobody takes its result. While it runs, the
    same version of the work is not begun again: work that hangs for good holds one thread, not one more at each turn.
    """

    def __init__(self, clock: Clock, stopping: threading.Event) -> None:
        self._clock = clock
        self._stopping = stopping
        self._abandoned: dict[str, _Abandoned] = {}  # by the name of the work

    def run(self, name: str, version: object, deadline: timedelta, work: Callable[[], T]) -> T:
        """The result of the work. Raises what the work raises, JobError if it ends the program, and DeadlineError.

        `version` is another object when the code of the work was replaced: that code may not hang any more.
        """
        left = self._abandoned.get(name)
        if left and left.version is version and left.thread.is_alive():
            raise DeadlineError("the run before was given up and hangs still: none is begun beside it")
        results: list[T] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def target() -> None:
            try:
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
                errors.append(error)
            finally:
                done.set()

        context = copy_context()  # so that what the work logs carries its run's id
        thread = threading.Thread(target=context.run, args=(target,), name=f"job-{name}", daemon=True)
        thread.start()
        end = self._clock.monotonic() + deadline.total_seconds()
        while not done.wait(0.2):
            if not thread.is_alive() and not done.is_set():
                raise ScarceError("the thread of the run ended before it began: there is no memory for it")
            if self._stopping.is_set():
                raise DeadlineError("the daemon is stopping; the run was left and will be made up for")
            if self._clock.monotonic() >= end:
                self._abandoned[name] = _Abandoned(version, thread)
                raise DeadlineError(f"no result within {deadline.total_seconds():g} s: the run was given up")
        if errors and not isinstance(errors[0], Exception):
            raise JobError(f"it ended itself with {type(errors[0]).__name__}")  # sys.exit() ends a program, not a job
        if errors:
            raise errors[0]
        return results[0]
