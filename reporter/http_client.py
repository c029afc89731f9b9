"""Requests to other people's servers: each with bounds on its time and on the size of its answer, however it comes.

An answer may be endless, may grow a thousandfold when it is decompressed, or may drip a byte a second. httpx bounds
each read and write alone, and decompresses without a bound. The transport below bounds the whole exchange instead.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from os import environ
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from reporter.errors import ReporterError
from reporter.secret import MASK, Secret

PLACEHOLDER = "https://hidden.invalid"
"""What a client requests that must not learn where it leads."""
CUT = "cut"
"""The extension of a response whose body was longer than its bound: the rest was not read."""

_SOCKS = "for which a package is missing: pip install 'httpx[socks]', or go past it with NO_PROXY"
_now = threading.local()  # `deadline` of the exchange that this thread is at, by the monotonic clock


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one exchange: `seconds` from the first byte sent to the last one read, and `size` of the body in bytes, after
    decompression. Only looking up a name is not bounded: the system's resolver has limits of its own."""

    seconds: float
    size: int


class BoundedTransport(httpx.BaseTransport):
    """Sends requests and reads answers whole, within bounds. It follows no redirect and may be shared by threads.

    A longer body is cut, and the extension `cut` says so. `proxy` (`http://user:password@host:port`) is used instead of
    the environment's; `ca_file` (PEM) is trusted instead of the usual authorities. Raises httpx.TransportError, and
    ReporterError at once for a proxy or a file that can never be used.
    """

    def __init__(self, origin: str, bounds: Bounds, *, proxy: str | None = None, ca_file: Path | None = None) -> None:
        self._bounds = bounds
        proxy = proxy or _proxy_of_environment(origin)
        verify = trusted(ca_file) if origin.startswith("https") or proxy else False
        try:
            self._inner = httpx.HTTPTransport(verify=verify, proxy=proxy)
        except ImportError:
            raise ReporterError(f"the environment or `proxy` names a SOCKS proxy, {_SOCKS}") from None
        except ValueError:
            raise ReporterError("the proxy has no address that can be used: write http://host:port") from None
        # httpx offers no way to hand this on. Without it a header that drips would have no end.
        self._inner._pool._network_backend = _DeadlineBackend()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _now.deadline = time.monotonic() + self._bounds.seconds
        request.headers["Accept-Encoding"] = "identity"
        response = self._inner.handle_request(request)
        try:
            coding = response.headers.get("content-encoding", "").strip().lower()
            body, cut = _read(cast("Iterable[bytes]", response.stream), coding, self._bounds.size)
        finally:
            response.close()
        gone = {b"content-encoding", b"content-length", b"transfer-encoding"}
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in gone]
        extensions = {**response.extensions, CUT: cut}
        return httpx.Response(response.status_code, headers=headers, content=body, extensions=extensions)

    def close(self) -> None:
        self._inner.close()


class HidingTransport(httpx.BaseTransport):
    """Sends what a client asks of PLACEHOLDER to a secret address instead.

    Who knows a webhook's URL, or a URL that holds a bot's token, can post. httpx writes the whole URL into its log
    lines, its errors and the `repr` of its requests. Its client therefore never learns the URL.
    """

    def __init__(self, url: Secret, token: Secret, inner: httpx.BaseTransport) -> None:
        """`token` is the part of the address that no error may show."""
        self._url = url
        self._token = token
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        bare = path == "/" or path.startswith("/?")
        url = httpx.URL(self._url.reveal() + (path[1:] if bare else path))
        headers = request.headers.copy()
        headers["Host"] = url.netloc.decode()
        real = httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)
        try:
            return self._inner.handle_request(real)
        except httpx.HTTPError as error:
            # A fresh one: the old one carries the request, and with it the URL, into every traceback.
            raise type(error)(str(error).replace(self._token.reveal(), MASK)) from None

    def close(self) -> None:
        self._inner.close()


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """The authorities of a file (PEM), or the usual ones. Raises ReporterError, which names a file that is of no use.

    They are read once: each reading costs some 30 ms and 3 MB, and every channel has a client of its own.
    """
    try:
        return _context(ca_file, ca_file.stat().st_mtime_ns if ca_file else 0, environ.get("SSL_CERT_FILE"))
    except (OSError, ssl.SSLError) as error:
        named = str(ca_file) if ca_file else f"{environ.get('SSL_CERT_FILE')}, which SSL_CERT_FILE names,"
        why = "it is no PEM file" if isinstance(error, ssl.SSLError) else error.strerror
        raise ReporterError(f"the trusted certificates in {named} cannot be read: {why}") from None


@lru_cache(maxsize=8)
def _context(ca_file: Path | None, _changed: int, _of_environment: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file)) if ca_file else httpx.create_ssl_context()


def _read(pieces: Iterable[bytes], coding: str, size: int) -> tuple[bytes, bool]:
    """The decompressed body up to a size, and whether there was more. Raises httpx.DecodingError."""
    body = bytearray()
    for piece in _decoded(pieces, coding, size + 1):
        body += piece
        if len(body) > size:
            return bytes(body[:size]), True
    return bytes(body), False


def _decoded(pieces: Iterable[bytes], coding: str, most: int) -> Iterator[bytes]:
    """The pieces of a body, each at most so long: a kilobyte of gzip can hold a megabyte."""
    if coding in {"", "identity"}:
        yield from pieces
        return
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError(f"the answer is compressed by {coding[:20]}, which nobody asked for")
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: of either format, by its header
    try:
        for piece in pieces:
            waiting = piece
            while waiting and not decompressor.eof:
                yield decompressor.decompress(waiting, most)
                waiting = decompressor.unconsumed_tail
    except zlib.error:
        raise httpx.DecodingError("the answer is not compressed as it says") from None


class _DeadlineBackend(httpcore.SyncBackend):
    """Opens connections whose every step ends with the deadline of the exchange."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(super().connect_tcp(host, port, left, local_address, socket_options))


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: what is taken a little at a time must end as well.
        for start in range(0, len(buffer), 65536):
            self._inner.write(buffer[start : start + 65536], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
    """Seconds that a step may take. Raises the error when there are none."""
    left: float = _now.deadline - time.monotonic()
    if left <= 0:
        raise late("the whole exchange took too long")
    return left if timeout is None else min(timeout, left)


def _proxy_of_environment(origin: str) -> str | None:
    """The proxy that the environment names for an address; towards this very machine there is none."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
