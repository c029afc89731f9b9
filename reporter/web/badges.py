"""`/badge/status.svg` and `/badge/uptime.svg`: small pictures for a README or another page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reporter.operations.operation import Actor, Role
from reporter.web import resources
from reporter.web.answers import within
from reporter.web.guard import Gate
from reporter.web.problems import ProblemError
from reporter.web.resource import Call, Query
from reporter.web.world import World

COLOURS = {"ok": "#2f7d4f", "warning": "#9a6700", "critical": "#b3261e", "unknown": "#6b7280"}
KEPT = 30.0  # seconds
_LETTER, _PAD = 7, 12  # pixels: the width of a letter of 11 px, and the room beside a word


class Badges:
    """The handlers. A badge says no more than the status page, so whoever may see that page may see a badge."""

    def __init__(self, world: World, gate: Gate) -> None:
        self._world = world
        self._gate = gate
        self._kept: dict[str, tuple[float, tuple[str, str]]] = {}

    def routes(self) -> list[Route]:
        kinds: dict[str, Callable[[Call[Query]], tuple[str, str]]] = {"status": _status, "uptime": _uptime}
        return [Route(f"/badge/{name}.svg", self._badge(name, kind), methods=["GET"]) for name, kind in kinds.items()]

    def _badge(self, name: str, kind: Callable[[Call[Query]], tuple[str, str]]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if self._world.settings.public not in {"status", "all"}:
                await within(lambda: self._gate.reader(request))
            try:
                words, level = await within(lambda: self._fresh(name, kind))
            except ProblemError:
                words, level = "unknown", "unknown"
            headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; style-src 'none'"}
            return Response(badge(name, words, COLOURS[level]), media_type="image/svg+xml", headers=headers)

        return answer

    def _fresh(self, name: str, kind: Callable[[Call[Query]], tuple[str, str]]) -> tuple[str, str]:
        """The words and the level, at most `KEPT` seconds old, however many pages show the badge."""
        now = self._world.clock.monotonic()
        at, found = self._kept.get(name, (0.0, ("", "")))
        if name not in self._kept or now - at > KEPT:
            found = kind(Call(self._world, Actor("badge", Role.VIEWER), Query(), {}))
            self._kept[name] = now, found
        return found


def _status(call: Call[Query]) -> tuple[str, str]:
    found = resources.status(call)
    if found["level"] == "ok":
        return "operational" if found["watched"] else "nothing watched", "ok" if found["watched"] else "unknown"
    return f"{found['failing']} failing", found["level"]


def _uptime(call: Call[Query]) -> tuple[str, str]:
    """The worst uptime of 30 days. It is rounded down, so that 100% has no outage in it."""
    found = [
        uptime["shares"]["30 d"]
        for uptime in resources.uptimes(Call(call.world, call.actor, resources.UptimeQuery(), {}))["uptime"]
    ]
    shares = [share for share in found if share is not None]
    if not shares:
        return "unknown", "unknown"
    worst = min(map(Decimal, shares))
    percent = (worst * 100).quantize(Decimal("0.01"), ROUND_FLOOR)
    return f"{percent}% in 30 days", "ok" if percent >= 99 else "warning" if percent >= 90 else "critical"


def badge(name: str, words: str, colour: str) -> str:
    """Two words side by side, the second on a colour. Widths are in pixels."""
    left, right = (len(text) * _LETTER + _PAD for text in (name, words))
    label, value = escape(name), escape(words)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{label}: {value}"><title>{label}: {value}</title>'
        f'<rect width="{left}" height="20" fill="#374151"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{label}</text><text x="{left + right / 2}" y="14">{value}</text></g></svg>'
    )
