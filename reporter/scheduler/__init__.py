"""Finds what is due, runs it and saves it: planner, runner, daemon."""
