"""The tables of the store, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from reporter.secret import masked

# The newest migration in reporter/store/migrations/versions; a test holds that it is.
HEAD = "0018"
LONGEST_TEXT = 10_000
"""Characters that are kept of words from elsewhere."""


class UtcTime(TypeDecorator[datetime]):
    """An aware moment: kept as UTC, given back as UTC. SQLite holds it as text that sorts like time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ForeignText(TypeDecorator[str]):
    """Words that may come from elsewhere, such as a library's error: kept without secrets, and cut unless `whole`."""

    impl = Text
    cache_ok = True

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__()
        self.whole = whole

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else masked(value, None if self.whole else LONGEST_TEXT)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Alembic's own table, made by us for a new store.
alembic_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# One row for each wording of a job's schedule: a new wording owes nothing from before `active_from`.
schedules = Table(
    "schedules",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("spec", Text, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("active_from", UtcTime, nullable=False),
)

# The calendar of owed periods. The unique key is the claim: a period is computed once, whoever computes it.
periods = Table(
    "periods",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("starts_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("label", String(64), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("unit", String(16), nullable=False),
    Column("schedule_version", Integer, nullable=False),
    Column("fire_at", UtcTime),  # empty for one that was entered by hand
    Column("due_at", UtcTime, nullable=False),
    Column("first_tried_at", UtcTime),
    Column("state", String(16), nullable=False),  # owed | running | told | given_up
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try_at", UtcTime, nullable=False),
    Column("claim", String(32)),
    Column("claimed_until", UtcTime),
    Column("reason", ForeignText),
    Column("run_id", String(32)),
    Column("created_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
    UniqueConstraint("job", "starts_at", "ends_at"),
    Index(None, "state", "job", "ends_at"),  # what is open is looked for at each tick, however long the past
)

# When an open job's next turn is, for daemons that share a store.
beats = Table(
    "beats",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("next_at", UtcTime, nullable=False),
)

# What a job keeps from one run to the next, as JSON. A new state names the version that it follows.
job_states = Table(
    "job_states",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("value", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

# The items that a job has dealt with, each with its own moment: rows of a trading database that were sent.
job_items = Table(
    "job_items",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("item", String(200), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Index(None, "job", "name", "at"),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("job", String(64), nullable=False),
    Column("label", String(64), nullable=False),
    Column("trigger", String(16), nullable=False),  # schedule | interval | hand
    Column("started_at", UtcTime, nullable=False),
    Column("seconds", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),  # told | quiet | failed | skipped
    Column("messages", Integer, nullable=False, default=0),
    Column("error", ForeignText),
    Index(None, "job", "started_at"),
    Index(None, "outcome", "started_at"),
)

alert_states = Table(
    "alert_states",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("state", Text, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("look_at", UtcTime),
    Column("channels", Text, nullable=False, default=""),
    Column("job", String(64)),  # whose reading it was, to ask again when something is suspect
    Column("updated_at", UtcTime, nullable=False),
    Index(None, "look_at"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("change", String(16), nullable=False),
    Column("level", String(16), nullable=False),  # of the alert after the change
    Column("was", String(16), nullable=False),  # of the alert before it
    Column("seen", String(16), nullable=False),  # of the reading
    Column("since", UtcTime, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("detail", ForeignText, nullable=False),
    Column("value", ForeignText),
    Column("limit", ForeignText),
    Column("run_id", String(32)),
    Column("incident", String(16)),
    Column("told", Boolean),  # whether anybody was notified, why (not), and in which channels
    Column("why", ForeignText),
    Column("channels", Text),
    Column("until", UtcTime),  # when the trouble ended, of one that is over
    Column("headline", ForeignText),  # what a letter says of it instead of its name,
    Column("notes", Text),  # and further lines, as JSON
    Column("unobserved", Integer),  # seconds of the time since then that nobody observed
    Index(None, "subject", "at"),
    Index(None, "at"),
    Index(None, "incident"),
)

# One trouble of a subject, from its first opening to its end, and who was notified of it.
incidents = Table(
    "incidents",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("level", String(16), nullable=False),
    Column("worst", String(16), nullable=False),
    Column("resolved_at", UtcTime),
    Column("until", UtcTime),  # when the trouble ended: before it was known to be over
    Column("told", Text, nullable=False, default=""),  # the channels that were notified
    Column("untold", ForeignText),  # why nobody was notified yet
    Column("grouped", String(16)),  # what the incidents of one message have in common
    Column("acked_at", UtcTime),
    Column("acked_by", String(64)),
    Column("note", ForeignText),
    Column("escalated", Text, nullable=False, default=""),  # the steps of escalation that were taken
    Column("acked_until", UtcTime),  # when the acknowledgement ends by itself
    Index(None, "subject", "opened_at"),
    Index(None, "resolved_at"),
    Index(None, "grouped"),
)

# Somebody wants to hear nothing of some subjects for a while.
silences = Table(
    "silences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pattern", String(200), nullable=False),
    Column("begins_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("author", String(64), nullable=False),
    Column("reminded", Boolean, nullable=False, default=False),
    Index(None, "ends_at"),
)

# What somebody tells those who look at the status page. Without `ends_at` it stands until it is withdrawn.
announcements = Table(
    "announcements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", ForeignText, nullable=False),
    Column("severity", String(16), nullable=False),  # info | warning | critical
    Column("begins_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime),
    Column("author", String(64), nullable=False),
    Index(None, "ends_at"),
)

# Single readings, kept only around trouble; uptime is counted from the spans below.
samples = Table(
    "samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("level", String(16), nullable=False),
    Column("value", ForeignText),
    Column("detail", ForeignText),
    Index(None, "subject", "at"),
    Index(None, "at"),
)


def _span_columns() -> list[Column[Any]]:
    """A stretch of time in which every reading of a subject had the same level, and what was measured in it."""
    return [
        Column("level", String(16), nullable=False),
        Column("until", UtcTime, nullable=False),
        Column("readings", Integer, nullable=False),
        Column("in_row", Integer, nullable=False),  # readings since the level changed
        Column("figures", Integer, nullable=False),  # how many of the readings had a figure, and these of them:
        Column("total", Float, nullable=False),
        Column("lowest", Float),
        Column("highest", Float),
        Column("value", ForeignText),
    ]


# The span that each subject is in. All of them change at each round, so they lie close together, apart from the past.
standing = Table(
    "standing",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("start", UtcTime, nullable=False),
    *_span_columns(),
)

# The spans that are over: cut at each hour, and after a week made one for each level and day.
spans = Table(
    "spans",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("start", UtcTime, primary_key=True),
    *_span_columns(),
    Index(None, "until"),
    sqlite_with_rowid=False,  # in the order of their key, which is how they are read
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(300), nullable=False, unique=True),
    Column("thread", Integer),  # the first row of a message that was split; its parts follow each other
    Column("part", Integer, nullable=False, default=1),
    Column("batch", Integer),  # the first row of those that travel in one request
    Column("channel", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # report | alert | board
    Column("severity", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("slot", String(200)),
    Column("digest", String(64)),  # of everything but the clock line, for boards
    Column("message", Text, nullable=False),
    Column("reference", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # waiting held sending unclear sent dead expired superseded dropped
    Column("superseded_by", Integer),
    Column("attempts", Integer, nullable=False, default=0),
    Column("maybe_sent", Boolean, nullable=False, default=False),
    Column("created_at", UtcTime, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("keep_until", UtcTime),  # when nobody needs it any more: its channel's `keep` after it was written
    Column("lease", String(32)),
    Column("leased_until", UtcTime),
    Column("error", ForeignText),
    Column("run_id", String(32)),
    Column("settled_at", UtcTime),
    Column("repost", Integer),  # after this many seconds a board is posted again instead of edited
    Column("parts", Integer),  # how many parts the message was split into; empty until it is fitted
    Index(None, "state", "channel", "priority", "id"),
    Index(None, "channel", "slot", "id"),
    Index(None, "run_id"),
    Index(None, "settled_at"),
)

sent = Table(
    "sent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("outbox_id", Integer, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("slot", String(200)),
    Column("message_id", String(64), nullable=False),
    Column("destination", String(64)),  # the service's own channel
    Column("url", Text),
    Column("sent_at", UtcTime, nullable=False),
    Column("edited", Boolean, nullable=False, default=False),
    Column("withdrawn_at", UtcTime),
    Index(None, "channel", "slot", "id"),
    Index(None, "channel", "message_id"),
    Index(None, "channel", "edited", "id"),  # the last posts, to tell those of others from ours
    Index(None, "outbox_id"),
)

# How each channel has fared on each day, in UTC.
tallies = Table(
    "tallies",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("sent", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("retried", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("slowed", Integer, nullable=False),
)

# One row a channel of the config: who sends to it now, and when it may be tried again. Channels with one destination,
# which is the service's own channel, are leased together.
channel_states = Table(
    "channel_states",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("address", String(32), nullable=False),  # a fingerprint: a dead address stays dead until it is changed
    Column("destination", String(64)),
    Column("lease", String(32)),
    Column("leased_until", UtcTime),
    Column("ready_at", UtcTime, nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("dead_since", UtcTime),
    Column("error", ForeignText),
    # When the last messages were posted, in seconds since 1970, as a JSON list: the pace outlives the process.
    Column("posts", Text, nullable=False, default="[]"),
)

# Events of other programs, whichever way they came in. A row is saved before its sender gets the answer "accepted".
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("title", ForeignText, nullable=False),
    Column("text", ForeignText, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("agent", String(128), nullable=False),
    Column(
        "fields", ForeignText(whole=True), nullable=False
    ),  # JSON: [name, value] in their order, with a mark where it is a number
    Column("at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("slot", String(128)),  # a later event of the same slot edits the earlier message
    Column("until", UtcTime),  # the event is not sent after that
    Column("not_before", UtcTime),
    Column("seq", BigInteger),  # the sender's own counter: a jump means that some are missing
    Column("state", String(16), nullable=False),  # waiting sent off expired failed
    Column("why", ForeignText),
    Column("settled_at", UtcTime),
    Column("file_name", String(255)),
    Column("file", LargeBinary),
    UniqueConstraint("source", "event_id"),
    Index(None, "state", "id"),
    Index(None, "received_at"),
    Index(None, "source", "kind", "seq"),
)

# The prices of markets that were seen, the first of each minute. `source` tells where they came from.
market_prices = Table(
    "market_prices",
    metadata,
    Column("market", String(64), primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("minute", Integer, primary_key=True, autoincrement=False),  # counted since 1970
    Column("at", UtcTime, nullable=False),
    Column("price", Text, nullable=False),
    Index(None, "minute"),
    sqlite_with_rowid=False,
)

# Bodies of authentic senders that could not be read as events.
rejected_events = Table(
    "rejected_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hook", String(64), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("why", ForeignText, nullable=False),
    Column("body", ForeignText(whole=True), nullable=False),
    Index(None, "received_at"),
)

# Roll-ups of the trading databases (trading/ledger/rollup_buckets): a cache, which can be built again at any time.
# `level` 0 is an hour, 1 a day, 2 a month, all in UTC; `start` is its first hour, counted since 1970. A row of `scope`
# agent is an agent's, one of `scope` book that of all agents. The P&L is `whole` units and `part` 1e-15ths of one.
rollups = Table(
    "rollups",
    metadata,
    Column("ledger", String(64), primary_key=True),
    Column("scope", String(8), primary_key=True),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("mode", String(8), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("trades", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("whole", BigInteger, nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("fees", Text, nullable=False),  # in 1e-15, as text: a number of the database could overflow
    Column("fees_known", Integer, nullable=False),
    Column("funding", Text, nullable=False),
    Column("funding_known", Integer, nullable=False),
    Column("net", Text, nullable=False),  # the path, in 1e-8
    Column("high", Text, nullable=False),
    Column("low", Text, nullable=False),
    Column("fall", Text, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    Column("gross_profit", Text, nullable=False),
    Column("gross_loss", Text, nullable=False),
    Column("volume", Text, nullable=False),
    Column("volume_known", Integer, nullable=False),
    Column("longs", Integer, nullable=False),
    Column("shorts", Integer, nullable=False),
    Column("squares", Text, nullable=False),  # in 1e-16
    Column("held", Text, nullable=False),  # in microseconds
    Column("held_known", Integer, nullable=False),
    Column("shortest", BigInteger),
    Column("longest", BigInteger),
    Column("runs", Text, nullable=False),  # JSON of the first and the last streak, and of the longest ones
    Column("best", Text),  # JSON of a trade's result in 1e-8 and its id
    Column("worst", Text),
    sqlite_with_rowid=False,
)

# How far the roll-up of each ledger is. `revision` changes with every write, so that of two writers one gives way.
rollup_ledgers = Table(
    "rollup_ledgers",
    metadata,
    Column("ledger", String(64), primary_key=True),
    Column("definition", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # building verified unverified
    Column("since", Integer, nullable=False),  # the first hour with a trade
    Column("through", Integer, nullable=False),  # the first hour that is not kept
    Column("trades", BigInteger, nullable=False),
    Column("checked", Integer),  # the first hour that the check of everything has still to see
    Column("check_began", UtcTime),
    Column("recent", Integer),  # the same of the check of the last days
    Column("recent_began", UtcTime),
    Column("verified_at", UtcTime),
    Column("changed_at", UtcTime),  # when a kept hour was last found changed
    Column("anchor", Text),  # JSON of the last trade: its id, hour and checksum
    Column("unreadable", Text, nullable=False, server_default="[]"),  # JSON: hours and ids of trades that no bucket has
)

# Plans of people, version by version. A row is never changed or deleted: `hash` covers the row and the version before.
plan_versions = Table(
    "plan_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author", String(64), nullable=False),
    Column("day", String(10), nullable=False),  # 2026-11-29, in the author's zone
    Column("number", Integer, nullable=False),  # of the author's day, from 1
    Column("act", String(16), nullable=False),  # written | edited | withdrawn
    Column("text", Text, nullable=False),  # masked before it is hashed
    Column("writer", String(80), nullable=False),
    Column("writer_name", String(160), nullable=False),
    Column("channel", String(80), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("said_at", UtcTime),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("day", "author", "number"),
)

# The pictures of plans themselves: an address in a chat expires after a day.
plan_charts = Table(
    "plan_charts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author", String(64), nullable=False),
    Column("day", String(10), nullable=False),
    Column("number", Integer, nullable=False),  # the version that it came with
    Column("name", String(255), nullable=False),
    Column("kind", String(32), nullable=False),  # its media type
    Column("content", LargeBinary, nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Index(None, "day", "author"),
)

# The trades of a book in an hour of the last weeks, so that a change can be said by trade: compressed JSON.
rollup_trades = Table(
    "rollup_trades",
    metadata,
    Column("ledger", String(64), primary_key=True),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("mode", String(8), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("trades", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# What was found changed in an hour of the past: which trades, or which agents where the trades are not known.
rollup_changes = Table(
    "rollup_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ledger", String(64), nullable=False),
    Column("start", Integer, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("currency", Text, nullable=False),
    Column("found_at", UtcTime, nullable=False),
    Column("detail", ForeignText(whole=True), nullable=False),  # JSON
    Index(None, "ledger", "start"),
    Index(None, "found_at"),
)

# What reports of periods that are over have said of each ledger, and whether it has to be compared with the present.
told_figures = Table(
    "told_figures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("label", Text, nullable=False),
    Column("period_start", UtcTime, nullable=False),
    Column("period_end", UtcTime, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("ledger", String(64), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("currency", Text, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("pnl", Text, nullable=False),
    Column("fees", Text),
    Column("made_by", String(32), nullable=False),
    Column("told_at", UtcTime, nullable=False),
    Column("state", String(16), nullable=False),  # new, until its period is rolled up; then settled, or suspect
    UniqueConstraint("job", "period_start", "period_end", "ledger", "mode", "currency"),
    Index(None, "ledger", "state"),
    Index(None, "told_at"),
)

# Each time that a told figure was found to be another one.
restatements = Table(
    "restatements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("label", Text, nullable=False),
    Column("period_start", UtcTime, nullable=False),
    Column("ledger", String(64), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("currency", Text, nullable=False),
    Column("cause", String(16), nullable=False),  # source, or ours
    Column("told_at", UtcTime, nullable=False),
    Column("found_at", UtcTime, nullable=False),
    Column("trades_before", Integer, nullable=False),
    Column("trades", Integer, nullable=False),
    Column("pnl_before", Text, nullable=False),
    Column("pnl", Text, nullable=False),
    Column("fees_before", Text),
    Column("fees", Text),
    Column("detail", ForeignText(whole=True), nullable=False),  # JSON: a line for each trade that makes the difference
    Index(None, "ledger", "id"),
    Index(None, "job", "period_start"),
    Index(None, "found_at"),
)

# Keys of the doors: tokens of programs, sessions of people, links to log in once, codes that pair somebody in chat. Of
# each only a digest is kept.
web_keys = Table(
    "web_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # token session link pair
    Column("name", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("may", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("used_at", UtcTime),
    Column("used_from", String(64)),  # the address of its last use
    Index(None, "kind", "name"),
)

# Where no index leads to the closing times of a ledger's trades: blocks of its keys, and when their trades closed. A
# row without times is the key of what was open when its block was looked at.
rollup_keys = Table(
    "rollup_keys",
    metadata,
    Column("ledger", String(64), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("oldest", Integer),  # hours, counted since 1970
    Column("newest", Integer),
)

# Who was paired in chat by a code from the command line. What the config says of somebody counts before it.
chat_people = Table(
    "chat_people",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("name", String(160), nullable=False),
    Column("role", String(16), nullable=False),
    Column("paired_at", UtcTime, nullable=False),
)

# What was asked of control and waits for its code. Of the code only a digest with its asker and place is kept.
confirmations = Table(
    "confirmations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("operation", String(32), nullable=False),
    Column("arguments", Text, nullable=False),  # JSON
    Column("seen", Text, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

# Everything that was asked of control and what became of it. Rows are added, and never changed or deleted.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(160), nullable=False),
    Column("role", String(16), nullable=False),
    Column("place", String(160), nullable=False),
    Column("act", String(16), nullable=False),
    Column("operation", String(32), nullable=False),
    Column("arguments", Text, nullable=False),  # JSON
    Column("detail", ForeignText, nullable=False),
)

# How each job stands that reports itself by pings.
ping_states = Table(
    "ping_states",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("schedule", String(200), nullable=False),  # the one by which `due_at` was found
    Column("due_at", UtcTime, nullable=False),
    Column("pinged_at", UtcTime),
    Column("failed", Boolean, nullable=False),
    Column("status", Integer),
    Column("started_at", UtcTime),
    Column("rid", String(64)),
    Column("took", Float),
    Column("text", ForeignText(whole=True), nullable=False),
    Column("paused_at", UtcTime),
)

# The newest pings of each.
pings = Table(
    "pings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # success start fail log
    Column("at", UtcTime, nullable=False),
    Column("rid", String(64)),
    Column("status", Integer),
    Column("text", ForeignText(whole=True), nullable=False),
    Index(None, "name", "id"),
    Index(None, "name", "rid", "id"),
)
