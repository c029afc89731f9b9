"""Our own store: its version, whether it is sound, who may read it, and what waits in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from reporter.app.doctor.diagnosis import Diagnosis
from reporter.errors import StoreError
from reporter.messages.formats import plural, size_text
from reporter.store import channel_states
from reporter.store.contents import contents
from reporter.store.database import Store, store_as_it_is, store_file
from reporter.store.self_health import self_health
from reporter.store.tables import HEAD
from reporter.trusted_files import name_of

_RESTORE = (
    "stop the daemon and put a copy in place: `reporter store restore FILE`; "
    "without a copy move the file away, and the next start begins a new store"
)
# What SQLite says of a file that is damaged, or that is no database.
_DAMAGED = ("not a database", "malformed")


def own_store(url: str, now: datetime) -> Iterator[Diagnosis]:
    """What is wrong with a store, which is neither created nor upgraded for it."""
    file = store_file(url)
    if file is not None and not _is_there(file):
        yield from _missing(file)
        return
    if file is not None:
        yield from _permissions(file)
        if not _is_usable(file):
            return  # which is said
    try:
        with closing(store_as_it_is(url)) as store:
            yield from _looked_at(store, now)
    except StoreError as error:
        yield Diagnosis("store", "wrong", str(error), _remedy(str(error), file))


def _remedy(why: str, file: Path | None) -> str:
    """What mends a store that cannot be looked at. Only one that is damaged is replaced by a copy."""
    if file is None:
        return "mend the server or the URL of `store`"
    if any(words in why for words in _DAMAGED):
        return _RESTORE
    return f"look whether the disk of {file.parent} has room and can be written to, and who else uses the file"


def _is_there(file: Path) -> bool:
    """False too where its folder is closed to us: then it cannot be made either."""
    try:
        return file.exists()
    except PermissionError:
        return False


def _missing(file: Path) -> Iterator[Diagnosis]:
    """A store that is not there: whether it can be made."""
    place = next(folder for folder in file.absolute().parents if _is_there(folder))
    if os.access(place, os.W_OK | os.X_OK) and place.is_dir():
        yield Diagnosis("store", "ok", f"there is none yet: the first start creates {file}")
        return
    us = name_of(os.geteuid())
    text = f"there is none yet, and {us} cannot create {file}: {place} is no folder that {us} may write to"
    yield Diagnosis("store", "wrong", text, f"give {us} a folder there, or write another path as `store`")


def _is_usable(file: Path) -> bool:
    """Whether we may use the file of a store. SQLite makes files beside it."""
    return os.access(file, os.R_OK | os.W_OK) and os.access(file.parent, os.W_OK | os.X_OK)


def _permissions(file: Path) -> Iterator[Diagnosis]:
    info, folder, us = file.stat(), file.parent.stat(), name_of(os.geteuid())
    if info.st_uid != os.geteuid():
        owner = name_of(info.st_uid)
        yield Diagnosis(
            "store",
            "wrong",
            f"{file} belongs to {owner}, and {us} runs this",
            f"run commands as {owner}, or `chown {us} {file}`",
        )
    elif not _is_usable(file):
        closed = file.parent if os.access(file, os.R_OK | os.W_OK) else file
        yield Diagnosis("store", "wrong", f"{us} cannot write to {closed}", f"chmod u+rwX {closed}")
    if stat.S_IMODE(info.st_mode) & stat.S_IWOTH:
        yield Diagnosis("store", "wrong", f"every user can write to {file}", f"chmod o-rwx {file}")
    elif stat.S_IMODE(info.st_mode) & stat.S_IROTH:
        yield Diagnosis("store", "warning", f"every user can read {file}", f"chmod o-rwx {file}")
    if stat.S_IMODE(folder.st_mode) & stat.S_IWOTH:
        yield Diagnosis("store", "wrong", f"others can write to {file.parent}", f"chmod o-w {file.parent}")


def _looked_at(store: Store, now: datetime) -> Iterator[Diagnosis]:
    found = contents(store)
    if found.damage:
        yield Diagnosis("store", "wrong", f"the store is damaged: {found.damage}", _RESTORE)
    if (found.version or "") > HEAD:
        upgrade = "upgrade reporter, or put back the copy from before: `reporter store restore FILE`"
        yield Diagnosis("store", "wrong", f"a newer reporter made the store (version {found.version})", upgrade)
        return
    state = "" if found.version == HEAD else f", which the next start upgrades from {found.version} to {HEAD}"
    rows = plural(sum(table.rows for table in found.tables), "row")
    yield Diagnosis("store", "ok", f"{store.file or 'PostgreSQL'}: {size_text(found.size)}, {rows}{state}")
    if found.version == HEAD:
        yield from _work(store, now)


def _work(store: Store, now: datetime) -> Iterator[Diagnosis]:
    """What is late, what waits, and the channels that take nothing any more."""
    with store.read() as connection:
        found, channels = self_health(connection, now), channel_states.all_states(connection)
    for late in found.late:
        since = f"{late.due_at:%Y-%m-%d %H:%M} UTC"
        yield Diagnosis("job", "warning", f"{late.job} owes a report since {since}", f"reporter runs {late.job}")
    for channel in channels:
        if channel.dead_since:
            text = f"{channel.channel} takes nothing since {channel.dead_since:%Y-%m-%d %H:%M} UTC: {channel.error}"
            yield Diagnosis("channel", "wrong", text, f"reporter channels test {channel.channel}")
    if found.waiting:
        oldest = f", the oldest since {found.oldest:%Y-%m-%d %H:%M} UTC" if found.oldest else ""
        yield Diagnosis(
            "outbox", "warning", f"{plural(found.waiting, 'message')} to be sent{oldest}", "reporter outbox"
        )
    if found.refused:
        yield Diagnosis(
            "outbox",
            "warning",
            f"{plural(found.refused, 'message')} given up within a day",
            "reporter outbox --state dead",
        )
