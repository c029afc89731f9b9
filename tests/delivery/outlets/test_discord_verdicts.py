"""What each answer means for the message that was sent: the whole verdict, for every status and every code."""

from __future__ import annotations

import httpx
import pytest

from reporter.delivery.outlets.discord.verdicts import ApiResponse, mistakes, verdict
from reporter.delivery.outlets.outlet import Delivered, Later, Never, Unclear, Verdict
from reporter.delivery.rate_limits import MARGIN

VIA = {"via": "1.1 google"}
EDITED = "7"
GONE = "the webhook does not work any more: ?"
FORBIDDEN = "the webhook may not post here: ?"
WRONG = "Discord refuses the message: ?"
LOST = "the message is not there any more: ?"
FROZEN = "Discord lets a message older than an hour be edited only so often"
FORUM = "it is a forum channel: give it `thread_name` or `thread_id`: ?"
BOTH = "it has both `thread_name` and `thread_id`: leave one of them out: ?"
NO_FORUM = "it is no forum channel: leave out `thread_name`: ?"
TYPE = "nothing can be posted to a channel of this type: ?"
ARCHIVED = "its thread is archived: open it again, or give another `thread_id`: ?"
LOCKED = "its thread is locked: unlock it, or give another `thread_id`: ?"

# Discord's own refusals: status, code, whether it was an edit, and the verdict, whose `?` stands for Discord's words.
REFUSALS: list[tuple[int, int, bool, Never]] = [
    (400, 50035, False, Never(WRONG)),
    (400, 50006, False, Never(WRONG)),
    (400, 30015, False, Never(WRONG)),
    (405, 0, False, Never(WRONG)),
    (413, 40005, False, Never(WRONG)),
    (400, 50035, True, Never(WRONG)),
    (401, 50027, False, Never(GONE, gone=True, counted=True)),
    (401, 0, False, Never(GONE, gone=True, counted=True)),
    (401, 50027, True, Never(GONE, gone=True, counted=True)),
    (403, 50013, False, Never(FORBIDDEN, gone=True, counted=True)),
    (403, 50001, False, Never(FORBIDDEN, gone=True, counted=True)),
    (404, 10015, False, Never(GONE, gone=True)),
    (404, 10015, True, Never(GONE, gone=True)),
    (404, 10003, False, Never(GONE, gone=True)),
    (404, 0, False, Never(GONE, gone=True)),
    (404, 10008, True, Never(LOST, missing=True)),
    (404, 10003, True, Never(LOST, missing=True)),
    (429, 30046, True, Never(FROZEN, frozen=True)),
    (400, 220001, False, Never(FORUM, gone=True)),
    (400, 220002, False, Never(BOTH, gone=True)),
    (400, 220003, False, Never(NO_FORUM, gone=True)),
    (400, 50024, False, Never(TYPE, gone=True)),
    (400, 50083, False, Never(ARCHIVED, gone=True)),
    (403, 160005, False, Never(LOCKED, gone=True)),
]

IN_DOUBT = "Discord answered {}, which does not say whether the message was taken"
BANNED = "Discord's network refuses all requests from this address"
WALL = "the network in front of Discord refuses our requests (403)"
HERE, EVERYWHERE = "Discord asks for a pause of 12s in this channel", "Discord asks for a pause of 12s in all channels"
TWELVE = {"retry_after": 12, "message": "You are being rate limited."}
CLOUDFLARE = {"cf-ray": "1"}

OTHERS: list[tuple[ApiResponse, Verdict]] = [
    (ApiResponse(200, {}, {"id": "7", "channel_id": "8"}), Delivered("7", "8")),
    (ApiResponse(204, {}, {}, EDITED), Delivered("7")),
    (ApiResponse(200, {}, {}), Unclear("the answer 200 does not name the message")),
    (ApiResponse(200, {}, {"id": 7}), Unclear("the answer 200 does not name the message")),
    (ApiResponse(204, {}, {}), Unclear("the answer 204 does not name the message")),
    *((ApiResponse(status, {}, {}), Unclear(IN_DOUBT.format(status))) for status in (500, 502, 503, 504, 520, 599)),
    (ApiResponse(500, VIA, {"code": 0, "message": "500: Internal Server Error"}), Unclear(IN_DOUBT.format(500))),
    (ApiResponse(429, VIA, TWELVE), Later(12 + MARGIN, HERE, paced=True, counted=True)),
    (ApiResponse(429, {"retry-after": "12"}, TWELVE | {"retry_after": 1}), Later(12 + MARGIN, HERE, False, True, True)),
    (ApiResponse(429, VIA | {"x-ratelimit-scope": "user"}, TWELVE), Later(12 + MARGIN, HERE, paced=True, counted=True)),
    (ApiResponse(429, VIA | {"x-ratelimit-scope": "shared"}, TWELVE), Later(12 + MARGIN, HERE, paced=True)),
    (ApiResponse(429, VIA | {"x-ratelimit-scope": "global"}, TWELVE), Later(12 + MARGIN, EVERYWHERE, True, True, True)),
    (ApiResponse(429, {}, TWELVE | {"global": True}), Later(12 + MARGIN, EVERYWHERE, True, True, True)),
    (ApiResponse(429, {}, {}), Later(600, BANNED, everywhere=True, counted=True)),
    (ApiResponse(429, {"retry-after": "3000"}, {}), Later(3000 + MARGIN, BANNED, everywhere=True, counted=True)),
    (ApiResponse(429, VIA, TWELVE | {"code": 40333}), Later(600, BANNED, everywhere=True, counted=True)),
    (ApiResponse(403, CLOUDFLARE, {}), Later(600, WALL, everywhere=True, counted=True)),
    (ApiResponse(403, CLOUDFLARE, {"code": 40333, "message": "no"}), Later(600, WALL, everywhere=True, counted=True)),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "edit", "expected"), REFUSALS)
def test_discords_own_refusal_is_believed(status: int, code: int, edit: bool, expected: Never) -> None:
    message = "words of Discord" if code else f"{status}: Words"
    found = verdict(ApiResponse(status, VIA, {"code": code, "message": message}, EDITED if edit else None))
    words = expected.why.replace("?", f"{message} (status {status}, code {code})")
    assert found == Never(words, expected.gone, expected.missing, expected.frozen, expected.counted)


@pytest.mark.parametrize(("answer", "expected"), OTHERS, ids=str)
def test_every_other_answer_has_its_whole_verdict(answer: ApiResponse, expected: Verdict) -> None:
    assert verdict(answer) == expected


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 451])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "10015", "message": "a text"},
        {"code": 404, "message": "no Route matched with those values"},
        {"code": 0, "message": "Not found"},
        {"code": 10015},
        {"code": True, "message": "401: Unauthorized"},
        {"code": None, "message": None, "error": "denied"},
        {"code": 40333, "message": "internal network error"},
    ],
    ids=str,
)
@pytest.mark.parametrize("about", [None, EDITED])
def test_what_is_not_discords_own_word_is_no_refusal(status: int, body: dict[str, object], about: str | None) -> None:
    why = f"something between here and Discord answered {status}, such as a proxy or a sign-in page"
    assert verdict(ApiResponse(status, {"via": "1.1 squid"}, body, about)) == Later(1.0, why)


@pytest.mark.parametrize(
    "said", ["-1", '"soon"', "NaN", "-Infinity", "Infinity", "1e300", "1e999", "1" * 400, "[]", "true", "2592001"]
)
def test_a_pause_that_nobody_can_mean_is_a_minute(said: str) -> None:
    body = f'{{"message": "", "retry_after": {said}}}'
    assert verdict(ApiResponse.of(httpx.Response(429, headers=VIA, text=body))) == Later(
        60 + MARGIN, "Discord asks for a pause of 1m in this channel", paced=True, counted=True
    )


def test_a_pause_of_ten_days_is_kept() -> None:
    found = verdict(ApiResponse(429, VIA, {"retry_after": 864_000.0}))
    assert found == Later(
        864_000 + MARGIN, "Discord asks for a pause of 10 days in this channel", paced=True, counted=True
    )


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000, '{"code": ' + "1" * 5000 + "}", "null", "[]", "\ud800"])
@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 500])
def test_no_answer_is_too_odd_for_a_verdict(status: int, text: str) -> None:
    odd = {"date": "Mon, 99 Jan 9999 00:00:00 +2359", "retry-after": "Fri, 20 Nov 2026 00:00:00 GMT"}
    odd |= {"x-ratelimit-remaining": "none", "x-ratelimit-reset-after": "1e300"}
    answer = ApiResponse.of(httpx.Response(status, headers=odd, content=text.encode(errors="replace")))
    assert isinstance(verdict(answer), Later | Unclear)
    assert answer.date is None


def test_a_tree_of_mistakes_that_has_no_end_is_left() -> None:
    errors: dict[str, object] = {"_errors": [{"message": "deep"}]}
    for _ in range(5000):
        errors = {"a": errors}
    assert list(mistakes(errors)) == []
