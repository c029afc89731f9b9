"""The HTTP listener: events and hooks come in, health and figures go out. Loaded only where the config has `web:`."""
