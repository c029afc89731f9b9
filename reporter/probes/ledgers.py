"""The trading databases of a config, for probes that look into one of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from reporter.config.mappings import mapping_of
from reporter.config.models import LedgerConfig
from reporter.secret import Secret
from reporter.trading.freshness_rule import FreshnessRule
from reporter.trading.ledger.connection import strict_address
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings


class Ledgers:
    """The ledgers by name, and the time zone of the config."""

    def __init__(self, ledgers: Mapping[str, LedgerConfig], timezone: str) -> None:
        self._entries = ledgers
        self.zone = ZoneInfo(timezone)
        self._alone: dict[str, Portfolio] = {}

    def url(self, name: str | None) -> Secret:
        """The address of the ledger `name`; the config makes sure that the ledger exists. Raises LedgerError.

        The address is spelled for libraries that are stricter than SQLAlchemy: a password may hold a slash there.
        """
        return strict_address(name or "", self._entries[name or ""].url)

    def fresh(self, name: str | None) -> FreshnessRule | None:
        """How old the newest trade of a ledger may be; None where the config does not say."""
        entry = self._entries.get(name or "")
        return entry.fresh.as_rule(self.zone.key) if entry and entry.fresh else None

    @cached_property
    def portfolio(self) -> Portfolio:
        """All ledgers together."""
        return Portfolio([self._settings(name) for name in self._entries])

    def only(self, name: str) -> Portfolio:
        """One ledger, whatever becomes of the others."""
        if name not in self._alone:
            self._alone[name] = Portfolio([self._settings(name)])
        return self._alone[name]

    def _settings(self, name: str) -> LedgerSettings:
        entry = self._entries[name]
        mapping = mapping_of(entry.mapping)
        return LedgerSettings(name=name, kind=entry.kind, url=entry.url, mode=entry.mode, mapping=mapping)


def sqlite_path(url: Secret) -> Path:
    """The file that a SQLite URL names."""
    return Path(url.reveal().partition(":///")[2].partition("?")[0])
