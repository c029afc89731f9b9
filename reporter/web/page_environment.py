"""The templates of the pages: autoescaped Jinja, with the filters that show the wire's values as people read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reporter.messages.formats import Formats, plural
from reporter.messages.message import visible
from reporter.periods.time_text import duration_text
from reporter.trading.trades import Money
from reporter.web.wire import MoneyJson

FOLDER = Path(__file__).parent / "html"
BLOCKS = ((1.0, "full"), (0.99, "most"), (0.95, "some"), (0.0, "little"))


def environment(formats: Formats, zone: tzinfo) -> Environment:
    """The environment of one runtime: its formats and its zone."""
    found = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    filters: dict[str, Callable[..., Any]] = {
        "money": lambda money: formats.money(_money(money)) or "N/A",
        "signed": lambda money: formats.signed(_money(money)) or "N/A",
        "made": lambda money: formats.signed(_money(money), named=False),
        "percent": lambda share, digits=1: formats.pct(None if share is None else Decimal(share), digits) or "N/A",
        "ratio": lambda figure: formats.number(None if figure is None else Decimal(figure), 2) or "N/A",
        "figure": lambda text: "" if text is None else formats.number(Decimal(text)),
        "moment": lambda moment: _moment(moment, zone),
        "atom": lambda moment: moment.astimezone(zone).isoformat(timespec="seconds"),
        "plural": plural,
        "held": lambda seconds: "" if seconds is None else duration_text(timedelta(seconds=seconds)),
        "sign": _sign,
        "block": _block,
        "is_link": lambda url: (url or "").startswith(("https://", "http://")),
    }
    found.filters |= filters
    return found


def _money(money: MoneyJson | None) -> Money | None:
    return None if money is None else Money(Decimal(money["amount"]), money["currency"])


def _moment(moment: str | datetime | None, zone: tzinfo) -> str:
    """It is never broken over two lines; where there is little room, the style sheet leaves the seconds out."""
    if moment is None:
        return ""
    there = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(zone)
    return Markup('<span class="m">{}<span class="s">:{}</span></span>').format(
        f"{there:%Y-%m-%d %H:%M}", f"{there:%S}"
    )


def _sign(money: MoneyJson | None) -> str:
    amount = Decimal(money["amount"]) if money else Decimal(0)
    return "up" if amount > 0 else "down" if amount < 0 else ""


def _block(share: Any) -> str:
    return "unseen" if share is None else next(name for least, name in BLOCKS if float(share) >= least)
