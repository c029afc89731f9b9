"""The alert pipeline: who hears of an incident, and the messages about it."""
