"""The pages in a real browser: nothing foreign, no error, readable by all, and filters, curves and updates work.

Skipped where no Chromium is installed; `.ci/setup` installs it where it may.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from reporter.operations.answering import Door
from reporter.store import events, web_keys
from reporter.web.pages import PAGES
from tests.jobs.floor import Closed, database
from tests.operations.floors import AGENTS, OWNER, TRADES, text_of
from tests.web.listener import Listener, listener
from tests.web.test_analysis import TARGETS
from tests.web.test_api import LEDGER

axe_playwright_python = pytest.importorskip("axe_playwright_python", reason="no browser tests: see .ci/setup")
playwright_api = pytest.importorskip("playwright.sync_api", reason="no browser tests: see .ci/setup")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed: the pages are not tried in a browser"
)

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
LOOK = """async () => (await axe.run()).violations.filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`)"""
EACH = [page.path for page in PAGES]
SINGLE = [
    "/agents/Momentum_BTC_v1",
    "/uptime?month=2026-10",
    "/equity?from=2026-10-28&scale=log",
    "/jobs/daily_summary/preview",
    "/trade?ledger=floor&id=1&closed=2026-10-29T12:00:00Z",
]
SAMPLE = ["/", "/equity?from=2026-10-28", "/distribution"]
SCREENS = [(1440, 900, "light"), (390, 844, "dark"), (1440, 900, "dark"), (390, 844, "light")]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("browser")
    database(folder / "trading.sqlite", TRADES, AGENTS)
    with listener(folder, LEDGER + TARGETS, web="  public: all\n") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def tab(browser: Any, web: Listener, width: int = 1440, height: int = 900, scheme: str = "light") -> Iterator[Any]:
    """A page of a browser; what it complains about and whom else it asks fails the test."""
    options: dict[str, Any] = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    web.clock.forward(minutes=1)
    with closing(browser.new_context(base_url=web.server.address, **options)) as context:
        page, wrong = context.new_page(), list[str]()
        page.set_default_timeout(20_000)
        page.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda one: None if is_ours(web, one.url) else wrong.append(one.url))
        yield page
        assert wrong == []


def is_ours(web: Listener, url: str) -> bool:
    return url.startswith((f"{web.server.address}/", "data:"))


def check(page: Any, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, path
    page.evaluate(AXE.read_text("utf-8"))
    assert page.evaluate(LOOK) == [], path
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{path} is wider than the screen"


@pytest.mark.parametrize(("width", "height", "scheme"), SCREENS[:2])
def test_pages_are_clean_and_readable_by_all(web: Listener, browser: Any, width: int, height: int, scheme: str) -> None:
    with tab(browser, web, width, height, scheme) as page:
        for path in SAMPLE:
            check(page, path)


@pytest.mark.full
@pytest.mark.parametrize(("width", "height", "scheme"), SCREENS)
def test_every_page_is_clean_and_readable_by_all(
    web: Listener, browser: Any, width: int, height: int, scheme: str
) -> None:
    with tab(browser, web, width, height, scheme) as page:
        for path in [*EACH, *SINGLE]:
            check(page, path)


def test_the_figures_are_those_of_the_reports(web: Listener, browser: Any) -> None:
    told = text_of(Door(web.app, lambda _: None, drawn=False).answer("pnl today", OWNER))
    with tab(browser, web) as page:
        page.goto("/")
        shown = page.locator(".card", has_text="live").locator(".big").inner_text()
        assert shown.startswith("+3.75 USDT")
        assert "+3.75 USDT" in told


def test_filters_ranges_and_curves_work_by_mouse_and_keyboard(web: Listener, browser: Any) -> None:
    with tab(browser, web) as page:
        page.goto("/trades")
        page.get_by_label("Agent").fill("Volume_ETH_v1")
        page.get_by_role("button", name="Show").click()
        assert page.locator("tbody tr").count() == 1
        page.goto("/equity")
        page.get_by_role("link", name="7 days").click()
        assert page.get_by_label("From").input_value() == "2026-10-25"
        curve = page.locator(".chart[data-values] svg").first
        curve.focus()
        curve.press("Home")
        curve.press("ArrowRight")
        assert page.locator("output").first.inner_text() == "2026-10-25: 1000 USDT"
        box = page.get_by_label("Momentum_BTC_v1").first
        box.uncheck()
        assert page.locator("path.other.off").count() == 1
        page.get_by_label("Scale").select_option("log")
        page.get_by_role("button", name="Show").click()
        assert "logarithmic" in page.locator("figcaption").first.inner_text()


def test_a_person_logs_in_by_a_link_and_sees_who_is_there(web: Listener, browser: Any) -> None:
    with web.store.begin() as connection:
        link = web_keys.make(connection, "link", "anna", "OWNER", web.clock.wall())
    with tab(browser, web, 390, 844) as page:
        page.goto(f"/login/{link}")
        page.get_by_role("button").click()
        assert page.locator(".who span").inner_text() == "anna"


def test_a_hidden_tab_holds_no_connection(web: Listener, browser: Any) -> None:
    """A browser has six to a host: ten open tabs must not wait for each other."""
    with tab(browser, web) as page:
        for _ in range(10):
            other = page.context.new_page()
            other.goto("/jobs")
            other.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
            other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.goto("/")
        assert page.locator(".card").count() > 0


@pytest.mark.full
def test_what_changes_shows_without_a_reload(browser: Any, tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES, AGENTS)
    with listener(tmp_path, LEDGER, web="  public: all\n") as web, tab(browser, web) as page:
        page.goto("/")
        page.get_by_text("+3.75 USDT").first.wait_for()
        page.wait_for_timeout(1000)  # until the stream stands
        late = tmp_path / "late.sqlite"
        database(late, (*TRADES, Closed("2026-10-31 11:00:00", "Momentum_BTC_v1", "6.25")), AGENTS)
        with closing(sqlite3.connect(late)) as source, closing(sqlite3.connect(tmp_path / "trading.sqlite")) as target:
            source.backup(target)
        with web.store.begin() as connection:
            web_keys.make(connection, "token", "x", "read", web.clock.wall())
            events.reject(connection, "hook", "why", "body", web.clock.wall())
        page.get_by_text("+10.00 USDT").first.wait_for(timeout=60_000)
