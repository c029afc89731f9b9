"""Takes in what bots write into the table `events` of their native ledgers: each row once, as an event.

The cursor of a ledger is a state of the job: the highest id that was read, and the ids below it that were missing then.
A row that is committed late fills such a gap. The cursor is saved in the transaction that saves the events.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from reporter import Context, LedgerError, Level, Observation, Params, job
from reporter.jobs.kit import HandedIn, JobState

# A row that is committed late may be so many ids behind the newest.
GAPS = 1000
AT_ONCE = 2000


@job(covers="now", schedule="every 5s", observes=("events/{ledger}",), frequent=True)
def table_events(ctx: Context[Params]) -> Iterator[HandedIn | JobState | Observation]:
    """Takes in what bots write into the table `events` of their native ledgers, each row once."""
    standing = {alert.subject for alert in ctx.history.open_alerts()}
    names = ctx.ledger.names()
    found = {name: list(_read(ctx, name, standing)) for name in names}
    if not any(found.values()) and not any(ctx.state(name).version for name in names):
        raise LedgerError("no ledger has a table `events`: docs/native-schema.md has the statement that makes one")
    for outcomes in found.values():
        yield from outcomes


def _read(ctx: Context[Params], name: str, standing: Collection[str]) -> Iterator[HandedIn | JobState | Observation]:
    """What is new in one ledger. The first look only notes where the table ends."""
    subject, state = f"events/{name}", ctx.state(name)
    last, gaps = state.value or (None, [])
    try:
        found = ctx.ledger.written_events(name, last, gaps, most=AT_ONCE)
    except LedgerError as error:
        yield Observation(subject, Level.WARNING, f"{error}; its events are sent when they can be read")
        return
    if found is None:
        return
    if subject in standing:
        yield Observation(subject, Level.OK, f"the events of {name} are read up to now")
    for row in found.rows:
        yield HandedIn(source=name, parts=_parts(row))
    seen = {row["id"] for row in found.rows}
    missing = _missing(last, found.newest, gaps, seen)
    if state.value is None or seen:
        yield JobState(name=name, value=[found.newest, missing], version=state.version)


def _missing(last: int | None, newest: int, gaps: Collection[int], seen: Collection[int]) -> list[int]:
    """The ids below the newest that no row has yet; one that is too far behind will have none any more."""
    if last is None:
        return []
    lowest = max(newest - GAPS, 0)
    passed = range(max(lowest, last) + 1, newest)
    return [id_ for id_ in (*gaps, *passed) if id_ > lowest and id_ not in seen]


def _parts(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the parts of an event; fields that are no JSON stay as they are, and are refused with the reason."""
    parts = {name: value for name, value in row.items() if value is not None and name not in {"id", "reference"}}
    parts["id"] = row["reference"] or f"table/{row['id']}"
    with suppress(ValueError, RecursionError):
        parts["fields"] = json.loads(row["fields"] or "{}", parse_float=Decimal)
    return parts
