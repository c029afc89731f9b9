"""A local mail server: it takes what is sent to it and keeps it, in the clear and without asking who it is."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self, cast


class LocalMail:
    """`messages` are those that it took. `refusing` makes it refuse what comes."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refusing = False
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.mail = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        """As Apprise writes it."""
        port = self._server.server_address[1]
        return f"mailto://127.0.0.1:{port}?from=floor@example.org&to=me@example.org&mode=insecure&name=Floor"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    mail: LocalMail


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        mail = cast("_Server", self.server).mail
        self._say("220 local")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self._say("354 go on")
                mail.messages.append(self._read())
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif verb == "MAIL" and mail.refusing:
                self._say("550 not from you")
            else:
                self._say("250 local" if verb in {"EHLO", "HELO", "MAIL", "RCPT", "RSET"} else "502 unknown")

    def _read(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return message_from_bytes(b"".join(lines), policy=policy.default)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
