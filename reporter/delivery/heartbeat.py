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
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.periods.clock import Clock
from reporter.secret import Secret, learn, masked
from reporter.version import __version__

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

# Seconds that a beat may take in all, redirects included.
DEADLINE: Final = 10.0
# After a try that failed the next one comes so many seconds later, then after twice as long, but not rarer than usual.
FIRST_RETRY: Final = 10.0
# A reason is cut to so many characters, and of an answer so many bytes are read.
LONGEST_REASON, ENOUGH = 1000, 200
REDIRECTS, HOPS = {301, 302, 303, 307, 308}, 5


class Heartbeat:
    """Beats at most once in `every` seconds, and at once when trouble begins or is over.

    `fail` is what is put behind the address to report trouble, such as `/fail` or `?state=fail`; None keeps silent
    then, so that the silence raises the alarm. `proxy` is used instead of the environment's, and `ca_file` (PEM) is
    trusted instead of the usual authorities. `trouble` is why the last try failed, None if it arrived.
    """

    def __init__(
        self,
        url: Secret,
        every: float,
        fail: str | None,
        clock: Clock,
        *,
        proxy: Secret | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._url = url
        learn(url.reveal())  # an address without a password is one all the same: who knows it can ping
        self._every = every
        self._fail = fail
        self._clock = clock
        self._proxy = proxy
        self._ca_file = ca_file
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
        try:
            threading.Thread(target=self._tell, args=(trouble,), name="heartbeat", daemon=True).start()
        except RuntimeError as error:  # the machine gives no more threads
            log.warning("the heartbeat is left out: %s", error)
            with self._lock:
                self._under_way = False

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
            response = self._answer(trouble)
        except ReporterError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next beat has to come
            return _in_words(error)
        if response.status_code in REDIRECTS:
            return f"HTTP {response.status_code}: it redirects elsewhere, which is not followed: give the new address"
        return _doubt(response.content) if response.is_success else f"HTTP {response.status_code}"

    def _answer(self, trouble: str | None) -> httpx.Response:
        """Ask, and follow a redirect as far as it stays with the scheme of the address."""
        import httpx  # noqa: PLC0415 - only a config with a heartbeat needs it

        from reporter.http_client import BoundedTransport, Bounds  # noqa: PLC0415

        end = time.monotonic() + DEADLINE
        url, login = _without_login(self._url.reveal())
        headers = {"User-Agent": f"reporter/{__version__}"}
        if login:
            headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        body = None if trouble is None else masked(trouble, LONGEST_REASON).encode()
        request = httpx.Request("GET" if body is None else "POST", _with(url, self._fail or "") if body else url,
                                headers=headers, content=body)  # fmt: skip
        for hop in range(HOPS + 1):
            bounds = Bounds(end - time.monotonic(), ENOUGH)
            proxy = self._proxy.reveal() if self._proxy else None
            with BoundedTransport(str(request.url), bounds, proxy=proxy, ca_file=self._ca_file) as transport:
                response = transport.handle_request(request)
            there = urljoin(str(request.url), response.headers.get("location", ""))
            moved = response.status_code in REDIRECTS and there != str(request.url)
            if not moved or urlsplit(there).scheme != urlsplit(url).scheme or hop == HOPS:
                break
            # Another server gets neither the password nor the reason.
            request = httpx.Request("GET", there, headers={"User-Agent": headers["User-Agent"]})
        return response


def _without_login(url: str) -> tuple[str, str]:
    """The address without its `USER:PASSWORD@`, and these: urllib would look all of it up as the host's name."""
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=place)), unquote(login)


def _with(url: str, fail: str) -> str:
    """The address that reports trouble; a path goes before the address's own query."""
    path, mark, query = url.partition("?")
    if fail.startswith("?"):
        return f"{path}?{query}&{fail[1:]}" if query else path + fail
    return path.rstrip("/") + fail + mark + query


def _doubt(body: bytes) -> str | None:
    """Why an answer with a good status is none: the service says in brackets what it made of the request."""
    text = body.decode(errors="replace").strip()
    return f"the service answers {visible(text)}" if text.startswith("OK (") else None


def _in_words(error: Exception) -> str:
    for cause in _causes(error):
        match cause:
            case TimeoutError():
                return f"no answer within {DEADLINE:g} s"
            case ssl.SSLCertVerificationError():
                return f"its certificate is refused: {cause.verify_message}"
            case socket.gaierror():
                return "its host's name cannot be looked up"
            case OSError() if cause.strerror:
                return cause.strerror.lower()
    return _NAMED.get(type(error).__name__, f"it cannot be asked ({type(error).__name__})")


_NAMED = {
    "ReadTimeout": f"no answer within {DEADLINE:g} s",
    "ProxyError": "the proxy refuses to ask it",
    "RemoteProtocolError": "it broke off its answer, or answered with something that is not HTTP",
}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it came of: httpx hides the system's error behind two of its own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
