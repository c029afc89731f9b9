"""Takes messages from the outbox to their channels: worker, rate limits, digests, outlets."""
