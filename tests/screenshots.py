"""`python -m tests.screenshots [FOLDER]`: the pictures of the pages in docs/, of the floor of `reporter demo --floor`.

With a folder it puts every page there instead, on a phone and on a desk, light and dark: to be looked at.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from reporter.app import demo_floor
from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.cli.demo import WEB, demo_home
from reporter.web.application import application
from reporter.web.context import WebContext
from reporter.web.live import Live
from reporter.web.pages import PAGES
from reporter.web.server import WebServer
from tests.support.clocks import HandClock
from tests.support.paths import ROOT

NOW = datetime(2026, 10, 30, 21, 40, tzinfo=UTC)
SHOTS = {"pages_overview": ("/", "light"), "pages_equity": ("/equity?from=2026-09-20", "dark")}
SINGLE = {"agent": "/agents/Momentum_BTC_v1", "month": "/uptime?month=2026-10", "login": "/login", "none": "/nowhere"}
SCREENS = ((1440, 900, "light"), (390, 844, "dark"), (1440, 900, "dark"), (390, 844, "light"))


def main(folder: str | None = None) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with pages(lively=bool(folder)) as address, import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if folder:
            every_page(browser, address, Path(folder))
        else:
            for shot, (path, scheme) in SHOTS.items():
                page = browser.new_page(viewport={"width": 1160, "height": 640}, color_scheme=scheme)
                page.goto(address + path)
                page.screenshot(path=ROOT / "docs" / f"{shot}.png")
        browser.close()


@contextmanager
def pages(*, lively: bool) -> Iterator[str]:
    """The address of the pages; on a `lively` floor every report has been sent, and alerts came and went."""
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), HandClock(NOW)
        demo_home(folder, None, WEB, floor=True, now=NOW)
        app = App(FolderHome(folder, clock=clock), clock=clock)
        if lively:
            demo_floor.play(app, folder / "trading.sqlite", lambda _: False)
        world = WebContext(app)
        live = Live(world)
        server = WebServer(application(world, live), "127.0.0.1", 0, stops=live.close)
        server.start()
        yield server.address
        server.stop()
        app.close()


def every_page(browser: object, address: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    named = {page.template: page.path for page in PAGES} | SINGLE
    for width, height, scheme in SCREENS:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[attr-defined]
        for name, path in named.items():
            page.goto(address + path)
            page.screenshot(path=folder / f"{name}_{width}_{scheme}.png", full_page=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
