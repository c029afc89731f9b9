"""The config of each kind of probe."""
