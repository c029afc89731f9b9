"""The command service: puts the daemon in place as a service of systemd, shows how it stands, and takes it away."""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reporter.app.home import CONFIG, make_home
from reporter.app.service_files import ServiceFiles, closed_folder, has_systemd, program, service_of, systemd_version
from reporter.app.tested_versions import advice
from reporter.cli.terminal import DONE, FAILED
from reporter.errors import ReporterError
from reporter.whole_file import write_whole

HOME = "/etc/reporter"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, in words; `do` is left out where the words only ask the user."""

    words: str
    do: Callable[[], object]


def run_service(options: argparse.Namespace) -> int:
    """`reporter [--home /etc/NAME] service install|status|uninstall [--dry-run] [--root DIR]`."""
    files = service_of(Path(options.home or HOME).absolute(), Path(options.root).absolute())
    if options.action == "status":
        return _status(files)
    steps = list(_install(files) if options.action == "install" else _uninstall(files))
    dry = options.dry_run or not (os.geteuid() == 0 or files.root != Path("/"))
    for step in steps:
        print(f"{'would ' if dry else ''}{step.words}")
        if not dry:
            step.do()
    if dry and not options.dry_run:
        print("Nothing was changed: run this as root.")
    for line in _next(files) if options.action == "install" else _left(files):
        print(line)
    return DONE


def _install(files: ServiceFiles) -> Iterator[Step]:
    here = files.root == Path("/")
    yield from _written(files.sysusers, files.user_entry())
    if here and not _has_user(files.name):
        yield Step(f"create the user and group {files.name}", partial(_create_user, files))
    if not (files.home / CONFIG).exists():
        yield Step(f"create the home {files.home}", partial(make_home, files.home))
    yield from _written(files.unit, files.unit_text(program(), systemd_version()))
    if here and has_systemd():
        yield Step("let systemd read its units again", partial(_call, "systemctl", "daemon-reload"))


def _written(path: Path, text: str) -> Iterator[Step]:
    with suppress(OSError):
        if path.read_text(encoding="utf-8") == text:
            return
    yield Step(f"write {path}", partial(_write, path, text))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(path, text, 0o644)


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _create_user(files: ServiceFiles) -> None:
    if shutil.which("systemd-sysusers"):
        _call("systemd-sysusers", str(files.sysusers))
        return
    _call("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", files.name)


def _call(*command: str) -> None:
    """Raises ReporterError with what the command said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)  # noqa: S603
    except OSError as error:
        raise ReporterError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise ReporterError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.returncode}")


def _next(files: ServiceFiles) -> Iterator[str]:
    name, config = files.name, files.home / CONFIG
    yield ""
    yield "Next, as root:"
    yield f"  editor {config}                     # what to read, where to send"
    yield f"  systemctl edit {name}               # LoadCredential= for each secret, SupplementaryGroups= for databases"
    yield f"  reporter --home /etc/{name} check"
    yield f"  systemctl enable --now {name}"
    yield f"  usermod --append --groups {name} USER    # USER may use all commands of the service"
    if blocked := closed_folder():
        yield f"! The service cannot run {program()}: {blocked} is closed to it. Install the program under /opt."
    if untested := advice():
        yield f"! {untested}"


def _uninstall(files: ServiceFiles) -> Iterator[Step]:
    here = files.root == Path("/") and has_systemd()
    if here and files.unit.exists():
        yield Step(
            f"stop and disable {files.name}.service", partial(_call, "systemctl", "disable", "--now", files.name)
        )
    for path in (files.unit, files.sysusers):
        if path.exists():
            yield Step(f"remove {path}", path.unlink)
    if files.drop_ins.exists():
        yield Step(f"remove {files.drop_ins}", partial(shutil.rmtree, files.drop_ins))
    if here:
        yield Step("let systemd read its units again", partial(_call, "systemctl", "daemon-reload"))


def _left(files: ServiceFiles) -> Iterator[str]:
    name = files.name
    yield ""
    yield "Left in place, with the commands that remove it:"
    yield f"  rm -r /etc/{name} /etc/credstore/{name}.*             # your config and secrets"
    yield f"  rm -r /var/lib/{name}                                 # the record of sent reports; unsent messages"
    yield f"  userdel {name}                                        # the user of the service"


def _status(files: ServiceFiles) -> int:
    """How the service stands; exit code 0 if its daemon runs and can be reached."""
    from reporter.control.client import is_reached

    text = files.unit.read_text(encoding="utf-8") if files.unit.exists() else None
    current = text == files.unit_text(program(), systemd_version())
    unit = "not installed" if text is None else "" if current else "not as this version ships it: `service install`"
    reached = is_reached(files.socket)
    found = {
        f"unit {files.unit}": unit,
        f"user {files.name}": "" if _has_user(files.name) else "missing: `service install` creates it",
        f"home {files.home}": "" if (files.home / CONFIG).exists() else "there is no config",
        f"daemon at {files.socket}": "" if reached else "does not answer",
    }
    for what, trouble in found.items():
        print(f"{'✗' if trouble else '✓'} {what}{': ' if trouble else ''}{trouble}")
    if untested := advice():
        print(f"! libraries: {untested}")
    return DONE if reached and not any(found.values()) else FAILED
