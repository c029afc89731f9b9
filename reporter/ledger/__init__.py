"""The trading databases, read-only."""
