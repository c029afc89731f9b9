"""The small language of a mapping: an expression over the columns of one row, without side effects.

It has Python's operators (`+ - * /`, comparisons, `and or not`, `in`, `A if B else C`), numbers and texts, the columns
by their names, `null`, `true`, `false`, and the functions of FUNCTIONS. Numbers are decimals. What meets null is null.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reporter.errors import LedgerError, nearest

Values = Mapping[str, Any]
LONGEST = 2000  # characters of an expression
LONGEST_TEXT = 10_000  # characters of a text that a pattern is tried on
PATTERN_SECONDS = 0.05

_CONSTANTS = {"null": None, "true": True, "false": False, "None": None, "True": True, "False": False}
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def number(value: Any) -> Decimal | None:
    """A number as it is stored: a number, or a text such as `12.34`, `1,234.50`, `12.34 USDT`. None for none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return Decimal(int(value))
    text = repr(value) if isinstance(value, float) else str(value).strip()
    try:
        found = Decimal(text)
    except ArithmeticError:
        matched = re.match(r"([+-]?[\d,]*\.?\d+(?:[eE][+-]?\d+)?)\s*[A-Za-z%]{0,12}$", text[:64])
        if not matched:
            raise ValueError(f"{text[:40]!r} is not a number") from None
        found = Decimal(matched[1].replace(",", ""))
    if not found.is_finite():
        raise ValueError(f"{text[:40]!r} is not a finite number")
    return found


def json_part(value: Any, path: str) -> Any:
    """A part of a JSON text: `json(config, "side")`, `json(fills, "0.price")`."""
    found = json.loads(value) if isinstance(value, str | bytes) else value
    for step in path.removeprefix("$.").split("."):
        if isinstance(found, list) and step.lstrip("-").isdigit():
            found = found[int(step)] if -len(found) <= int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found


def _match(value: Any, pattern: str) -> str | None:
    """The first group of a pattern, or all that it matched; null where it does not match."""
    import regex  # noqa: PLC0415 - few mappings look for patterns, and it costs 2 MB

    found = regex.search(pattern, str(value)[:LONGEST_TEXT], timeout=PATTERN_SECONDS)
    return None if found is None else found[1] if found.re.groups else found[0]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "coalesce": lambda *values: next((value for value in values if value is not None and value != ""), None),
    "json": json_part,
    "lower": lambda value: str(value).lower(),
    "match": _match,
    "number": number,
    "replace": lambda value, old, new: str(value)[:LONGEST_TEXT].replace(old, new),
    "starts": lambda value, prefix: str(value).startswith(prefix),
    "ends": lambda value, suffix: str(value).endswith(suffix),
    "text": str,
    "upper": lambda value: str(value).upper(),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was checked. `evaluate` raises ValueError for a row that it cannot be worked out for."""

    written: str
    tree: ast.expr
    columns: frozenset[str]

    def evaluate(self, row: Values) -> Any:
        try:
            return _value(self.tree, row)
        except (ArithmeticError, TypeError, ValueError, KeyError, TimeoutError, RecursionError) as error:
            raise ValueError(f"`{self.written}`: {error}") from None


def parse(written: str, known: Collection[str] | None = None) -> Expression:
    """Check an expression; `known` are the columns that there are. Raises LedgerError, which says what is wrong."""
    if len(written) > LONGEST:
        raise LedgerError(f"an expression is longer than {LONGEST} characters")
    try:
        tree = ast.parse(written.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise LedgerError(f"`{written}` is no expression: write such as `exit_price - entry_price`") from None
    columns = frozenset(_columns(tree, written))
    for name in sorted(columns - set(known if known is not None else columns)):
        near = nearest(name, known or ())
        hint = f"did you mean `{near}`?" if near else f"there are: {', '.join(sorted(known or ()))}"
        raise LedgerError(f"`{written}`: there is no column {name}; {hint}")
    return Expression(written, tree, columns)


def _columns(node: ast.AST, written: str) -> Iterator[str]:  # noqa: C901 - a case for each form of the language
    """The columns that an expression names. Raises LedgerError for what the language does not have."""
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None):
            return
        case ast.Name(id=name):
            if name not in _CONSTANTS:
                yield name
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str(name))], keywords=[]):
            yield name
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            for argument in arguments:
                yield from _columns(argument, written)
        case ast.Call(func=ast.Name(id=name)):
            raise LedgerError(f"`{written}`: there is no function {name}; there are: column, {', '.join(FUNCTIONS)}")
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()) | ast.BoolOp() | ast.IfExp():
            yield from _below(node, written)
        case ast.UnaryOp(op=ast.USub() | ast.Not()) | ast.Tuple() | ast.List():
            yield from _below(node, written)
        case ast.Compare(ops=ops) if all(
            isinstance(op, (*_BINARY, ast.In, ast.NotIn, ast.Is, ast.IsNot)) for op in ops
        ):
            yield from _below(node, written)
        case _:
            raise LedgerError(f"`{written}`: {type(node).__name__} is not part of the language of mappings")


def _below(node: ast.AST, written: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _columns(child, written)


def _value(node: ast.expr, row: Values) -> Any:  # noqa: C901, PLR0911 - a case for each form of the language
    match node:
        case ast.Constant(value=value):
            return Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
        case ast.Name(id=name):
            return _CONSTANTS[name] if name in _CONSTANTS and name not in row else row[name]
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str(name))]):
            return row[name]
        case ast.Call(func=ast.Name(id=name), args=arguments):
            values = [_value(argument, row) for argument in arguments]
            return FUNCTIONS[name](*values) if name == "coalesce" or None not in values else None
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, _value(left, row), _value(right, row))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, row)
        case ast.UnaryOp(operand=operand):
            signed = number(_value(operand, row))
            return None if signed is None else -signed
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, row) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, row) for part in parts)
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            return _value(body if _value(test, row) else otherwise, row)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(_value(part, row) for part in parts)
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(left, row), *(_value(other, row) for other in others)]
            return all(_compared(op, one, two) for op, one, two in zip(ops, values, values[1:], strict=False))
    raise ValueError("this is not part of the language")


def _combined(op: ast.operator, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if isinstance(op, ast.Add) and isinstance(left, str) and isinstance(right, str) and not _both_numbers(left, right):
        return left + right
    one, two = number(left), number(right)
    if one is None or two is None or (isinstance(op, ast.Div) and two == 0):
        return None
    return _BINARY[type(op)](one, two)


def _both_numbers(left: str, right: str) -> bool:
    try:
        return number(left) is not None and number(right) is not None
    except ValueError:
        return False


def _compared(op: ast.cmpop, left: Any, right: Any) -> bool:
    match op:
        case ast.Is() | ast.IsNot():
            return (left is right) == isinstance(op, ast.Is)
        case ast.In() | ast.NotIn():
            return any(_compared(ast.Eq(), left, one) for one in right or ()) == isinstance(op, ast.In)
    if left is None or right is None:
        return (isinstance(op, ast.Eq) and left is right) or (isinstance(op, ast.NotEq) and left is not right)
    if isinstance(left, Decimal | int | float) or isinstance(right, Decimal | int | float):
        try:
            return bool(_BINARY[type(op)](number(left), number(right)))
        except (ValueError, TypeError):
            return isinstance(op, ast.NotEq)
    return bool(_BINARY[type(op)](str(left), str(right)))
