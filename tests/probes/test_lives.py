"""A server through its life: healthy, stopped, continuing, slow, killed, and back."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from reporter.alerts.model import Level
from tests.probes.conftest import Rounds
from tests.probes.databases import configured

SERVER = """
import http.server, sys
class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"fine")
    def log_message(self, *said): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def server(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_server_is_seen_through_its_life(rounds: Rounds) -> None:
    def details() -> list[str]:
        return [one.observation.detail for one in probes.probe_all()]

    with server() as (process, port):
        web = configured("web", url=f"http://127.0.0.1:{port}/", timeout="3s")
        probes = rounds([web, configured("port", address=f"127.0.0.1:{port}", timeout="3s")])
        assert details() == ["online", "online"]
        process.send_signal(signal.SIGSTOP)
        assert details() == ["no answer within 3s", "online"]  # the system accepts for a process that stands still
        process.send_signal(signal.SIGCONT)
        assert details() == ["online", "online"]
        process.kill()
        process.wait()
        assert details() == ["refused", "refused"]
    with server(port):
        assert details() == ["online", "online"]


def test_a_port_that_stops_in_the_midst_of_tls_gives_no_answer(rounds: Rounds) -> None:
    with server() as (process, port):
        process.send_signal(signal.SIGSTOP)
        probe = configured("tls", kind="tls", address=f"127.0.0.1:{port}", timeout="300ms")
        seen = rounds([probe]).probe_all()[0].observation
    assert (seen.level, seen.detail) == (Level.CRITICAL, "no answer within 300ms")
