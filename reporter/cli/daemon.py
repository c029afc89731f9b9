"""The command run: the daemon, in the foreground."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reporter.app.app import App, opened
from reporter.app.home import FolderHome
from reporter.app.mock import MockHome
from reporter.errors import ReporterError
from reporter.periods.clock import SystemClock
from reporter.scheduler import logs
from reporter.scheduler.daemon import Daemon
from reporter.scheduler.runtime import Runtime

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from reporter.chat.discord.door import DiscordDoor
    from reporter.chat.telegram.door import TelegramDoor
    from reporter.web.server import WebServer


def run_daemon(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter run [--verbose] [--mock]`."""
    logs.start("DEBUG" if options.verbose else "INFO")
    with ExitStack() as stack:
        if options.mock:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reporter-mock-")))
            home = MockHome(home.homes[0], clock=SystemClock(), scratch=scratch)
        app = stack.enter_context(opened(home, hold=True))
        logs.configure(app.runtime.log, verbose=options.verbose)
        log.debug("the config is %s, and times are those of %s", home.path, app.runtime.zone)
        log.debug("jobs and templates are those of %s", ", then of ".join(str(folder) for folder in home.homes))
        daemon = app.daemon(reloaded=lambda runtime: logs.configure(runtime.log, verbose=options.verbose))
        stack.enter_context(doors(app, daemon))
        if options.mock:
            from reporter.cli.terminal_questions import answered_here

            stack.enter_context(answered_here(app, lambda _: daemon.wake_delivery()))
        daemon.run()
    return 0


@contextmanager
def doors(app: App, daemon: Daemon) -> Iterator[str]:
    """What lets others in while the daemon runs: events, the listener where the config has one, and commands of
    a service's users. Yields the address of the pages."""
    from reporter.inbox.dispatcher import EventDispatcher

    with ExitStack() as stack:
        dispatcher = EventDispatcher(app.store, app.clock, lambda: daemon.runtime.events, daemon.wake_delivery)
        dispatcher.start()
        stack.callback(dispatcher.stop)
        listeners = Listeners(app, daemon, dispatcher.wake)
        stack.callback(listeners.close)
        address = listeners.open()
        app.followers.append(listeners.follow)
        if folder := os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
            from reporter.control.request import SOCKET
            from reporter.control.server import ControlServer

            command = (sys.executable, "-P", "-m", "reporter.cli.forwarded")
            control = ControlServer(Path(folder, SOCKET), app.home.homes[0], command)
            control.start()
            stack.callback(control.stop)
        for door in _chat_doors(app, daemon):
            door.start()
            stack.callback(door.stop)
        yield address


class Listeners:
    """The listeners that the config has. Who may call counts at once after a reload; one whose place has changed is
    opened anew."""

    def __init__(self, app: App, daemon: Daemon, wake: Callable[[], None]) -> None:
        self._app = app
        self._daemon = daemon
        self._wake = wake
        self._running: list[WebServer] = []
        self._places: object = None

    def open(self) -> str:
        """Start them; gives the address of the first, if there is one. Raises ReporterError."""
        self._places = _places(self._app.runtime)
        for server in _servers(self._app, self._daemon, self._wake):
            server.start()
            self._running.append(server)
        return self._running[0].address if self._running else ""

    def close(self) -> None:
        while self._running:
            self._running.pop().stop()

    def follow(self, runtime: Runtime) -> None:
        """Listen where an edited config says."""
        if _places(runtime) == self._places:
            return
        self.close()
        try:
            self.open()
        except ReporterError as error:
            self.close()
            log.error("nothing listens until the config is edited: %s", error)


def _places(runtime: Runtime) -> object:
    web, plans = runtime.web, runtime.plan_listener
    return web and (web.host, web.port, web.base_path), plans and (plans.host, plans.port)


def _chat_doors(app: App, daemon: Daemon) -> Iterator[TelegramDoor | DiscordDoor]:
    """Where people ask in chat, as the config has it when the daemon starts."""
    chat = app.runtime.chat
    if chat is not None and chat.telegram is not None:
        from reporter.chat.telegram.door import TelegramDoor

        yield TelegramDoor(app, chat, chat.telegram, lambda _: daemon.wake_delivery())
    if chat is not None and chat.discord is not None:
        try:
            from reporter.chat.discord.door import DiscordDoor
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("reporter"):
                raise
            raise ReporterError(f"`chat.discord` needs {error.name}: pip install 'reporter[chat]'") from None
        yield DiscordDoor(app, chat.discord, lambda _: daemon.wake_delivery())


def _servers(app: App, daemon: Daemon, wake: Callable[[], None]) -> Iterator[WebServer]:
    """The listeners that the config has: `web`, and the small one of `plans`."""
    web, plans, listener = app.runtime.web, app.runtime.plans, app.runtime.plan_listener
    if web is None and listener is None:
        return
    try:
        from reporter.web import plans as plan_pages
        from reporter.web.application import application
        from reporter.web.context import WebContext
        from reporter.web.live import Live
        from reporter.web.server import WebServer
    except ImportError as error:
        raise ReporterError(f"`web:` and `plans.listen` need {error.name}: pip install 'reporter[web]'") from None
    if web is not None:
        world = WebContext(app, wake, lambda _: daemon.wake_delivery())
        live = Live(world)
        yield WebServer(application(world, live), web.host, web.port, base_path=web.base_path, stops=live.close)
    if plans is not None and listener is not None:
        pages = plan_pages.application(
            app.store, app.clock, lambda: daemon.runtime.plans or plans, listener, partial(app.doors.words, "discord")
        )
        yield WebServer(pages, listener.host, listener.port, section="plans")
