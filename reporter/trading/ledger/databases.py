"""Opens what the settings of a ledger name: its database, and the source that knows its kind's tables."""

from __future__ import annotations

from dataclasses import replace

from reporter.errors import LedgerError
from reporter.secret import Secret
from reporter.trading.ledger.clickhouse import SCHEMES, ClickHouse
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.derived import FILLS, UNPRICED, DerivedDatabase
from reporter.trading.ledger.files import Files, file_kind
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources import hummingbot, jesse
from reporter.trading.ledger.sources.base import Source
from reporter.trading.ledger.sources.freqtrade import freqtrade
from reporter.trading.ledger.sources.mapped import mapped_database
from reporter.trading.ledger.sources.native import native
from reporter.trading.trades import Mode


def opened(name: str, url: Secret | str, timeout: float) -> Database | Files | ClickHouse:
    """What stands at an address. Raises LedgerError where it is none."""
    plain = url.reveal() if isinstance(url, Secret) else url
    if plain.partition("://")[0] in SCHEMES:
        return ClickHouse(name, plain, timeout)
    kind = file_kind(plain)
    return Database(name, url, timeout) if kind is None else Files(name, *kind, timeout)


def database_of(settings: LedgerSettings, timeout: float) -> Database | DerivedDatabase:
    database = opened(settings.name, settings.url, timeout)
    if not isinstance(database, Database) and settings.kind != "mapping":
        what = "files are" if isinstance(database, Files) else "ClickHouse is"
        raise LedgerError(f"{settings.name}: {what} read by `kind: mapping`, not by {settings.kind}")
    if settings.kind == "mapping":
        try:
            return mapped_database(database, settings.mapping)
        except LedgerError as error:
            raise LedgerError(f"{settings.name}: {error}") from None
    assert isinstance(database, Database)  # noqa: S101 - as was asked above
    if settings.kind == "hummingbot":
        return DerivedDatabase(database, hummingbot.derive, hummingbot.changed, hummingbot.TABLES)
    if settings.kind == "jesse":
        return DerivedDatabase(database, jesse.derive, jesse.changed, jesse.TABLES)
    return database


def source_of(settings: LedgerSettings, dialect: str, mode: Mode) -> Source:
    match settings.kind:
        case "native" | "jesse":
            return native(dialect)
        case "hummingbot" | "mapping":
            has_fills = settings.kind == "hummingbot" or settings.mapping.get("unit") == "fill"
            return replace(native(dialect), fills=FILLS if has_fills else None, unpriced=UNPRICED)
        case "freqtrade":
            return freqtrade(dialect, mode)
    known = "native, freqtrade, hummingbot, jesse and mapping"
    raise LedgerError(f"{settings.name}: there is no kind of ledger {settings.kind!r}, only {known}")


def mode_by_name(database: Database | DerivedDatabase) -> Mode:
    """freqtrade calls the database of its dry runs `tradesv3.dryrun.sqlite`."""
    return Mode.PAPER if database.file and "dryrun" in database.file.name else Mode.LIVE
