"""A mapping: how the rows of somebody's own tables become trades, positions and fills."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from reporter.errors import LedgerError
from reporter.trading.average_cost import Fill, OpenPosition, closings
from reporter.trading.first_in_first_out import fifo_closings
from reporter.trading.ledger.derived import DerivedRows, Row
from reporter.trading.ledger.expressions import Expression, Values, number, parse
from reporter.trading.ledger.fee_rates import ALWAYS, FeeRates, no_rate, ordered, positive

Unit = Literal["trade", "fill"]
TIMES = ("opened_at", "closed_at", "at")
NUMBERS = (
    "size", "entry_price", "exit_price", "pnl", "fees", "price", "quantity", "volume", "leverage", "unrealised_pnl",
    "stake", "worth", "equity", "deposited", "unrealised",
)  # fmt: skip
NUMBERS_OF_TIME = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
LONG = {"long", "buy", "yes", "1", "true", "bid", "b", "over", "up", "kauf", "achat", "compra"}
SHORT = {"short", "sell", "no", "-1", "2", "0", "false", "ask", "s", "under", "down", "verkauf", "vente", "venta"}
PAPER = {
    "paper",
    "dry_run",
    "dry-run",
    "dryrun",
    "sim",
    "simulated",
    "simulation",
    "demo",
    "test",
    "backtest",
    "true",
    "1",
}

_COMMA_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:[.'\s]\d{3})+|\d+)(?:,\d+)?")

# What each unit needs and may have.
COLUMNS: Mapping[Unit, Mapping[str, bool]] = {
    "trade": {
        "id": True, "agent": True, "market": True, "currency": True, "closed_at": True, "pnl": True, "side": False,
        "strategy": False, "mode": False, "size": False, "entry_price": False, "exit_price": False, "fees": False,
        "opened_at": False, "exit_reason": False, "entry_tag": False, "volume": False,
        "leverage": False, "fee_token": False,
    },
    "fill": {
        "id": True, "agent": True, "market": True, "currency": True, "at": True, "side": True, "quantity": True,
        "price": True, "fees": False, "strategy": False, "mode": False, "order": False,
        "fee_token": False,
    },
}  # fmt: skip


# Tables beside that of the trades: what each has and what for, and what else may be said of it.
SIDE_TABLES: Mapping[str, Mapping[str, str]] = {
    "rates": {
        "token": "which token it is the rate of",
        "currency": "what it is worth something in",
        "at": "when the rate was so",
        "worth": "what one token was worth",
    },
    "equity": {
        "at": "when the account was worth that",
        "currency": "what the account is in",
        "equity": "what the account was worth",
    },
    "heartbeat": {"agent": "whose heartbeat it is", "at": "when it was"},
}
_MORE = {"rates": ("max_age",), "equity": ("agent", "mode", "deposited", "unrealised"), "heartbeat": ()}


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """Where one canonical column comes from: an expression, then words, a factor, and a time's unit, zone and form."""

    expression: Expression
    words: Mapping[str, str] = field(default_factory=dict)
    scale: Decimal = Decimal(1)
    unit: str | None = None
    zone: str | None = None
    form: str | None = None


@dataclass(frozen=True, slots=True)
class SideTable:
    """A table or a query of the database beside that of the trades, `name` says which one. A rate older than `max_age`
    is none."""

    name: str
    table: str | None
    query: str | None
    columns: Mapping[str, ColumnRule]
    max_age: timedelta | None = None

    def read(self, rows: Iterable[Values]) -> Iterator[Row]:
        """The rows by what they mean; those without what each must have, or with what cannot be read, do not count."""
        for values in rows:
            try:
                found = {name: _column(name, rule, values) for name, rule in self.columns.items()}
            except ValueError:
                continue
            if None not in [found[name] for name in SIDE_TABLES[self.name]]:
                yield found

    def rates(self, rows: Iterable[Values]) -> FeeRates:
        """The rates in these rows."""
        found = [row for row in self.read(rows) if isinstance(row["worth"], Decimal) and row["worth"] > 0]
        points = ((str(row["token"]), str(row["currency"]), row["at"], row["worth"]) for row in found)
        return FeeRates(ordered(points), self.max_age)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class LedgerMapping:
    """A mapping that was checked against the columns that there are.

    `where` leaves out rows; `open` says which of the others are still open: they are positions and no trades. `net`
    says whether `pnl` is net of `fees`. With a `comma` numbers are written as in `1.234,50`.
    `contract` is the type of each column when the mapping was made. Without `shorts` nothing can be sold that was not
    bought. Fills are matched by average cost, or first in, first out (`fifo`). `rates` say what fees in other tokens
    are worth. `beside` are the other tables that are read with the rows.
    """

    table: str | None
    query: str | None
    unit: Unit
    columns: Mapping[str, ColumnRule]
    where: Expression | None = None
    open: Expression | None = None
    net: bool = True
    comma: bool = False
    contract: Mapping[str, str] = field(default_factory=dict)
    shorts: bool = True
    fifo: bool = False
    rates: FeeRates = field(default_factory=FeeRates)
    beside: Mapping[str, SideTable] = field(default_factory=dict)

    @property
    def used(self) -> frozenset[str]:
        """The columns of the database that count."""
        expressions = [*(rule.expression for rule in self.columns.values()), self.where, self.open]
        return frozenset().union(*(expression.columns for expression in expressions if expression))


def read_mapping(given: Mapping[str, Any], known: Collection[str] | None = None) -> LedgerMapping:
    """A mapping as it is written in YAML. Raises LedgerError with the key that is wrong and what to write instead."""
    allowed = (
        "table", "query", "unit", "where", "open", "net", "timezone", "decimal", "columns", "contract", "shorts",
        "match", "rates", "equity", "heartbeat",
    )  # fmt: skip
    for key in given:
        if key not in allowed:
            raise LedgerError(f"mapping.{key}: there is no such key; there are: {', '.join(allowed)}")
    table, query = given.get("table"), given.get("query")
    if bool(table) == bool(query):
        raise LedgerError("mapping: name either a `table` or a read-only `query`")
    unit = given.get("unit", "trade")
    if unit not in COLUMNS:
        raise LedgerError("mapping.unit: write `trade` (a row is one trade) or `fill` (trades are matched from fills)")
    columns = given.get("columns")
    if not isinstance(columns, Mapping):
        raise LedgerError("mapping.columns: say where each column comes from, such as `pnl: profit_usdt`")
    wanted = COLUMNS[unit]
    for name in columns:
        if name not in wanted:
            raise LedgerError(f"mapping.columns.{name}: there is no such column; there are: {', '.join(wanted)}")
    for name, needed in wanted.items():
        if needed and name not in columns:
            raise LedgerError(f"mapping.columns.{name} is missing: a {unit} needs it")
    zone = _zone("mapping.timezone", given.get("timezone"))
    rules = {name: _rule(name, rule, known, zone) for name, rule in columns.items()}
    conditions = {key: _condition(key, given.get(key), known) for key in ("where", "open")}
    net, comma, shorts = bool(given.get("net", True)), _comma(given.get("decimal", ".")), _shorts(given, unit)
    rates = _rates(given.get("rates", {}), zone, serve="rates" not in given or "fee_token" in columns)
    return LedgerMapping(
        table, query, unit, rules, conditions["where"], conditions["open"], net, comma, _contract(given), shorts,
        _fifo(given, unit), rates, side_tables(given),
    )  # fmt: skip


def _rates(given: object, zone: str | None, *, serve: bool) -> FeeRates:
    """Rates by hand; `serve` says that there is a column that rates are for."""
    if not serve:
        raise LedgerError("mapping.rates: they are for fees in other tokens: map `fee_token`")
    if not isinstance(given, Mapping):
        raise LedgerError("mapping.rates: write such as `BNB: 600 USDT`, or a `table` with `token`, `at` and `worth`")
    if _is_table(given):
        return FeeRates()
    found = ((token, *point) for token, said in given.items() for point in _by_hand(str(token), said, zone))
    return FeeRates(ordered((token, currency, at, worth) for token, at, worth, currency in found))


def _is_table(given: object) -> bool:
    return isinstance(given, Mapping) and bool(given.keys() & {"table", "query"})


def _by_hand(token: str, said: object, zone: str | None) -> Iterator[tuple[datetime, Decimal, str]]:
    """The rates of a token: one that always counts, or several by the moment from which each does."""
    place = f"mapping.rates.{token}"
    for at, worth in said.items() if isinstance(said, Mapping) else [(None, said)]:
        found = re.fullmatch(r"(\d+(?:\.\d+)?) +([A-Z0-9]{2,12})", str(worth).strip())
        try:
            since = ALWAYS if at is None else moment_of(at, None, zone)
        except ValueError as error:
            raise LedgerError(f"{place}: {error}") from None
        amount = positive(Decimal(found[1]) if found and since else None, place)
        if found and since:
            yield since, amount, found[2]


def side_tables(given: Mapping[str, Any], known: Mapping[str, Collection[str]] | None = None) -> dict[str, SideTable]:
    """The tables beside that of the trades; `known` are the columns of each. Raises LedgerError with the wrong key."""
    zone = _zone("mapping.timezone", given.get("timezone"))
    named = [name for name in SIDE_TABLES if name in given and (name != "rates" or _is_table(given[name]))]
    return {name: _side_table(name, given[name], zone, (known or {}).get(name)) for name in named}


def _side_table(name: str, given: object, zone: str | None, known: Collection[str] | None) -> SideTable:
    place, needed = f"mapping.{name}", SIDE_TABLES[name]
    allowed = ("table", "query", *needed, *_MORE[name])
    if not isinstance(given, Mapping) or bool(given.get("table")) == bool(given.get("query")):
        raise LedgerError(f"{place}: name either a `table` or a read-only `query`")
    for key in given:
        if key not in allowed:
            raise LedgerError(f"{place}.{key}: there is no such key; there are: {', '.join(allowed)}")
    for key, what in needed.items():
        if key not in given:
            raise LedgerError(f"{place}.{key} is missing: {what}")
    own = given.keys() - {"table", "query", "max_age"}
    columns = {key: _rule(key, given[key], known, zone, place) for key in own}
    return SideTable(name, given.get("table"), given.get("query"), columns, _age(given.get("max_age")))


def _age(given: object) -> timedelta | None:
    found = re.fullmatch(r"(\d{1,5}) ?(m|h|d)", str(given))
    if given is not None and not found:
        raise LedgerError("mapping.rates.max_age: write such as `1d`, in m, h or d")
    return timedelta(minutes=int(found[1]) * {"m": 1, "h": 60, "d": 1440}[found[2]]) if found else None


def _fifo(given: Mapping[str, Any], unit: Unit) -> bool:
    said = given.get("match", "average")
    if said not in {"average", "fifo"} or ("match" in given and unit != "fill"):
        raise LedgerError("mapping.match: write `average` (cost) or `fifo`, with `unit: fill`")
    return bool(said == "fifo")


def _shorts(given: Mapping[str, Any], unit: Unit) -> bool:
    shorts = given.get("shorts", True)
    if "shorts" in given and (unit != "fill" or not isinstance(shorts, bool)):
        raise LedgerError("mapping.shorts: write `false`, with `unit: fill`, where nothing is sold that was not bought")
    return bool(shorts)


def _contract(given: Mapping[str, Any]) -> Mapping[str, str]:
    contract = given.get("contract") or {}
    if not isinstance(contract, Mapping):
        raise LedgerError("mapping.contract: write the type of each column, such as `{pnl: NUMERIC}`")
    return {str(name): str(kind) for name, kind in contract.items()}


def expect_types(mapping: LedgerMapping, types: Mapping[str, str]) -> None:
    """Raises LedgerError where a column that counts is gone, or has another type than the contract says."""
    for name in sorted(mapping.used & mapping.contract.keys()):
        was, now = mapping.contract[name], types.get(name)
        if now is None:
            raise LedgerError(f"the column {name} is gone: correct the mapping, and take {name} out of its `contract`")
        if was.casefold() != now.casefold():
            raise LedgerError(
                f"the column {name} was {was} when the mapping was made, and is {now} now: see what it holds, then "
                f"write `{name}: {now}` under `contract`"
            )


def _comma(given: object) -> bool:
    if given not in {".", ","}:
        raise LedgerError('mapping.decimal: write "," where numbers are written as in 1.234,50, else leave it out')
    return given == ","


def _condition(key: str, written: object, known: Collection[str] | None) -> Expression | None:
    return None if written is None else _parsed(f"mapping.{key}", str(written), known)


def _parsed(place: str, written: str, known: Collection[str] | None) -> Expression:
    try:
        return parse(written, known)
    except LedgerError as error:
        raise LedgerError(f"{place}: {error}") from None


def _zone(place: str, given: object) -> str | None:
    try:
        return None if given is None else ZoneInfo(str(given)).key
    except (ValueError, OSError):
        raise LedgerError(f"{place}: there is no time zone {given}; write such as Europe/Berlin") from None


def _form(place: str, given: object) -> str | None:
    """How times are written, such as `%d.%m.%Y %H:%M`."""
    if given is None:
        return None
    try:
        datetime.strptime(datetime(2026, 10, 30, 14, 2, tzinfo=UTC).strftime(str(given)), str(given))  # noqa: DTZ007
    except ValueError:
        raise LedgerError(f"{place}.format: write such as %d.%m.%Y %H:%M, as Python's strptime has it") from None
    return str(given)


def _rule(
    name: str, given: object, known: Collection[str] | None, zone: str | None, under: str = "mapping.columns"
) -> ColumnRule:
    """`pnl: profit`, or `pnl: {from: profit_cents, scale: 0.01}`; `zone` is that of texts that name none."""
    place = f"{under}.{name}"
    if not isinstance(given, Mapping):
        return ColumnRule(_parsed(place, str(given), known), zone=zone)
    keys = {"from", "const", "words", "scale", "unit", "timezone", "format"}
    for key in given:
        if key not in keys:
            raise LedgerError(f"{place}.{key}: there is no such key; there are: {', '.join(sorted(keys))}")
    if ("from" in given) == ("const" in given):
        raise LedgerError(f"{place}: write either `from: EXPRESSION` or `const: VALUE`")
    written = str(given["from"]) if "from" in given else repr(str(given["const"]))
    unit = given.get("unit")
    zone = _zone(f"{place}.timezone", given.get("timezone")) or zone
    if unit is not None and unit not in NUMBERS_OF_TIME:
        raise LedgerError(f"{place}.unit: write s, ms, us or ns")
    try:
        scale = Decimal(str(given.get("scale", 1)))
    except ArithmeticError:
        raise LedgerError(f"{place}: `scale` is a number such as 0.01") from None
    words = {str(word).casefold(): str(meaning) for word, meaning in dict(given.get("words") or {}).items()}
    return ColumnRule(_parsed(place, written, known), words, scale, unit, zone, _form(place, given.get("format")))


def mapped(
    mapping: LedgerMapping, rows: Iterable[Values], beside: Mapping[str, Iterable[Row]] | None = None
) -> DerivedRows:
    """The trades, positions and agents that rows of a database amount to, and what stands in the tables `beside` them.
    Raises LedgerError with the row.

    Trades are made while they are gone through, and the positions and agents are known after them.
    """
    made, more = _Made(mapping, rows), beside or {}
    equity = map(_worth, more.get("equity", ()))
    if mapping.unit != "fill":
        agents = _seen(made.agents, more.get("heartbeat", ()))
        return DerivedRows(trades=made.trades(), positions=made.positions, agents=agents, equity=equity)
    fills: list[Row] = []
    trades, positions = _matched(list(made.trades()), fills, shorts=mapping.shorts, fifo=mapping.fifo)
    for row in (*trades, *positions):
        _see(made.agents, row)
    agents = _seen(made.agents, more.get("heartbeat", ()))
    return DerivedRows(trades=trades, positions=positions, agents=agents, equity=equity, fills=fills)


def _worth(row: Row) -> Row:
    names = ("at", "agent", "currency", "equity", "deposited", "unrealised")
    return {**{name: row.get(name) for name in names}, "mode": row.get("mode") or "live"}


def _seen(agents: Mapping[object, Row], beats: Iterable[Row]) -> Iterator[Row]:
    """The agents that have traded, each with its last heartbeat; asked for once the trades are gone through."""
    newest: dict[object, Any] = {}
    for beat in beats:
        newest[beat["agent"]] = max(beat["at"], newest.get(beat["agent"], beat["at"]))  # type: ignore[call-overload,unused-ignore]
    yield from ({**row, "last_seen": newest.get(name)} for name, row in agents.items())


@dataclass(slots=True)
class _Made:
    """What rows of a database amount to, one after the other."""

    mapping: LedgerMapping
    rows: Iterable[Values]
    positions: list[Row] = field(default_factory=list)
    agents: dict[object, Row] = field(default_factory=dict)

    def trades(self) -> Iterator[Row]:
        for values in self.rows:
            made = _row(self.mapping, values)
            if made is None:
                continue
            row, is_open = made
            if is_open:
                self.positions.append(_position(row))
            else:
                _see(self.agents, row)
                yield row
        for row in self.positions:
            _see(self.agents, row)


def _row(mapping: LedgerMapping, values: Values) -> tuple[Row, bool] | None:
    row: Row = {}
    if mapping.comma:
        values = {name: with_point(value) for name, value in values.items()}
    try:
        if mapping.where and not mapping.where.evaluate(values):
            return None
        is_open = bool(mapping.open and mapping.open.evaluate(values))
        for name, rule in mapping.columns.items():
            row[name] = _read(name, rule, values)
    except ValueError as error:
        marks = ", ".join(f"{key}={str(value)[:40]!r}" for key, value in list(values.items())[:3])
        raise LedgerError(f"the row {marks} cannot be read: {error}") from None
    if not is_open and row.get("closed_at", row.get("at")) is None:
        is_open = True
    _price_fee(mapping.rates, row)
    if not mapping.net and isinstance(row.get("pnl"), Decimal):
        row["pnl"] = None if row.get("fees") is None else row["pnl"] - row["fees"]  # type: ignore[operator]
        if row["pnl"] is None and row.get("unpriced"):
            row["pnl"] = no_rate(str(row["unpriced"]))
    row["mode"] = row.get("mode") or "live"
    row["agent"] = row.get("agent") or "unnamed"
    return row, is_open


def _price_fee(rates: FeeRates, row: Row) -> None:
    """Put the fee into the currency of the row; without a rate it is unknown, and its token `unpriced`."""
    if "fee_token" not in row:
        return
    token, fee = str(row.pop("fee_token") or "").upper(), row.get("fees")
    at = row.get("closed_at", row.get("at"))
    row["unpriced"] = None
    if token and isinstance(fee, Decimal) and isinstance(at, datetime):
        row["fees"] = rates.in_currency(fee, token, str(row.get("currency")), at)
        row["unpriced"] = token if row["fees"] is None else None


def with_point(value: Any) -> Any:
    """`1234.50` for `1.234,50`; what is no such number stays as it is."""
    if not isinstance(value, str) or not _COMMA_NUMBER.fullmatch(value.strip()):
        return value
    return re.sub(r"[.'\s]", "", value).replace(",", ".")


def _read(name: str, rule: ColumnRule, values: Values) -> object:
    """A number or a time that cannot be read is not known, and its figure with it; the other rows count all the same.

    A result and the time of a close stay as they are stored, so that what is wrong can be named.
    """
    if name not in NUMBERS and name not in {"opened_at", "closed_at"}:
        return _column(name, rule, values)
    try:
        return _column(name, rule, values)
    except ValueError:
        return str(rule.expression.evaluate(values))[:40] if name in {"pnl", "closed_at"} else None


def _column(name: str, rule: ColumnRule, values: Values) -> object:
    value = rule.expression.evaluate(values)
    if value is not None and rule.words:
        value = rule.words.get(str(value).strip().casefold(), value)
    if value is None or value == "":
        return None
    if name in TIMES:
        return moment_of(_formed(value, rule.form), rule.unit, rule.zone)
    if name in NUMBERS:
        found = number(value)
        return None if found is None else found * rule.scale
    text = str(value).strip()
    if name == "side":
        word = text.casefold()
        return "long" if word in LONG else "short" if word in SHORT else text
    if name == "mode":
        return "paper" if text.casefold() in PAPER else "live"
    return text


def _formed(value: Any, form: str | None) -> Any:
    """A time that is written in a form of its own; one without a zone stays without. Raises ValueError."""
    return datetime.strptime(str(value).strip(), form) if form and isinstance(value, str) else value  # noqa: DTZ007


def moment_of(value: Any, unit: str | None = None, zone: str | None = None) -> datetime | None:
    """A time as it is stored: a number since 1970 (by its size where no unit is named), or ISO text.

    A text without a zone is in `zone`, else UTC. 0 is no time. Raises ValueError.
    """
    if isinstance(value, datetime):
        found = value
    else:
        stamp = _stamp(value)
        if stamp is not None:
            return None if stamp == 0 else _since_1970(stamp, unit)
        text = str(value).strip().replace("Z", "+00:00")
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{str(value)[:40]!r} is not a time") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:  # the first or last day of all, in a zone
        raise ValueError(f"{str(value)[:40]!r} is not a time") from None


def _stamp(value: Any) -> Decimal | None:
    """A number since 1970; None for a date such as 2026-10-30 or 20261030."""
    text = str(value).strip()
    digits = text.removeprefix("-").replace(".", "", 1)
    return Decimal(text) if text == "0" or (digits.isdigit() and len(digits) > 8) else None


def _since_1970(stamp: Decimal, unit: str | None) -> datetime:
    if unit is None:
        size = abs(stamp)
        unit = "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns"
    micros = int(stamp * 1_000_000 / NUMBERS_OF_TIME[unit])
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        raise ValueError(f"{stamp} {unit} since 1970 is not a time") from None


def _position(row: Row) -> Row:
    columns = ("id", "agent", "strategy", "market", "side", "mode", "currency", "size", "entry_price", "opened_at",
               "pnl")  # fmt: skip
    return {name: row.get(name) for name in columns}


def _in_order(fill: Row) -> tuple[object, ...]:
    """By time; of one moment by `order`, then by id, each as numbers where they are numbers."""
    return fill["at"], *(_natural(fill.get(name)) for name in ("order", "id"))


def _natural(value: object) -> tuple[int, Decimal, str]:
    text = str(value if value is not None else "")
    return (0, Decimal(text), "") if text.isascii() and text.isdigit() else (1, Decimal(0), text)


_BOOK = ("agent", "market", "currency", "mode", "strategy")


def _matched(fills: list[Row], single: list[Row], *, shorts: bool, fifo: bool) -> tuple[list[Row], list[Row]]:
    """Trades by average cost, or first in, first out, per agent, market, currency and mode; and what is left open.

    `single` gets every fill. Where several have one id, as that of their order, each but the first gets a number.
    Without `shorts`, what was sold and never bought is a trade of its own whose result nobody knows.
    """
    alike: Counter[str] = Counter()
    books: dict[tuple[object, ...], list[Row]] = {}
    for row in sorted(fills, key=_in_order):
        books.setdefault(tuple(row.get(name) for name in _BOOK), []).append(row)
    trades: list[Row] = []
    positions: list[Row] = []
    for (agent, market, currency, mode, strategy), own in books.items():
        shared: Row = {"agent": agent, "market": market, "currency": currency, "mode": mode, "strategy": strategy}
        position, each = OpenPosition(), list[Fill]()
        for fill in map(_fill, own):
            alike[fill.id] += 1
            each.append(replace(fill, id=f"{fill.id}#{alike[fill.id]}") if alike[fill.id] > 1 else fill)
            single.append({**shared, **each[-1].as_row()})
        if not shorts:
            each, unmatched = _bought(each)
            trades += [{**shared, **row} for row in unmatched]
        for closing in (fifo_closings if fifo else closings)(each, position):
            made = {
                "id": closing.id, "side": closing.side, "size": closing.size, "entry_price": closing.entry_price,
                "exit_price": closing.exit_price, "pnl": no_rate(closing.unpriced) if closing.unpriced else closing.net,
                "fees": closing.fees, "opened_at": closing.opened_at, "closed_at": closing.closed_at,
                "unpriced": closing.unpriced or None,
            }  # fmt: skip
            trades.append({**shared, **made})
        if position.quantity:
            side = "long" if position.quantity > 0 else "short"
            left: Row = {"size": abs(position.quantity), "entry_price": position.average_price, "side": side}
            own_id = "/".join(str(part) for part in (agent, market, mode, currency, strategy) if part)
            positions.append({**shared, **left, "id": own_id, "opened_at": position.opened_at})
    return trades, positions


def _bought(fills: Sequence[Fill]) -> tuple[list[Fill], list[Row]]:
    """The fills without what they sold and had not bought; and that as trades without a result."""
    held, kept, unmatched = Decimal(0), list[Fill](), list[Row]()
    for fill in fills:
        beyond = -held - fill.quantity
        if beyond > 0:
            row: Row = {"id": f"{fill.id}/unmatched", "side": "long", "size": beyond, "exit_price": fill.price}
            unmatched.append({**row, "closed_at": fill.at})
            share = None if fill.fee is None else fill.fee * held / -fill.quantity
            fill = replace(fill, quantity=-held, fee=share)  # noqa: PLW2901 - what is left of it
        held += fill.quantity
        kept.append(fill)
    return kept, unmatched


def _fill(row: Row) -> Fill:
    quantity, price, fee = row["quantity"], row["price"], row.get("fees", Decimal(0))
    if not isinstance(quantity, Decimal) or not isinstance(price, Decimal):
        raise LedgerError(f"the fill {row['id']} has no quantity or no price")
    signed = -abs(quantity) if row["side"] == "short" else abs(quantity)
    return Fill(str(row["id"]), row["at"], signed, price, fee, str(row.get("unpriced") or ""))  # type: ignore[arg-type]


def _see(agents: dict[object, Row], row: Row) -> None:
    """Note the agent of a row. A trade is no heartbeat: who does not trade may run all the same."""
    agents.setdefault(row["agent"], {"name": row["agent"], **{k: row.get(k) for k in ("strategy", "mode", "currency")}})
