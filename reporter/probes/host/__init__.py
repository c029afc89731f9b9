"""The machine that the reporter runs on."""
