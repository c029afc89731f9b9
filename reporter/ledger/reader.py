"""One trading database, asked: rows in, our own types out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, Row, func, inspect, select, text

from reporter.errors import LedgerError
from reporter.ledger import queries
from reporter.ledger.answer import Answer, BookKey, LineKey
from reporter.ledger.engines import Database
from reporter.ledger.freqtrade import freqtrade
from reporter.ledger.native import native
from reporter.ledger.settings import LedgerSettings
from reporter.ledger.source import Source, amount, moment, number
from reporter.metrics import best, combined, worst
from reporter.periods import Period
from reporter.trades import Agent, By, EquityPoint, Figures, LedgerHealth, Mode, Money, Position, Trade

_MAY_WRITE = text("SELECT has_table_privilege(current_user, CAST(:table AS text), 'INSERT, UPDATE, DELETE')")


class Reader:
    """One ledger. Every method but `health` raises LedgerError when it cannot be read."""

    def __init__(self, settings: LedgerSettings, timeout: float) -> None:
        self.settings = settings
        self._database = Database(settings.name, settings.url, timeout)
        self._mode = settings.mode or _mode_by_name(self._database)
        self._source = _source(settings, self._database.dialect, self._mode)

    @property
    def name(self) -> str:
        return self.settings.name

    def why(self, error: LedgerError) -> str:
        """The error's sentence without this ledger's name, for where that stands beside it."""
        return str(error).removeprefix(f"{self.name}: ")

    def may_hold(self, book: BookKey) -> bool:
        """Whether a book has, by the settings, a starting balance of this ledger in it."""
        mode, currency = book
        own = self._mode if self.settings.kind == "freqtrade" else self.settings.mode
        return own in {None, mode} and any(money.currency == currency for money in self.settings.starting_balance)

    def performance(self, period: Period, by: By, *, daily: bool) -> Answer:
        """The figures of a period, all from one state of the database."""
        days = period.days() if daily else []
        rows = queries.keyed(self._source, period, by, days)
        with self._database.snapshot() as connection:
            self._expect_form(connection)
            sums = connection.execute(queries.sums(rows)).all()
            return Answer(
                settings=self.settings,
                mode=self._mode,
                by=by,
                days=len(days),
                figures=self._figures(sums, connection.execute(queries.extremes(rows)), len(days)) if sums else {},
                falls=_falls(connection.execute(queries.drawdowns(rows))) if sums else {},
                before=_before(connection.execute(queries.realised_before(self._source, period.start))),
                agents=self._agents(connection) if self._source.lists_agents else [],
            )

    def changes(self, period: Period, book: BookKey) -> list[tuple[datetime, Decimal]]:
        """When and by how much a book changed, in order."""
        statement = queries.changes(self._source, period, book[0].value, book[1])
        with self._database.snapshot() as connection:
            return [(_known(row.closed_at), amount(row.pnl)) for row in connection.execute(statement)]

    def closed_trades(self, period: Period, limit: int | None) -> list[Trade]:
        with self._database.snapshot() as connection:
            self._expect_form(connection)
            rows = connection.execute(queries.oldest_first(self._source, period, limit))
            return [self._trade(row) for row in rows]

    def open_positions(self) -> list[Position]:
        with self._database.snapshot() as connection:
            return [self._position(row) for row in connection.execute(self._source.positions)]

    def agents(self) -> list[Agent]:
        with self._database.snapshot() as connection:
            return self._agents(connection)

    def equity(self, period: Period) -> list[EquityPoint]:
        with self._database.snapshot() as connection:
            if not inspect(connection).has_table(self._source.equity_table):
                return []  # older versions of freqtrade keep none
            return [self._point(row) for row in connection.execute(queries.equity(self._source, period))]

    def health(self) -> LedgerHealth:
        """Whether the ledger answers. Its latency is that of a connection and the simplest question."""
        started = perf_counter()
        try:
            with self._database.snapshot() as connection:
                clock = self._clock(connection)
                latency = perf_counter() - started
                newest = moment(connection.execute(queries.newest(self._source)).scalar())
        except LedgerError as error:
            return LedgerHealth(ledger=self.name, kind=self.settings.kind, reachable=False, error=self.why(error))
        return LedgerHealth(
            ledger=self.name,
            kind=self.settings.kind,
            reachable=True,
            latency=latency,
            newest_trade_at=newest,
            clock=clock,
        )

    def warnings(self) -> list[str]:
        """What is unwise in how we may read it: rights that are too wide."""
        if self._database.dialect == "sqlite":
            return []
        with self._database.snapshot() as connection:
            wide = [name for name in self._source.tables if connection.execute(_MAY_WRITE, {"table": name}).scalar()]
        return [_too_wide(self.name, wide)] if wide else []

    def _expect_form(self, connection: Connection) -> None:
        """Refuse times that would be compared wrongly, since a trade in the wrong day is worse than none."""
        if self._source.form is None:
            return
        newest = connection.execute(queries.newest(self._source)).scalar()
        if newest is not None and not self._source.form.fullmatch(str(newest)):
            raise LedgerError(f"closed_at is {newest!r}, but must be UTC text such as 2026-10-30 23:59:59")

    def _clock(self, connection: Connection) -> datetime | None:
        """The server's time. A SQLite file has no clock of its own."""
        if self._database.dialect == "sqlite":
            connection.execute(text("SELECT 1"))
            return None
        return moment(connection.execute(select(func.clock_timestamp())).scalar())

    def _figures(self, sums: Iterable[Row[Any]], extremes: Iterable[Row[Any]], days: int) -> dict[LineKey, Figures]:
        lines: dict[LineKey, list[Row[Any]]] = defaultdict(list)
        for row in sums:
            lines[row.key, _mode(row.mode), row.currency].append(row)
        ranked: dict[LineKey, list[Trade]] = defaultdict(list)
        for row in extremes:
            ranked[row.key, _mode(row.mode), row.currency].append(self._trade(row))
        return {line: _line(rows, ranked[line], days) for line, rows in lines.items()}

    def _trade(self, row: Row[Any]) -> Trade:
        return Trade(
            id=str(row.id),
            ledger=self.name,
            agent=row.agent,
            strategy=row.strategy,
            market=row.market,
            side=row.side,
            opened_at=moment(row.opened_at),
            closed_at=_known(row.closed_at),
            size=number(row.size),
            pnl=Money(amount(row.pnl), row.currency),
            fees=_money(row.fees, row.currency),
            mode=_mode(row.mode),
        )

    def _position(self, row: Row[Any]) -> Position:
        return Position(
            id=str(row.id),
            ledger=self.name,
            agent=row.agent,
            strategy=row.strategy,
            market=row.market,
            side=row.side,
            opened_at=moment(row.opened_at),
            size=number(row.size),
            entry_price=number(row.entry_price),
            current_price=number(row.current_price),
            unrealised=_money(row.unrealised, row.currency),
            mode=_mode(row.mode),
            currency=row.currency,
            priced_at=moment(row.priced_at),
        )

    def _agents(self, connection: Connection) -> list[Agent]:
        return [self._agent(row) for row in connection.execute(self._source.agents)]

    def _agent(self, row: Row[Any]) -> Agent:
        said = self.settings.capital.get(row.name)
        return Agent(
            ledger=self.name,
            name=row.name,
            strategy=row.strategy,
            mode=_mode(row.mode),
            currency=row.currency,
            capital=said or _money(row.capital, row.currency),
            status=row.status,
            last_seen=moment(row.last_seen),
        )

    def _point(self, row: Row[Any]) -> EquityPoint:
        return EquityPoint(
            ledger=self.name,
            at=_known(row.at),
            equity=Money(amount(row.equity), row.currency),
            mode=_mode(row.mode),
            agent=row.agent,
        )


def _source(settings: LedgerSettings, dialect: str, mode: Mode) -> Source:
    match settings.kind:
        case "native":
            return native(dialect)
        case "freqtrade":
            return freqtrade(dialect, mode)
    raise LedgerError(f"{settings.name}: there is no kind of ledger {settings.kind!r}, only native and freqtrade")


def _mode_by_name(database: Database) -> Mode:
    """freqtrade calls the database of its dry runs `tradesv3.dryrun.sqlite`."""
    return Mode.PAPER if database.file and "dryrun" in database.file.name else Mode.LIVE


def _too_wide(name: str, tables: Sequence[str]) -> str:
    return f"{name}: the role may write to {', '.join(tables)}; give it SELECT alone, and no mistake can change a trade"


def _before(rows: Iterable[Row[Any]]) -> dict[LineKey, Decimal]:
    return {(row.agent, _mode(row.mode), row.currency): amount(row.pnl) for row in rows}


def _falls(rows: Iterable[Row[Any]]) -> dict[BookKey, Decimal]:
    return {(_mode(row.mode), row.currency): min(amount(row.fall), Decimal(0)) for row in rows}


def _line(rows: Sequence[Row[Any]], ranked: Sequence[Trade], days: int) -> Figures:
    """One line from its sums, which come a day each."""
    parts = [_sums(row, days) for row in rows]
    whole = combined(parts, rows[0].currency, days)
    return replace(whole, best=best(ranked), worst=worst(ranked))


def _sums(row: Row[Any], days: int) -> Figures:
    pnl = amount(row.pnl)
    return Figures(
        trades=row.trades,
        wins=row.wins,
        losses=row.losses,
        flat=row.trades - row.wins - row.losses,
        pnl=Money(pnl, row.currency),
        fees=Money(amount(row.fees), row.currency) if row.fees_known == row.trades else None,
        gross_profit=Money(amount(row.gross_profit), row.currency),
        gross_loss=Money(amount(row.gross_loss), row.currency),
        daily=tuple(pnl if day == row.day else Decimal(0) for day in range(days)),
    )


def _mode(value: str) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise LedgerError(f"a mode is {value!r}, which is neither live nor paper") from None


def _known(value: Any) -> datetime:
    found = moment(value)
    if found is None:
        raise LedgerError("a row that must have a time has none")
    return found


def _money(value: Any, currency: str) -> Money | None:
    return None if value is None else Money(amount(value), currency)
