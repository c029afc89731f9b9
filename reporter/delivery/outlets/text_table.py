"""Writes a table as lines of text in equal columns, for a font of fixed width."""

from __future__ import annotations

import unicodedata

from reporter.messages.message import Table, visible


def table_lines(table: Table) -> list[str]:
    """A table as lines of equal columns under a ruled header, for a font of fixed width."""
    rows = [tuple(map(visible, row)) for row in (table.header, *table.rows)]
    count = max(map(len, rows))
    rows = [row + ("",) * (count - len(row)) for row in rows]
    widths = [max(cells(row[column]) for row in rows) for column in range(count)]
    align = table.align.ljust(count, "<")
    lines = ["  ".join(_padded(*cell) for cell in zip(row, widths, align, strict=False)).rstrip() for row in rows]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return lines


def cells(text: str) -> int:
    """How many columns a text takes in a font of fixed width: wide characters two, combining ones none."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(text: str, width: int, align: str) -> str:
    room = width - cells(text)
    left = {"<": 0, ">": room, "^": room // 2}.get(align, 0)
    return " " * left + text + " " * (room - left)
