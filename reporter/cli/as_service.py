"""Runs a command as the user of an installed service whose daemon is down: for root, with what the unit gives it."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from reporter.app.service_files import ServiceFiles
from reporter.errors import ReporterError

_SETTING = re.compile(r"([A-Za-z]+)\s*=\s*(.*)")


def run_as_service(service: ServiceFiles, arguments: Sequence[str], source: BinaryIO | None = None) -> int:
    """The exit code of the command, which reads `source` where it is given.

    Raises ReporterError where the service has no user yet.
    """
    settings = list(_settings(service))
    user = _user(service, settings)
    if not service.state.exists():  # systemd takes it over at the first start
        service.state.mkdir(mode=0o700)
        os.chown(service.state, user.pw_uid, user.pw_gid)
    secrets = Path(tempfile.mkdtemp(prefix="reporter-credentials-", dir="/run" if Path("/run").is_dir() else None))
    try:
        _collect(settings, secrets, user)
        command = [sys.executable, "-P", "-m", "reporter", "--home", f"/etc/{service.name}", *arguments]
        environ = {"PATH": os.environ.get("PATH", os.defpath), "STATE_DIRECTORY": str(service.state.resolve())}
        environ |= {name: os.environ[name] for name in ("TERM", "LANG", "NO_COLOR", "COLUMNS") if name in os.environ}
        environ |= {"CREDENTIALS_DIRECTORY": str(secrets), **dict(_variables(settings))}
        return subprocess.run(  # noqa: S603 - our own program, and no shell
            command,
            stdin=source,
            env=environ,
            cwd="/",
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=_groups(settings),
            umask=0o077,
            check=False,
        ).returncode
    except PermissionError:
        why = f"the user {user.pw_name} of the service may not run {sys.executable}"
        raise ReporterError(f"{why}: install the program under /opt") from None
    finally:
        shutil.rmtree(secrets)


def _settings(service: ServiceFiles) -> Iterator[tuple[str, str]]:
    """The settings of the unit and its drop-ins, in order; an empty one takes back those before."""
    unit = service.unit_file()
    drop_ins = sorted(service.drop_ins.glob("*.conf")) if service.drop_ins.is_dir() else []
    for path in (*([unit] if unit else []), *drop_ins):
        text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
        for line in text.splitlines():
            if not line.lstrip().startswith(("#", ";")) and (found := _SETTING.fullmatch(line.strip())):
                yield found[1], found[2]


def _all(settings: Sequence[tuple[str, str]], name: str) -> list[str]:
    found: list[str] = []
    for key, value in settings:
        if key == name:
            found = [*found, value] if value else []
    return found


def _user(service: ServiceFiles, settings: Sequence[tuple[str, str]]) -> pwd.struct_passwd:
    """Whom the state belongs to, or whom the unit names. Raises ReporterError."""
    state = service.state.stat().st_uid if service.state.exists() else 0
    name = next(iter(_all(settings, "User")[-1:]), service.name)
    try:
        found = pwd.getpwuid(state) if state else pwd.getpwnam(name)
    except KeyError:
        if state:
            return pwd.struct_passwd((str(state), "", state, service.state.stat().st_gid, "", "/", ""))
        raise ReporterError(
            f"the service {service.name} has no user yet: `reporter service install` creates it"
        ) from None
    return found


def _groups(settings: Sequence[tuple[str, str]]) -> list[int]:
    names = [name for value in _all(settings, "SupplementaryGroups") for name in value.split()]
    try:
        return [int(name) if name.isdigit() else grp.getgrnam(name).gr_gid for name in names]
    except KeyError as error:
        raise ReporterError(f"SupplementaryGroups= of the unit: there is no group {error.args[0]}") from None


def _variables(settings: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Of Environment= and EnvironmentFile=."""
    for path in _all(settings, "EnvironmentFile"):
        file = Path(path.removeprefix("-"))
        if file.is_file() or not path.startswith("-"):
            lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
            yield from (_pair(line) for line in lines if "=" in line and not line.startswith(("#", ";")))
    for value in _all(settings, "Environment"):
        yield from (_pair(part) for part in re.findall(r'"[^"]*"|\'[^\']*\'|\S+', value) if "=" in part)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.strip("\"'").partition("=")
    return name.strip(), value.strip().strip("\"'")


def _collect(settings: Sequence[tuple[str, str]], folder: Path, user: pwd.struct_passwd) -> None:
    """Put what LoadCredential= names where the service's user can read it, and nobody else."""
    for value in _all(settings, "LoadCredential"):
        name, _, source = value.partition(":")
        place = Path(source or name)
        path = place if place.is_absolute() else Path("/etc/credstore", place)
        inside = [(f"{name}_{file.name}", file) for file in sorted(path.glob("*"))] if path.is_dir() else [(name, path)]
        for credential, file in inside:
            target = folder / Path(credential).name
            try:
                target.touch(mode=0o400)
                target.write_bytes(file.read_bytes())
            except OSError as error:
                raise ReporterError(f"LoadCredential= of the unit: {file}: {error.strerror}") from None
            os.chown(target, user.pw_uid, user.pw_gid)
    folder.chmod(0o500)
    os.chown(folder, user.pw_uid, user.pw_gid)
