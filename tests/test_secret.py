"""Secrets do not show, and text that may hold one is masked."""

from __future__ import annotations

import pytest

from reporter.secret import Secret, masked


def test_a_secret_shows_itself_in_no_way_but_one() -> None:
    secret = Secret("hunter2", "env:PASSWORD")
    assert f"{secret} {secret!r} {secret!s:>5} {[secret]} %s" % secret == (
        "*** Secret(*** from env:PASSWORD)   *** [Secret(*** from env:PASSWORD)] ***"
    )
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "webhook: hunter2",
        '"bot_token": "hunter2",',
        "password = hunter2 hunter2",
        "x: {token: hunter2, kind: x}",
        "see https://example.org/hunter2",
        "url: 'postgresql://me:pass word hunter2@db/x'",
        "AbCdEf0123456789hunter2hunter2",
    ],
)
def test_what_may_be_a_secret_is_masked_and_keeps_its_length(text: str) -> None:
    assert "hunter2" not in masked(text)
    assert len(masked(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    ["webhook: env:DISCORD_WEBHOOK", "weekly_leaderboard: {channel: pnl-daily}", "schedule: daily at 00:00", "token:"],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert masked(text) == text
