"""What changes with every write to a SQLite file, found without opening it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

# Seconds: the clock of a file system may stand still for some hundredths of one, and be another machine's.
SETTLED = 0.1


def write_stamp(path: Path, now: datetime) -> str | None:
    """What changes with every write to a database; None where it was written so lately that another write may carry
    the same time, or where nothing is to be seen."""
    parts: list[tuple[int, ...]] = []
    for one in (path, path.with_name(f"{path.name}-wal")):
        try:
            found = one.stat()
        except FileNotFoundError:
            parts.append(())
            continue
        except OSError:
            return None
        if now.timestamp() - found.st_mtime < SETTLED:
            return None
        parts.append((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
    return repr(parts) if parts[0] else None
