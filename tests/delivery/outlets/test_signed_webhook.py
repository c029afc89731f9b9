"""The outlet for a program: what arrives is signed as the standard says, and each answer gets its verdict."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear
from reporter.delivery.outlets.signed_webhook import SignedWebhook
from reporter.inbox.hooks import Hook, is_authentic
from reporter.messages.message import Attachment
from reporter.periods.clock import SystemClock
from reporter.secret import Secret
from tests.delivery.outlets.kit import OutletContract
from tests.delivery.outlets.messages import line, summary

WALL = SystemClock().wall
SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()


class Receiver(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as it is told."""

    taken: list[tuple[dict[str, str], bytes]]
    status = 204
    more: dict[str, str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.status)
        for name, value in {"Content-Length": "0", **self.more}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """A server of tests does not talk."""


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], str]]:
    own = type("Own", (Receiver,), {"taken": [], "more": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield own, f"http://127.0.0.1:{server.server_address[1]}/floor?key=t0ken-t0ken"
        server.shutdown()


@pytest.fixture
def outlet(receiver: tuple[type[Receiver], str]) -> Iterator[SignedWebhook]:
    made = SignedWebhook(Secret(receiver[1]), Secret(SECRET), WALL, private=True)
    yield made
    made.close()


class TestContract(OutletContract):
    @pytest.fixture
    def outlet(self, receiver: tuple[type[Receiver], str]) -> Iterator[SignedWebhook]:
        made = SignedWebhook(Secret(receiver[1]), Secret(SECRET), WALL, private=True)
        yield made
        made.close()


def bodies(receiver: tuple[type[Receiver], str]) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver[0].taken]


def test_what_arrives_passes_our_own_check_of_such_signatures(
    receiver: tuple[type[Receiver], str], outlet: SignedWebhook
) -> None:
    outlet.post(summary(attachments=(Attachment("chart.csv", b"a,b"),)))
    [(headers, body)] = receiver[0].taken
    hook = Hook("floor", Secret(SECRET), map={"title": "data.title"})
    assert is_authentic(hook, headers, body, "", datetime.now(UTC))
    assert not is_authentic(hook, headers, body + b" ", "", datetime.now(UTC))
    data = json.loads(body)["data"]
    assert (data["title"], data["severity"]) == ("Daily performance", "info")
    assert {"name": "Trades", "value": "47"} in data["fields"]
    assert data["files"] == [{"name": "chart.csv", "content": base64.b64encode(b"a,b").decode()}]


def test_a_copy_keeps_its_id_and_another_message_has_another(
    receiver: tuple[type[Receiver], str], outlet: SignedWebhook
) -> None:
    for footer in ("bot · ref 1a2b3c", "bot · may be a repeat · ref 1a2b3c", "bot · ref 2a2b3c"):
        outlet.post(summary(footer=line(footer)))
    first, copy, other = [headers["webhook-id"] for headers, _ in receiver[0].taken]
    assert first == copy != other


def test_a_board_is_edited_by_its_id(receiver: tuple[type[Receiver], str], outlet: SignedWebhook) -> None:
    posted = outlet.post(summary())
    assert isinstance(posted, Delivered)
    outlet.edit(posted.id, summary(title=line("another")))
    first, second = bodies(receiver)
    assert (second["type"], second["data"]["id"], second["data"]["title"]) == (
        "message.edited", first["data"]["id"], "another",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Delivered), (302, Later), (400, Never), (401, Later), (410, Never), (429, Later), (500, Unclear)],
)
def test_each_answer_has_its_verdict(
    receiver: tuple[type[Receiver], str], outlet: SignedWebhook, status: int, verdict: type
) -> None:
    receiver[0].status = status
    receiver[0].more = {"Retry-After": "7"} if status == 429 else {}
    found = outlet.post(summary())
    assert isinstance(found, verdict)
    assert getattr(found, "gone", False) == (status == 410)
    assert not isinstance(found, Later) or found.after == (7 if status == 429 else 60)


def test_this_machine_is_called_only_where_that_is_allowed(receiver: tuple[type[Receiver], str]) -> None:
    for url in (receiver[1], receiver[1].replace("http:", "https:"), "https://169.254.169.254/latest"):
        outlet = SignedWebhook(Secret(url), Secret(SECRET), WALL)
        found = outlet.post(summary())
        assert isinstance(found, Later)
        assert "private: true" in found.why
        outlet.close()
    assert receiver[0].taken == []


def test_no_error_shows_the_address() -> None:
    outlet = SignedWebhook(Secret("http://127.0.0.1:1/t0ken-t0ken"), Secret(SECRET), WALL, private=True)
    found = outlet.post(summary())
    assert isinstance(found, Later)
    assert "t0ken" not in repr(found) + repr(outlet)
    outlet.close()
