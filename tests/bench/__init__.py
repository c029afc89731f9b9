"""Footprint and speed beside their goals: `make bench`. Nothing passes or fails by it."""
