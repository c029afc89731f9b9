"""From a network error to a level and a sentence: the target failed (critical) or could not be measured (unknown)."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

from reporter.alerts.model import Level
from reporter.probes.probe import CouldNotLookError, ProbeResult, Way

_TARGET = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "closed the connection",
    errno.EPIPE: "closed the connection",
    errno.ECONNABORTED: "closed the connection",
    errno.EHOSTUNREACH: "no route to the host",
    errno.EHOSTDOWN: "the host is down",
    errno.ETIMEDOUT: "the connection timed out",
}
_OURS = {
    errno.ENETUNREACH: "this machine has no route to that network",
    errno.ENETDOWN: "the network of this machine is down",
    errno.EADDRNOTAVAIL: "this machine has no free address or port left",
    errno.EMFILE: "the reporter has too many files open",
    errno.ENFILE: "this machine has too many files open",
    errno.ENOBUFS: "this machine has no network buffers left",
    errno.EACCES: "this machine does not allow the connection",
    errno.EPERM: "this machine does not allow the connection",
}
# With these nothing came back from the target; a network of ours that is gone would look the same.
_SILENT = {
    errno.EHOSTUNREACH: Way.LOST,
    errno.EHOSTDOWN: Way.LOST,
    errno.ETIMEDOUT: Way.LOST,
    errno.ENETUNREACH: Way.NO_ROUTE,
    errno.ENETDOWN: Way.NO_ROUTE,
}
# What OpenSSL says of an answer that is no TLS.
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
# These say that the name was looked up and is not there; every other code says that the look-up itself failed.
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def explain(error: BaseException) -> ProbeResult:
    """The cause of an error. Its own text is not used: it may hold an address.

    Of several addresses the one that answered anything says most, and then one that is silent more than one that cannot
    be asked from here: a machine without IPv6 has no route to half of a host's addresses.
    """
    if isinstance(error, CouldNotLookError):
        return ProbeResult(Level.UNKNOWN, str(error), way=Way.UNTRIED)
    known = [sight for cause in _causes(error) if (sight := _known(cause))]
    if not known:
        return ProbeResult(Level.UNKNOWN, f"the probe failed: {type(error).__name__}", way=Way.UNTRIED)
    return max(known, key=lambda sight: (not sight.way.silent, sight.level is Level.CRITICAL))


def _known(error: BaseException) -> ProbeResult | None:
    if isinstance(error, CouldNotLookError):
        return ProbeResult(Level.UNKNOWN, str(error), way=Way.UNTRIED)
    return _of_name(error) or _of_connection(error)


def _of_connection(error: BaseException) -> ProbeResult | None:
    match error:
        case ssl.SSLError():
            return ProbeResult(Level.CRITICAL, _tls(error))
        case OSError() if error.errno in _TARGET:
            return ProbeResult(Level.CRITICAL, _TARGET[error.errno], way=_SILENT.get(error.errno, Way.OPEN))
        case OSError() if error.errno in _OURS:
            return ProbeResult(Level.UNKNOWN, _OURS[error.errno], way=_SILENT.get(error.errno, Way.UNTRIED))
    return None


def _of_name(error: BaseException) -> ProbeResult | None:
    match error:
        case socket.gaierror():
            return _lookup_failed(error)
        case UnicodeError():
            return ProbeResult(Level.CRITICAL, "the host's name is not valid", way=Way.UNTRIED)
    return None


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if error.reason in _NO_TLS:
        return "TLS failed: it does not speak TLS"
    return f"TLS failed: {(error.reason or 'no reason given').replace('_', ' ').lower()}"


def _lookup_failed(error: socket.gaierror) -> ProbeResult:
    if error.errno in _NO_SUCH_NAME:
        return ProbeResult(Level.CRITICAL, "the host's name is not known", way=Way.UNTRIED)
    return ProbeResult(Level.UNKNOWN, "names cannot be looked up: the name server does not answer", way=Way.NO_NAMES)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, nearest first. An address of several kinds fails with a group of errors."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop(0)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        parts = found.exceptions if isinstance(found, BaseExceptionGroup) else ()
        waiting.extend((*parts, found.__cause__, found.__context__))
