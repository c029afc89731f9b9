"""Looks at all that can be wrong: the program, the machine, the store, the service, and what `check` finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from reporter.app.check import Finding, check_home
from reporter.app.doctor.diagnosis import Diagnosis, Verdict
from reporter.app.doctor.machine import clock, room
from reporter.app.doctor.own_store import own_store
from reporter.app.doctor.program import extras, program
from reporter.app.doctor.service import daemons, service
from reporter.app.home import FolderHome
from reporter.errors import ConfigError, ReporterError
from reporter.store.database import store_file

Part = Callable[[], Iterator[Diagnosis]]


def examine(home: FolderHome, answers: Callable[[Path], bool]) -> Iterator[Diagnosis]:
    """Every part is looked at although others are wrong; one that fails is a diagnosis as well.

    `answers` says whether a daemon listens at a control socket.
    """
    folder = home.homes[0]
    yield from _guarded("program", program)
    yield from _guarded("config", lambda: map(_from_check, check_home(home)))
    yield from _guarded("daemon", lambda: daemons(folder, shared=_is_shared(home)))
    yield from _guarded("service", lambda: service(folder, answers))
    yield from _guarded("config", lambda: _of_config(home))


def _guarded(about: str, part: Part) -> Iterator[Diagnosis]:
    try:
        yield from part()
    except ConfigError:
        return  # `check` has said it
    except Exception as error:  # noqa: BLE001 - whatever is wrong is what is looked for
        words = str(error) if isinstance(error, ReporterError) else f"{type(error).__name__}: {error}"
        yield Diagnosis(
            about, "warning", f"could not be looked at: {words}", "report it with `reporter doctor --bundle FILE`"
        )


def _is_shared(home: FolderHome) -> bool:
    """Whether several daemons may share the store of this home: on PostgreSQL."""
    try:
        store = home.read().loaded.store
        return not store.missing and store_file(store.reveal()) is None
    except ReporterError:
        return False


def _from_check(found: Finding) -> Diagnosis:
    verdict: Verdict = "ok" if not found.trouble else "warning" if found.trouble == "advice" else "wrong"
    return Diagnosis(found.trouble if verdict == "wrong" else "check", verdict, found.text)


def _of_config(home: FolderHome) -> Iterator[Diagnosis]:
    """What needs to know the config."""
    contents = home.read()
    loaded, now = contents.loaded, home.clock.wall()
    yield from _guarded("extras", lambda: extras(loaded.config))
    if not loaded.store.missing:
        url = loaded.store.reveal()
        yield from _guarded("store", lambda: own_store(url, now))
        yield from _guarded("disk", lambda: room(_folders(url, contents.homes[0], loaded.config.log.file)))
    runtime, _ = home.open(contents)
    with closing(runtime):
        chosen = "timezone" in loaded.config.model_fields_set
        yield from _guarded("clock", lambda: clock(runtime, home.clock, chosen=chosen))


def _folders(store: str, home: Path, log: str | None) -> dict[str, Path]:
    """What the program writes to, by what for."""
    file = store_file(store)
    found = {"the store": file.parent} if file else {}
    return found | ({"the log": (home / log).parent} if log else {})
