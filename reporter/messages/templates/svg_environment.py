"""The Jinja environment of SVG templates: each value is text, and can open or close no element."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jinja2 import BaseLoader
from markupsafe import Markup

from reporter.messages.chart_geometry import (
    Figure,
    Scale,
    area,
    bands,
    clipped,
    falls,
    path,
    plain_number,
    running,
    scale,
    spread,
    unit,
)
from reporter.messages.formats import Formats
from reporter.messages.message import visible
from reporter.messages.templates.sandbox import Sandbox

# What XML 1.0 has no place for, apart from what `visible` has replaced already (section 2.2, Characters).
_NOT_XML = re.compile("[\ufffe\uffff]")
_ROOT = re.compile(r"<svg\b[^<>]*?(/?)>|</svg\s*+>")


class SvgEnvironment(Sandbox):
    """The environment of pictures: a number is written as SVG reads it, all else as people do."""

    def __init__(self, loader: BaseLoader, formats: Formats) -> None:
        super().__init__(loader, formats, lambda value: _text(value, self.formats), autoescape=True)
        self.globals |= {
            "scale": scale,
            "unit": unit,
            "spread": spread,
            "bands": bands,
            "path": path,
            "area": area,
            "running": running,
            "falls": falls,
            "zip": _zip,
        }

        def clip(text: object, width: float, size: float) -> str:
            """As much of a text as fits into the width, with `…` in its middle."""
            return clipped(_text(text, self.formats), width, size)

        self.filters |= {"clip": clip, "on": _on}

    def joined(self, parts: Iterable[object]) -> str:
        """`a ~ b`: what is written already stays as it is, values are escaped beside it."""
        shown = [_text(part, self.formats) for part in parts]
        return Markup("").join(shown) if any(isinstance(part, Markup) for part in shown) else "".join(shown)


def _zip(*rows: Iterable[object]) -> list[tuple[object, ...]]:
    """Lists side by side."""
    return list(zip(*rows, strict=False))


def _on(figure: Figure | None, axis: Scale) -> float | None:
    """Where a figure stands on an axis: `figures | map("on", y)`."""
    return axis(figure)


def _text(value: object, formats: Formats) -> str:
    match value:
        case Markup():
            return value
        case bool():
            return str(value)
        case int() | float():
            return plain_number(value)
        case _:
            return _NOT_XML.sub("\ufffd", visible(formats.say(value)))


def each_picture(drawn: str) -> Iterator[str]:
    """The pictures that a template has drawn: its outermost `svg` elements, in order."""
    depth = start = 0
    for tag in _ROOT.finditer(drawn):
        if not tag[0].startswith("</"):
            start = start if depth else tag.start()
            depth += not tag[1]
            continue
        depth -= 1
        if depth == 0:
            yield drawn[start : tag.end()]
