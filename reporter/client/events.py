"""Hands events to `POST /api/v1/events`, from threads and from asyncio alike.

A call puts the event into a queue and returns. One thread writes the queue to a spool file, another one sends the file
to the reporter. What the reporter did not accept stays in the spool, also through a restart of the bot. Each event has
an id, so the reporter sends it once, however often the client hands it in.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from reporter.client.opener import OPENER
from reporter.client.spool import Spool
from reporter.version import __version__

log = logging.getLogger(__name__)

DEFAULT_URL = "http://127.0.0.1:8787"
QUEUE_LIMIT = 10_000  # events in memory that the writing thread has not reached yet
SPOOL_LIMIT = 5_000_000  # bytes
BATCH_LIMIT = 100  # events in one request
BATCH_BYTES = 500_000
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds between two tries
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Handed(str):
    """The id of an event that was handed over. It may be awaited, so that a call fits into a coroutine as it is."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, str]:
        yield from ()
        return str(self)


@dataclass(slots=True)
class Stats:
    """What became of the events of this process: counts."""

    handed: int = 0
    accepted: int = 0
    refused: int = 0
    dropped: int = 0
    failures: int = 0
    last_error: str = ""


class Client:
    """The way from a bot to the reporter.

    `url` and `token` fall back to `$REPORTER_URL` and `$REPORTER_TOKEN`. `source` names the bot. `spool` is the folder
    of the spool file, by default `~/.local/state/reporter-client`. `timeout` bounds one request, in seconds.
    No method raises; `stats` says what went wrong.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        source: str = "",
        spool: str | os.PathLike[str] | None = None,
        spool_limit: int = SPOOL_LIMIT,
        timeout: float = 5.0,
    ) -> None:
        self._url = (url or os.environ.get("REPORTER_URL") or DEFAULT_URL).rstrip("/") + "/api/v1/events"
        self._token = token or os.environ.get("REPORTER_TOKEN", "")
        self._source = source
        self._folder = Path(spool) if spool else Path.home() / ".local" / "state" / "reporter-client"
        self._spool_limit = spool_limit
        self._timeout = timeout
        self._stats = Stats()
        self._begin()
        # A forked child has the parent's queue, but neither its threads nor its spool: it begins afresh.
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _begin(me))
        atexit.register(_end, me)

    def __repr__(self) -> str:
        return f"Client({urlsplit(self._url).netloc}, source={self._source!r})"

    def notify(
        self,
        kind: str,
        title: str = "",
        text: str = "",
        *,
        severity: str = "info",
        agent: str = "",
        id: str | None = None,  # noqa: A002 - the word of the API
        at: datetime | None = None,
        slot: str = "",
        fields: Mapping[str, object] | None = None,
        **more: object,
    ) -> Handed:
        """Hand over one event and return its id. `fields` and further keywords are the event's named fields.

        `severity` is info, warning or critical. Hand in the same `id` again and nothing is sent twice. An event with a
        `slot` replaces the earlier message of that slot.
        """
        handed = Handed(id or new_id())
        try:
            event = {
                "kind": kind,
                "title": title,
                "text": text,
                "severity": severity,
                "source": self._source,
                "agent": agent,
                "id": str(handed),
                "at": (at or datetime.now(UTC)).isoformat(),
                "slot": slot,
                "fields": {**(fields or {}), **more},
            }
            self._queue.put({key: value for key, value in event.items() if value not in ("", None, {})})
            self._stats.handed += 1
            if self._stopping.is_set():  # after `close` nobody writes it any more
                self._stats.dropped += 1
            if self._queue.qsize() > QUEUE_LIMIT:
                self._drop_oldest()
            if not self._started:
                self._start()
        except Exception as error:  # noqa: BLE001 - a bot must never fail because of its reporter
            self._failed(error)
        return handed

    def notify_trade_opened(self, trade: Mapping[str, object] | None = None, **fields: object) -> Handed:
        """A position was opened: symbol, side, entry_price, quantity, strategy, stop_loss, take_profit …"""
        return self._of("trade_opened", trade, fields)

    def notify_trade_closed(self, trade: Mapping[str, object] | None = None, **fields: object) -> Handed:
        """A position was closed: symbol, side, entry_price, exit_price, quantity, pnl, pnl_pct, reason, duration …"""
        return self._of("trade_closed", trade, fields)

    def notify_error(self, error: Mapping[str, object] | BaseException | str, **fields: object) -> Handed:
        """Something went wrong: a mapping with type, message and severity, an exception, or a sentence."""
        if isinstance(error, BaseException):
            error = {"type": type(error).__name__, "message": str(error)}
        elif isinstance(error, str):
            error = {"message": error}
        return self._of("error", {"severity": "warning", **error}, fields)

    def send_daily_summary(self, summary: Mapping[str, object] | None = None, **fields: object) -> Handed:
        """The bot's own summary of its day."""
        return self._of("bot_daily_summary", summary, fields)

    def send_portfolio_update(self, portfolio: Mapping[str, object] | None = None, **fields: object) -> Handed:
        """What the bot holds. One message shows the latest state: a later call edits the earlier message."""
        return self._of("portfolio_update", portfolio, {"slot": "portfolio", **fields})

    def send_performance_metrics(self, metrics: Mapping[str, object] | None = None, **fields: object) -> Handed:
        """The bot's own performance metrics."""
        return self._of("performance_metrics", metrics, fields)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until the reporter has accepted everything, at most `timeout` seconds; whether that came true."""
        if not self._started:
            return self._stats.handed == 0
        until = time.monotonic() + timeout
        written = threading.Event()
        self._queue.put(written)
        if not written.wait(timeout):
            return False
        while time.monotonic() < until:
            if self._spool is not None and self._spool.is_empty():
                return True
            time.sleep(0.01)
        return False

    def close(self, timeout: float = 2.0) -> None:
        """Hand over what can be handed over within `timeout` seconds; the rest stays in the spool."""
        self.flush(timeout)
        self._stopping.set()
        self._wake.set()
        self._queue.put(None)
        if self._started:
            self._ended.wait(timeout)

    def stats(self) -> dict[str, object]:
        """What became of the events of this process."""
        return asdict(self._stats)

    # --- Inside ---

    def _of(self, kind: str, given: Mapping[str, object] | None, fields: Mapping[str, object]) -> Handed:
        try:
            merged = {str(key): value for key, value in {**(given or {}), **fields}.items()}
            names = ("title", "text", "severity", "agent", "id", "slot")
            words = {name: str(merged.pop(name)) for name in names if merged.get(name) is not None}
            words["severity"] = _SEVERITIES.get(words.get("severity", "info").lower(), "warning")
            return self.notify(kind, fields=merged, **words)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001
            self._failed(error)
            return Handed("")

    def _begin(self) -> None:
        # An event, the mark of a flush, which is set once all events before it are written, or the end.
        self._queue: queue.SimpleQueue[dict[str, Any] | threading.Event | None] = queue.SimpleQueue()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._started = False
        self._spool: Spool | None = None
        self._stats = Stats()

    def _start(self) -> None:
        with self._lock:
            if self._started:
                return
            self._started = True
        for work in (self._write, self._send):
            threading.Thread(target=work, name=f"reporter-{work.__name__.strip('_')}", daemon=True).start()

    def _drop_oldest(self) -> None:
        try:
            if isinstance(oldest := self._queue.get_nowait(), threading.Event):
                self._queue.put(oldest)  # what is before it may be in the writing thread's hands
            else:
                self._stats.dropped += 1
        except queue.Empty:
            pass

    def _write(self) -> None:
        """Move events from the queue into the spool."""
        self._spool = spool = Spool(self._folder, self._spool_limit)
        while True:
            items = [self._queue.get()]
            while not self._queue.empty() and len(items) < QUEUE_LIMIT:
                items.append(self._queue.get())
            lines = [_line(item) for item in items if isinstance(item, dict)]
            try:
                self._stats.dropped += spool.append(lines)
            except Exception as error:  # noqa: BLE001 - such as a full disk
                self._stats.dropped += len(lines)
                self._failed(error)
            self._wake.set()
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()
            if None in items:
                self._ended.set()
                return

    def _send(self) -> None:
        """Send the spool to the reporter; after a failure with a growing pause."""
        pause, told = FIRST_PAUSE, 0
        while True:
            spool = self._spool
            lines = spool.oldest(BATCH_LIMIT, BATCH_BYTES) if spool else []
            if not spool or not lines:
                if self._stopping.is_set():
                    return
                self._wake.wait(1.0)
                self._wake.clear()
                continue
            try:
                dropped = self._stats.dropped
                self._post([*lines, _line(self._about_dropped(dropped - told))] if dropped > told else lines)
                spool.remove_oldest()
                pause, told = FIRST_PAUSE, dropped
            except Exception as error:  # noqa: BLE001
                self._failed(error)
                if self._stopping.wait(pause):
                    return
                pause = min(LONGEST_PAUSE, 2 * pause)

    def _about_dropped(self, count: int) -> dict[str, Any]:
        return {
            "kind": "system",
            "severity": "warning",
            "source": self._source,
            "id": new_id(),
            "title": "Events were dropped",
            "text": f"The client of {self._source or 'a bot'} dropped {count} events: its spool or its disk was full.",
        }

    def _post(self, lines: list[bytes]) -> None:
        """Hand in one batch. Raises OSError where it should be tried again; a refused batch is counted and left out."""
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": f"reporter-client/{__version__}",
        }
        request = Request(self._url, data=b"[" + b",".join(lines) + b"]", headers=headers, method="POST")  # noqa: S310
        try:
            with OPENER.open(request, timeout=self._timeout) as answer:
                verdict = json.loads(answer.read(1_000_000))
        except HTTPError as error:
            said = error.read(300).decode("utf-8", "replace")
            error.close()
            if error.code in {400, 413, 422}:  # the reporter will never take this batch
                if len(lines) > 1:
                    for line in lines:
                        self._post([line])
                    return
                self._stats.refused += 1
                self._stats.last_error = f"HTTP {error.code}: {said}"
                return
            raise OSError(f"HTTP {error.code}: {said}") from None
        items = verdict.get("events", []) if isinstance(verdict, dict) else []
        refused = [item for item in items if isinstance(item, dict) and item.get("status") == "refused"]
        self._stats.refused += len(refused)
        self._stats.accepted += len(lines) - len(refused)
        if refused:
            self._stats.last_error = str(refused[0].get("why", "refused"))

    def _failed(self, error: Exception) -> None:
        self._stats.failures += 1
        self._stats.last_error = f"{type(error).__name__}: {error}"
        log.debug("an event was not handed over: %s", self._stats.last_error)


def _begin(reference: weakref.ref[Client]) -> None:
    if client := reference():
        client._begin()


def _end(reference: weakref.ref[Client]) -> None:
    """The process ends: everything goes into the spool, and to the reporter where that is quick."""
    client = reference()
    if client and client._started and not client._stopping.is_set():
        client.close(timeout=1.0)


_SEVERITIES = {
    "info": "info",
    "debug": "info",
    "warning": "warning",
    "error": "warning",
    "critical": "critical",
    "fatal": "critical",
}


def new_id() -> str:
    """A ULID: 48 bits of time in milliseconds and 80 random bits (github.com/ulid/spec)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _line(event: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(event, default=str, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):  # NaN, a key that is no text, a list that holds itself
        return json.dumps({str(key): _plain(value, 4) for key, value in event.items()}).encode()


def _plain(value: object, depth: int) -> object:
    """What JSON can say of a value; numbers that are none become null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping) and depth:
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and depth:
        return [_plain(item, depth - 1) for item in value]
    return str(value)[:1000] if depth else "…"
