"""Channels of a config as they are opened: the way that they take to their service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from reporter.delivery.outlets.outlet import Unclear
from tests.delivery.test_heartbeat import beat
from tests.support.stage import DAILY, Stage

CHANNELS = {
    "discord": "{webhook: env:HOOK, proxy: PROXY}",
    "telegram": "{kind: telegram, token: env:TOKEN, chat: 5, proxy: PROXY}",
}
SERVICES = "discord: {base_url: 'http://service.invalid'}\ntelegram: {base_url: 'http://service.invalid'}\n"


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy that notes what it is asked for, and has nothing of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def opened(stage: Stage, channel: str, more: str = "") -> Stage:
    stage.environ |= {"HOOK": "http://service.invalid/api/webhooks/12345/hook", "TOKEN": f"1000:{'a' * 35}"}
    config = stage.report("daily", DAILY).on_screen("  daily:").folder / "config/reporter.yaml"
    text = config.read_text().replace("screen: {kind: console}", f"one: {channel}")
    config.write_text(text + SERVICES + more)
    return stage


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_channel_goes_through_the_proxy_that_the_config_names(
    stage: Stage, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with proxy() as (address, asked):
        channel = opened(stage, CHANNELS[kind].replace("PROXY", address)).app.runtime.channels["one"]
        assert isinstance(channel.outlet.look(), Unclear)
    assert asked[0].startswith("http://service.invalid/")


def test_certificates_that_are_not_there_are_named(stage: Stage) -> None:
    stage = opened(stage, "{webhook: env:HOOK, ca_file: our-ca.pem, proxy: 'http://127.0.0.1:1'}")
    with pytest.raises(Exception, match=r"channels\.one: the trusted certificates in .*our-ca\.pem cannot be read"):
        stage.app  # noqa: B018


def test_the_heartbeat_goes_through_its_proxy(stage: Stage) -> None:
    with proxy() as (address, asked):
        entry = f"heartbeat: {{url: 'http://check.invalid/1', proxy: '{address}'}}\n"
        opened(stage, "{kind: console}", entry)
        pulse = stage.app.runtime.heartbeat
        assert pulse is not None
        beat(pulse)
    assert asked == ["http://check.invalid/1"]
