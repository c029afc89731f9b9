"""A board of the Redis and Valkey servers with all figures, as the last round of the health probe measured them."""

from collections.abc import Iterator

from reporter import Context, Report, job
from reporter.jobs.kit import BoardParams, status_board

KINDS = ("redis",)
MOST = 10


@job(covers="now", schedule="every 5m", params=BoardParams)
def redis_status(ctx: Context[BoardParams]) -> Iterator[Report]:
    """Each Redis server's latency, memory, clients, hits and persistence."""
    yield status_board(ctx, KINDS, MOST)
