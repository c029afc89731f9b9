"""The trading databases, read-only: `Floor` is all of them as one `Ledger`."""

from reporter.trading.ledger.portfolio import Floor
from reporter.trading.ledger.settings import LedgerSettings

__all__ = ["Floor", "LedgerSettings"]
