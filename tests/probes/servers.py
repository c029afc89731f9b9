"""Small real servers that behave well or badly. Each listens on a free port of this machine until it is closed."""

import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import trustme

Behaviour = Callable[[socket.socket], None]


def _request(connection: socket.socket) -> bytes:
    """A request with its body."""
    got = b""
    while b"\r\n\r\n" not in got and (more := connection.recv(4096)):
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]) and (more := connection.recv(4096)):
        body += more
    return head + b"\r\n\r\n" + body


def answers(status: int, *, after: float = 0.0, seen: list[bytes] | None = None) -> Behaviour:
    """Speaks HTTP: answers every request with that status, `after` so many seconds."""

    def behave(connection: socket.socket) -> None:
        request = _request(connection)
        if seen is not None:
            seen.append(request)
        time.sleep(after)
        connection.sendall(f"HTTP/1.1 {status} Some Reason\r\nContent-Length: 2\r\n\r\nok".encode())

    return behave


def says(body: str, *, status: int = 200, headers: str = "", seen: list[bytes] | None = None) -> Behaviour:
    """Speaks HTTP: answers every request with that body."""

    def behave(connection: socket.socket) -> None:
        request = _request(connection)
        if seen is not None:
            seen.append(request)
        content = body.encode()
        head = f"HTTP/1.1 {status} Some Reason\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)

    return behave


def sends(content: bytes, headers: str = "") -> Behaviour:
    """Speaks HTTP: answers every request with these bytes."""

    def behave(connection: socket.socket) -> None:
        _request(connection)
        head = f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)

    return behave


def tunnels(port: int) -> Behaviour:
    """A proxy that opens each way to this port, whatever it is asked for."""

    def behave(connection: socket.socket) -> None:
        assert _request(connection).startswith(b"CONNECT ")
        with socket.create_connection(("127.0.0.1", port)) as there:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ways = [
                threading.Thread(target=_pour, args=pair, daemon=True)
                for pair in ((connection, there), (there, connection))
            ]
            for way in ways:
                way.start()
            for way in ways:
                way.join()

    return behave


def _pour(source: socket.socket, into: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            into.sendall(data)
    with suppress(OSError):
        into.shutdown(socket.SHUT_WR)


def over_tls(behave: Behaviour, certificate: trustme.LeafCert) -> Behaviour:
    """The same behind TLS, with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            behave(secured)

    return wrapped


def echoes(connection: socket.socket) -> None:
    """Answers as Redis does to PING."""
    if connection.recv(4096) == b"PING\r\n":
        connection.sendall(b"+PONG\r\n")


def breaks_off(connection: socket.socket) -> None:
    """Promises 100 bytes, sends 5 and closes."""
    _request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")


def says_nothing_and_closes(connection: socket.socket) -> None:
    _request(connection)


def talks_nonsense(connection: socket.socket) -> None:
    _request(connection)
    connection.sendall(b"220 mail.example ESMTP\r\n")


def greets(connection: socket.socket) -> None:
    """Speaks first, as a mail server does."""
    connection.sendall(b"220 mail.example ESMTP\r\n")


def hangs(connection: socket.socket) -> None:
    """Reads what comes and never answers."""
    while connection.recv(4096):
        pass


def drips(connection: socket.socket) -> None:
    """Answers, and then sends a byte of the body now and then, for as long as anybody listens."""
    _drip(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")


def drips_its_head(connection: socket.socket) -> None:
    """Never comes to the end of its headers."""
    _drip(connection, b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n")


def _drip(connection: socket.socket, begin: bytes, drop: bytes) -> None:
    _request(connection)
    connection.sendall(begin)
    while True:
        connection.sendall(drop)
        time.sleep(0.05)


def never_ends(connection: socket.socket) -> None:
    """Sends as fast as it can, for as long as anybody takes it."""
    _request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Server6(_Server):
    address_family = socket.AF_INET6


@contextmanager
def serving(behave: Behaviour, *, over_ipv6: bool = False) -> Iterator[int]:
    """A server with that behaviour; gives its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                behave(self.request)
            except OSError:
                return  # the probe went away first

    with _Server6(("::1", 0), Handler) if over_ipv6 else _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextmanager
def nobody_listening() -> Iterator[int]:
    """A port that refuses: it is bound, so nobody else gets it, but nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def full_queue(host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a listening socket whose queue is filled up, so that the next one to knock hears nothing."""
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server((host, 0), backlog=0))
        for _ in range(4):
            knocking = opened.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]
