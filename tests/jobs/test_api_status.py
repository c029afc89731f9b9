"""The board of api_status."""

from __future__ import annotations

from reporter.delivery.outlets.discord.limits import fit
from reporter.messages.message import Tone, plain, plain_blocks
from tests.jobs.boards import ENDPOINTS, MAIN, board
from tests.jobs.watch import reading, stock_job
from tests.support.golden import agrees


def test_the_board_with_all_figures() -> None:
    assert agrees("api_status", board("api_status", *ENDPOINTS, MAIN).message())


def test_a_board_without_anything_to_show_says_what_to_write() -> None:
    empty = board("api_status", MAIN)
    assert agrees("api_status-bare", empty.message())
    assert empty.board().tone is Tone.NEUTRAL


def test_it_observes_nothing_and_is_one_message() -> None:
    watch = board("api_status", *ENDPOINTS)
    assert watch.seen() == {}
    assert watch.board().slot == "board"
    assert stock_job("api_status").schedule == "every 5m"


def test_what_is_shown_can_be_named_and_a_name_that_is_none_is_told() -> None:
    watch = board("api_status", *ENDPOINTS, params={"probes": ["polymarket", "gone"]})
    text = "\n".join([*plain_blocks(watch.message().body), *(plain(field.name) for field in watch.message().fields)])
    assert "polymarket" in text
    assert "gone: no probe has this name" in text


def test_it_is_posted_anew_when_that_is_wanted() -> None:
    watch = board("api_status", ENDPOINTS[0], params={"repost_hours": 6})
    assert watch.board().repost is not None


def test_a_board_of_many_stays_one_message_and_counts_the_others() -> None:
    many = [reading(f"thing-{n}", kind="http", figures=(("latency", "5ms"), ("size", "9 MiB"))) for n in range(200)]
    message = board("api_status", *many).message()
    assert len(fit(message)) == 1
    assert "🟢 and 160 more: ok" in "\n".join(plain_blocks(message.body))
