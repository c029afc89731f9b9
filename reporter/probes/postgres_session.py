"""One session with a PostgreSQL server for a probe: its own connection, read-only, closed at the deadline."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from reporter.alerts.model import Level
from reporter.probes.contact import reached
from reporter.probes.probe import CouldNotLookError, ProbeResult, Way
from reporter.secret import Secret
from reporter.trading.ledger.postgres_readonly import SQLSTATES, load_psycopg, postgresql_limits, postgresql_settings

if TYPE_CHECKING:
    import psycopg

_SCHEME = re.compile(r"postgres(ql)?(\+\w+)?://")
_UNRESOLVED = re.compile(r"failed to resolve host .*\[Errno (-?\d+)\]")
# What libpq says of an address that it cannot use quotes parts of it; of a wrong one they may be of the password.
_OF_THE_ADDRESS = "connection is bad: "
_QUOTED = re.compile(r'"[^"]*"')
_MISSING = "looking at PostgreSQL needs psycopg: pip install 'reporter[postgres]'"
_UNREADABLE = "its address cannot be read: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"

# What a server or pooler says to whom it does not let in has no code that a client gets to see: these are its words.
# One whose messages are in another language is shown as it speaks.
_CRITICAL = {
    "too many clients|slots are reserved": "it has no connection left to give (max_connections)",
    "too many connections": "it has no connection left for this role or database (CONNECTION LIMIT)",
    "no more connections allowed|query_wait_timeout": "its pooler has no connection left to give",
    "starting up|not yet accepting": "it is starting up",
    "shutting down|administrator command": "it is shutting down",
    "in recovery mode": "it is recovering from a crash",
    "not accepting connections": "it does not accept connections",
    "password authentication failed": "the password is refused",
    "no password supplied": "it wants a password, and the address has none",
    r"no pg_hba\.conf entry": "its pg_hba.conf does not let this machine and role in",
    "not permitted to log in": "the role may not log in",
    'role ".*" does not exist': "there is no such role",
    'database ".*" does not exist': "there is no such database",
    "does not support SSL": "it does not speak TLS, which the address asks for",
    "certificate verify failed": "its certificate is refused",
    "invalid response|expected authentication": "answered with something that is not PostgreSQL",
    "Connection refused": "refused",
    "No such file": "nothing listens at its socket",
    "closed the connection|Connection reset": "closed the connection",
}
_SILENT = {
    "No route to host": (Level.CRITICAL, "no route to the host", Way.LOST),
    "timed out|timeout expired": (Level.CRITICAL, "the connection timed out", Way.LOST),
    "Network is unreachable": (Level.UNKNOWN, "this machine has no route to that network", Way.NO_ROUTE),
}


class SessionRefusedError(Exception):
    """The server did not do what it was asked, and the sight says why. `code` is the one that it gave, if any."""

    def __init__(self, sight: ProbeResult, code: str | None) -> None:
        super().__init__(sight.detail)
        self.sight, self.code = sight, code


class Session:
    """An open session. Whoever is cancelled while it waits for an answer hangs up, and waits for nothing."""

    def __init__(self, connection: psycopg.AsyncConnection[dict[str, Any]], url: Secret) -> None:
        self._connection = connection
        self._url = url

    @property
    def version(self) -> int:
        """The server's, as it counts: 160014 for 16.14."""
        return self._connection.info.server_version

    async def ask(self, statement: str, limit: int = 100) -> list[dict[str, Any]]:
        """At most `limit` rows, by the names of their columns. Raises SessionRefusedError."""
        asking = asyncio.ensure_future(self._rows(statement, limit))
        try:
            with _in_words(self._url):
                return await asyncio.shield(asking)
        except asyncio.CancelledError:
            # Told to stop, psycopg asks the server to stop too, and waits for that for as long as ten seconds.
            self._hang_up()
            with suppress(Exception):
                await asking
            raise

    async def _rows(self, statement: str, limit: int) -> list[dict[str, Any]]:
        # Binary results go by the protocol that takes one statement only: `commit; drop …` is refused.
        cursor = await self._connection.execute(statement.encode(), binary=True)
        return await cursor.fetchmany(limit)

    def _hang_up(self) -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


@asynccontextmanager
async def session(url: Secret, timeout: float) -> AsyncIterator[Session]:
    """A session in a read-only transaction, in which a statement may take `timeout` seconds.

    Raises SessionRefusedError for what the server does not do, and CouldNotLookError for what is our own fault.
    """
    connection = await _connected(url, timeout)
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        reached(line)
    try:
        await connection.set_read_only(True)
        opened = Session(connection, url)
        await opened.ask(postgresql_limits(timeout))
        yield opened
    finally:
        await connection.close()


async def _connected(url: Secret, timeout: float) -> psycopg.AsyncConnection[dict[str, Any]]:
    try:
        load_psycopg()
        import psycopg  # noqa: PLC0415 - an optional extra, and heavy
        from psycopg.rows import dict_row  # noqa: PLC0415
    except ImportError:
        raise CouldNotLookError(_MISSING) from None
    conninfo = _SCHEME.sub("postgresql://", url.reveal(), count=1)
    with _in_words(url):
        return await psycopg.AsyncConnection.connect(conninfo, row_factory=dict_row, **postgresql_settings(timeout))


def prepare() -> None:
    """Load psycopg. Where it is not installed, the first session says so."""
    with suppress(ImportError):
        load_psycopg()


@contextmanager
def _in_words(url: Secret) -> Iterator[None]:
    """Turn psycopg's errors into ours."""
    import psycopg  # noqa: PLC0415

    try:
        yield
    except psycopg.ProgrammingError as error:
        if error.sqlstate is None:  # not the server's: its text holds what could not be read, and with it the password
            raise CouldNotLookError(_UNREADABLE) from None
        raise SessionRefusedError(_meaning(error, url), error.sqlstate) from None
    except psycopg.DataError as error:  # without a code where it is psycopg that cannot read a value
        raise SessionRefusedError(_meaning(error, url), error.sqlstate or "22000") from None
    except psycopg.Error as error:
        if unresolved := _UNRESOLVED.search(str(error)):
            raise socket.gaierror(int(unresolved[1]), "") from None
        raise SessionRefusedError(_meaning(error, url), error.sqlstate) from None


def _meaning(error: psycopg.Error, url: Secret) -> ProbeResult:
    if said := SQLSTATES.get(error.sqlstate or ""):
        which = f" ({error.diag.message_primary})" if (error.sqlstate or "").startswith("42") else ""
        return ProbeResult(Level.CRITICAL, said + which)
    words = " ".join(str(error).split())
    for sign, (level, meaning, way) in _SILENT.items():
        if re.search(sign, words):
            return ProbeResult(level, meaning, way=way)
    words = words.rpartition("FATAL: ")[2].strip()
    if words.startswith(_OF_THE_ADDRESS):
        words = _QUOTED.sub('"***"', words)
    meanings = (meaning for sign, meaning in _CRITICAL.items() if re.search(sign, words))
    return ProbeResult(Level.CRITICAL, next(meanings, f"it says: {_without_password(words, url)[:200]}"))


def _without_password(words: str, url: Secret) -> str:
    parts = _parts(url)
    if parts is None:
        return words
    known = [parts.password or "", *(value for name, value in parse_qsl(parts.query) if "pass" in name)]
    for secret in filter(None, (spelling for one in known for spelling in (unquote(one), one))):
        words = words.replace(secret, "***")
    return words


def host_of(url: Secret) -> str | None:
    """The machine that a URL names; None for one that names a socket, or that cannot be read."""
    parts = _parts(url)
    return parts.hostname if parts else None


def _parts(url: Secret) -> SplitResult | None:
    try:
        return urlsplit(url.reveal())
    except ValueError:
        return None
