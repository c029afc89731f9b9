"""The outgoing heartbeat: pings an external monitor, which raises an alarm when the pings stop.

Made for healthchecks.io and compatible services (https://healthchecks.io/docs/http_api/): a request to the check's
address reports success, a request to the same address with `/fail` appended reports a failure, with the reason as its
body. healthchecks.io answers an unknown address with status 200 and `OK (not found)`.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from base64 import b64encode
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, Request, build_opener

from reporter.messages.message import visible
from reporter.periods.clock import Clock
from reporter.secret import Secret, masked
from reporter.version import __version__

log = logging.getLogger(__name__)

# Seconds that connecting, and each wait for an answer, may take.
DEADLINE: Final = 10.0
# After a try that failed the next one comes so many seconds later, then after twice as long, but not rarer than usual.
FIRST_RETRY: Final = 10.0
# A reason is cut to so many characters, and of an answer so many bytes are read.
LONGEST_REASON, ENOUGH = 1000, 200


class Heartbeat:
    """Beats at most once in `every` seconds, and at once when trouble begins or is over.

    `fail` is what is put behind the address to tell of trouble, such as `/fail` or `?state=fail`; None keeps silent
    then, so that the silence raises the alarm. Proxies of the environment are used. `trouble` is why the last try
    failed, None if it arrived.
    """

    def __init__(self, url: Secret, every: float, fail: str | None, clock: Clock) -> None:
        self._url = url
        self._every = every
        self._fail = fail
        self._clock = clock
        # One context for all beats: reading the authorities takes 20 ms of the processor.
        secure = [HTTPSHandler(context=ssl.create_default_context())] if url.reveal().startswith("https:") else []
        self._opener = build_opener(*secure)
        self._lock = threading.Lock()
        self._under_way = False
        self._told: bool | None = None  # whether the last that arrived spoke of trouble
        self._next_at = 0.0
        self._failures = 0
        self.trouble: str | None = None

    @property
    def arrived(self) -> bool:
        """Whether any has arrived so far."""
        return self._told is not None

    def beat(self, trouble: str | None) -> None:
        """Say that all is well, or what is not. Returns at once, and never raises: the request has its own thread."""
        if trouble is not None and self._fail is None:
            return
        with self._lock:
            changed = self._told is not (trouble is not None) and not self._failures
            if self._under_way or not (changed or self._clock.monotonic() >= self._next_at):
                return
            self._under_way = True
        threading.Thread(target=self._tell, args=(trouble,), name="heartbeat", daemon=True).start()

    def _tell(self, trouble: str | None) -> None:
        why = self._asked(trouble)
        with self._lock:
            self._under_way, self.trouble = False, why
            before, self._failures = self._failures, self._failures + 1 if why else 0
            self._told = self._told if why else trouble is not None
            self._next_at = self._clock.monotonic() + (self._retry() if why else self._every)
        if why and not before:
            log.warning("the heartbeat does not arrive: %s", why)
        if before and not why:
            log.info("the heartbeat arrives again, after %d tries that failed", before)

    def _retry(self) -> float:
        return min(FIRST_RETRY * (1 << min(self._failures - 1, 10)), max(self._every, 60.0))

    def _asked(self, trouble: str | None) -> str | None:
        """Make the request; returns why it did not arrive. No error's own text is used: it may hold the address."""
        try:
            with self._opener.open(self._request(trouble), timeout=DEADLINE) as answer:
                return _doubt(answer.read(ENOUGH))
        except HTTPError as error:
            return f"HTTP {error.code}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the next beat has to come
            return _in_words(error)

    def _request(self, trouble: str | None) -> Request:
        url, login = _without_login(self._url.reveal())
        agent = {"User-Agent": f"reporter/{__version__}"}
        if trouble is None:
            request = Request(url, headers=agent)  # noqa: S310 - the config takes no other scheme than http and https
        else:
            request = Request(_with(url, self._fail or ""), masked(trouble, LONGEST_REASON).encode(), agent)  # noqa: S310
        if login:
            request.add_unredirected_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
        return request


def _without_login(url: str) -> tuple[str, str]:
    """The address without its `USER:PASSWORD@`, and these: urllib would look all of it up as the host's name."""
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=place)), unquote(login)


def _with(url: str, fail: str) -> str:
    """The address that tells of trouble; a path goes before the address's own query."""
    path, mark, query = url.partition("?")
    if fail.startswith("?"):
        return f"{path}?{query}&{fail[1:]}" if query else path + fail
    return path.rstrip("/") + fail + mark + query


def _doubt(body: bytes) -> str | None:
    """Why an answer with a good status is none: the service says in brackets what it made of the request."""
    text = body.decode(errors="replace").strip()
    return f"the service answers {visible(text)}" if text.startswith("OK (") else None


def _in_words(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    match cause:
        case TimeoutError():
            return f"no answer within {DEADLINE:g} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate is refused: {cause.verify_message}"
        case socket.gaierror():
            return "its host's name cannot be looked up"
        case OSError() if cause.strerror:
            return cause.strerror.lower()
    return f"it cannot be asked ({type(cause).__name__})"
