"""Reports the daemon's state to systemd: ready, reloading, alive, stopping (the protocol of sd_notify(3)).

For a container, a file in the runtime folder says when the daemon was alive. Without either, and on any failure, it
does nothing: a daemon in the foreground has nobody to report to.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from reporter.messages.message import visible

LONGEST_STATUS = 300
ALIVE = "alive"
"""The file in RUNTIME_DIRECTORY whose time says when the daemon last made progress."""


class ServiceNotify:
    """What systemd is sent. It kills and restarts a daemon that sends no `alive` within the unit's WatchdogSec."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        self._sign = Path(folder, ALIVE) if folder else None

    def ready(self, status: str) -> None:
        """The daemon is at work; `status` is a line for `systemctl status`."""
        self._send("READY=1", f"STATUS={visible(status)[:LONGEST_STATUS]}")

    def reloading(self) -> None:
        """Edited files are being read. `ready` ends it, whatever came of it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def alive(self) -> None:
        """All parts of the daemon make progress."""
        self._send("WATCHDOG=1")
        if self._sign:
            with suppress(OSError):
                self._sign.touch(mode=0o644)

    def stopping(self) -> None:
        if self._sign:
            with suppress(OSError):
                self._sign.unlink()
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            suppress(OSError, ValueError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way,
        ):
            way.setblocking(False)
            way.sendto("\n".join(lines).encode(), self._address)
