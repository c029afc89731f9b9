"""The command run: the daemon, in the foreground."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from reporter.app.app import App, opened
from reporter.app.home import FolderHome
from reporter.errors import ReporterError
from reporter.scheduler import logs
from reporter.scheduler.daemon import Daemon


def run_daemon(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter run [--verbose]`."""
    logs.start("DEBUG" if options.verbose else "INFO")
    with opened(home, hold=True) as app:
        daemon = app.daemon()
        with doors(app, daemon):
            daemon.run()
    return 0


@contextmanager
def doors(app: App, daemon: Daemon) -> Iterator[None]:
    """What lets others in while the daemon runs: events, and the listener where the config has one."""
    from reporter.inbox.dispatcher import EventDispatcher

    with ExitStack() as stack:
        dispatcher = EventDispatcher(app.store, app.clock, lambda: daemon.runtime.events, daemon.wake_delivery)
        dispatcher.start()
        stack.callback(dispatcher.stop)
        if app.runtime.web is not None:
            try:
                from reporter.web.server import WebServer
                from reporter.web.world import World
            except ImportError as error:
                raise ReporterError(f"`web:` needs {error.name}: pip install 'reporter[web]'") from None
            world = World(app, dispatcher.wake, lambda _: daemon.wake_delivery())
            server = WebServer(world)
            server.start()
            stack.callback(server.stop)
        yield
