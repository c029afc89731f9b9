"""The heartbeat, over real HTTP to a service that records the pings."""

from __future__ import annotations

import socket
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import pytest

from reporter.delivery import heartbeat
from reporter.delivery.heartbeat import Heartbeat
from reporter.scheduler.liveness import standing_still
from reporter.secret import Secret
from tests.support.clocks import HandClock
from tests.support.processes import daemon, until
from tests.support.stage import Stage


class Service(ThreadingHTTPServer):
    """Answers as healthchecks.io does; `heard` are method, path and body of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[tuple[str, str, str]] = []
        self.logins: list[str | None] = []
        self.status, self.body = 200, b"OK"
        self.waiting = threading.Event()
        self.waiting.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/7d1f0b1c"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.waiting.wait(20)
        self.server.heard.append((self.command, self.path, body))
        self.server.logins.append(self.headers["Authorization"])
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def beat(pulse: Heartbeat, trouble: str | None = None) -> None:
    """Beat, and wait until what came of it is known."""
    pulse.beat(trouble)
    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            thread.join(20)


def pulse_to(url: str, clock: HandClock, fail: str | None = "/fail") -> Heartbeat:
    return Heartbeat(Secret(url), 60, fail, clock)


def test_it_beats_at_most_once_in_its_time(service: Service) -> None:
    clock = HandClock()
    pulse = pulse_to(service.url, clock)
    for _ in range(6):
        beat(pulse)
        clock.forward(seconds=30)
    assert service.heard == [("GET", "/7d1f0b1c", "")] * 3


def test_trouble_and_its_end_are_told_at_once_and_with_the_reason(service: Service) -> None:
    clock = HandClock()
    pulse = pulse_to(service.url, clock)
    for trouble in (None, "the store cannot be written", "the store cannot be written", None):
        beat(pulse, trouble)
        clock.forward(seconds=1)
    assert [(path, body) for _, path, body in service.heard] == [
        ("/7d1f0b1c", ""),
        ("/7d1f0b1c/fail", "the store cannot be written"),
        ("/7d1f0b1c", ""),
    ]


@pytest.mark.parametrize(
    ("behind", "fail", "path"),
    [
        ("", "/fail", "/7d1f0b1c/fail"),
        ("/", "/fail", "/7d1f0b1c/fail"),
        ("?rid=1", "/fail", "/7d1f0b1c/fail?rid=1"),
        ("", "?state=fail", "/7d1f0b1c?state=fail"),
        ("?a=b", "?state=fail", "/7d1f0b1c?a=b&state=fail"),
    ],
)
def test_trouble_is_told_at_an_address_of_its_own(service: Service, behind: str, fail: str, path: str) -> None:
    beat(pulse_to(service.url + behind, HandClock(), fail), "x")
    assert [heard[1] for heard in service.heard] == [path]


def test_without_a_place_for_trouble_it_is_silent_about_it(service: Service) -> None:
    beat(pulse_to(service.url, HandClock(), None), "x")
    assert service.heard == []


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"not found", "HTTP 404"),
        (500, b"", "HTTP 500"),
        (200, b"OK (not found)", "the service answers OK (not found)"),
        (200, b"OK (rate limited)", "the service answers OK (rate limited)"),
        (200, b"x" * 10_000, None),
    ],
)
def test_what_the_service_makes_of_it_is_known(service: Service, status: int, body: bytes, why: str | None) -> None:
    service.status, service.body = status, body
    pulse = pulse_to(service.url, HandClock())
    beat(pulse)
    assert pulse.trouble == why


def test_after_a_failure_it_tries_sooner_then_ever_more_patiently(service: Service) -> None:
    clock, tries = HandClock(), []
    service.status = 503
    pulse = pulse_to(service.url, clock)
    for second in range(160):
        before = len(service.heard)
        beat(pulse)
        tries += [second] * (len(service.heard) - before)
        clock.forward(seconds=1)
    assert tries == [0, 10, 30, 70, 130]


def test_a_service_that_does_not_answer_holds_nobody_up(service: Service) -> None:
    service.waiting.clear()
    clock = HandClock()
    pulse = pulse_to(service.url, clock)
    for _ in range(5):
        pulse.beat(None)
        clock.forward(minutes=5)
    assert [thread.name for thread in threading.enumerate()].count("heartbeat") == 1
    service.waiting.set()
    beat(pulse)
    assert len(service.heard) <= 2


def test_a_failure_never_shows_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with closing(create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    pulse = pulse_to(f"http://127.0.0.1:{port}/secret-check", HandClock())
    with caplog.at_level("DEBUG"):
        beat(pulse)
    assert pulse.trouble == "connection refused"
    assert "secret-check" not in caplog.text + repr(pulse) + str(pulse.trouble)


def test_a_proxy_of_the_environment_is_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", service.url.rpartition("/")[0])
    beat(pulse_to("http://hc.invalid/7d1f0b1c", HandClock()))
    assert service.heard == [("GET", "http://hc.invalid/7d1f0b1c", "")]


def test_a_planner_that_stands_still_is_noticed() -> None:
    assert standing_still({"the planner": 320, "delivery": 12}, 10) is None
    assert standing_still({"the planner": 20, "delivery": 333}, 10) == "delivery has stood still for 5m 33s"


LOOKS = '''\
from reporter import Context, Observation, Level, job

@job(covers="now", schedule="every 1s")
def watch(ctx: Context):
    """Looks at the present."""
    yield Observation("self/store", Level.CRITICAL if PLACE.exists() else Level.OK, "the store is slow")
'''


def test_the_daemon_beats_at_each_round_and_tells_that_it_is_unwell(stage: Stage, service: Service) -> None:
    unwell = stage.folder / "unwell"
    stage.write("jobs/watch.py", f"from pathlib import Path\nPLACE = Path({str(unwell)!r})\n{LOOKS}")
    stage.on_screen("  watch:").write(
        "config/reporter.yaml",
        (stage.folder / "config/reporter.yaml").read_text() + "heartbeat: {url: env:CHECK, every: 1s}\n",
    )
    environ = {**stage.environ, "CHECK": service.url}
    with daemon(stage.folder, datetime(2026, 10, 30, 12, tzinfo=UTC), environ) as running:
        until(lambda: ("GET", "/7d1f0b1c", "") in service.heard, lambda: running.log)
        unwell.touch()
        until(lambda: ("POST", "/7d1f0b1c/fail", "the store is slow") in service.heard, lambda: running.log)
        assert service.url not in running.log
    assert service.heard[0] == ("GET", "/7d1f0b1c", "")


def test_a_heartbeat_that_does_not_arrive_is_a_warning(stage: Stage, service: Service) -> None:
    stage.write("jobs/watch.py", f"from pathlib import Path\nPLACE = Path('/nowhere')\n{LOOKS}")
    stage.on_screen("  watch:").write(
        "config/reporter.yaml",
        (stage.folder / "config/reporter.yaml").read_text() + "heartbeat: {url: env:CHECK, every: 1s}\n",
    )
    service.status = 404
    environ = {**stage.environ, "CHECK": service.url}
    with daemon(stage.folder, datetime(2026, 10, 30, 12, tzinfo=UTC), environ) as running:
        running.says("self/heartbeat opened: does not arrive: HTTP 404")
        assert service.url not in running.log


def test_a_password_in_the_address_is_sent_as_such_and_is_no_part_of_a_name(service: Service) -> None:
    pulse = pulse_to(service.url.replace("://", "://bot:hunter%2F2@"), HandClock())
    beat(pulse)
    beat(pulse, "the store is full")
    assert pulse.trouble is None
    assert service.heard[0] == ("GET", "/7d1f0b1c", "")
    assert [b64decode((login or "").removeprefix("Basic ")) for login in service.logins] == [b"bot:hunter/2"] * 2


def test_what_the_service_answers_is_one_line_that_steers_nothing(service: Service) -> None:
    service.body = b"OK (\x1b[2J\nall is well)"
    pulse = pulse_to(service.url, HandClock())
    beat(pulse)
    assert pulse.trouble == "the service answers OK (␛[2J⏎all is well)"


@contextmanager
def server_that(answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it likes with each connection, once it has read a request."""
    with create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        answers(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/check"
        server.shutdown(socket.SHUT_RDWR)


def test_an_answer_that_drips_holds_a_beat_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    monkeypatch.setattr(heartbeat, "DEADLINE", 0.3)
    with server_that(drip) as url:
        pulse, began = pulse_to(url, HandClock()), time.monotonic()
        beat(pulse)
    assert str(pulse.trouble).startswith("no answer within")
    assert time.monotonic() - began < 8


def test_a_redirect_is_followed_and_another_server_gets_no_password(service: Service) -> None:
    def redirect(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {service.url}\r\nContent-Length: 0\r\n\r\n".encode())

    with server_that(redirect) as url:
        pulse = pulse_to(url.replace("://", "://bot:hunter2@"), HandClock())
        beat(pulse)
    assert pulse.trouble is None
    assert (service.heard, service.logins) == ([("GET", "/7d1f0b1c", "")], [None])


@pytest.mark.parametrize("place", ["https://127.0.0.1:1/", "file:///etc/passwd", "ftp://127.0.0.1/", ""])
def test_a_redirect_to_another_scheme_is_refused_with_what_to_do(place: str) -> None:
    def redirect(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 301 Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())

    with server_that(redirect) as url:
        pulse = pulse_to(url, HandClock())
        beat(pulse)
    assert pulse.trouble == "HTTP 301: it redirects elsewhere, which is not followed: give the new address"


def test_redirects_in_a_circle_have_an_end() -> None:
    asked = []

    def redirect(connection: socket.socket) -> None:
        asked.append(connection)
        place = f"/{len(asked)}"
        connection.sendall(f"HTTP/1.1 307 Elsewhere\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())

    with server_that(redirect) as url:
        pulse = pulse_to(url, HandClock())
        beat(pulse)
    assert len(asked) == 6
    assert str(pulse.trouble).startswith("HTTP 307")


def test_a_proxy_of_the_config_is_used_and_not_that_of_the_environment(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    proxy = Secret(service.url.rpartition("/")[0].replace("://", "://me:pass@"), "env:PROXY")
    pulse = Heartbeat(Secret("http://hc.invalid/7d1f0b1c"), 60, "/fail", HandClock(), proxy=proxy)
    beat(pulse)
    assert service.heard == [("GET", "http://hc.invalid/7d1f0b1c", "")]


def test_a_file_of_certificates_that_is_not_there_is_named(tmp_path: Path) -> None:
    pulse = Heartbeat(Secret("https://127.0.0.1:1/"), 60, "/fail", HandClock(), ca_file=tmp_path / "ca.pem")
    beat(pulse)
    assert (
        pulse.trouble == f"the trusted certificates in {tmp_path / 'ca.pem'} cannot be read: No such file or directory"
    )
