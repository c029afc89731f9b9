"""Builds the roll-ups of the ledgers, keeps them up, and compares them with their sources, piece by piece.

Each piece is one short look at the source and one short transaction of the store: neither a bot nor the daemon waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from reporter.errors import LedgerError
from reporter.periods.clock import Clock
from reporter.store import rollups
from reporter.store.database import Store
from reporter.store.rollups import Standing
from reporter.trading.ledger.key_blocks import SIZE as KEYS
from reporter.trading.ledger.key_blocks import KeyBlock, hour_of
from reporter.trading.ledger.reader import Reader, UnreadableTradesError
from reporter.trading.ledger.rollup_buckets import Recount
from reporter.trading.ledger.sqlite_file import undisturbed

log = logging.getLogger(__name__)

# The last hours are not kept: a bot may still write trades that closed in them. Reports read them from the source.
OVERLAP = 6
# So many trades are read in one look: by a command, which ends, and by a daemon. A trade takes 3.6 kB meanwhile, and
# Python keeps the room. Looks at 2,500 leave a daemon 5 MB larger than looks at 500, which cost half as much time more.
# A slow machine looks at LEAST, or at a twentieth of what was asked for where that is more.
MANY, SOME, LEAST = 20_000, 500, 100
# A check of the whole past begins so long after the last one began. The last days, where most edits and late rows are,
# are checked more often.
ROUND = timedelta(hours=12)
RECENT, RECENT_ROUND = 24 * 8, timedelta(minutes=10)
# The trades of the last weeks are kept by their ids, to say which of them have changed.
MARKED = 24 * 40
_LAST_KEY = 2**62
# So many trades that cannot be read are kept by their ids: each look asks for them by one statement.
UNREADABLE = 500
# Where so many hours of one look differ, a database was filled again or replaced: nothing kept counts until a check of
# all of it has found nothing more.
MANY_CHANGES = 24


@dataclass(frozen=True, slots=True)
class Progress:
    """What one piece of work did: hours from `start` up to `until` of those up to `end`, counted since 1970."""

    what: str  # building, adding or checking
    since: int
    until: int
    end: int
    trades: int
    changed: tuple[int, ...] = ()

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1, by time."""
        return 1.0 if self.end <= self.since else (self.until - self.since) / (self.end - self.since)


class RollupUpkeep:
    """Works on the roll-ups of one store. Raises LedgerError for a source that cannot be read, and StoreError.

    `many` trades are read in one look where a roll-up is built, `some` where it is only checked; `keys` is how many
    trades a block of keys has.
    """

    def __init__(self, store: Store, clock: Clock, *, many: int = MANY, some: int = SOME, keys: int = KEYS) -> None:
        self._store = store
        self._clock = clock
        self._many = many
        self._some = some
        self._keys = keys
        self._waiting: dict[str, str] = {}  # why a ledger has no roll-up, as it was logged

    def standing(self, ledger: str) -> Standing | None:
        """How far a ledger's roll-up is."""
        with self._store.read() as connection:
            return rollups.standing(connection, ledger)

    def step(self, reader: Reader) -> Progress | None:
        """Do the next piece of what a ledger's roll-up needs; None where it needs nothing now.

        Trades that cannot be read are kept by their ids. Where they are too many, nothing more is kept, and
        reports read from the source.
        """
        kept = self.standing(reader.name)
        if kept is None or kept.definition != reader.definition:
            self.restart(reader)
        kept = self._cleared(reader.name)
        if kept is None:
            return None
        end = self._end()
        try:
            if kept.through < end:
                return self._extend(reader, kept, end)
            if kept.recent is not None or self._is_recent_due(kept):
                return self._check_recent(reader, kept)
            if kept.checked is None and self._is_due(kept):
                kept = self._begin_check(reader, kept)
            return self._check(reader, kept) if kept and kept.checked is not None else None
        except UnreadableTradesError as error:
            self._distrust(reader.name, end)
            if self._waiting.get(reader.name) != str(error):
                log.warning("%s; its figures are read from the database", error)
            self._waiting[reader.name] = str(error)
            return None

    def _distrust(self, ledger: str, end: int) -> None:
        """Sums count no more once a check has met too many trades that cannot be read."""
        with self._store.begin() as connection:
            kept = rollups.standing(connection, ledger)
            if kept and kept.through >= end:
                rollups.move(connection, kept, state=rollups.UNVERIFIED, checked=None, recent=None)

    def build(self, reader: Reader) -> Iterator[Progress]:
        """Build a ledger's roll-up anew, all of it."""
        kept = self.restart(reader)
        while kept and kept.through < self._end():
            if done := self._extend(reader, kept, self._end()):
                yield done
            kept = self.standing(reader.name)

    def verify(self, reader: Reader, first: datetime | None = None) -> Iterator[Progress]:
        """Compare a ledger's roll-up with its source, from a moment on, and mend what differs."""
        kept = self.standing(reader.name)
        if kept is None or kept.definition != reader.definition:
            return
        start = self._first(reader, kept)
        at = start = max(start, hour_of(first)) if first else start
        while kept and at < kept.through:
            found = self._recount(reader, kept, at, kept.through, self._many)
            changed = self._save(kept, found, {})
            if changed is not None:
                at = found.until
                yield Progress("checking", start, at, kept.through, found.trades, tuple(changed))
            kept = self.standing(reader.name)

    def restart(self, reader: Reader) -> Standing | None:
        """Begin a ledger's roll-up with nothing in it."""
        kept = self.standing(reader.name)
        with self._store.begin() as connection:
            rollups.begin(connection, reader.name, reader.definition, kept)
        return self._cleared(reader.name)

    def _cleared(self, ledger: str) -> Standing | None:
        """A ledger's state once the buckets from before are gone."""
        kept = self.standing(ledger)
        while kept and kept.state == rollups.CLEARING:
            with self._store.begin() as connection:
                rollups.clear_some(connection, kept)
            kept = self.standing(ledger)
        return kept

    def _map_keys(self, reader: Reader, *, again: bool = False) -> None:
        """Look at the keys of a ledger that has no index on the closing time: at new ones, or at all `again`."""
        if not undisturbed(reader.lacks_index):
            return
        with self._store.read() as connection:
            known = rollups.key_map(connection, reader.name)
        for block in known.blocks if again else ():
            look: Callable[[], tuple[KeyBlock, list[int]]] = partial(reader.block_again, block)
            self._keep_block(reader.name, *undisturbed(look))
        last = known.last if known.last is not None else -1
        while found := undisturbed(partial(reader.next_block, last, self._keys)):
            self._keep_block(reader.name, *found)
            last = found[0].last

    def _keep_block(self, ledger: str, block: KeyBlock, still_open: list[int]) -> None:
        with self._store.begin() as connection:
            rollups.save_block(connection, ledger, block, still_open)

    def _start(self, reader: Reader, kept: Standing, end: int) -> Progress:
        """Find where a roll-up begins, before anything is counted."""
        self._map_keys(reader)
        first = min(self._oldest(reader, end), end)
        state = rollups.BUILDING if first < end else rollups.VERIFIED
        verified = None if first < end else self._clock.wall()
        with self._store.begin() as connection:
            rollups.move(connection, kept, since=first, through=first, state=state, verified_at=verified)
        return Progress("building", first, first, end, 0)

    def _oldest(self, reader: Reader, otherwise: int) -> int:
        """The hour in which the first trade closed; by the keys, where no index leads to it."""
        if not undisturbed(reader.lacks_index):
            began = undisturbed(reader.began)
            return hour_of(began) if began else otherwise
        with self._store.read() as connection:
            known = rollups.key_map(connection, reader.name)
        rest = KeyBlock((known.last if known.last is not None else -1) + 1, _LAST_KEY, 0, 0)
        look: Callable[[], tuple[KeyBlock, list[int]]] = partial(reader.block_again, rest)
        hours = [block.oldest for block in (*known.blocks, undisturbed(look)[0]) if block.oldest]
        return min(hours, default=otherwise)

    def _extend(self, reader: Reader, kept: Standing, end: int) -> Progress | None:
        """Count the hours that are not kept yet."""
        if kept.through == rollups.NOWHERE:
            return self._start(reader, kept, end)
        if kept.state != rollups.BUILDING:
            self._map_keys(reader)
        found = self._recount(reader, kept, kept.through, end, self._many)
        moved: dict[str, Any] = {"through": found.until}
        if kept.state == rollups.BUILDING and found.until >= end:
            moved |= {"state": rollups.VERIFIED, "verified_at": self._clock.wall()}
        if self._save(kept, found, moved) is None:
            return None
        what = "building" if kept.state == rollups.BUILDING else "adding"
        return Progress(what, kept.since, found.until, end, found.trades)

    def _is_recent_due(self, kept: Standing) -> bool:
        last = kept.recent_began or kept.verified_at
        return kept.state == rollups.VERIFIED and last is not None and self._age(last) >= RECENT_ROUND

    def _check_recent(self, reader: Reader, kept: Standing) -> Progress | None:
        """Compare the next of the last days with the source, and mend what differs."""
        first = max(kept.since, kept.through - RECENT)
        began = kept.recent_began if kept.recent is not None else self._clock.wall()
        at = min(first if kept.recent is None else kept.recent, kept.through)
        found = self._recount(reader, kept, at, kept.through, self._some) if at < kept.through else None
        done = found is None or found.until >= kept.through
        moved: dict[str, Any] = {"recent": None if done else found and found.until, "recent_began": began}
        changed = self._save(kept, found or Recount(at, at, {}, 0, None), moved)
        if changed is None or found is None:
            return None
        return Progress("checking", first, found.until, kept.through, found.trades, tuple(changed))

    def _is_due(self, kept: Standing) -> bool:
        """Whether it is time to compare all that is kept with the source."""
        last = kept.check_began or kept.verified_at
        return kept.state == rollups.UNVERIFIED or last is None or self._age(last) >= ROUND

    def _begin_check(self, reader: Reader, kept: Standing) -> Standing | None:
        self._map_keys(reader, again=True)
        first = self._first(reader, kept)
        with self._store.begin() as connection:
            rollups.forget_trades(connection, kept.ledger, self._end() - MARKED)
            rollups.move(connection, kept, checked=first, since=first, check_began=self._clock.wall())
        return self.standing(reader.name)

    def _first(self, reader: Reader, kept: Standing) -> int:
        """The first hour that has to be looked at: a trade may have come that is older than all before."""
        return min(kept.since, self._oldest(reader, kept.since))

    def _check(self, reader: Reader, kept: Standing) -> Progress | None:
        """Compare the next hours with the source, and mend what differs."""
        at = kept.checked if kept.checked is not None else kept.since
        found = self._recount(reader, kept, at, kept.through, self._some)
        moved: dict[str, Any] = {"checked": found.until}
        if found.until >= kept.through:
            moved |= {"checked": None, "verified_at": kept.check_began, "state": rollups.VERIFIED}
        changed = self._save(kept, found, moved)
        if changed is None:
            return None
        return Progress("checking", kept.since, found.until, kept.through, found.trades, tuple(changed))

    def _save(self, kept: Standing, found: Recount, moved: dict[str, Any]) -> list[int] | None:
        now = self._clock.wall()
        with self._store.begin() as connection:
            changed = rollups.save(connection, kept, found, now, **moved)
            if changed:
                self._changed(connection, kept.ledger, changed, now)
        if changed:
            log.warning("%s: %d hours of the past have changed in the database", kept.ledger, len(changed))
        return changed

    @staticmethod
    def _changed(connection: Any, ledger: str, changed: list[int], now: datetime) -> None:
        moved: dict[str, Any] = {"changed_at": now}
        if len(changed) >= MANY_CHANGES:
            moved |= {"state": rollups.UNVERIFIED, "checked": None, "recent": None}
        kept = rollups.standing(connection, ledger)
        if kept and kept.state != rollups.BUILDING:
            rollups.move(connection, kept, **moved)

    def _recount(self, reader: Reader, kept: Standing, start: int, end: int, most: int) -> Recount:
        """About `most` trades; fewer where a slow machine does not give us so many within the time of a look.

        Raises UnreadableTradesError where too many trades cannot be read.
        """

        def look(most: int) -> Recount:
            return undisturbed(partial(reader.recount, start, end, most, self._end() - MARKED))

        try:
            found = look(most)
        except UnreadableTradesError:
            raise
        except LedgerError:
            if most <= LEAST:
                raise
            found = look(max(LEAST, most // 20))
        if (many := len(rollups.unreadable_with(kept, found))) > UNREADABLE:
            raise UnreadableTradesError(f"{reader.name}: {many} trades or more cannot be read, so no sum is kept")
        return found

    def _age(self, moment: datetime) -> timedelta:
        """How far off a moment is: what a clock that ran ahead has noted is as good as old."""
        return abs(self._clock.wall() - moment)

    def _end(self) -> int:
        """The first hour that is not kept yet."""
        return hour_of(self._clock.wall()) - OVERLAP
