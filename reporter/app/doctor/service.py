"""The daemons of a home: how many run, and whether the service's unit, user, secrets and program are in place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from reporter.app.doctor.diagnosis import Diagnosis
from reporter.app.home import CONFIG, ETC
from reporter.app.service_files import ServiceFiles, closed_folder, has_systemd, program, service_of, systemd_version
from reporter.errors import ReporterError

_INSTALL = "as root: `reporter service install`"


def daemons(home: Path, *, shared: bool = False) -> Iterator[Diagnosis]:
    """The processes that run this home; two of them send everything twice unless they share a store, which `shared`
    says of this home's."""
    found = [str(number) for number in _running(home.resolve())]
    if len(found) > 1 and shared:
        text = f"{len(found)} run on this home and share its store: processes {', '.join(found)}"
        yield Diagnosis("daemon", "ok", text)
    elif len(found) > 1:
        text = f"{len(found)} daemons run on this home: processes {', '.join(found)}"
        yield Diagnosis("daemon", "wrong", text, "stop all but one, as each has its own store and reports everything")
    elif found:
        yield Diagnosis("daemon", "ok", f"runs as process {found[0]}")
    else:
        known = "" if os.geteuid() == 0 else ", as far as one user sees the processes of others"
        text = f"no daemon runs on this home{known}"
        yield Diagnosis("daemon", "warning", text, f"start it: `reporter --home {home} run`, or the service")


def _running(home: Path) -> Iterator[int]:
    """The processes that run this home, of those that we may look at."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
            if is_daemon(words) and _home_of(words, _folder(process), _environ(process)) == home:
                yield int(process.name)


def _folder(process: Path) -> Path | None:
    """Where a process works; None where we may not look."""
    try:
        return (process / "cwd").readlink()
    except OSError:
        return None


def _environ(process: Path) -> dict[str, str]:
    """The variables of a process; none where we may not look."""
    with suppress(OSError):
        said = (process / "environ").read_text(encoding="utf-8", errors="replace").split("\0")
        return {name: value for name, _, value in (line.partition("=") for line in said)}
    return {}


def is_daemon(words: Sequence[str]) -> bool:
    """Whether a process's command line is that of `reporter … run`."""
    return "run" in words[1:] and any(Path(word).name == "reporter" for word in words[:4])


def _home_of(words: Sequence[str], folder: Path | None, environ: Mapping[str, str]) -> Path | None:
    """As `find_home` finds it, for a process that was started in a folder; None where nobody can say, as of another
    user's process that does not name its home whole."""
    named = next((word.partition("=")[2] for word in words if word.startswith("--home=")), "")
    for option, value in pairwise(words):
        named = value if option == "--home" else named
    if folder is None:
        return Path(named).resolve() if Path(named).is_absolute() else None
    if named := named or environ.get("REPORTER_HOME", ""):
        return Path(folder, named).resolve()
    return (folder if (folder / CONFIG).is_file() else ETC).resolve()


def service(home: Path, answers: Callable[[Path], bool]) -> Iterator[Diagnosis]:
    """The unit of a home in /etc, and what it names; `answers` says whether a daemon listens at a socket."""
    try:
        files = service_of(home.absolute())
    except ReporterError:
        yield Diagnosis("service", "ok", "not needed: the home of a service lies in /etc")
        return
    unit = files.unit_file()
    if unit is None:
        if has_systemd():
            yield Diagnosis("service", "warning", f"{files.unit} is not installed", _INSTALL)
        else:
            yield Diagnosis("service", "ok", "none: systemd does not run here")
        return
    text = unit.read_text(encoding="utf-8", errors="replace")
    current = text == files.unit_text(program(), systemd_version())
    remedy = "" if current else f"{_INSTALL}, then `systemctl restart {files.name}`"
    state = "is that of this version" if current else "is not the one that this version brings"
    yield Diagnosis("service", "ok" if current else "warning", f"{unit} {state}", remedy)
    yield from _secrets(files, text)
    if blocked := closed_folder():
        yield Diagnosis(
            "service", "wrong", f"the service cannot run {program()}: {blocked} is closed", "install under /opt"
        )
    if not answers(files.socket):
        start = f"systemctl start {files.name}; its log: `journalctl -u {files.name}`"
        yield Diagnosis("service", "warning", f"no daemon answers at {files.socket}", start)


def _secrets(files: ServiceFiles, unit: str) -> Iterator[Diagnosis]:
    """Without a file that LoadCredential= names, systemd starts nothing and says little."""
    drop_ins = sorted(files.drop_ins.glob("*.conf")) if files.drop_ins.is_dir() else []
    texts = [unit, *(path.read_text(encoding="utf-8", errors="replace") for path in drop_ins)]
    for name, source in re.findall(r"^LoadCredential=([^:\s]+):?(\S*)", "\n".join(texts), re.MULTILINE):
        path = Path("/etc/credstore", source or name)
        if not os.path.lexists(path) and os.access(path.parent, os.R_OK | os.X_OK):
            yield Diagnosis("service", "wrong", f"LoadCredential= names {path}, which is not there", f"create {path}")
