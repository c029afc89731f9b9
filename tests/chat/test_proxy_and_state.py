"""Both doors behind a proxy of their own, and what `reporter chat` says of them from another process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.chat.discord.door import DiscordDoor
from reporter.chat.discord.identifies import MOST
from reporter.chat.telegram.door import TelegramDoor
from reporter.cli import main
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord
from tests.support.processes import until
from tests.support.telegram import LocalTelegram, Refused

CONFIG = """\
version: 1
store: state/reporter.sqlite
discord: {{base_url: "{discord}"}}
telegram: {{base_url: "{telegram}"}}
channels: {{screen: {{kind: console}}}}
jobs: {{}}
chat:
  telegram: {{token: env:TELEGRAM, proxy: "{proxy}"}}
  discord: {{token: env:DISCORD, guild: {guild}, channels: {desk}, proxy: "{proxy}"}}
  roles: {{owner: ["discord:{owner}", "telegram:11"]}}
"""


class Proxy:
    """An HTTP proxy: it passes connections on, and opens tunnels. `asked` has the first request of each."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(65536)):
                return
            head += data
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.asked.append(f"{method} {target}")
        place = urlsplit(target if method != "CONNECT" else f"//{target}").netloc
        host, port = place.split(":")
        try:
            server = socket.create_connection((host, int(port)))
        except OSError:
            client.close()
            return
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            path = target.partition(place)[2]
            server.sendall(head.replace(target.encode(), path.encode(), 1))
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        client.close()
        server.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


def test_both_doors_go_through_their_proxy_and_another_process_says_how_they_stand(
    tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = HandClock()
    with LocalDiscord(limits=False, now=clock.wall) as discord, LocalTelegram(limits=False, now=clock.wall) as telegram:
        monkeypatch.setenv("DISCORD", discord.chat.bot())
        monkeypatch.setenv("TELEGRAM", telegram.token())
        owner = discord.chat.member("owner")
        telegram.chat("owner", "private")
        config = CONFIG.format(
            discord=discord.base_url,
            telegram=telegram.base_url,
            proxy=proxy.url,
            guild=discord.guild.id,
            owner=owner.id,
            desk=discord.channel_id("desk"),
        )
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "reporter.yaml").write_text(config)
        app = App(FolderHome(tmp_path, clock=clock), clock=clock, hold=True)
        chat = app.runtime.chat
        assert chat is not None
        assert chat.telegram is not None
        assert chat.discord is not None
        doors = (
            TelegramDoor(app, chat, chat.telegram, lambda _: None, poll=0.2),
            DiscordDoor(app, chat.discord, lambda _: None, pauses=(0.05,)),
        )
        for door in doors:
            door.start()
        discord.chat.until_connected()
        discord.chat.answers(discord.chat.slash("desk", owner, "help"))
        telegram.say("owner", 11, "/help")
        assert "Commands" in telegram.wait_for("owner")[0].text
        first = {line.rpartition("/")[2] for line in proxy.asked}  # of each connection, which then is kept
        assert {"getMe", "sendMessage", "@original"} <= first
        assert any(line.startswith("GET ws://") for line in proxy.asked)

        def said() -> str:
            assert main(["--home", str(tmp_path), "chat"]) == 0
            return capsys.readouterr().out

        until(lambda: said().count(": connected as ") == 2, said)
        assert "last trouble" not in said()
        told = said()
        assert "telegram: connected as @reporter_bot since 2026-10-31 12:00:00 UTC" in told
        assert f"of {MOST} connections are left within 24 h" in told
        assert told.count("commands are shown") == 2
        with telegram.broken(Refused(502, "Bad Gateway")):
            until(lambda: "telegram: not connected since" in said(), said)
        until(lambda: "last trouble: 2026-10-31 12:00:00 UTC" in said() and said().count(": connected") == 2, said)
        for door in doors:
            door.stop()
        app.close()
    assert "nobody is answered, for no daemon runs" in said()
