"""Looks at targets: one file a kind, this machine, the round of all probes."""
