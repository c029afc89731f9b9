"""Every route by every role: seen or refused as docs/web.md says. The routes are those that the listener has."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from reporter.operations.table import OPERATIONS
from reporter.store import web_keys
from reporter.web.application import routes
from reporter.web.context import WebContext
from reporter.web.live import Live
from reporter.web.pages import Pages
from reporter.web.sessions import Gate
from tests.jobs.floor import database
from tests.operations.floors import AGENTS, TRADES
from tests.web.listener import OPERATOR, READER, TOKEN, Listener, listener
from tests.web.test_api import LEDGER

LADDER = ("stranger", "events", "read", "operate", "own")
# A badge of one thing has an address that nobody guesses; another name is not found.
OPEN = ("/login", "/logout", "/healthz", "/readyz", "/openapi.json", "/static", "/ping/", "/hooks/", "/badge/{name}")
NEEDS = {"viewer": "read", "operator": "operate", "owner": "own"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("roles")
    database(folder / "trading.sqlite", TRADES, AGENTS)
    with listener(folder, LEDGER, web="  hosts: elsewhere.example\n") as found:
        yield found


def every_route(web: Listener) -> set[tuple[str, str]]:
    world = WebContext(web.app)
    gate = Gate(world)
    found = routes(world, gate, Pages(world, gate, Live(world)))
    return {(method, route.path) for route in found for method in (route.methods or ()) if method != "HEAD"}


def least_right(method: str, path: str) -> str:
    """The lowest right that opens a route."""
    if path.startswith(OPEN):
        return "stranger"
    return "events" if (method, path) == ("POST", "/api/v1/events") else "read"


def is_refused(web: Listener, method: str, path: str, role: str, tokens: dict[str, str]) -> bool:
    web.clock.forward(seconds=5)
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    if token := tokens.get(role):
        headers["Authorization"] = f"Bearer {token}"
    with web.client.stream(method, re.sub(r"\{.*?\}", "1", path), headers=headers) as answer:
        leads_to_login = answer.status_code == 303 and "/login" in answer.headers["location"]
        assert answer.status_code < 500, (method, path, role)
        return answer.status_code in {401, 403} or leads_to_login


@pytest.fixture(scope="module")
def tokens(web: Listener) -> dict[str, str]:
    with web.store.begin() as connection:
        own = web_keys.make(connection, "token", "owner", "own", web.clock.wall())
    return {"events": TOKEN, "read": READER, "operate": OPERATOR, "own": own}


def test_each_route_opens_to_its_right_and_to_none_below(web: Listener, tokens: dict[str, str]) -> None:
    tried = [
        (method, path, LADDER.index(least_right(method, path)))
        for method, path in sorted(every_route(web))
        if not path.startswith(("/login", "/logout"))  # tried in test_pages
    ]
    wrong = [
        f"{method} {path} by {LADDER[place]}"
        for method, path, least in tried
        for place in {least - 1, least} - {-1}
        if is_refused(web, method, path, LADDER[place], tokens) != (place < least)
    ]
    assert wrong == []
    assert len(tried) > 50


def test_each_command_is_refused_below_its_role(web: Listener, tokens: dict[str, str]) -> None:
    tried = [
        (f"/api/v1/commands/{operation.name}", role)
        for operation in OPERATIONS
        for role in LADDER[: LADDER.index(NEEDS[str(operation.role)])]
    ]
    assert [pair for pair in tried if not is_refused(web, "POST", pair[0], pair[1], tokens)] == []
