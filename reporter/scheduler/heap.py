"""Memory that is free goes back to the machine.

Threads of reports take and free memory by turns, and the C library keeps what they freed in many small gaps. A day of a
whole floor left 15 MB of such gaps, and more each day.
"""

from __future__ import annotations

import ctypes

_LIBC = ctypes.CDLL(None)
# mallopt(3), malloc.h of glibc.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
LARGE = 128 * 1024


def leave_few_gaps() -> None:
    """Let all threads share one heap, and give large blocks mappings of their own; nothing where it is not glibc.

    By itself glibc has a heap for each of many threads. It also takes ever larger blocks from the heap, once one was
    freed. Source: mallopt(3), M_ARENA_MAX and M_MMAP_THRESHOLD.
    """
    if hasattr(_LIBC, "malloc_trim"):  # others have a mallopt with other numbers
        _LIBC.mallopt(_ARENA_MAX, 1)
        _LIBC.mallopt(_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Let the C library return free memory; nothing where it is not glibc. Takes a few milliseconds.

    Source: malloc_trim(3), which since glibc 2.8 looks through the memory of every thread.
    """
    if trim := getattr(_LIBC, "malloc_trim", None):
        trim(0)
