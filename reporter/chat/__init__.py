"""Doors in chat services: people ask there, and the table of operations answers."""
