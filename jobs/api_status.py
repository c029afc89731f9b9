"""A board of the network endpoints, as the last round of the health probe measured them."""

from collections.abc import Iterator

from reporter import Context, Report, job
from reporter.jobs.kit import BoardParams, status_board

KINDS = ("http", "tls", "tcp", "dns", "icmp")
MOST = 40


@job(covers="now", schedule="every 5m", params=BoardParams)
def api_status(ctx: Context[BoardParams]) -> Iterator[Report]:
    """Each endpoint's latency, and the days that its certificate remains valid."""
    yield status_board(ctx, KINDS, MOST)
