"""What a plan's text names: agents and markets of the config, and lines such as `long TSLA above 950, stop 930`.

Nothing is guessed: a name is one that the config knows, in full. What was understood is shown to the writer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

_LINE = re.compile(r"^[\s*•-]*(?P<side>long|buy|short|sell)\s+(?P<market>[^\s,;:]+)(?P<rest>.*)$", re.IGNORECASE)
_NUMBER = r"\s*(?:[:=@]|at|of)?\s*[$€£]?(\d{1,12}(?:[.,]\d{1,12})?)"
_LEVELS = {
    "entry": re.compile(r"\b(?:above|below|at|entry)" + _NUMBER, re.IGNORECASE),
    "stop": re.compile(r"\b(?:stop|sl)" + _NUMBER, re.IGNORECASE),
    "target": re.compile(r"\b(?:target|tp)" + _NUMBER, re.IGNORECASE),
    "risk": re.compile(r"\brisk" + _NUMBER + r"\s*%", re.IGNORECASE),
}
_WORD = re.compile(r"[^\s,;:()!?\"']+")
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Intention:
    """One line of a plan that says what to trade. Prices are in the market's quote; `risk` is in percent."""

    side: str
    """`long` or `short`."""
    market: str
    """The market, by its name in the config."""
    entry: Decimal | None = None
    """The price of `above`, `below` or `at`; None where the line names none."""
    stop: Decimal | None = None
    """The stop price; None where the line names none."""
    target: Decimal | None = None
    """The target price; None where the line names none."""
    risk: Decimal | None = None
    """The risk in percent; None where the line names none."""

    @property
    def risk_per_unit(self) -> Decimal | None:
        """What a unit may lose from the entry's price to the stop's; None where the line names not both, or a stop on
        the side of the gain."""
        if self.entry is None or self.stop is None:
            return None
        loss = self.entry - self.stop if self.side == "long" else self.stop - self.entry
        return loss if loss > 0 else None

    def __str__(self) -> str:
        levels = (("entry", self.entry), ("stop", self.stop), ("target", self.target))
        parts = [f"{self.side} {self.market}", *(f"{name} {value}" for name, value in levels if value is not None)]
        return ", ".join([*parts, f"risk {self.risk}%"] if self.risk is not None else parts)


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text names: intentions in their order, and every known agent and market."""

    intentions: tuple[Intention, ...] = ()
    """Its lines that say what to trade, in order."""
    agents: tuple[str, ...] = ()
    """The agents of the config that it names."""
    markets: tuple[str, ...] = ()
    """The markets of the config that it names."""

    def __str__(self) -> str:
        named = {intention.market for intention in self.intentions}
        loose = [market for market in self.markets if market not in named]
        parts = [*map(str, self.intentions), *loose, *(f"agent {agent}" for agent in self.agents)]
        return "; ".join(parts) or "no known agent or market"


def understood(text: str, agents: Mapping[str, str], markets: Mapping[str, str]) -> Understood:
    """Read a plan. `agents` and `markets` give for each accepted spelling, in lower case, the name it stands for."""
    found = [intention for line in text.splitlines() if (intention := _intention(line[:_LONGEST_LINE], markets))]
    words = [word.rstrip(".").casefold() for word in _WORD.findall(text)]
    return Understood(
        intentions=tuple(found),
        agents=_named(words, agents),
        markets=tuple(dict.fromkeys([*(one.market for one in found), *_named(words, markets)])),
    )


def _intention(line: str, markets: Mapping[str, str]) -> Intention | None:
    match = _LINE.match(line)
    market = markets.get(match["market"].casefold()) if match else None
    if match is None or market is None:
        return None
    levels = {name: _number(pattern, match["rest"]) for name, pattern in _LEVELS.items()}
    return Intention("long" if match["side"].casefold() in {"long", "buy"} else "short", market, **levels)


def _number(pattern: re.Pattern[str], text: str) -> Decimal | None:
    found = pattern.search(text)
    return Decimal(found[1].replace(",", ".")) if found else None


def _named(words: list[str], known: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(known[word] for word in words if word in known))
