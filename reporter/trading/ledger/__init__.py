"""Reads the trading databases, read-only."""
