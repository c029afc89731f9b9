"""TLS certificates: which ones are trusted, and how many days a server's certificate remains valid."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from os import environ
from pathlib import Path
from stat import S_ISREG
from typing import Annotated

from reporter.alerts.thresholds import Measurement, Threshold, plain
from reporter.config.limits import DefaultLimits, LowNumberLimits
from reporter.probes.loop import aside
from reporter.probes.probe import CouldNotLookError

_DAY = 86400.0

# For how many days a certificate must still be valid.
DaysLeft = Annotated[LowNumberLimits, DefaultLimits(14, 3)]


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates are trusted: those of the usual authorities, those of a file (PEM), or, without `verify`, all.

    The usual authorities are those that browsers know, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
    """

    authorities: Path | None = None
    verify: bool = True

    def prepare(self) -> None:
        """Read what lies beside our own program before the first look. A look reads any other file, which may hang."""
        if self.authorities is None and not (environ.get("SSL_CERT_FILE") or environ.get("SSL_CERT_DIR")):
            _context(None, 0, self.verify)

    async def context(self) -> ssl.SSLContext:
        """Ready for connections. Reading the authorities takes 20 ms, so it is kept until their file changes.

        Raises CouldNotLookError, which names a file that cannot be used.
        """
        return await aside(("authorities", self), self._read)

    def _read(self) -> ssl.SSLContext:
        named = environ.get("SSL_CERT_FILE") if self.verify else None
        file = self.authorities or (Path(named) if named else None)
        try:
            found = file.stat() if file else None
            if found is None or S_ISREG(found.st_mode):
                return _context(file, found.st_mtime_ns if found else 0, self.verify)
            why: str | None = "it is no file"  # reading a pipe could take for ever
        except ssl.SSLError:
            why = "it holds no certificates (PEM)"
        except OSError as error:
            why = error.strerror
        whose = ", which SSL_CERT_FILE names," if named and not self.authorities else ""
        raise CouldNotLookError(f"the trusted certificates in {file}{whose} cannot be read: {why}")


@lru_cache(maxsize=64)
def _context(authorities: Path | None, _changed: int, verify: bool) -> ssl.SSLContext:
    import httpx  # noqa: PLC0415

    if authorities is None:
        return httpx.create_ssl_context(verify=verify)
    context = ssl.create_default_context(cafile=str(authorities))
    context.check_hostname, context.verify_mode = verify, ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    return context


def days_left(connection: ssl.SSLObject, now: float, limits: Threshold) -> Measurement | None:
    """How many days the other side's certificate is still valid; None where it was not verified, and so not read.

    `now` is in seconds since 1970.
    """
    certificate = connection.getpeercert()
    ends = (certificate or {}).get("notAfter")
    if not isinstance(ends, str):
        return None
    left = (ssl.cert_time_to_seconds(ends) - now) / _DAY
    return Measurement("certificate", left, limits, _days, "its certificate is valid for less than {limit}")


def _days(figure: float) -> str:
    whole = int(figure)
    return f"{plain(whole)} day" if whole == 1 else f"{plain(whole)} days"
