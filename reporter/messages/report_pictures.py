"""Draws the pictures of a report from its SVG template; a report whose picture fails is sent without it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from reporter.errors import ChartError, TemplateError
from reporter.messages.message import Attachment
from reporter.messages.rasterizer import Rasterizer
from reporter.messages.templates.renderer import Renderer

log = logging.getLogger(__name__)

MOST = 4
"""Pictures of one report. Discord shows one in an embed, and takes ten embeds a message."""


def pictures(renderer: Renderer, charts: Rasterizer, name: str, facts: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The pictures that `templates/NAME.svg.j2` makes of a report's facts. What goes wrong is a line in the log.

    None where nothing can be drawn on this machine.
    """
    if not renderer.has_picture(name) or charts.trouble:
        return ()
    try:
        drawn = renderer.draw(name, facts)
        if len(drawn) > MOST:
            log.warning("%s has %d pictures; the first %d go with it", name, len(drawn), MOST)
        return tuple(_attached(name, number, svg, charts.png(svg)) for number, svg in enumerate(drawn[:MOST], 1))
    except (ChartError, TemplateError) as error:
        log.warning("%s goes out without its picture: %s", name, error)
        return ()


def _attached(name: str, number: int, svg: str, content: bytes) -> Attachment:
    file = f"{name}.png" if number == 1 else f"{name}-{number}.png"
    return Attachment(file, content, shown=True, alt=_title(svg))


def _title(svg: str) -> str:
    """What an SVG says of itself to those who cannot see it: the text of its first `title` (SVG 2, section 5.7)."""
    found = re.search(r"<title>([^<]*)</title>", svg)
    return " ".join(unescape(found[1]).split()) if found else ""
