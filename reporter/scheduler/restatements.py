"""Notifies people once when figures of a past period, which a report has sent, are other ones now.

What a report said is kept with its figures. Where a check of the roll-ups finds a changed hour, or the figures are made
by other rules, what was sent is compared with the present. Everything of one ledger is one message.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from reporter.delivery.enqueue import enqueue_message
from reporter.errors import TemplateError
from reporter.messages.message import Message, Run, Severity, Text, Tone
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store import outbox, rollups, sent_figures
from reporter.store.database import Store
from reporter.store.rollups import Standing
from reporter.store.sent_figures import Change, Restatement, SentFigures
from reporter.trading.books import Figures
from reporter.trading.ledger.balances import BookKey
from reporter.trading.ledger.path_metrics import decimal
from reporter.trading.ledger.reader import Reader
from reporter.trading.ledger.rollup_buckets import from_fine, start_of
from reporter.trading.ledger.sqlite_file import undisturbed
from reporter.trading.trades import Money

log = logging.getLogger(__name__)

# After a change was found, more may be: people are notified once nothing was found for a minute and no check is under
# way, or at the latest so long after the last one.
CALM, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=10)
# Reports and trades that a message lists; the rest is counted.
_LISTED = 8
TEMPLATE = "restatement"

Now = dict[tuple[datetime, datetime], dict[BookKey, Figures]]


class Restatements:
    """Compares what was sent with the present. Raises LedgerError and StoreError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def step(self, reader: Reader, runtime: Runtime) -> int:
        """Compare what has to be compared of a ledger; returns how many messages were queued."""
        with self._store.read() as connection:
            kept = rollups.standing(connection, reader.name)
            if kept is None or not self._is_calm(kept):
                return 0
            suspects = sent_figures.to_compare(connection, reader.name, start_of(kept.through))
        if not suspects:
            return 0
        now = _present(reader, suspects)
        with self._store.begin() as connection:
            if not rollups.move(connection, kept):
                return 0  # another writer was quicker: the next turn compares
            return self._save(connection, reader, runtime, suspects, now, start_of(kept.through))

    def _is_calm(self, kept: Standing) -> bool:
        if kept.state != rollups.VERIFIED:
            return False
        if kept.changed_at is None:
            return True
        since = abs(self._clock.wall() - kept.changed_at)  # a clock that was set may have noted it
        checking = kept.checked is not None or kept.recent is not None
        return since >= LONGEST_WAIT or (since >= CALM and not checking)

    def _save(
        self,
        connection: Connection,
        reader: Reader,
        runtime: Runtime,
        suspects: Sequence[SentFigures],
        now: Now,
        through: datetime,
    ) -> int:
        """Keep and queue what differs, in one transaction: it is sent once, whatever dies in between."""
        moment = self._clock.wall()
        differing: list[Restatement] = []
        for suspect in sent_figures.with_new_books(
            connection, suspects, {ends: set(books) for ends, books in now.items()}
        ):
            found = _compared(connection, suspect, now, reader.made_by, moment)
            if _differs(found, runtime.restate_above):
                sent_figures.add(connection, found, suspect.period.start)
                counts = (found.trades, found.pnl, found.fees)
                differing.append(found)
            else:  # what was told still counts, or many small changes would never be one
                counts = (suspect.trades, suspect.pnl, suspect.fees)
            sent_figures.settle(connection, suspect, *counts, made_by=reader.made_by, through=through)
        return _queue(connection, reader.name, runtime, differing, moment)


def _present(reader: Reader, suspects: Sequence[SentFigures]) -> Now:
    """The present figures of each of the periods."""
    periods = {(suspect.period.start, suspect.period.end): suspect.period for suspect in suspects}
    return {ends: undisturbed(partial(reader.totals, period)) for ends, period in periods.items()}


def _queue(
    connection: Connection, ledger: str, runtime: Runtime, differing: Sequence[Restatement], now: datetime
) -> int:
    """One message for each channel that the reports were sent to."""
    run_id, queued = secrets.token_hex(4), 0
    for channel in sorted({name for one in differing for name in _channels(runtime, one.job)}):
        of_channel = [one for one in differing if channel in _channels(runtime, one.job)]
        letter = outbox.OutgoingMessage(
            key=f"restated/{ledger}/{run_id}/{channel}",
            channel=channel,
            kind="report",
            message=_message(runtime, ledger, of_channel, now),
            run_id=run_id,
        )
        queued += enqueue_message(connection, runtime.channels, letter, now)
    return queued


def _channels(runtime: Runtime, job: str) -> Sequence[str]:
    """Where a job's reports go; a job that is gone has no readers any more."""
    return runtime.jobs[job].channels if job in runtime.jobs else ()


def _compared(connection: Connection, one: SentFigures, now: Now, made_by: str, moment: datetime) -> Restatement:
    """What was told beside the present figures: a ledger without a trade has zeros."""
    figures = now[one.period.start, one.period.end].get((one.mode, one.pnl.currency))
    nothing = Money(Decimal(0), one.pnl.currency)
    return Restatement(
        job=one.job,
        label=one.period.label,
        ledger=one.ledger,
        mode=one.mode,
        cause="source" if one.made_by == made_by else "ours",
        told_at=one.told_at,
        found_at=moment,
        trades_before=one.trades,
        trades=figures.trades if figures else 0,
        pnl_before=one.pnl,
        pnl=figures.pnl if figures else nothing,
        fees_before=one.fees,
        fees=figures.fees if figures else nothing,
        detail=tuple(
            _details(sent_figures.changes_of(connection, one, _LISTED), one.pnl.currency, ZoneInfo(one.period.zone))
        ),
    )


def _differs(one: Restatement, above: Decimal) -> bool:
    """Whether the P&L differs by that much or more, or the fees do, or are known or unknown unlike before."""
    if abs(one.difference.amount) >= above:
        return True
    if one.fees is None or one.fees_before is None:
        return one.fees is not one.fees_before
    return abs((one.fees - one.fees_before).amount) >= above


def _details(changes: Sequence[Change], currency: str, zone: ZoneInfo) -> Iterator[str]:
    """A line for each trade that makes a difference, or for each agent of an hour whose trades are not known."""
    for change in changes:
        begins, ends = (start_of(hour).astimezone(zone) for hour in (change.start, change.start + 1))
        hour = f"closed {begins:%Y-%m-%d %H:%M}–{ends:%H:%M %Z}"
        for trade, agent, before, after in change.trades:
            was = "was not there" if before is None else f"was {_signed(decimal(before))}"
            now = "is gone" if after is None else f"is {_signed(decimal(after))}"
            same = ", but its fees, its side or its times differ" if before == after else ""
            yield f"trade {trade} of {agent}, {hour}: {was}, {now} {currency}{same}"
        for agent, trades, pnl, trades_now, pnl_now in change.agents:
            was, now = (f"{n} trades, {_signed(from_fine(sum_))}" for n, sum_ in ((trades, pnl), (trades_now, pnl_now)))
            yield f"{agent}, {hour}: was {was}, is {now} {currency}"


def _signed(amount: Decimal) -> str:
    return f"{amount.normalize():+f}" if amount else "0"


def _message(runtime: Runtime, ledger: str, found: Sequence[Restatement], now: datetime) -> Message:
    details = list(dict.fromkeys(line for one in found for line in one.detail))
    facts: dict[str, Any] = {
        "ledger": ledger,
        "ours": {one.cause for one in found} == {"ours"},
        "restated": found[:_LISTED],
        "more": len(found[_LISTED:]),
        "details": details[:_LISTED],
        "more_details": len(details[_LISTED:]),
        "now": now,
    }
    try:
        return runtime.renderer.render(TEMPLATE, facts, tone=Tone.WARNING, severity=Severity.WARNING, at=now)
    except TemplateError as error:
        log.error("a restatement is sent without its template, which failed: %s", error)
        return _plain(ledger, found, details, now)


def _plain(ledger: str, found: Sequence[Restatement], details: Sequence[str], now: datetime) -> Message:
    """The restatement without any template: it must not be lost for a mistake in one."""
    lines = [f"{one.job} {one.label}: P&L {one.pnl_before.amount:+f}, is {one.pnl.amount:+f}" for one in found]
    body = (Text(tuple((Run("text", line),) for line in (*lines, *details))),)
    title = (Run("text", f"Figures of {ledger} have changed since they were sent"),)
    return Message(title=title, body=body, tone=Tone.WARNING, severity=Severity.WARNING, at=now)
