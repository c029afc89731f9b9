"""`reporter run --mock` as a process: every token is there and no service is called; the terminal takes questions."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from reporter.client import create_client
from tests.support.paths import ROOT
from tests.support.processes import free_port, until

CONFIG = """\
version: 1
telegram: {{base_url: "{elsewhere}"}}
discord: {{base_url: "{elsewhere}"}}
channels:
  floor: {{webhook: env:HOOK}}
  phones: {{kind: telegram, token: env:TELEGRAM, chat: -1001234567890}}
jobs: {{market_update: {{schedule: every 1s, channel: floor}}, plans_morning: {{channel: [floor, phones]}}}}
markets: {{far: {{url: "{elsewhere}/price"}}}}
chat:
  telegram: {{token: env:TELEGRAM}}
  discord: {{token: env:DISCORD, guild: 123456789012345678, channels: 123456789012345679}}
  roles: {{owner: "discord:1"}}
plans: {{authors: {{d: {{name: Daria}}}}, listen: "127.0.0.1:{port}"}}
actions: {{pause: {{run: [touch, acted], names: [momentum]}}}}
"""
TOKENS = {
    "TELEGRAM": "123456789:" + "aB3dE" * 7,
    "DISCORD": "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe." + "aB3" * 12,
}


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.setblocking(False)
        yield taken


class Terminal:
    """A mock run: what is typed, and what is shown."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        command = [sys.executable, "-W", "error", "-m", "reporter", "--home", str(folder), "run", "--mock"]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def shown(self) -> str:
        return "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(self.process.stdout)

    def ask(self, question: str, answer: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        until(lambda: answer in self.shown, lambda: f"no {answer!r} in:\n{self.shown}")


@contextmanager
def terminal(folder: Path, elsewhere: socket.socket, port: int) -> Iterator[Terminal]:
    (folder / "config").mkdir()
    address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
    (folder / "config" / "reporter.yaml").write_text(CONFIG.format(elsewhere=address, port=port))
    hook = f"{address}/api/webhooks/123456789012345678/" + "aB3" * 22
    made = Terminal(folder, TOKENS | {"HOOK": hook})
    with made.process:
        try:
            yield made
        finally:
            made.process.kill()
            made.reader.join(60)


def test_a_mock_run_calls_nobody_and_answers_in_the_terminal(tmp_path: Path, elsewhere: socket.socket) -> None:
    port = free_port()
    with terminal(tmp_path, elsewhere, port) as mock:
        mock.ask("plan d long BTC", "The plan of Daria for ")
        mock.ask("statsu", "did you mean `stats`?")
        mock.ask("pause agent momentum", "the config has no action for pause")
        mock.ask("send plans_morning", "#phones")
        found = create_client(f"http://127.0.0.1:{port}").fetch_coach_plan("d")
        assert found
        assert found["plan"] == "long BTC"
        assert mock.process.stdin
        mock.process.stdin.close()  # nobody types any more, and the daemon goes on
        mock.process.send_signal(signal.SIGTERM)
        assert mock.process.wait(60) == 0
        mock.reader.join(60)
        assert "Traceback" not in mock.shown
    with pytest.raises(BlockingIOError):
        elsewhere.accept()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["config"]
