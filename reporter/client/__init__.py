"""For your bot: hands events to the reporter without ever blocking or raising. Standard library only."""

from reporter.client.events import Client, Handed

__all__ = ["Client", "Handed"]
