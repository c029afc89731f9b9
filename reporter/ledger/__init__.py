"""The trading databases, read-only: `Floor` is all of them as one `Ledger`."""

from reporter.ledger.floor import Floor
from reporter.ledger.settings import LedgerSettings

__all__ = ["Floor", "LedgerSettings"]
