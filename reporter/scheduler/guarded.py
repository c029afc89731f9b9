"""Work whose failure is logged and stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable

from reporter.errors import ReporterError

log = logging.getLogger(__name__)


def guarded(what: str, work: Callable[[], object]) -> bool:
    """Do it; False if it failed. A bug of ours loses this piece of work and nothing that comes later."""
    try:
        work()
    except ReporterError as error:
        log.error("%s: %s", what, error)
    except Exception:
        log.exception("%s failed", what)
    else:
        return True
    return False


class LastingTrouble:
    """An error that comes with every turn while its cause lasts: it is logged when it begins, and when it changes."""

    def __init__(self) -> None:
        self._said = ""

    def goes_on(self, sentence: str) -> None:
        if sentence != self._said:
            log.error("%s", sentence)
        self._said = sentence

    def is_over(self) -> None:
        self._said = ""
