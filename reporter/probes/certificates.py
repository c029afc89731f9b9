"""TLS certificates: which ones are trusted, and how many days a server's certificate remains valid."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Annotated

from reporter.alerts.thresholds import Measurement, Threshold, plain
from reporter.config.limits import DefaultLimits, LowNumberLimits
from reporter.probes.probe import CouldNotLookError

_DAY = 86400.0

# For how many days a certificate must still be valid.
DaysLeft = Annotated[LowNumberLimits, DefaultLimits(14, 3)]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom we believe: the authorities that browsers know, those of a file (PEM), or, without `verify`, anybody."""

    authorities: Path | None = None
    verify: bool = True

    def prepare(self) -> None:
        """Read them before the first look. A file that cannot be read is each look's own trouble."""
        with suppress(CouldNotLookError):
            self.context()

    def context(self) -> ssl.SSLContext:
        """Ready for connections. Reading the common authorities takes 20 ms, so it is kept until their file changes."""
        if self.authorities is None:
            return _context(None, 0, self.verify)
        with suppress(OSError, ssl.SSLError):
            found = self.authorities.stat()
            if S_ISREG(found.st_mode):  # reading a pipe could take for ever, and hold every probe up
                return _context(self.authorities, found.st_mtime_ns, self.verify)
        raise CouldNotLookError("the file of trusted certificates cannot be read")


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
