"""Builds the program from a home folder; finds mistakes in its config."""
