"""The control socket: what it refuses, and how a command ends with whoever gave it."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reporter.control import client
from reporter.control.request import Request
from reporter.control.server import AT_ONCE, ControlServer
from reporter.errors import ReporterError
from tests.support.processes import until

ECHO = "import sys; print(sys.argv[1:]); print('to stderr', file=sys.stderr); sys.exit(7)"
WAITS = "import pathlib, sys, time; pathlib.Path(sys.argv[-1]).write_text('began'); time.sleep(60)"


@pytest.fixture
def path() -> Iterator[Path]:
    folder = Path(f"/tmp/reporter-test-{os.getpid()}")  # an address has at most 107 bytes
    folder.mkdir()
    yield folder / "control.sock"
    folder.rmdir()


def listening(path: Path, program: str) -> ControlServer:
    server = ControlServer(path, Path("/etc/pnl"), (sys.executable, "-c", program), {"PATH": os.environ["PATH"]})
    server.start()
    return server


def asked(path: Path, *words: str, home: str = "/etc/pnl") -> tuple[int, bytes, bytes]:
    out, error = bytearray(), bytearray()
    with Path(os.devnull).open("rb") as nothing:
        code = client.forward(path, Request(home, words, "anna"), nothing.fileno(), out.extend, error.extend)
    return code, bytes(out), bytes(error)


def test_a_command_comes_back_with_its_output_and_exit_code(path: Path) -> None:
    server = listening(path, ECHO)
    assert asked(path, "runs", "--limit", "3") == (
        7,
        b"['--home', '/etc/pnl', 'runs', '--limit', '3']\n",
        b"to stderr\n",
    )
    assert path.stat().st_mode & 0o777 == 0o660
    with pytest.raises(ReporterError, match="this daemon serves the home /etc/pnl"):
        asked(path, "runs", home="/etc/other")
    server.stop()
    assert not path.exists()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 10_000, b'{"home": 1}', b"x" * 70_000, b'\xff\x00{"arguments": []}']
)
def test_what_is_no_request_is_refused_and_costs_nothing(path: Path, data: bytes) -> None:
    server, before = listening(path, ECHO), open_files()
    for files in ([], [0, 1, 2], [0] * 12):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
            raw.connect(str(path))
            socket.send_fds(raw, [data], files)
            assert b"this is no request of a command" in raw.recv(1000)
    until(lambda: open_files() <= before, lambda: "files were left open")
    server.stop()


def test_a_command_ends_when_whoever_gave_it_goes(path: Path, tmp_path: Path) -> None:
    server, place = listening(path, WAITS), tmp_path / "pid"
    with Path(os.devnull).open("r+b") as nothing, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
        raw.connect(str(path))
        request = Request("/etc/pnl", (str(place),))
        socket.send_fds(raw, [request.encode()], [nothing.fileno()] * 3)
        until(lambda: place.exists() and place.read_text() == "began", lambda: "it did not begin")
        [running] = [thread for thread in threading.enumerate() if thread.name == "command"]
    running.join(30)
    assert not running.is_alive()
    server.stop()


def test_where_nobody_reads_what_comes_back_that_is_said_and_not_blamed_on_the_daemon(path: Path) -> None:
    server = listening(path, "print('x' * 1_000_000)")

    def unread(_: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with Path(os.devnull).open("rb") as nothing, pytest.raises(BrokenPipeError):
        client.forward(path, Request("/etc/pnl", ("runs",), "anna"), nothing.fileno(), unread, unread)
    server.stop()


def test_only_so_many_commands_run_at_once(path: Path, tmp_path: Path) -> None:
    server = listening(path, WAITS)
    waiting = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(AT_ONCE)]
    with Path(os.devnull).open("r+b") as nothing:
        for number, raw in enumerate(waiting):
            raw.connect(str(path))
            words = (str(tmp_path / str(number)),)
            socket.send_fds(raw, [Request("/etc/pnl", words).encode()], [nothing.fileno()] * 3)
        until(lambda: len(list(tmp_path.iterdir())) == AT_ONCE, lambda: "they did not begin")
        with pytest.raises(ReporterError, match="4 commands run already"):
            asked(path, "runs")
    for raw in waiting:
        raw.close()
    server.stop()


def test_a_socket_that_a_killed_daemon_left_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
        left.bind(str(path))
    assert not client.is_reached(path)
    server = listening(path, ECHO)
    assert client.is_reached(path)
    server.stop()
