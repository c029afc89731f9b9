"""Jinja environments for messages and pictures, in a sandbox."""
