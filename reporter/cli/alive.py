"""The command `service alive`: whether the daemon of this machine or container makes progress, for a health check."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from reporter.cli.terminal import DONE, FAILED
from reporter.periods.clock import SystemClock
from reporter.scheduler.service_notify import ALIVE

OLDEST = 60.0
"""Seconds: a daemon that makes progress says so every five."""


def run_alive(options: argparse.Namespace) -> int:
    """`reporter [--home /etc/NAME] service alive`: 0 while the daemon makes progress, else 1."""
    folder = os.environ.get("RUNTIME_DIRECTORY") or f"/run/{Path(options.home or '/etc/reporter').name}"
    sign = Path(folder, ALIVE)
    try:
        age = SystemClock().wall().timestamp() - sign.stat().st_mtime
    except OSError:
        print(f"no daemon is at work: there is no {sign}")
        return FAILED
    if age > OLDEST:
        print(f"the daemon makes no progress, or was killed: its last sign is {age:.0f} s old")
        return FAILED
    print("the daemon makes progress")
    return DONE
