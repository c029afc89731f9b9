"""A server through its life: well, stopped in the midst, going on, slow, killed, and there again."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import SystemClock
from reporter.probes.kinds.http import HttpProbe
from reporter.probes.kinds.tcp import TcpProbe
from reporter.probes.kinds.tls import TlsProbe
from reporter.probes.probe import Terms
from reporter.secret import Secret
from tests.probes.conftest import Rounds

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
        web = HttpProbe(Terms("web", timeout=0.4), SystemClock(), Secret(f"http://127.0.0.1:{port}/"))
        probes = rounds([web, TcpProbe(Terms("port", timeout=0.4), "127.0.0.1", port)])
        assert details() == ["online", "online"]
        process.send_signal(signal.SIGSTOP)
        assert details() == ["no answer within 400ms", "online"]  # the system accepts for a process that stands still
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
        probe = TlsProbe(Terms("tls", timeout=0.3), SystemClock(), "127.0.0.1", port, Threshold())
        seen = rounds([probe]).probe_all()[0].observation
    assert (seen.level, seen.detail) == (Level.CRITICAL, "no answer within 300ms")
