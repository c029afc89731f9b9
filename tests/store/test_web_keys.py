"""Keys of the web: until when they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reporter.store import web_keys
from reporter.store.database import Store
from reporter.store.web_keys import Kind

NOW = datetime(2026, 10, 30, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "holds"), [("session", False), ("link", False), ("token", True)])
def test_a_session_of_a_clock_that_ran_ahead_does_not_last_until_then(store: Store, kind: Kind, holds: bool) -> None:
    ahead = NOW + timedelta(hours=6)
    with store.begin() as connection:
        key = web_keys.make(connection, kind, "ann", "VIEWER", ahead, ahead + timedelta(days=1))
        assert (web_keys.find(connection, kind, key, NOW) is not None) is holds
        assert web_keys.find(connection, kind, key, ahead) is not None
