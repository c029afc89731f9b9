"""What the config may say of probes that look into databases."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, model_validator

from reporter.config.probes.common import (
    AS_USUAL,
    AskedProbe,
    LowNumbers,
    Numbers,
    Otherwise,
    ProbeSettings,
    Sizes,
    Spans,
)
from reporter.config.secrets import Address, DatabaseUrl, HomePath
from reporter.config.types import Duration, Name, mistake
from reporter.secret import Secret
from reporter.trading.ledger.readonly import acting, reads


def _address_of(*schemes: str, example: str) -> AfterValidator:
    def check(url: Secret) -> Secret:
        if not url.reveal().startswith(tuple(f"{scheme}://" for scheme in schemes)) or not _readable(url):
            raise mistake(f"must be an address such as {example}", "keep it in a variable, and write `env:NAME`")
        return url

    return AfterValidator(check)


# A host, in brackets if it is an IPv6 address, and its port.
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d{0,5})?")


def _readable(url: Secret) -> bool:
    """Whether host and port can be told: a password with a slash that is not written as `%2F` ends up in them.
    PostgreSQL takes several of them, between commas."""
    with suppress(ValueError):
        parts = urlsplit(url.reveal())
        places = parts.netloc.rpartition("@")[2].split(",")
        if len(places) > 1 and parts.scheme.startswith("postgres"):
            return all(_PLACE.fullmatch(place) for place in places)
        return parts.port is None or parts.port > 0
    return False


_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
PostgresUrl = Annotated[
    Address,
    _address_of(*_POSTGRES, example="postgresql://USER:PASSWORD@HOST/DATABASE"),
]

FileOrPostgres = Annotated[
    DatabaseUrl,
    _address_of("sqlite", *_POSTGRES, example="postgresql://USER:PASSWORD@HOST/DATABASE, or a SQLite file"),
]


class OfADatabase(AskedProbe):
    """A database by its own address, or by the name of the ledger that it is."""

    ledger: Name | None = None
    """One of the ledgers, instead of an address of its own."""

    address_key: ClassVar[str] = "url"

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (getattr(self, self.address_key) is None) == (self.ledger is None):
            key = self.address_key
            raise mistake(f"needs either `{key}` or `ledger`", f"write `{key}: …`, or `ledger: NAME` for a ledger")
        return self


class PostgresProbeConfig(OfADatabase):
    """Connects to a PostgreSQL server as any client does, and reads its statistics."""

    kind: Literal["postgres"]
    """`postgres`."""
    url: PostgresUrl | None = None
    """The server's address, with a role and a database; best a reference to a secret."""
    connections: Annotated[Numbers, Otherwise(80, 95)] = AS_USUAL
    """Percent of max_connections in use."""
    slow_after: Duration = Field(timedelta(minutes=1), json_schema_extra={"default": "1m"})
    """From when on a query counts as slow; those of pg_dump and pg_basebackup do not."""
    slow_queries: Annotated[Numbers, Otherwise(1)] = AS_USUAL
    """How many slow queries run in this database."""
    idle_in_transaction: Annotated[Spans, Otherwise("10m")] = AS_USUAL
    """How long a session of this database has had a transaction open without doing anything."""
    lock_wait: Annotated[Spans, Otherwise("30s", "5m")] = AS_USUAL
    """How long a session of this database has waited for a lock."""
    replication_lag: Annotated[Spans, Otherwise("30s", "5m")] = AS_USUAL
    """How far a standby is behind, seen from either side."""
    expect_role: Literal["primary", "standby"] | None = None
    """What the server must be: after a failover a bot may find that it cannot write any more."""
    standbys: int = Field(0, ge=0)
    """How many standbys should be connected; fewer is a warning."""
    kept_wal: Annotated[Sizes, Otherwise("1 GiB")] = AS_USUAL
    """How much WAL is kept for a replication slot that nobody reads."""
    cache_hits: LowNumbers = LowNumbers()
    """Percent of blocks found in memory within the last hour."""
    checkpoint: Spans = Spans()
    """How long ago the last checkpoint was; it counts only where much was written since."""
    size: Sizes = Sizes()
    """The size of the database; with `critical` the board shows it as a share of that."""
    transaction_ids: Annotated[Numbers, Otherwise(50, 75)] = AS_USUAL
    """Percent of the transaction ids that are used up; at 100 the server stops, and autovacuum is what frees them."""


class SqliteProbeConfig(OfADatabase):
    """Opens a SQLite file for reading, and now and then reads all of it."""

    address_key: ClassVar[str] = "path"

    kind: Literal["sqlite"]
    """`sqlite`."""
    path: HomePath | None = None
    """The file, seen from the home."""
    size: Sizes = Sizes()
    """The size of the file; with `critical` the board shows it as a share of that."""
    wal: Annotated[Sizes, Otherwise("1 GiB")] = AS_USUAL
    """The size of the write-ahead log beside it; one that grows is kept from its checkpoint by somebody who reads."""
    free: Numbers = Numbers()
    """Percent of the file that is free pages, which VACUUM would give back."""
    written: Spans = Spans()
    """How long ago anything was last written to it."""
    integrity_every: Duration | None = Field(timedelta(days=1), json_schema_extra={"default": "1d"})
    """How often all of the file is read for damage; null: never."""


def _some_weeks(span: timedelta) -> timedelta:
    if not timedelta(weeks=1) <= span <= timedelta(weeks=26):
        raise mistake("must be from one week to 26", "write such as `8w`")
    return span


def _only_reads(query: str) -> str:
    if not reads(query):
        raise mistake("must be a SELECT", "it may begin with WITH or SHOW too; what writes is refused")
    if name := acting(query):
        raise mistake(f"calls `{name}`, which does more than read", "a probe only looks: leave it out")
    return query


class SqlProbeConfig(OfADatabase):
    """Asks a database something, and holds the answer to what is expected of it."""

    kind: Literal["sql"]
    """`sql`."""
    url: (
        Annotated[DatabaseUrl, _address_of("sqlite", *_POSTGRES, example="postgresql://…, or a SQLite file")] | None
    ) = None
    """A SQLite file's path, seen from the home, or a PostgreSQL URL; best a reference to a secret."""
    query: Annotated[str, AfterValidator(_only_reads)]
    """A SELECT that gives one row of one column."""
    shows_as: str = Field("value", min_length=1, max_length=60)
    """What people call the value."""
    above: Numbers | None = None
    """From where on a large number is trouble."""
    below: LowNumbers | None = None
    """From where on a small number is trouble."""
    equals: str | int | float | bool | None = None
    """The value that it must have."""
    age: Spans | None = None
    """How long ago the time may be that it gives."""
    rows: Numbers | None = None
    """How many rows there may be, of which 1000 are counted; the query may then give any columns."""
    min_rows: LowNumbers | None = None
    """How many rows there must be."""
    empty: Literal["ok", "warning", "critical", "unknown"] = "unknown"
    """How it stands where there is no row, or nothing in it."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        kinds = (self.above or self.below, self.equals, self.age, self.rows or self.min_rows)
        if sum(given is not None for given in kinds) > 1:
            raise mistake("a number, a text, an age and rows exclude each other", "write a probe for each")
        return self


class TradesProbeConfig(ProbeSettings):
    """Looks how long ago the newest trade closed, and whether that is unusual at this hour of the week."""

    kind: Literal["trades"]
    """`trades`."""
    ledger: Name | None = None
    """Whose trades; those of all ledgers together if left out."""
    agent: str | None = Field(None, min_length=1)
    """One agent's, by its name; those of all if left out."""
    history: Annotated[Duration, AfterValidator(_some_weeks)] = Field(
        timedelta(weeks=8), json_schema_extra={"default": "8w"}
    )
    """How far back the usual pace is learnt from."""
    rarity: Duration = Field(timedelta(weeks=4), json_schema_extra={"default": "4w"})
    """A silence is rare that comes once in this time."""
    silence: Annotated[Numbers, Otherwise(1, 2)] = AS_USUAL
    """How many times as long as a rare silence this one may be."""


class RedisProbeConfig(AskedProbe):
    """Connects to a Redis or Valkey server as any client does, and asks how it is."""

    kind: Literal["redis"]
    """`redis`."""
    url: Annotated[Address, _address_of("redis", "rediss", "unix", example="redis://:PASSWORD@HOST:6379")]
    """The server's address; `rediss://` for TLS, `unix:///PATH` for a socket; best a reference to a secret."""
    ca_file: HomePath | None = None
    """The certificates that are trusted instead of the common authorities', a PEM file."""
    verify: bool = True
    """Whether the server's certificate must be valid."""
    memory: Annotated[Numbers, Otherwise(85, 95)] = AS_USUAL
    """Percent of maxmemory in use; it counts only where nothing is evicted (maxmemory-policy noeviction)."""
    clients: Annotated[Numbers, Otherwise(80, 95)] = AS_USUAL
    """Percent of maxclients in use."""
    hits: LowNumbers = LowNumbers()
    """Percent of keys that were asked for and found within the last hour."""
    fragmentation: Numbers = Numbers()
    """How many times the data's size the process takes up; told from 64 MiB of data on."""
    last_save: Spans = Spans()
    """How long ago the last save to disk was; it counts only where something has changed since."""
    expect_role: Literal["primary", "replica"] | None = None
    """What the server must be: after a failover a bot may find that it cannot write any more."""
    replicas: int = Field(0, ge=0)
    """How many replicas should be connected; fewer is a warning."""
    replication_lag: Annotated[Spans, Otherwise("30s", "5m")] = AS_USUAL
    """How long ago the slowest replica was heard of."""


DatabaseProbe = Annotated[
    PostgresProbeConfig | SqliteProbeConfig | SqlProbeConfig | RedisProbeConfig | TradesProbeConfig,
    Discriminator("kind"),
]
