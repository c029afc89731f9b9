"""Deadlines for work that may hang, such as a question to a disk of a server that is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SideWork(Generic[T]):
    """Work under way in a thread of its own. `future` has its result, or what it raised."""

    def __init__(self) -> None:
        self.future: Future[T] = Future()
        self._began = time.monotonic()

    @property
    def age(self) -> float:
        """How many seconds ago it began."""
        return time.monotonic() - self._began

    def result(self, patience: float) -> T:
        """The result. Raises what the work raises, and TimeoutError when it is not done `patience` seconds after it
        began: who asks again for work that hangs does not wait again."""
        return self.future.result(max(0.0, patience - self.age))


class SideThreads:
    """Does each piece of work in a daemon thread of its own, which never keeps the process from ending.

    Work is known by a key. While it goes on it is not begun again: work that hangs holds one thread, however often it
    is asked for. Safe to share among threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, SideWork[Any]] = {}

    def begin(self, key: Hashable, work: Callable[[], T]) -> SideWork[T]:
        """The work of that key: the one under way, else a new one."""
        with self._lock:
            found = self._under_way.get(key)
            if found is None:
                found = SideWork()
                threading.Thread(target=self._do, args=(key, work, found), name=self._name, daemon=True).start()
                self._under_way[key] = found  # its thread waits for our lock to say that it is done
        return found

    def hangs(self, key: Hashable, patience: float) -> bool:
        """Whether work of that key is under way for more than `patience` seconds."""
        with self._lock:
            found = self._under_way.get(key)
        return found is not None and found.age > patience

    def _do(self, key: Hashable, work: Callable[[], T], under_way: SideWork[T]) -> None:
        try:
            result, error = work(), None
        except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
            result, error = None, raised
        with self._lock:
            del self._under_way[key]
        if error is None:
            under_way.future.set_result(result)  # type: ignore[arg-type]
        else:
            under_way.future.set_exception(error)
