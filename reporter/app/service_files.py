"""The files of an installed service: its systemd unit, its user, and where its home, state and socket are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from reporter.errors import ReporterError
from reporter.jobs.loader import stock_home

# From this version of systemd on, `systemctl reload` waits until the edited config is in force.
NOTIFY_RELOAD = 253
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """A service called `name`; `root` is where its machine's files are, `/` unless somebody builds an image."""

    name: str
    root: Path = Path("/")

    @property
    def home(self) -> Path:
        return self.root / "etc" / self.name

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system" / f"{self.name}.service"

    @property
    def drop_ins(self) -> Path:
        return self.unit.with_name(f"{self.name}.service.d")

    @property
    def sysusers(self) -> Path:
        """The file by which systemd-sysusers makes the service's user and group."""
        return self.root / "etc/sysusers.d" / f"{self.name}.conf"

    @property
    def state(self) -> Path:
        return self.root / "var/lib" / self.name

    @property
    def socket(self) -> Path:
        """Where a command reaches the daemon."""
        return self.root / "run" / self.name / "control.sock"

    def unit_file(self) -> Path | None:
        """The unit that is installed, by us or by a package; None if there is none."""
        folders = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
        found = (self.root / folder / f"{self.name}.service" for folder in folders)
        return next((path for path in found if path.is_file()), None)

    def user_entry(self) -> str:
        return f'# The user and group of {self.name}.service.\nu {self.name} - "reporter daemon" - -\n'

    def unit_text(self, program: str, version: int) -> str:
        """The shipped unit for this name and program, and for systemd of this version."""
        text = shipped_unit().read_text(encoding="utf-8")
        text = text.replace("/opt/reporter/bin/reporter", program).replace("/etc/reporter", f"/etc/{self.name}")
        for setting in ("User", "StateDirectory", "ConfigurationDirectory", "RuntimeDirectory"):
            text = text.replace(f"\n{setting}=reporter\n", f"\n{setting}={self.name}\n")
        if version >= NOTIFY_RELOAD:
            text = re.sub(r"^# The shell's own kill.*\n^ExecReload=.*\n", "", text, flags=re.MULTILINE)
            text = text.replace("\nType=notify\n", "\nType=notify-reload\n")
        return text


def service_of(home: Path, root: Path = Path("/")) -> ServiceFiles:
    """The service whose home this is. Raises ReporterError for a home that no service can have."""
    if home.parent != Path("/etc") or not _NAME.fullmatch(home.name):
        raise ReporterError(f"a service has its home in /etc, such as /etc/reporter, and not in {home}")
    return ServiceFiles(home.name, root)


def shipped_unit() -> Path:
    return stock_home() / "systemd" / "reporter.service"


def program() -> str:
    """The command by which this very program is started."""
    script = Path(sys.prefix, "bin", "reporter")
    return str(script) if script.exists() else f"{sys.executable} -m reporter"


def has_systemd() -> bool:
    """Whether this machine runs systemd, as sd_booted(3) tells it."""
    return Path("/run/systemd/system").is_dir()


def systemd_version() -> int:
    """The major version of systemd on this machine; 0 without one."""
    if (systemctl := shutil.which("systemctl")) is None:
        return 0
    command = [systemctl, "--version"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    found = re.match(r"systemd (\d+)", said.stdout)
    return int(found[1]) if found else 0


def closed_folder() -> Path | None:
    """The first folder on the way to this program that other users, such as that of a service, may not enter."""
    programs = (Path(program().split()[0]), Path(sys.executable).resolve())
    folders = (folder for path in programs for folder in reversed(path.parents))
    return next((folder for folder in folders if not folder.stat().st_mode & 0o001), None)
