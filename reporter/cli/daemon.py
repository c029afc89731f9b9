"""The command run: the daemon, in the foreground."""

from __future__ import annotations

import argparse

from reporter.app.app import opened
from reporter.app.home import FolderHome
from reporter.scheduler import logs


def run_daemon(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter run [--verbose]`."""
    logs.start("DEBUG" if options.verbose else "INFO")
    with opened(home, hold=True) as app:
        app.daemon().run()
    return 0
