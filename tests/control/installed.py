"""A service as it is installed, without systemd: its home in /etc, its user, and the variables that the unit sets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reporter.app.service_files import ServiceFiles
from tests.support.paths import ROOT
from tests.support.processes import until

# Users that no machine has: the service's, one in its group, and a stranger.
SERVICE, MEMBER, STRANGER = 61801, 61802, 61803
UNIT = """\
[Service]
ExecStart=/opt/reporter/bin/reporter --home /etc/{name} run
User={service}
# LoadCredential=other:/nowhere
LoadCredential=hook:{secrets}/hook
"""


@dataclass(frozen=True)
class Installed:
    """The service and its places; `secrets` is a folder that only root can read."""

    files: ServiceFiles
    secrets: Path
    python: Path

    def variables(self) -> dict[str, str]:
        """What the unit gives to the daemon."""
        return {
            "PATH": os.environ["PATH"],
            "STATE_DIRECTORY": str(self.files.state),
            "RUNTIME_DIRECTORY": str(self.files.socket.parent),
            "CREDENTIALS_DIRECTORY": f"{self.files.socket.parent}-credentials",
        }

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[str]]:
        """The daemon as the service's user, until the end of the block."""
        log = self.files.socket.parent / "log"
        command = [str(self.python), "-P", "-m", "reporter", "--home", str(self.files.home), "run"]
        with log.open("w") as stream:
            running = subprocess.Popen(
                command,
                env=self.variables(),
                stderr=stream,
                text=True,
                cwd="/",
                umask=0o077,
                user=SERVICE,
                group=SERVICE,
                extra_groups=[],
            )
        try:
            until(lambda: self.files.socket.exists() or running.poll() is not None, log.read_text)
            assert running.poll() is None, log.read_text()
            yield running
        finally:
            running.terminate()
            running.wait(120)

    def reporter(self, *words: str, uid: int = 0, given: str = "") -> subprocess.CompletedProcess[str]:
        """A command as this user gives it in a shell: no variable set by hand."""
        command = [str(self.python), "-P", "-m", "reporter", "--home", str(self.files.home), *words]
        environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        return subprocess.run(
            command,
            env=environ,
            cwd="/",
            input=given,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            user=uid,
            group=SERVICE if uid == MEMBER else uid,
            extra_groups=[],
        )

    def owners(self) -> set[int]:
        """Whose the files of the state are."""
        return {path.stat().st_uid for path in (self.files.state, *self.files.state.rglob("*"))}


def interpreter() -> str | None:
    """A Python of our version that every user may run, as one under /root is not."""
    found = (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve())
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    reachable = [path for path in found if path.name == f"python{ours}" and _open_to_all(path)]
    needed = (ROOT, Path(sysconfig.get_path("purelib")))
    return str(reachable[0]) if reachable and all(map(_open_to_all, needed)) else None


def _open_to_all(path: Path) -> bool:
    return path.exists() and all(part.stat().st_mode & 0o001 for part in path.parents)


@contextmanager
def installed(python: str, config: str, hook: str) -> Iterator[Installed]:
    """Puts a service in place under a name of its own, and takes everything away again."""
    name = f"reporter-test-{os.getpid()}"
    files = ServiceFiles(name)
    secrets = Path("/run", f"{name}-credstore")
    credentials, program = Path(f"/run/{name}-credentials"), Path("/opt", name)
    places = {
        files.home: (0, 0o755),
        files.state: (SERVICE, 0o700),
        files.socket.parent: (SERVICE, 0o750),
        secrets: (0, 0o700),
        credentials: (SERVICE, 0o700),
        program: (0, 0o755),
    }
    try:
        for place, (uid, mode) in places.items():
            place.mkdir(parents=True)
            os.chown(place, uid, uid)
            place.chmod(mode)
        subprocess.run([python, "-m", "venv", "--without-pip", program], check=True)
        packages = next(program.glob("lib/python*/site-packages"))
        (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
        (files.home / "config").mkdir()
        (files.home / "config/reporter.yaml").write_text(config)
        for place, uid in ((secrets, 0), (credentials, SERVICE)):
            (place / "hook").write_text(hook)
            (place / "hook").chmod(0o400)
            os.chown(place / "hook", uid, uid)
        files.unit.parent.mkdir(parents=True, exist_ok=True)
        files.unit.write_text(UNIT.format(name=name, service=SERVICE, secrets=secrets))
        yield Installed(files, secrets, program / "bin/python")
    finally:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
        files.unit.unlink(missing_ok=True)
