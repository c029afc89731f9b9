"""Pure figures of trading: money, trades, books, ratios. `ledger/` reads the trading databases."""
