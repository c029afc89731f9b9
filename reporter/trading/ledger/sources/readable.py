"""What a stored value must be to be read, as expressions of each dialect: what is not that is NULL, which is unknown.

A source puts each column through these, so that a database adds up nothing but numbers, and counts what is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Numeric, String, and_, case, cast, func, literal_column, type_coerce
from sqlalchemy.types import NullType

Column = ColumnElement[Any]

# The native schema's own bound: what is larger is no amount of money but a fault, and so is Infinity.
_LEAST: Column = literal_column("-1e18")
_MOST: Column = literal_column("1e18")
_TEXT = "UTC text such as 2026-10-30 23:59:59"
_LIVE: Column = literal_column("'live'")
_PAPER: Column = literal_column("'paper'")


@dataclass(frozen=True, slots=True)
class Readable:
    """Each gives the value of a column, or NULL where it cannot be read; `formed` and `shaped` say whether it can.

    `shaped` looks at the form of a time alone and is for the whole past: it costs a third of `formed`.
    """

    number: Callable[[Column], Column]
    word: Callable[[Column], Column]
    formed: Callable[[Column], Column]
    shaped: Callable[[Column], Column]
    time_form: str = "a time"

    def time(self, column: Column) -> Column:
        """A time, or NULL where it has another form."""
        return case((self.formed(column), column))

    def mode(self, column: Column) -> Column:
        """`live` or `paper`, `live` where nothing is said, and NULL for any other word."""
        return case((column.in_((_LIVE, _PAPER)), column), (column.is_(None), _LIVE))


def readable(dialect: str) -> Readable:
    """How a dialect says it."""
    if dialect == "sqlite":
        return Readable(_sqlite_number, _word, _sqlite_formed, _sqlite_shaped, _TEXT)
    if dialect == "mysql":
        return Readable(_number, _word, _mysql_formed, _mysql_formed)
    return Readable(_number, _word, func.isfinite, func.isfinite)


def _word(column: Column) -> Column:
    return func.nullif(cast(column, String), "")


def _number(column: Column) -> Column:
    """PostgreSQL takes NaN for greater than every number."""
    return case((func.abs(column) < _MOST, column))


def _sqlite_number(column: Column) -> Column:
    """A column may hold anything there, and text counts as 0 or as the digits that it begins with.

    The comparison turns a text into a number where all of it is one, so that `2.50` is read and `5,000` is not.
    """
    found: Column = type_coerce(cast(column, Numeric), NullType())
    return case((and_(column == found, found.between(_LEAST, _MOST)), found))


def _sqlite_shaped(at: Column) -> Column:
    return at.op("GLOB")(literal_column("'????-??-?? ??:??:??*'"))


def _mysql_formed(at: Column) -> Column:
    """Its time of zeros, which it may hold for one that is not known, is none."""
    return at > literal_column("'1000-01-01'")


def _sqlite_formed(at: Column) -> Column:
    """`2026-10-30 23:59:59[.9…]`, and a day that there is: julianday alone would take 30 February for 2 March."""
    second = func.substr(at, 1, 19)
    nothing_else = func.substr(at, 20).op("NOT GLOB")(literal_column("'*[^.0-9]*'"))
    return and_(func.datetime(func.julianday(second)) == second, nothing_else)
