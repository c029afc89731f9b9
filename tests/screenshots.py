"""`python -m tests.screenshots`: the pictures of the pages in docs/, of the floor of `reporter demo --floor`."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.cli.demo import WEB, demo_home
from reporter.web.application import application
from reporter.web.live import Live
from reporter.web.server import WebServer
from reporter.web.world import World
from tests.support.clocks import HandClock
from tests.support.paths import ROOT

NOW = datetime(2026, 10, 30, 21, 40, tzinfo=UTC)
SHOTS = {"pages_overview": ("/", "light"), "pages_equity": ("/equity?from=2026-09-20", "dark")}


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, import_module("playwright.sync_api").sync_playwright() as playwright:
        folder, clock = Path(name), HandClock(NOW)
        demo_home(folder, None, WEB, floor=True, now=NOW)
        app = App(FolderHome(folder, clock=clock), clock=clock)
        world = World(app)
        live = Live(world)
        server = WebServer(application(world, live), "127.0.0.1", 0, stops=live.close)
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot, (path, scheme) in SHOTS.items():
            page = browser.new_page(viewport={"width": 1160, "height": 640}, color_scheme=scheme)
            page.goto(server.address + path)
            page.screenshot(path=ROOT / "docs" / f"{shot}.png")
        browser.close()
        server.stop()
        app.close()


if __name__ == "__main__":
    main()
