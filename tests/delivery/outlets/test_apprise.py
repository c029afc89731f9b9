"""The Apprise outlet against local services that the library itself talks to: a JSON receiver and a mail server."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reporter.delivery.outlets.apprise_services import AppriseOutlet
from reporter.delivery.outlets.outlet import Delivered, Unclear
from reporter.errors import ReporterError
from reporter.messages.message import Attachment, Message, Severity, plain_blocks
from reporter.secret import Secret
from tests.delivery.outlets.kit import OutletContract
from tests.delivery.outlets.messages import HOSTILE, line, prose, summary
from tests.support.mail import LocalMail
from tests.support.telegram.pictures import png

CHART = Attachment("chart.png", png(), shown=True)


class Receiver(BaseHTTPRequestHandler):
    """Takes what the JSON plugin posts."""

    taken: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.status == 200:
            self.taken.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """A server of tests does not talk."""


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], str]]:
    own = type("Own", (Receiver,), {"taken": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield own, f"json://127.0.0.1:{server.server_address[1]}/hook/t0ken-t0ken-t0ken"
        server.shutdown()


@pytest.fixture
def outlet(receiver: tuple[type[Receiver], str]) -> AppriseOutlet:
    return AppriseOutlet(Secret(receiver[1]))


class TestContract(OutletContract):
    @pytest.fixture
    def outlet(self, receiver: tuple[type[Receiver], str]) -> AppriseOutlet:
        return AppriseOutlet(Secret(receiver[1]))


def test_text_and_picture_arrive(receiver: tuple[type[Receiver], str], outlet: AppriseOutlet) -> None:
    outlet.post(summary(attachments=(CHART,), severity=Severity.CRITICAL))
    [taken] = receiver[0].taken
    assert (taken["title"], taken["type"]) == ("Daily performance", "failure")
    assert taken["message"].split("\n")[0] == "Win rate 55.3 % (26W/21L)"
    assert "Trades: 47" in taken["message"]
    [file] = taken["attachments"]
    assert base64.b64decode(file["base64"]) == CHART.content


def test_a_name_is_text_and_no_address_in_it_is_opened(
    receiver: tuple[type[Receiver], str], outlet: AppriseOutlet
) -> None:
    outlet.post(summary(body=(prose(HOSTILE, "file:///etc/passwd", "{{ config }}", r"\n"),)))
    [taken] = receiver[0].taken
    assert all(text in taken["message"] for text in (HOSTILE.split("\n")[1], "file:///etc/passwd", "{{ config }}"))
    assert taken["attachments"] == []


def test_no_means_unclear(receiver: tuple[type[Receiver], str], outlet: AppriseOutlet) -> None:
    receiver[0].status = 500
    found = outlet.post(summary())
    receiver[0].status = 200
    assert isinstance(found, Unclear)
    assert "500" in found.why
    assert "t0ken" not in found.why
    assert isinstance(outlet.post(summary()), Delivered)


def test_a_board_is_sent_once_and_its_edits_are_no_flood(
    receiver: tuple[type[Receiver], str], outlet: AppriseOutlet
) -> None:
    posted = outlet.post(summary())
    assert isinstance(posted, Delivered)
    assert [outlet.edit(posted.id, summary(title=line(str(turn)))) for turn in range(3)] == [Delivered(posted.id)] * 3
    assert len(receiver[0].taken) == 1


def test_what_is_longer_than_a_service_takes_becomes_several(
    receiver: tuple[type[Receiver], str], outlet: AppriseOutlet
) -> None:
    parts = outlet.fit(summary(body=(prose("word " * 8000),)))
    assert len(parts) == 2
    assert sum(text.count("word") for part in parts for text in plain_blocks(part.body)) == 8000


def test_mail_looks_like_the_report_and_carries_its_picture() -> None:
    with LocalMail() as mail:
        outlet = AppriseOutlet(Secret(mail.url))
        [part] = outlet.fit(summary(attachments=(CHART,)))
        assert isinstance(outlet.post(part), Delivered)
        [message] = mail.messages
    assert message["Subject"] == "Daily performance"
    page = message.get_body(("html",))
    assert page is not None
    assert "Momentum_BTC_v1" in page.get_content()
    assert [file.get_filename() for file in message.iter_attachments()] == ["chart.png"]


def test_mail_that_is_refused_is_tried_again() -> None:
    with LocalMail() as mail:
        outlet = AppriseOutlet(Secret(mail.url))
        mail.refusing = True
        assert isinstance(outlet.post(summary()), Unclear)
        mail.refusing = False
        assert isinstance(outlet.post(summary()), Delivered)


def test_a_service_without_files_says_what_it_left_out() -> None:
    outlet = AppriseOutlet(Secret("bark://127.0.0.1:9/key"))
    [part] = outlet.fit(replace(Message(title=line("t")), attachments=(CHART,)))
    assert part.attachments == ()
    assert "chart.png is not sent" in str(outlet.payload(part)["body"])


def test_a_url_without_a_service_is_refused_and_not_shown(tmp_path: Path) -> None:
    secret, log = "s3cr3t-s3cr3t-s3cr3t", logging.FileHandler(tmp_path / "log")
    logging.getLogger().addHandler(log)  # as a program's own; pytest listens to each logger by itself
    with pytest.raises(ReporterError, match="URL of `slack`") as refusal:
        AppriseOutlet(Secret(f"slack://{secret}"))
    logging.getLogger().removeHandler(log)
    log.close()
    assert secret not in str(refusal.value) + (tmp_path / "log").read_text()
