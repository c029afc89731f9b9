"""A board of the databases with all figures, as the last round of the health probe measured them."""

from collections.abc import Iterator

from reporter import Context, Report, job
from reporter.jobs.kit import BoardParams, status_board

KINDS = ("postgres", "sqlite", "sql")
MOST = 10


@job(covers="now", schedule="every 5m", params=BoardParams)
def database_status(ctx: Context[BoardParams]) -> Iterator[Report]:
    """Each database's latency, connections, slow queries, last checkpoint and size."""
    yield status_board(ctx, KINDS, MOST)
