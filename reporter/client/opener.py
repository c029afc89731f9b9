"""Requests of the clients: no proxy of the environment, and no redirect."""

from __future__ import annotations

from typing import Any
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener


class _NoRedirect(HTTPRedirectHandler):
    """The token goes to the configured address and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


OPENER = build_opener(ProxyHandler({}), _NoRedirect())
