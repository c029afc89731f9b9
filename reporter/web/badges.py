"""Badges, small pictures for a README: of everything by `/badge/status.svg`, of one thing by its own address."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import cached_property
from hmac import compare_digest
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reporter.operations.operation import Actor, Role
from reporter.trading.trades import Money
from reporter.web import resources
from reporter.web.answers import within
from reporter.web.badge_addresses import address_of, key_of
from reporter.web.context import WebContext
from reporter.web.problems import ProblemError
from reporter.web.resource import Call, Query
from reporter.web.sessions import Gate

COLOURS = {"ok": "#2f7d4f", "warning": "#9a6700", "critical": "#b3261e", "unknown": "#6b7280"}
KEPT = 30.0  # seconds
CSP = "default-src 'none'; style-src 'none'"
_LETTER, _PAD = 7, 12  # pixels: the width of a letter of 11 px, and the room beside a word


@dataclass(frozen=True, slots=True)
class Badge:
    """What stands on one: a name and, on the colour of a level, some words."""

    name: str
    words: str
    level: str


UNKNOWN = {"status": Badge("status", "unknown", "unknown"), "uptime": Badge("uptime", "unknown", "unknown")}


class Badges:
    """The handlers.

    A badge of everything says no more than the status page, so whoever may see that page may see it. A badge of one
    thing is open to whoever knows its address, which nobody can guess.
    """

    def __init__(self, world: WebContext, gate: Gate) -> None:
        self._world = world
        self._gate = gate
        self._kept: dict[str, tuple[float, Mapping[str, Badge]]] = {}

    def routes(self) -> list[Route]:
        return [
            *(Route(f"/badge/{kind}.svg", self._of_all(kind), methods=["GET"]) for kind in UNKNOWN),
            Route("/badge/{name}", self._of_one, methods=["GET"]),
        ]

    def _of_all(self, kind: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if self._world.settings.public not in {"status", "all"}:
                await within(lambda: self._gate.reader(request))
            try:
                found = (await within(lambda: self._fresh(kind)))[""]
            except ProblemError:
                found = UNKNOWN[kind]
            return picture(request, found, "no-cache")

        return answer

    async def _of_one(self, request: Request) -> Response:
        name, _, form = request.path_params["name"].partition(".")
        found = await within(lambda: self._by_address(name)) if form in {"svg", "json"} else None
        if found is None:  # what is unknown and what is not to be known are told alike
            self._gate.failed(request)
            raise ProblemError(404, "there is no such badge")
        if form == "svg":
            return picture(request, found, "public, max-age=60")
        shown = {"schemaVersion": 1, "label": found.name, "message": found.words, "color": COLOURS[found.level]}
        return JSONResponse(shown, headers={"Cache-Control": "public, max-age=60"})

    def _by_address(self, name: str) -> Badge | None:
        for kind in MAKERS:
            for subject, found in self._fresh(kind).items():
                if compare_digest(address_of(self._key, kind, subject).encode(), name.encode()):
                    return found
        return None

    @cached_property
    def _key(self) -> bytes:
        return key_of(self._world.store)

    def _fresh(self, kind: str) -> Mapping[str, Badge]:
        """The badges of a kind by their subjects, at most `KEPT` seconds old, however many pages show them."""
        now = self._world.clock.monotonic()
        at, found = self._kept.get(kind, (0.0, {}))
        if kind not in self._kept or now - at > KEPT:
            found = MAKERS[kind](Call(self._world, Actor("badge", Role.VIEWER), Query(), {}))
            self._kept[kind] = now, found
        return found


# --- What they say, by subject; that of all has the name "" ---


def _status(call: Call[Query]) -> dict[str, Badge]:
    found = resources.status(call)
    if found["level"] == "ok":
        told = "operational" if found["watched"] else "nothing watched", "ok" if found["watched"] else "unknown"
    else:
        told = f"{found['failing']} failing", found["level"]
    of_each = {
        one["subject"]: Badge(_short(one["subject"]), "up" if one["level"] == "ok" else one["level"], one["level"])
        for one in found["subjects"]
    }
    return {"": Badge("status", *told), **of_each}


def _uptime(call: Call[Query]) -> dict[str, Badge]:
    """The uptime of 30 days of each, and the worst. It is rounded down, so that 100% has no outage in it."""
    found = resources.uptimes(Call(call.world, call.actor, resources.UptimeQuery(), {}))["uptime"]
    shares = {one["subject"]: one["shares"]["30 d"] for one in found}
    worst = min((Decimal(share) for share in shares.values() if share is not None), default=None)
    of_each = {
        subject: Badge(_short(subject), *_share(None if share is None else Decimal(share)))
        for subject, share in shares.items()
    }
    return {"": Badge("uptime", *_share(worst)), **of_each}


def _share(share: Decimal | None) -> tuple[str, str]:
    if share is None:
        return "unknown", "unknown"
    percent = (share * 100).quantize(Decimal("0.01"), ROUND_FLOOR)
    return f"{percent}% in 30 days", "ok" if percent >= 99 else "warning" if percent >= 90 else "critical"


def _pnl(call: Call[Query]) -> dict[str, Badge]:
    """What each book made today."""
    found = resources.books(Call(call.world, call.actor, resources.BooksQuery(), {}))["books"]
    formats = call.world.runtime.inputs.formats
    made = {f"{one['mode']} {one['currency']}": Decimal(one["pnl"]["amount"]) for one in found}
    return {
        subject: Badge(
            f"P&L today, {subject.partition(' ')[0]}",
            formats.signed(Money(amount, subject.partition(" ")[2])) or "N/A",
            "critical" if amount < 0 else "ok",
        )
        for subject, amount in made.items()
    }


def _short(subject: str) -> str:
    return subject.partition("/")[2] or subject


MAKERS: Mapping[str, Callable[[Call[Query]], dict[str, Badge]]] = {"status": _status, "uptime": _uptime, "pnl": _pnl}


# --- How they look ---


def picture(request: Request, found: Badge, keep: str) -> Response:
    text = badge(found.name, found.words, COLOURS[found.level])
    tag = f'"{hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]}"'
    headers = {"Cache-Control": keep, "Content-Security-Policy": CSP, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="image/svg+xml", headers=headers)


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
