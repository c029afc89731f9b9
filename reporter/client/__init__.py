"""For your bot: hands in events and reads plans without ever blocking for long or raising. Standard library only."""

from reporter.client.events import Client, Handed
from reporter.client.plans import PlanClient, PlanClientError, create_client

__all__ = ["Client", "Handed", "PlanClient", "PlanClientError", "create_client"]
