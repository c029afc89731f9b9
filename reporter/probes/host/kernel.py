"""Linux kernel figures that psutil does not provide. On other systems each function raises OSError."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_PROC = Path("/proc")
# Of adjtimex(2): the clock is not synchronised.
_STA_UNSYNC = 0x40


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`; the rest is room for whatever else the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 200),
    )


def clock() -> tuple[float, bool]:
    """By how many seconds the clock may be wrong at most, and whether a time service steers it (adjtimex, read only).

    Without one the error grows by half a millisecond each second, up to 16 seconds.
    """
    answer = _Timex()
    try:
        failed = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer)) < 0
    except AttributeError:
        raise OSError("only Linux reports it") from None
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer.maxerror / 1e6, not answer.status & _STA_UNSYNC


def files() -> tuple[int, int]:
    """Open files on the whole machine, and how many there may be."""
    used, free, most = map(int, (_PROC / "sys/fs/file-nr").read_text().split())
    return used - free, most


def processes() -> tuple[int, int]:
    """How many processes there are, and how many of them are dead and were not fetched by their parents."""
    states = [state for entry in os.scandir(_PROC) if entry.name.isdigit() and (state := _state(entry.path))]
    return len(states), states.count("Z")


def _state(folder: str) -> str | None:
    try:
        with Path(folder, "stat").open("rb", buffering=0) as file:
            # The name stands in brackets and may hold anything, brackets too.
            return file.read(512).rpartition(b") ")[2][:1].decode()
    except OSError:
        return None  # it has ended meanwhile


def killed_for_memory() -> int:
    """How many processes were killed for want of memory since the machine started."""
    for line in (_PROC / "vmstat").read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    raise OSError("this kernel does not count them")
