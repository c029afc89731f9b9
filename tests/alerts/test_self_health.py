"""What the reporter knows of its own health."""

from reporter.alerts.self_health import SelfHealth


def test_what_says_nothing_says_that_nothing_is_wrong() -> None:
    assert SelfHealth() == SelfHealth(late=(), skipped=0, waiting=0, oldest=None, refused=0, seconds=0.0)
