"""Proposes a mapping for tables of unknown software: which table holds trades, and what its columns stand for.

What is a guess is said: a proposal is read by a person, and then compared with the bot's own figures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import log10
from statistics import median
from typing import Any, Protocol

from reporter.trading.ledger.candidates import Candidate, candidates, evaluated
from reporter.trading.ledger.catalog import Sample, TableShape
from reporter.trading.ledger.expressions import number
from reporter.trading.ledger.mapping import COLUMNS, LONG, PAPER, SHORT, with_point
from reporter.trading.ledger.mapping_text import Rule, flags, listed, quoted, scaled, sql_name
from reporter.trading.ledger.time_zones import is_certain, is_naive, proven_zone

_OPEN = {"open", "opened", "active", "pending", "running", "unsettled", "new", "holding", "waiting", "placed",
         "in_progress", "partially_filled"}  # fmt: skip
_VOID = {"void", "voided", "cancelled", "canceled", "rejected", "error", "failed", "expired", "skipped", "invalid",
         "deleted", "hold", "ignored", "aborted", "refunded", "none"}  # fmt: skip
_LIVE = {"live", "real", "prod", "production", "mainnet", "livetrade", "money"}
_TABLE_WORDS = {"trade": 6, "trades": 6, "position": 4, "positions": 4, "deal": 4, "bet": 4, "history": 2, "closed": 2,
                "fill": 2, "fills": 2, "order": -1, "orders": -1, "signal": -8, "signals": -8, "backup": -12,
                "old": -12, "candle": -12, "candles": -12, "price": -8, "prices": -8, "backtest": -12}  # fmt: skip
_OUTCOMES = {"outcome", "contract_side", "selection", "pick"}  # what a bet was placed on
_COINS, _QUOTED = {"coin", "asset", "token", "base_asset", "base_coin"}, {"quote", "quote_asset", "quote_coin"}
_QUOTES = "USDT|USDC|FDUSD|BUSD|USD|EUR|GBP|JPY|CHF|BTC|ETH|BNB"
_PAIR = re.compile(r"[A-Za-z0-9.]+[/_-]([A-Z]{3,5})(?::.*|-PERP.*|\..*)?")
_JOINED = re.compile(rf"[A-Z0-9]{{2,12}}?({_QUOTES})(?:-PERP.*|\..*)?")
_FILE = re.compile(r"(?:.*/)?((?:conf|config)_)?[^/]+\.(ya?ml|json|toml|py|ini)")
_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.?\d{3})*,\d+")
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?")


class TableCatalog(Protocol):
    """A database as far as a proposal looks at it."""

    def tables(self) -> list[TableShape]: ...
    def count(self, shape: TableShape) -> int: ...
    def sample(self, shape: TableShape) -> list[Sample]: ...
    def words(self, shape: TableShape, name: str) -> dict[str, int]: ...
    def row_number(self, shape: TableShape) -> str | None: ...


@dataclass(slots=True)
class Proposal:
    """A mapping for one table, what is not sure of it, and how well the table looks like one of trades."""

    table: str
    mapping: dict[str, Any]
    doubts: list[str]
    score: float
    rows: int
    sample: list[Sample] = field(default_factory=list)


def propose(catalog: TableCatalog, agent: str) -> list[Proposal]:
    """Mappings for the tables that may hold trades, the likeliest first; `agent` is what a single bot is called."""
    shapes = catalog.tables()
    found = [_of_table(catalog, shape, shapes, agent) for shape in shapes]
    return sorted((one for one in found if one), key=lambda one: -one.score)


def _of_table(catalog: TableCatalog, shape: TableShape, others: Sequence[TableShape], agent: str) -> Proposal | None:
    rows = catalog.sample(shape)
    if not rows:
        return None
    draft = _Draft(catalog, shape, rows, agent)
    draft.look_up(others)
    mapping = draft.mapping()
    if mapping is None:
        return None
    count = catalog.count(shape)
    return Proposal(shape.name, mapping, draft.doubts, draft.score + log10(count + 1), count, draft.rows)


class _Draft:
    """A proposal in the making."""

    def __init__(self, catalog: TableCatalog, shape: TableShape, rows: list[Sample], agent: str) -> None:
        self.rows = rows
        self.doubts: list[str] = []
        self.score = float(
            sum(_TABLE_WORDS.get(word, 0) for word in re.split(r"[^a-z]+|(?<=[a-z])log", shape.name.lower()))
        )
        self._catalog, self._shape, self._bot = catalog, shape, agent
        self._comma = any(map(_has_comma, candidates({column.name: ("", "") for column in shape.columns}, rows)))
        if self._comma:
            self.rows = [{name: with_point(value) for name, value in row.items()} for row in rows]
        self._candidates = candidates(
            {column.name: (column.type, column.default) for column in shape.columns}, self.rows
        )
        self._taken: set[str] = set()
        self._joins: list[tuple[str, str]] = []
        self._row_number: str | None = None
        self._columns: dict[str, Rule] = {}
        self._where: list[str] = []
        self._open: str | None = None
        self._net = True
        self._closing_price = False
        self._naive: list[str] = []
        self._zone: str | None = None
        self._in_utc: list[str] = []

    # --- What stands for what ---

    def mapping(self) -> dict[str, Any] | None:
        """The mapping, None where this is no table of trades."""
        closed, opened, at = self._times()
        when = closed or at or opened
        if when is None:
            return None
        self._side()
        unit = self._result(closed)
        if unit is None or not (self._market() or "side" in self._columns):
            return None
        self._moments(unit, when, opened)
        self._id(when)
        self._agent()
        self._currency()
        self._mode()
        self._status(closed)
        self._reasons()
        if self._naive and self._zone is None:
            told = "name none and are" if len(self._naive) > 1 else "names none and is"
            names = ", ".join(self._naive)
            self.doubts.append(f"timezone: {names} {told} taken as UTC; else write `timezone: Europe/Berlin`")
        self.score += 3 * len(self._columns.keys() & {"id", "agent", "market", "side", "pnl", "closed_at", "size"})
        return self._written(unit)

    def _pick(self, part: str, is_so: Callable[[Candidate], bool] = lambda one: bool(one.known)) -> Candidate | None:
        """The candidate whose name says the part most surely, of those that hold such values; it is then taken."""
        found: list[tuple[int, int, Candidate]] = []
        for order, one in enumerate(self._candidates):
            rank = one.named(part)
            if rank is not None and one.expression not in self._taken and is_so(one):
                found.append((rank + 200 * ("(" in one.expression and "column(" not in one.expression), order, one))
        best = min(found, default=None, key=lambda each: each[:2])
        if best is not None:
            self._taken.add(best[2].expression)
        return None if best is None else best[2]

    def _times(self) -> tuple[Candidate | None, Candidate | None, Candidate | None]:
        is_time = lambda one: one.is_time  # noqa: E731
        return self._pick("closed_at", is_time), self._pick("opened_at", is_time), self._pick("at", is_time)

    def _side(self) -> None:
        side = self._pick("side", lambda one: one.is_side and not one.is_time) or self._signs()
        if side is None:
            return
        words, base = set(side.words), side.meaning.base
        extra = words - LONG - SHORT
        if extra and not extra <= _OPEN:
            own = [self._as_stored(side, word) for word in words & (LONG | SHORT)]
            self._where.append(f"{side.expression} in {listed(own)}")
        if base == "is_short":
            self._columns["side"] = {"from": side.expression, "words": flags("short", "long")}
        elif base in {"is_long", "is_buy"}:
            self._columns["side"] = {"from": side.expression, "words": flags("long", "short")}
        elif words <= {"0", "1"}:
            self._columns["side"] = {"from": side.expression, "words": {"0": "long", "1": "short"}}
            self.doubts.append(f"side: {side.name} holds 0 and 1; 0 is taken as long, as MetaTrader has it")
        elif words <= {"1", "-1"}:
            self._columns["side"] = {"from": side.expression, "words": {"1": "long", "-1": "short"}}
        else:
            self._columns["side"] = side.expression

    def _signs(self) -> Candidate | None:
        """A column of nothing but 1 and -1, whatever its name."""
        found = self._first(lambda one: set(one.words) == {"1", "-1"})
        if found is not None:
            self.doubts.append(f"side: {found.name} holds 1 and -1; 1 is taken as long")
        return found

    def _market(self) -> bool:
        market = self._pick("market", lambda one: one.is_text) or self._first(lambda one: one.is_market)
        if market is None:
            return False
        outcome = next((one for one in self._candidates if one.meaning.base in _OUTCOMES), None)
        of_bets = outcome is not None and outcome.is_word and outcome is not market and not market.is_market
        self._columns["market"] = (
            f'{market.expression} + "/" + {outcome.expression}' if of_bets and outcome else self._pair(market)
        )
        self._is_bet = of_bets
        self._of_market = market
        return True

    def _pair(self, market: Candidate) -> str:
        """`BTC/USDT` where a column has the coin and another what it is quoted in."""
        quote = next((one for one in self._candidates if one.meaning.base in _QUOTED and one.is_text), None)
        if quote is None or market.meaning.base not in _COINS or market.is_market:
            return _slashed(market)
        return f'{market.expression} + "/" + {quote.expression}'

    def _first(self, is_so: Callable[[Candidate], bool]) -> Candidate | None:
        found = next(
            (
                candidate
                for candidate in self._candidates
                if candidate.expression not in self._taken and is_so(candidate)
            ),
            None,
        )
        if found is not None:
            self._taken.add(found.expression)
        return found

    # --- The result ---

    def _result(self, closed: Candidate | None) -> str | None:
        """Where the result comes from: returns the unit of a row, None where rows have no result and make none."""
        is_number = lambda one: one.is_number  # noqa: E731
        pnl, fees = self._pick("pnl", is_number), self._pick("fees", is_number)
        entry, exit_ = self._pick("entry_price", is_number), self._pick("exit_price", is_number)
        percent, payout = self._pick("percent", is_number), self._pick("payout", is_number)
        stake = self._pick("stake", is_number)
        size = self._pick("quantity", lambda one: one.is_number and not one.meaning.currency)
        price = self._pick("price", is_number)
        self._pnl, self._stake = pnl, stake or payout
        if pnl is None and payout is None and percent is None and not (entry and exit_):
            return self._of_fills(size, price or entry, fees)
        self._closing_price = entry is None and price is not None
        if entry is None and price is not None:
            entry = price
        leverage = self._pick("leverage", is_number)
        priced = ("size", size), ("entry_price", entry), ("exit_price", exit_), ("fees", fees), ("leverage", leverage)
        for name, one in priced:
            if one is not None:
                self._columns[name] = self._amount(one)
        if pnl is not None:
            self._columns["pnl"] = self._amount(pnl)
            self.score += 10
            self._filled_later(pnl, closed)
        elif payout is not None and stake is not None:
            self._columns["pnl"] = self._of_payout(payout, stake, closed)
            self.score += 8
        elif percent is not None and stake is not None:
            self._columns["pnl"] = self._of_percent(percent, stake)
            self.score += 6
        elif entry and exit_ and size:
            moved = f"({exit_.expression} - {entry.expression}) * abs({size.expression})"
            self._columns["pnl"] = self._signed(moved)
            self.doubts.append("pnl: no column holds a result; it is computed from the prices and the size")
            self.score += 5
        else:
            return None
        self._net_or_gross(pnl, fees)
        return "trade"

    def _of_fills(self, size: Candidate | None, price: Candidate | None, fees: Candidate | None) -> str | None:
        if size is None or price is None or "side" not in self._columns:
            return None
        together = _shared_scale(size, price)
        for name, one in (("quantity", size), ("price", price), ("fees", fees)):
            if one is not None:
                scale = one.meaning.scale or (together if name != "fees" else None)
                self._columns[name] = scaled(one.expression, scale)
        if together is not None and not (size.meaning.scale or price.meaning.scale):
            self.doubts.append(f"quantity, price: whole numbers, taken as times {1 / together:.0f}")
        self.score += 4
        return "fill"

    def _amount(self, one: Candidate) -> Rule:
        return scaled(one.expression, one.meaning.scale)

    def _of_payout(self, payout: Candidate, stake: Candidate, closed: Candidate | None) -> str:
        """A settled bet that names no payout has lost, and one that is not settled has none yet."""
        ends = closed.values if closed else payout.values
        lost = any(end is not None and paid is None for end, paid in zip(ends, payout.values, strict=True))
        return f"{f'coalesce({payout.expression}, 0)' if lost else payout.expression} - {stake.expression}"

    def _of_percent(self, percent: Candidate, stake: Candidate) -> str:
        values = [abs(value) for value in percent.numbers if value is not None]
        is_ratio = "ratio" in percent.name.lower() or (bool(values) and max(values) < Decimal("0.3"))
        what = "as a ratio" if is_ratio else "in percent"
        self.doubts.append(f"pnl: computed from {stake.name} and {percent.name}, which is taken {what}")
        return f"{stake.expression} * {percent.expression}" + ("" if is_ratio else " / 100")

    def _signed(self, moved: str) -> str:
        side = next((candidate for candidate in self._candidates if self._from("side") == candidate.expression), None)
        if side is None:
            return moved
        shorts = [self._as_stored(side, word) for word in side.words if word in SHORT]
        return f"{moved} * (-1 if {side.expression} in {listed(shorts)} else 1)" if shorts else moved

    def _filled_later(self, pnl: Candidate, closed: Candidate | None) -> None:
        """Bots that write the result on the closing row only: the others are no trades."""
        if closed is not None or len(pnl.known) >= 0.75 * len(self.rows):
            return
        self._where.append(f"{pnl.expression} is not null")
        side = next((candidate for candidate in self._candidates if self._from("side") == candidate.expression), None)
        sides = side.values if side else [""] * len(self.rows)
        if "exit_price" not in self._columns and self._closing_price:
            self._columns["exit_price"] = self._columns.pop("entry_price")
        words = {str(word).casefold() for word, result in zip(sides, pnl.numbers, strict=True) if result is not None}
        if len(words) == 1:
            self._columns["side"] = {"const": "long" if words <= SHORT else "short"}
            self.doubts.append(f"side: only rows of {words.pop()} have a result; each closes a trade of the other side")

    def _net_or_gross(self, pnl: Candidate | None, fees: Candidate | None) -> None:
        """By the prices where they are there; else by the name; else the careful way: fees are taken off."""
        if fees is None:
            return
        proven = self._proven()
        if proven is not None:
            self._net = proven
        elif pnl is not None and "net" in pnl.meaning.base.split("_"):
            self._net = True
        else:
            self._net = False
            if pnl is None or "gross" not in pnl.meaning.base:
                what = pnl.name if pnl else "pnl"
                self.doubts.append(f"net: nothing says whether {what} is net of {fees.name}; fees are taken off it")

    def _proven(self) -> bool | None:
        """Whether results are net, where most rows' prices and sizes make them so or so."""
        parts = {name: self._numbers(name) for name in ("pnl", "entry_price", "exit_price", "size", "fees")}
        if not all(parts.values()):
            return None
        sides = self._sides()
        net = gross = 0
        for row, (pnl, entry, exit_, size, fee) in enumerate(zip(*parts.values(), strict=True)):
            if None in (pnl, entry, exit_, size, fee) or not fee:
                continue
            moved = (exit_ - entry) * abs(size) * (-1 if sides[row] == "short" else 1)
            allowed = abs(fee) / 10 + Decimal("1e-6")
            net += abs(pnl - moved + fee) <= allowed
            gross += abs(pnl - moved) <= allowed
        if max(net, gross) < 3 or max(net, gross) < 5 * min(net, gross):
            return None
        return net > gross

    def _numbers(self, name: str) -> list[Decimal | None]:
        rule = self._columns.get(name)
        if rule is None:
            return []
        scale = Decimal(str(rule.get("scale", 1))) if isinstance(rule, dict) else Decimal(1)
        return [None if one is None else one * scale for one in map(_number, evaluated(self._from(name), self.rows))]

    def _sides(self) -> list[str]:
        rule = self._columns.get("side")
        if isinstance(rule, dict) and "const" in rule:
            return [rule["const"]] * len(self.rows)
        words = {str(key): value for key, value in rule.get("words", {}).items()} if isinstance(rule, dict) else {}
        found = [str(one).casefold() for one in evaluated(self._from("side") or "null", self.rows)]
        return [words.get(word, "short" if word in SHORT else "long") for word in found]

    def _from(self, name: str) -> str:
        rule = self._columns.get(name, "")
        return str(rule.get("from", "")) if isinstance(rule, dict) else rule

    # --- Times ---

    def _moments(self, unit: str, when: Candidate, opened: Candidate | None) -> None:
        self._columns["at" if unit == "fill" else "closed_at"] = self._moment(when)
        if unit == "trade" and opened is not None and opened is not when:
            self._columns["opened_at"] = self._moment(opened)

    def _moment(self, one: Candidate) -> Rule:
        units = {unit for unit in one.units if unit != "none"}
        if one.forms:
            return self._written_time(one)
        if units == {"date"} and (clock := self._first(_is_clock)):
            return self._zoned(one, f'{one.expression} + " " + {clock.expression}')
        if len(units - {"date"}) > 1:
            self.doubts.append(
                f"{one.name}: holds times in several forms ({', '.join(sorted(units))}); each is told by its size"
            )
            return one.expression
        if units & {"text", "date"}:
            return self._zoned(one, one.expression)
        return {"from": one.expression, "unit": units.pop()} if units else one.expression

    def _written_time(self, one: Candidate) -> Rule:
        """A time in a form of its own, with the time of day from another column where that stands apart."""
        expression, form = one.expression, one.forms[0]
        if "%H" not in form and "%I" not in form and (clock := self._first(_is_clock)):
            expression = f'{one.expression} + " " + {clock.expression}'
            form += " %H:%M:%S" if str(clock.known[0]).count(":") > 1 else " %H:%M"
        if len(one.forms) > 1:
            self.doubts.append(f"{one.name}: day and month could be either; they are taken as {one.forms[0]}")
        self._naive.append(one.name)
        return {"from": expression, "format": form}

    def _zoned(self, one: Candidate, expression: str) -> Rule:
        """Texts without a zone: in the zone that other times of the same rows prove, else UTC, which is said."""
        values = evaluated(expression, self.rows)
        if not any(map(is_naive, values)):
            return expression
        if is_certain(one):
            self._in_utc.append(expression)
            return expression
        proven = proven_zone(values, [other for other in self._candidates if other is not one])
        if proven is None:
            self._naive.append(one.name)
        elif proven[0] != "UTC" and self._zone is None:
            self._zone = proven[0]
            self.doubts.append(f"timezone: {proven[0]} follows from {one.name} and {proven[1]}; another may fit too")
        elif proven[0] == "UTC":
            self._in_utc.append(expression)
        return expression

    # --- Who, in what currency, and whether it counts ---

    def _id(self, when: Candidate) -> None:
        found = self._pick("id", lambda one: one.is_unique)
        if found is None and (name := self._catalog.row_number(self._shape)):
            self._row_number, self._columns["id"] = name, "row_number"
            return
        if found is None:
            found = self._first(lambda one: one.is_unique and not one.is_time and one.type not in {"REAL", "FLOAT"})
        if found is not None:
            self._columns["id"] = found.expression
            return
        self._columns["id"] = f'text({when.expression}) + "/" + text({self._from("market") or "1"})'
        self.doubts.append("id: no column is different in each row; two rows with one id are one trade")

    def _agent(self) -> None:
        found = self._pick(
            "agent", lambda one: bool(one.known) and not one.is_time and len(one.words) <= max(50, len(self.rows) // 3)
        )
        if found is None:
            self._columns["agent"] = {"const": self._bot}
            self.doubts.append(f"agent: no column names one, so all rows are of one, {self._bot}: write its name")
            return
        self._columns["agent"] = _without_path(found)
        strategy = self._pick("strategy", lambda one: one.is_word)
        if strategy is not None:
            self._columns["strategy"] = strategy.expression

    def _currency(self) -> None:
        token = self._pick("fee_token", lambda one: one.is_text) if "fees" in self._columns else None
        if token is not None:
            self._columns["fee_token"] = token.expression
            self.doubts.append("fee_token: a fee in another token than the currency needs `rates`, else it is unknown")
        own = self._pick("currency", lambda one: one.is_text and len(one.words) <= 30)
        if own is not None:
            self._columns["currency"] = own.expression
            return
        texts = [str(value) for value in self._pnl.known] if self._pnl else []
        ends = {found[0] for value in texts if (found := re.search(r"[A-Z]{2,10}$", value))}
        if self._pnl and ends:
            self._columns["currency"] = f'match({self._pnl.expression}, "[A-Z]+$")'
            return
        said = next((one.meaning.currency for one in (self._pnl, self._stake) if one and one.meaning.currency), "")
        quoted = self._quote(said)
        if quoted is not None:
            self._columns["currency"] = quoted
        elif said:
            self._columns["currency"] = {"const": said}
        else:
            guess = "USDC" if self._is_bet else "EUR" if self._comma else "USD"
            self._columns["currency"] = {"const": guess}
            self.doubts.append(f"currency: nothing names one; {guess} is a guess")

    def _quote(self, said: str) -> Rule | None:
        """The currency that markets are quoted in, as `BTC/USDT` and `BTCUSDT` say, where it does not contradict."""
        market = self._of_market
        for form, pattern in ((_PAIR, "[/_-]([A-Z]{3,5})"), (_JOINED, f"({_QUOTES})(?:$|-PERP|\\.)")):
            found = [form.fullmatch(str(value)) for value in market.known]
            quotes = {one[1] for one in found if one}
            if found and sum(map(bool, found)) > 0.9 * len(found):
                if said and not any(quote.startswith(said) for quote in quotes):
                    return None
                return {"const": quotes.pop()} if len(quotes) == 1 else f"match({market.expression}, {quoted(pattern)})"
        return None

    def _mode(self) -> None:
        found = self._pick("mode", is_mode)
        if found is None:
            exchange = next(
                (
                    candidate
                    for candidate in self._candidates
                    if candidate.share(lambda value: str(value).endswith("_paper_trade"))
                ),
                None,
            )
            if exchange is not None:
                self._columns["mode"] = f'"paper" if ends({exchange.expression}, "_paper_trade") else "live"'
            elif re.search(r"paper|dry.?run|demo|sim", f"{self._shape.name} {self._bot}", re.IGNORECASE):
                self._columns["mode"] = {"const": "paper"}
                self.doubts.append("mode: by the name of the file or table, all trades are taken as paper")
            else:
                self.doubts.append("mode: no column says whether the money was real; else write `mode: {const: paper}`")
            return
        words, base = set(found.words), found.meaning.base
        if words <= {"0", "1", "true", "false", "t", "f", "yes", "no"}:
            is_live = "live" in base.split("_")
            self._columns["mode"] = {
                "from": found.expression, "words": flags("live", "paper") if is_live else flags("paper", "live")
            }  # fmt: skip
            return
        special = {word: "paper" for word in sorted(words) if word not in PAPER and _is_paper(word)}
        self._columns["mode"] = {"from": found.expression, "words": special} if special else found.expression
        if strange := sorted(word for word in words if word not in PAPER | _LIVE and not _is_paper(word)):
            self.doubts.append(f"mode: {', '.join(strange[:5])} is taken as live")

    def _status(self, closed: Candidate | None) -> None:
        """Which rows are open, and which count for nothing."""
        if deleted := self._pick("deleted", lambda _: True):
            self._where.append(
                f"{deleted.expression} is null"
                if deleted.is_time or not deleted.known
                else f"{deleted.expression} != 1"
            )
        for candidate in self._candidates:
            if candidate.meaning.base in {"status", "state", "action", "event", "kind", "result"} and candidate.is_word:
                self._leave_out(candidate)
        status = self._pick("status", lambda one: one.is_word and not one.is_time)
        if status is not None:
            self._open = self._open_by(status)
        if self._open is None and closed is not None and len(closed.known) < len(self.rows):
            self._open = f"{closed.expression} is null"

    def _leave_out(self, one: Candidate) -> None:
        void = [self._as_stored(one, word) for word in self._all_words(one) & _VOID]
        if not void or any(clause.startswith(f"{one.expression} in") for clause in self._where):
            return
        only = f"!= {quoted(void[0])}" if len(void) == 1 else f"not in {listed(void)}"
        self._where.append(f"{one.expression} {only}")

    def _open_by(self, status: Candidate) -> str | None:
        words, is_open = self._all_words(status), status.meaning.base not in {"is_closed", "settled"}
        if words <= {"0", "1", "true", "false", "t", "f"}:
            if {"0", "1"} & words or not all(isinstance(value, str) for value in status.known):
                return f"{status.expression} == {int(is_open)}"
            return f"lower({status.expression}) in {listed(['true', 't'] if is_open else ['false', 'f'])}"
        own = [self._as_stored(status, word) for word in words & _OPEN]
        if not own:
            return None
        return f"{status.expression} {f'== {quoted(own[0])}' if len(own) == 1 else f'in {listed(own)}'}"

    def _all_words(self, one: Candidate) -> set[str]:
        """The words of a column, also of rows beyond the sample."""
        if one.name in self._shape.names and len(self.rows) >= 500:
            return {word.strip().casefold() for word in self._catalog.words(self._shape, one.name)} | set(one.words)
        return set(one.words)

    def _as_stored(self, one: Candidate, word: str) -> str:
        stored = {str(value).strip().casefold(): str(value) for value in one.known}
        if word not in stored and one.name in self._shape.names:
            stored |= {each.strip().casefold(): each for each in self._catalog.words(self._shape, one.name)}
        return stored.get(word, word)

    def _reasons(self) -> None:
        for part in ("exit_reason", "entry_tag"):
            found = self._pick(part, lambda one: one.is_word and one.is_text)
            if found is not None:
                self._columns[part] = found.expression

    # --- Other tables, and the whole ---

    def look_up(self, others: Sequence[TableShape]) -> None:
        """Names that stand in another table: `agent_id` in `agents`, `market_id` in `markets`."""
        for part in ("agent", "market"):
            for candidate in self._candidates:
                if candidate.named(part) is None or not candidate.name.lower().endswith("_id") or not candidate.known:
                    continue
                if found := self._looked_up(candidate, others):
                    self._candidates[:0] = found
                    self._taken.add(candidate.expression)
                    break

    def _looked_up(self, key: Candidate, others: Sequence[TableShape]) -> list[Candidate]:
        """The name that stands for a key in another table, and whether the money is real where that says so."""
        stem = key.name[:-3].lower()
        stems = {stem, f"{stem}s", f"{stem[:-1]}ies"}
        for shape in others:
            name = next((each for each in ("name", "symbol", "title", "slug", "code") if each in shape.names), None)
            if shape is self._shape or shape.name.lower() not in stems or "id" not in shape.names or name is None:
                continue
            rows = {row["id"]: row for row in self._catalog.sample(shape)}
            found = [rows.get(value, {}) for value in key.values]
            if not any(row.get(name) for row in found):
                continue
            letter = "abcdef"[len(self._joins)]
            on = f"{letter}.id = t.{sql_name(key.name)}"
            own = {f"{stem}_name": Candidate(f"{stem}_name", stem, [row.get(name) for row in found])}
            columns: dict[str, str] = {f"{stem}_name": name}
            for each in sorted(shape.names):
                one = Candidate(f"{stem}_{each}", each, [row.get(each) for row in found])
                if one.named("mode") is not None and is_mode(one) and one.expression.isidentifier():
                    own[one.expression], columns[one.expression] = one, each
            more = ", ".join(f"{letter}.{sql_name(column)} AS {alias}" for alias, column in columns.items())
            self._joins.append((f"LEFT JOIN {sql_name(shape.name)} {letter} ON {on}", more))
            for alias, one in own.items():
                self.rows = [{**row, alias: value} for row, value in zip(self.rows, one.values, strict=True)]
            return list(own.values())
        return []

    def _written(self, unit: str) -> dict[str, Any]:
        """The mapping in the order in which one reads it."""
        if "side" not in self._columns:
            self._side_without_column()
        order = list(COLUMNS["fill" if unit == "fill" else "trade"])
        columns = {name: self._columns[name] for name in order if name in self._columns}
        found: dict[str, Any] = self._rows_wanted()
        if unit == "fill":
            found["unit"] = unit
        if self._where:
            found["where"] = " and ".join(dict.fromkeys(self._where))
        if self._open and unit == "trade":
            found["open"] = self._open
        if not self._net and unit == "trade":
            found["net"] = False
        if self._zone is not None:
            found["timezone"] = self._zone
            columns |= {
                name: {"from": rule, "timezone": "UTC"} for name, rule in columns.items() if rule in self._in_utc
            }
        if self._comma:
            found["decimal"] = ","
        return {**found, "columns": columns}

    def _side_without_column(self) -> None:
        sizes = self._numbers("size")
        if any(size < 0 for size in sizes if size is not None):
            self._columns["side"] = f'"short" if {self._from("size")} < 0 else "long"'
        else:
            self._columns["side"] = {"const": "long"}
            self.doubts.append("side: no column says it; every trade is taken as long")

    def _rows_wanted(self) -> dict[str, Any]:
        if not self._joins and self._row_number in {None, "row_number"}:
            return {"table": self._shape.name}
        selected = [f"t.{self._row_number} AS row_number"] * bool(self._row_number) + ["t.*"]
        selected += [more for _, more in self._joins]
        joined = " ".join([f"{sql_name(self._shape.name)} t", *(join for join, _ in self._joins)])
        return {"query": f"SELECT {', '.join(selected)} FROM {joined}"}  # noqa: S608 - for a person to read, and checked


def _number(value: Any) -> Decimal | None:
    try:
        return number(value)
    except ValueError:
        return None


def _has_comma(one: Candidate) -> bool:
    """Whether a column holds numbers such as `1.234,50`."""
    return one.share(lambda value: isinstance(value, str) and bool(_COMMA.fullmatch(value.strip()))) > 0.9


def _is_clock(one: Candidate) -> bool:
    return one.share(lambda value: bool(_CLOCK.fullmatch(str(value)))) > 0.9


def is_mode(one: Candidate) -> bool:
    """Whether a column holds what tells real money from paper."""
    words = set(one.words)
    flags = words <= {"0", "1", "true", "false", "t", "f"} and one.meaning.base not in {"mode", "environment", "env"}
    return one.is_word and (flags or bool(words & (PAPER | _LIVE)) or any(map(_is_paper, words)))


def _names_paper(one: Candidate) -> bool:
    return one.share(lambda value: str(value).endswith("_paper_trade")) > 0


def _is_paper(word: str) -> bool:
    return word.startswith(("paper", "sim", "demo", "dry", "test", "back"))


def _shared_scale(size: Candidate, price: Candidate) -> Decimal | None:
    """The factor of sizes and prices that are whole and large: a power of ten that most of them share."""
    values = [*_of(size), *_of(price)]
    middles = [median(_of(one)) for one in (size, price)]
    if any(value != int(value) for value in values) or min(middles) < 10_000:
        return None
    zeros = min(len(str(int(value))) - len(str(int(value)).rstrip("0")) for value in values)
    for digits in (18, 8, 6):
        if zeros >= digits:
            return Decimal(1).scaleb(-digits)
    return Decimal("1e-8") if middles[1] >= 10**10 else Decimal("1e-6")


def _of(one: Candidate) -> list[Decimal]:
    return [abs(value) for value in one.numbers if value] or [Decimal(0)]


def _slashed(market: Candidate) -> str:
    """`BTC/USD` for `BTC-USD`, so that one market of two bots has one name."""
    dashed = market.share(lambda value: bool(re.fullmatch(r"[A-Z0-9]+-[A-Z]{3,5}", str(value))))
    return f'replace({market.expression}, "-", "/")' if dashed == 1 else market.expression


def _without_path(one: Candidate) -> str:
    """`momentum` of `conf_momentum.yml`."""
    found = [_FILE.fullmatch(str(value)) for value in one.known]
    if not found or not all(found):
        return one.expression
    prefix = "conf_" if all(one and one[1] == "conf_" for one in found) else ""
    kinds = sorted({one[2] for one in found if one})
    end = f"(?:{'|'.join(kinds)})" if len(kinds) > 1 else kinds[0]
    pattern = f"(?:^|/){prefix}([^/]*)" + chr(92) + f".{end}$"
    return f"match({one.expression}, {quoted(pattern)})"
