"""What a column of an unknown table may stand for: by its name, in the field's words, and by what its rows hold."""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from reporter.errors import LedgerError
from reporter.trading.ledger.column_names import NAMES
from reporter.trading.ledger.expressions import FUNCTIONS, number, parse
from reporter.trading.ledger.mapping import LONG, NUMBERS_OF_TIME, SHORT, moment_of

# Endings that say more about a column than what it stands for.
_CURRENCIES = ("usdt", "usdc", "usd", "eur", "gbp", "jpy", "chf", "btc", "eth", "busd", "fdusd")
_SCALES = {
    "cents": Decimal("0.01"), "cent": Decimal("0.01"), "ct": Decimal("0.01"), "minor": Decimal("0.01"),
    "pence": Decimal("0.01"), "e6": Decimal("1e-6"), "micros": Decimal("1e-6"), "micro": Decimal("1e-6"),
    "e8": Decimal("1e-8"), "sats": Decimal("1e-8"), "satoshi": Decimal("1e-8"), "satoshis": Decimal("1e-8"),
    "gwei": Decimal("1e-9"), "wei": Decimal("1e-18"), "e18": Decimal("1e-18"),
}  # fmt: skip
_UNITS = {"s": "s", "sec": "s", "secs": "s", "seconds": "s", "ms": "ms", "millis": "ms", "us": "us", "ns": "ns"}
_PLAIN = frozenset(
    [
        "value",
        "abs",
        "total",
        "utc",
        "iso",
        "local",
        "timestamp",
        "ts",
        "at",
        "time",
        "date",
        "on",
        "unix",
        "epoch",
        "our",
        "my",
        "applied",
    ]
)
_MARKET = re.compile(r"[A-Z0-9.]{1,15}(?:[/_:-][A-Z0-9.]{1,15}){1,3}|[A-Z0-9]{2,10}(?:USDT|USDC|USD|BTC|ETH|EUR)")
_EPOCHS = {unit: (1_262_304_000 * times, 4_102_444_800 * times) for unit, times in NUMBERS_OF_TIME.items()}
_JSON_DEEP = 3
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%d %b %Y")
_FORMS = [f"{day}{clock}" for day in _DATES for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", ", %H:%M:%S")]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A column's name taken apart: what it stands for, and what its endings say."""

    base: str
    currency: str = ""
    scale: Decimal | None = None
    unit: str = ""


def meaning(name: str) -> Meaning:
    """`pnl_cents` is a pnl times 100, `closeTimeMs` a close_time in ms, `Gebühr (EUR)` a fee in EUR."""
    words = _words(name)
    currency, scale, unit = "", None, ""
    while len(words) > 1:
        last = words[-1]
        if last in _CURRENCIES and not currency:
            currency = last.upper()
        elif last in _SCALES and scale is None:
            scale = _SCALES[last]
        elif last in _UNITS and not unit:
            unit = _UNITS[last]
        else:
            break
        words = words[:-1]
    return Meaning("_".join(words), currency, scale, unit)


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+\d*|\d+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower())


class Candidate:
    """A place that a value may come from: a column, or a part of the JSON text in one. `values` has one a row."""

    def __init__(self, expression: str, name: str, values: Sequence[Any], type_: str = "", default: str = "") -> None:
        self.expression = expression
        self.name = name
        self.values = values
        self.type = type_
        self.default = default
        self.meaning = meaning(name)

    @cached_property
    def known(self) -> list[Any]:
        """The values that there are."""
        return [value for value in self.values if value is not None and value != ""]

    @cached_property
    def numbers(self) -> list[Decimal | None]:
        """The value of each row as a number, None where it is none."""
        return [_number(value) for value in self.values]

    @cached_property
    def words(self) -> Counter[str]:
        return Counter(str(value).strip().casefold() for value in self.known)

    @cached_property
    def units(self) -> Counter[str]:
        """In what units the values could be times since 1970, `text` for written ones; empty where they are none."""
        return Counter(unit for value in self.known[:SAMPLE] if (unit := _unit(value)))

    def share(self, is_so: Callable[[Any], bool]) -> float:
        """The share of the known values that are so."""
        return sum(map(is_so, self.known)) / len(self.known) if self.known else 0.0

    @cached_property
    def forms(self) -> list[str]:
        """In which forms of their own all values are written times, such as `%d.%m.%Y`; of several one is a guess."""
        if self.units or not self.known:
            return []
        texts = [str(value).strip() for value in self.known[:SAMPLE]]
        return [form for form in _FORMS if all(_is_written(text, form) for text in texts)]

    @property
    def is_number(self) -> bool:
        return bool(self.known) and sum(one is not None for one in self.numbers) >= 0.9 * len(self.known)

    @property
    def is_time(self) -> bool:
        units = self.units
        told = bool(units.keys() - {"none"}) and sum(units.values()) >= 0.9 * len(self.known[:SAMPLE])
        return bool(self.known) and (told or bool(self.forms))

    @property
    def is_side(self) -> bool:
        told = sum(count for word, count in self.words.items() if word in LONG | SHORT)
        return bool(told) and told >= 0.5 * len(self.known) and len(self.words) <= 12

    @property
    def is_market(self) -> bool:
        return self.share(lambda value: isinstance(value, str) and bool(_MARKET.fullmatch(value))) > 0.8

    @property
    def is_word(self) -> bool:
        return bool(self.known) and len(self.words) <= max(12, len(self.known) // 3) and not self.is_time

    @property
    def is_text(self) -> bool:
        return bool(self.known) and not self.is_number and not self.is_time

    @property
    def is_unique(self) -> bool:
        return len(self.known) == len(self.values) == len({str(value) for value in self.known})

    def named(self, part: str) -> int | None:
        """How far down in the names of a part this one's stands; None where it is none of them."""
        names = NAMES[part].split()
        full = "_".join(_words(self.name))
        for form in (full, self.meaning.base, _without_plain(self.meaning.base)):
            if form in names:
                return names.index(form)
        return None


SAMPLE = 400  # values that a column's kind is told from


def candidates(columns: Mapping[str, tuple[str, str]], rows: Sequence[Mapping[str, Any]]) -> list[Candidate]:
    """Every column, given by its type and default, and every part of the JSON texts among them."""
    found: list[Candidate] = []
    for name, (kind, default) in columns.items():
        own = Candidate(named(name), name, [row.get(name) for row in rows], kind, default)
        found.append(own)
        found.extend(_of_json(own))
    return found


def named(name: str) -> str:
    """A column as an expression names it."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and name not in {*FUNCTIONS, "column", "null", "true"}
    return name if plain and name != "false" and name.isascii() else f"column({json.dumps(name, ensure_ascii=False)})"


def evaluated(expression: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What an expression is in each row, None where it cannot be worked out."""
    checked = parse(expression)

    def one(row: Mapping[str, Any]) -> Any:
        try:
            return checked.evaluate(row)
        except (ValueError, LedgerError):
            return None

    return [one(row) for row in rows]


def _of_json(column: Candidate) -> Iterator[Candidate]:
    documents = [_document(value) for value in column.values]
    if not any(documents) or sum(map(bool, documents)) < 0.5 * len(column.known):
        return
    for path in dict.fromkeys(path for document in documents[:50] for path in _paths(document or {}, _JSON_DEEP)):
        values = [_at(document, path) for document in documents]
        yield Candidate(f"json({column.expression}, {json.dumps('.'.join(path))})", path[-1], values)


def _document(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _paths(document: Mapping[str, Any], deep: int) -> Iterator[tuple[str, ...]]:
    for key, value in list(document.items())[:40]:
        if isinstance(value, dict) and deep > 1:
            yield from ((key, *rest) for rest in _paths(value, deep - 1))
        elif not isinstance(value, dict | list) and "." not in key:
            yield (key,)


def _at(document: Mapping[str, Any] | None, path: Sequence[str]) -> Any:
    found: Any = document
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _number(value: Any) -> Decimal | None:
    try:
        return number(value)
    except ValueError:
        return None


def _unit(value: Any) -> str:
    """`s`, `ms`, `us` or `ns`, `text`, `date`, or nothing for what is no time between 2010 and 2100. 0 is none yet."""
    found = None if isinstance(value, bool) else _number(value)
    if found is not None:
        fitting = [unit for unit, (low, high) in _EPOCHS.items() if low <= found < high]
        return fitting[0] if fitting else "none" if found == 0 else ""
    try:
        moment = moment_of(value)
    except (ValueError, OverflowError):
        return ""
    if moment is None or not 2010 <= moment.year < 2100:
        return ""
    return "date" if len(str(value).strip()) <= 10 else "text"


def _is_written(text: str, form: str) -> bool:
    try:
        return 2010 <= datetime.strptime(text, form).year < 2100  # noqa: DTZ007 - no zone is asked for here
    except ValueError:
        return False


def _without_plain(base: str) -> str:
    """`pnl` for `pnl_total` and `total_pnl`, `close` for `close_timestamp`: but the name is tried whole before."""
    words = [word for word in base.split("_") if word not in _PLAIN]
    return "_".join(words) or base
