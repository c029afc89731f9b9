"""Reads the plans of people from the reporter: cached, tried again, and without ever raising into the caller."""

from __future__ import annotations

import copy
import http.client
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reporter.client.opener import OPENER

LARGEST_ANSWER = 4_000_000  # bytes
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between two tries


class PlanClientError(Exception):
    """What `strict=True` raises where otherwise None is returned."""


class _NotFoundError(Exception):
    """There is no such plan: an answer, not a failure."""


@dataclass(frozen=True)
class _Kept:
    """An answer, None where there is no plan; its ETag, and when it came."""

    answer: dict[str, Any] | None
    tag: str = ""
    at: float = 0.0


class PlanClient:
    """Fetches plans from `api_base_url`, such as `http://127.0.0.1:5000`. Safe to share among threads.

    `timeout` bounds one try and `retries` says how many follow it, with growing pauses. What was fetched is kept for
    `cache_ttl` seconds, plans of days that are over for `past_ttl`, and at most `max_cache_size` answers are kept. An
    answer that has run out is asked for by its ETag, so that an unchanged plan is not sent again. When the reporter
    cannot be reached, it is returned all the same, with `stale_seconds` in it, unless `stale_ok` is False. Without
    an answer a method returns None; with `strict` it raises PlanClientError.
    """

    def __init__(
        self,
        api_base_url: str = "http://127.0.0.1:5000",
        *,
        token: str = "",
        timeout: float = 5.0,
        retries: int = 3,
        cache_ttl: float = 60.0,
        past_ttl: float = 3600.0,
        max_cache_size: int = 100,
        stale_ok: bool = True,
        strict: bool = False,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = api_base_url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._retries = retries
        self._ttl, self._past_ttl = cache_ttl, past_ttl
        self._most = max_cache_size
        self._stale_ok = stale_ok
        self._strict = strict
        self._pause = pause
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._counts = dict.fromkeys(
            ("requests", "cache_hits", "cache_misses", "unchanged", "api_errors", "retries", "stale"), 0
        )
        self._lock = threading.Lock()

    def fetch_coach_plan(self, coach: str, date: str | None = None) -> dict[str, Any] | None:
        """The plan of one author for a day (`2026-11-29`), today's if none is given; None where there is none."""
        return self._cached("/api/coach-plans/", coach=coach, date=date)

    def fetch_all_coach_plans(self, date: str | None = None) -> dict[str, Any] | None:
        """All plans of a day, as `{"date": …, "count": …, "plans": […]}`."""
        return self._cached("/api/coach-plans/all", date=date)

    def fetch_history(self, coach: str, date: str | None = None) -> dict[str, Any] | None:
        """Every version of a plan."""
        return self._cached("/api/coach-plans/history", coach=coach, date=date)

    def check_health(self) -> dict[str, Any]:
        """What `/health` says; `{"status": "unreachable"}` where nobody answers."""
        try:
            return self._asked("/health", retries=0).answer or {"status": "unreachable"}
        except (PlanClientError, _NotFoundError) as error:
            return {"status": "unreachable", "error": str(error)}

    def get_metrics(self) -> dict[str, Any]:
        """This client's own counters, and the share of answers that came from the cache."""
        with self._lock:
            counts = dict(self._counts)
        asked = counts["cache_hits"] + counts["cache_misses"]
        rate = round(100 * counts["cache_hits"] / asked, 2) if asked else 0.0
        return {**counts, "cache_size": len(self._kept), "cache_hit_rate_percent": rate}

    def clear_cache(self) -> None:
        """Forget what was fetched."""
        with self._lock:
            self._kept.clear()

    def _cached(self, path: str, **parameters: str | None) -> dict[str, Any] | None:
        given = {name: value for name, value in parameters.items() if value}
        address = f"{path}?{urllib.parse.urlencode(given)}" if given else path
        now, ttl = self._clock(), self._past_ttl if _is_over(parameters["date"]) else self._ttl
        with self._lock:
            kept = self._kept.get(address)
            if kept and now - kept.at < ttl:
                self._kept.move_to_end(address)
                self._counts["cache_hits"] += 1
                return copy.deepcopy(kept.answer)
            self._counts["cache_misses"] += 1
        try:
            found = self._asked(address, self._retries, kept)
        except _NotFoundError:
            found = _Kept(None)
        except PlanClientError:
            return self._stale(kept, now)
        with self._lock:
            self._kept[address] = replace(found, at=now)
            self._kept.move_to_end(address)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return copy.deepcopy(found.answer)

    def _stale(self, kept: _Kept | None, now: float) -> dict[str, Any] | None:
        if kept and kept.answer is not None and self._stale_ok:
            self._count("stale")
            return {**copy.deepcopy(kept.answer), "stale_seconds": round(now - kept.at)}
        if self._strict:
            raise PlanClientError("the plans cannot be read, and none are kept")
        return None

    def _asked(self, address: str, retries: int, kept: _Kept | None = None) -> _Kept:
        """The answer; the one that is `kept` where it is unchanged.

        Raises PlanClientError after the last try, and _NotFoundError.
        """
        why, wait = "", FIRST_PAUSE
        for attempt in range(retries + 1):
            if attempt:
                self._count("retries")
                self._pause(wait)
                wait = min(wait * 2, LONGEST_PAUSE)
            self._count("requests")
            try:
                return self._read(address, kept.tag if kept else "")
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == http.HTTPStatus.NOT_MODIFIED and kept:
                    self._count("unchanged")
                    return kept
                if error.code == http.HTTPStatus.NOT_FOUND:
                    raise _NotFoundError from None
                why = f"HTTP {error.code}"
                if (
                    error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR
                    and error.code != http.HTTPStatus.TOO_MANY_REQUESTS
                ):
                    break
            except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
                why = type(error).__name__
            self._count("api_errors")
        raise PlanClientError(f"the plans cannot be read: {why}")

    def _read(self, address: str, tag: str) -> _Kept:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if tag:
            headers["If-None-Match"] = tag
        request = urllib.request.Request(self._base + address, headers=headers)  # noqa: S310 - the caller's address
        end = time.monotonic() + self._timeout
        with OPENER.open(request, timeout=self._timeout) as response:
            body, own = _whole(response, end), response.headers.get("ETag", "")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError("no object")  # noqa: TRY004 - an answer of a wrong form, like any other
        return _Kept(found, own)

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1


def _whole(response: Any, end: float) -> bytes:
    """The body of an answer that comes in time: the socket's own time-out counts for each piece alone."""
    pieces, size = list[bytes](), 0
    while piece := response.read1(65_536):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ValueError("too large")
        if time.monotonic() > end:
            raise TimeoutError
    return b"".join(pieces)


def _is_over(date: str | None) -> bool:
    """Whether a day is over everywhere on earth."""
    return bool(date) and str(date) < f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"


def create_client(api_base_url: str = "http://127.0.0.1:5000", **options: Any) -> PlanClient:
    """A PlanClient; `options` are its keyword arguments."""
    return PlanClient(api_base_url, **options)
