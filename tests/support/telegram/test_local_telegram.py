"""The local Telegram refuses what the real one refuses, in its words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.clocks import HandClock
from tests.support.telegram import LocalTelegram
from tests.support.telegram.markup import MarkupError, parse
from tests.support.telegram.pictures import png


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def telegram(clock: HandClock) -> Iterator[LocalTelegram]:
    with LocalTelegram(now=clock.wall, monotonic=clock.monotonic) as local:
        local.token()
        yield local


def ask(telegram: LocalTelegram, method: str, token: str = "", **fields: Any) -> Any:
    url = f"{telegram.base_url}/bot{token or telegram.token()}/{method}"
    return httpx.post(url, json={"chat_id": telegram.chat("desk"), **fields}).json()


def why(telegram: LocalTelegram, method: str = "sendMessage", **fields: Any) -> str:
    answer = ask(telegram, method, **fields)
    assert answer["ok"] is False
    return f"{answer['error_code']} {answer['description'].removeprefix('Bad Request: ')}"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": " \n "}, "400 message text is empty"),
        ({"text": "x" * 4097}, "400 message is too long"),
        ({"text": "🟢" * 2049}, "400 message is too long"),
        ({"text": "x", "chat_id": 5}, "400 chat not found"),
        ({"text": "x", "message_thread_id": 9}, "400 message thread not found"),
        ({"text": "<h1>x</h1>", "parse_mode": "HTML"}, "Unsupported start tag"),
        ({"text": "<b>x", "parse_mode": "HTML"}, 'Can\'t find end tag corresponding to start tag "b"'),
        ({"text": "<b><i>x</b></i>", "parse_mode": "HTML"}, 'expected "</i>", found "</b>"'),
        ({"text": "1 < 2", "parse_mode": "HTML"}, "Unclosed start tag"),
    ],
)
def test_it_refuses_a_text(telegram: LocalTelegram, fields: dict[str, Any], told: str) -> None:
    assert told in why(telegram, **fields)


@pytest.mark.parametrize(
    ("token", "code"), [("123456789:" + "x" * 35, 401), ("nonsense", 404)], ids=["unknown", "malformed"]
)
def test_it_knows_its_bots(telegram: LocalTelegram, token: str, code: int) -> None:
    assert ask(telegram, "getMe", token)["error_code"] == code


def test_a_chat_takes_one_message_a_second_and_a_group_twenty_a_minute(
    telegram: LocalTelegram, clock: HandClock
) -> None:
    codes = []
    for _ in range(25):
        codes += [ask(telegram, "sendMessage", text="x").get("error_code", 200) for _ in range(2)]
        clock.forward(seconds=1.1)
    answer = ask(telegram, "sendMessage", text="x")
    assert codes == [200, 429] * 20 + [429] * 10
    assert 1 <= answer["parameters"]["retry_after"] <= 60


def test_edits_and_deletions_are_limited(telegram: LocalTelegram, clock: HandClock) -> None:
    telegram.limits = False
    sent = ask(telegram, "sendMessage", text="x")["result"]["message_id"]
    assert "message is not modified" in why(telegram, "editMessageText", message_id=sent, text="x")
    assert why(telegram, "editMessageText", message_id=99, text="y") == "400 message to edit not found"
    assert ask(telegram, "editMessageText", message_id=sent, text="y")["ok"]
    clock.forward(hours=49)
    assert why(telegram, "deleteMessage", message_id=sent) == "400 message can't be deleted for everyone"


@pytest.mark.parametrize(
    ("content", "told"), [(b"", "400 file must be non-empty"), (b"GIF89a", "400 IMAGE_PROCESS_FAILED"),
                          (png(9000, 2000), "400 PHOTO_INVALID_DIMENSIONS")],
)  # fmt: skip
def test_it_refuses_a_picture(telegram: LocalTelegram, content: bytes, told: str) -> None:
    url = f"{telegram.base_url}/bot{telegram.token()}/sendPhoto"
    form = {"chat_id": str(telegram.chat("desk")), "photo": "attach://file0"}
    answer = httpx.post(url, data=form, files={"file0": ("a.png", content)}).json()
    assert f"{answer['error_code']} {answer['description'].removeprefix('Bad Request: ')}" == told


def test_an_album_is_of_one_kind(telegram: LocalTelegram) -> None:
    media = [{"type": kind, "media": f"attach://{kind}"} for kind in ("photo", "document")]
    url = f"{telegram.base_url}/bot{telegram.token()}/sendMediaGroup"
    form = {"chat_id": str(telegram.chat("desk")), "media": json.dumps(media)}
    answer = httpx.post(url, data=form, files={kind: ("a.png", png()) for kind in ("photo", "document")}).json()
    assert "can't be mixed" in answer["description"]


def test_of_two_that_poll_the_older_one_is_sent_away(telegram: LocalTelegram) -> None:
    found: list[Any] = []
    older = threading.Thread(target=lambda: found.append(ask(telegram, "getUpdates", timeout=30)))
    older.start()
    with telegram.arrived:
        telegram.arrived.wait_for(lambda: telegram.bot().polls == 1, 10)
    ask(telegram, "getUpdates", timeout=0)
    older.join(10)
    assert found[0]["error_code"] == 409


def test_updates_are_kept_until_they_are_confirmed(telegram: LocalTelegram) -> None:
    telegram.chat("desk")
    telegram.say("desk", 7, "/status")
    first = ask(telegram, "getUpdates")["result"]
    assert ask(telegram, "getUpdates")["result"] == first
    assert ask(telegram, "getUpdates", offset=first[0]["update_id"] + 1)["result"] == []
    assert first[0]["message"]["entities"][0]["type"] == "bot_command"


def test_links_are_made_of_plain_text_but_not_within_code() -> None:
    assert parse("@durov #tag $BTC /start a.com x@y.org", None).kinds() >= {"mention", "hashtag", "cashtag", "url"}
    assert parse("<code>@durov a.com</code> $18.80 BTC/USDT", "HTML").kinds() == {"code"}


def test_only_a_hundred_entities_are_shown() -> None:
    parsed = parse("<b>x</b> " * 120, "HTML")
    assert (len(parsed.entities), parsed.dropped) == (100, 20)


def test_what_stands_in_code_is_literal() -> None:
    with pytest.raises(MarkupError):
        parse("<code><b>x</b></code>", "HTML")
    assert parse('<pre><code class="language-python">&lt;b&gt;</code></pre>', "HTML").text == "<b>"


def test_a_year_old_clock_is_its_own(telegram: LocalTelegram, clock: HandClock) -> None:
    clock.now -= timedelta(days=365)
    assert ask(telegram, "sendMessage", text="x")["result"]["date"] == int(clock.now.timestamp())
