"""The machine: its clock beside other clocks, its zone, and the room on its disks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from reporter.app.doctor.diagnosis import Diagnosis, Verdict
from reporter.messages.formats import size_text
from reporter.periods.clock import Clock
from reporter.scheduler.clock_check import ClockCheck
from reporter.scheduler.runtime import Runtime

# Bytes: below the first the store may soon refuse to write, below the second it does.
SCARCE, NONE_LEFT = 500_000_000, 20_000_000
_SET_CLOCK = "let the machine set its clock: `timedatectl set-ntp true`"


def clock(runtime: Runtime, ours: Clock, *, chosen: bool = False) -> Iterator[Diagnosis]:
    """Our clock beside those of the services and servers that the config names, and the zone; `chosen` says that the
    config names one, which need not be the machine's."""
    doubt = ClockCheck(ours).doubt(runtime.clocks)
    if doubt:
        yield Diagnosis("clock", "wrong", f"the machine's clock cannot be right: {doubt}", _SET_CLOCK)
    elif runtime.clocks:
        yield Diagnosis("clock", "ok", f"{_shown(ours.wall())}, and no other clock contradicts it")
    else:
        yield Diagnosis("clock", "ok", f"{_shown(ours.wall())}; the config names no server whose clock could be asked")
    here = ours.wall().astimezone()
    offset = here.astimezone(runtime.zone).utcoffset()
    if chosen or offset == here.utcoffset():
        local = f"{here.astimezone(runtime.zone):%H:%M}"
        yield Diagnosis("zone", "ok", f"days end at midnight in {runtime.zone.key}, where it is {local}")
        return
    yield Diagnosis(
        "zone",
        "warning",
        f"days end at midnight in {runtime.zone.key}, and the machine's own zone is {here:%Z} (UTC{here:%z})",
        "if days should end with the machine's, write its zone as `timezone` in the config",
    )


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def room(folders: dict[str, Path]) -> Iterator[Diagnosis]:
    """How much may be written to the disks of these folders, each disk once."""
    seen = set[int]()
    for what, folder in {**folders, "temporary files": Path(tempfile.gettempdir())}.items():
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if (disk := place.stat().st_dev) in seen:
            continue
        seen.add(disk)
        free = shutil.disk_usage(place).free
        verdict: Verdict = "wrong" if free < NONE_LEFT else "warning" if free < SCARCE else "ok"
        remedy = "" if verdict == "ok" else f"make room on the disk of {place}, or move what is kept there"
        yield Diagnosis("disk", verdict, f"{size_text(free)} free for {what} in {place}", remedy)
