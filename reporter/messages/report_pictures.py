"""Draws the pictures of a report from its SVG template; a report whose picture fails is sent without it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from typing import Any

from reporter.errors import ChartError, TemplateError
from reporter.messages.message import Attachment, Message
from reporter.messages.rasterizer import Rasterizer
from reporter.messages.templates.renderer import Renderer

log = logging.getLogger(__name__)

MOST = 4
"""Pictures of one report. Discord shows one in an embed, and takes ten embeds a message."""


def with_pictures(
    message: Message, renderer: Renderer, charts: Rasterizer, name: str, facts: Mapping[str, Any]
) -> Message:
    """The message with the pictures that `templates/NAME.svg.j2` makes of a report's facts.

    If it makes too many, the message says so. What else goes wrong is a line in the log. A machine that can draw
    nothing leaves the message as it is.
    """
    try:
        if not renderer.has_picture(name) or charts.trouble:
            return message
        drawn = renderer.draw(name, facts)
        shown = tuple(_attached(name, number, svg, charts.png(svg)) for number, svg in enumerate(drawn[:MOST], 1))
    except (ChartError, TemplateError) as error:
        log.warning("%s goes out without its picture: %s", name, error)
        return message
    if len(drawn) > MOST:
        log.warning("%s has %d pictures; the first %d go with it", name, len(drawn), MOST)
        message = message.noted(f"{MOST} of {len(drawn)} pictures")
    return replace(message, attachments=(*message.attachments, *shown))


def _attached(name: str, number: int, svg: str, content: bytes) -> Attachment:
    stem = name.rpartition("/")[2]
    file = f"{stem}.png" if number == 1 else f"{stem}-{number}.png"
    return Attachment(file, content, shown=True, alt=_title(svg))


def _title(svg: str) -> str:
    """What an SVG says of itself to those who cannot see it: the text of its first `title` (SVG 2, section 5.7)."""
    found = re.search(r"<title>([^<]*)</title>", svg)
    return " ".join(unescape(found[1]).split()) if found else ""
