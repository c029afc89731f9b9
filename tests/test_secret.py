"""Secrets do not show, and no text that may hold one leaves the program with it."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import string
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reporter.alerts.model import Level, Observation
from reporter.messages.message import Attachment, Code, Run, Table, visible
from reporter.secret import Secret, learn, learn_environment, learn_keys_of, masked, redacted

HOOK = "https://discord.com/api/webhooks/123456789012345678/tOken-0123456789_abcdefghijklmnop"
PASSWORD = 'pa/ss "wörd" + 1&2=3'


def test_a_secret_shows_itself_in_no_way_but_one() -> None:
    secret = Secret("hunter2", "env:PASSWORD")
    assert f"{secret} {secret!r} {secret!s:>5} {[secret]} %s" % secret == (
        "*** Secret(*** from env:PASSWORD)   *** [Secret(*** from env:PASSWORD)] ***"
    )
    assert secret.reveal() == "hunter2"


def test_a_secret_is_masked_from_its_making_on() -> None:
    assert masked("a library says hunter2hunter2") == "a library says hunter2hunter2"
    Secret("hunter2hunter2", "env:PASSWORD")
    assert masked("a library says hunter2hunter2") == "a library says ***"


WRITERS: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    quote_plus,
    lambda text: quote(text, safe=" +"),
    lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    repr,
    lambda text: repr(text.encode()),
    html.escape,
    ascii,
    visible,
)


@given(
    st.text(string.ascii_letters + "+/=&% \"'\\é€😀<>_*|`-.\n", min_size=12, max_size=20).map(lambda text: f"Q{text}Z"),
    st.sampled_from(WRITERS),
    st.sampled_from(WRITERS),
)
@example('Q"aTGhpryC dR+vpnsiHpboYz/ Z', WRITERS[3], WRITERS[0])
def test_a_secret_is_masked_however_it_is_written(
    value: str, first: Callable[[str], str], second: Callable[[str], str]
) -> None:
    learn(value)
    shown = masked(f"it says {second(first(value))} here")
    assert "***" in shown
    assert not set("QZ") & set(shown)
    assert len(shown) <= 45  # with the quotes that the writers put around it


def test_a_secret_as_hex_is_masked() -> None:
    learn(PASSWORD)
    assert masked(PASSWORD.encode().hex()) == "***"


@given(st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_in_base64_is_masked_whatever_stands_around_it(before: bytes, after: bytes) -> None:
    learn("hunter2-hunter2-hunter2")
    shown = masked(base64.b64encode(before + b"hunter2-hunter2-hunter2" + after).decode())
    kept = shown.partition("***")[0]  # up to two characters of the secret share their bits with what stands before it
    assert b"hun" not in base64.b64decode(kept[: len(kept) // 4 * 4])
    assert len(shown) <= len(base64.b64encode(before + after)) + 12


@pytest.mark.parametrize(
    "said",
    [
        HOOK,
        "404 for url /api/webhooks/123456789012345678/tOken-0123456789_abcdefghijklmnop",
        "connect to postgresql://bot:hunter2%2Bhunter2@db/bot",
        "password authentication failed with hunter2+hunter2",
        "option password=xyzzy-99",
        "the header Bearer tk_live_12345 is refused",
        "no such token: tk_live_12345",
    ],
)
def test_what_is_secret_in_an_address_or_a_header_is_masked_alone_too(said: str) -> None:
    for value in (HOOK, "postgresql://bot:hunter2%2Bhunter2@db/bot?password=xyzzy-99&x=y", "Bearer tk_live_12345"):
        learn(value)
    shown = masked(said)
    assert "***" in shown
    assert not [part for part in ("tOken", "hunter2", "xyzzy", "tk_live") if part in shown]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"posting to {HOOK} failed", "posting to https://discord.com/api/webhooks/123456789012345678/*** failed"),
        ("mysql://me:unknown@db/x refused", "mysql://me:***@db/x refused"),
        ("dsn host=db password=unknown user=me", "dsn host=db password=*** user=me"),
        ("https://x.org/?api_key=unknown&b=c", "https://x.org/?api_key=***&b=c"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer ***"),
        ("pnl=12 and https://example.org/a:b@c are left", "pnl=12 and https://example.org/a:b@c are left"),
    ],
)
def test_what_is_a_secret_by_its_shape_is_masked_though_nobody_told_us(said: str, shown: str) -> None:
    assert masked(said) == shown


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    learn("bot1")
    learn("x1")
    assert masked("bot1 robot10 'bot1' x1") == "*** robot10 '***' x1"


def test_the_file_of_a_database_is_no_secret() -> None:
    Secret("sqlite:////var/lib/bot/trades.sqlite", "env:DATABASE_URL")
    assert masked("/var/lib/bot/trades.sqlite is locked") == "/var/lib/bot/trades.sqlite is locked"


def test_a_key_in_the_path_of_a_public_address_is_masked() -> None:
    key = "b5cf3a1e-0d5c-4a0b-9f7e-2f1c6d8e9a00"
    for url in (
        f"https://hc.example.org/ping/{key}",
        "https://example.org/api/v3/exchange-information",
        "sqlite:////x",
    ):
        learn_keys_of(url)
    assert masked(f"POST /ping/{key}: 404") == "POST /ping/***: 404"
    assert masked("GET /api/v3/exchange-information") == "GET /api/v3/exchange-information"


def test_variables_that_say_that_they_are_secret_are_masked() -> None:
    learn_environment(
        {"EXCHANGE_API_KEY": "unrelated-4711", "TOKEN_FILE": "/run/secrets/token", "PATH": "/usr/bin:/bin"}
    )
    assert masked("unrelated-4711 /run/secrets/token /usr/bin:/bin") == "*** /run/secrets/token /usr/bin:/bin"


@given(st.integers(0, 120), st.integers(0, 60))
def test_no_part_of_a_secret_survives_a_cut(limit: int, before: int) -> None:
    learn("hunter2-hunter2-hunter2")
    shown = masked("x" * before + "hunter2-hunter2-hunter2 hunter2-hunter2-hunter2", limit)
    assert "hunt" not in shown
    assert len(shown) <= max(limit, 3) + 4


def test_what_a_part_of_a_message_or_a_reading_is_given_holds_no_secret() -> None:
    learn("hunter2-hunter2-hunter2")
    said = "it says hunter2-hunter2-hunter2"
    seen = Observation("probe/hunter2-hunter2-hunter2", Level.OK, said, said, said, headline=said, notes=(said,))
    parts = [Run("text", said, said), Code(said), Table((said,), ((said,),)), Attachment(said, said.encode(), alt=said)]
    assert "hunter" not in f"{seen} {parts}"
    assert f"{seen} {parts}".count("***") == 14


def test_a_weak_secret_does_not_change_what_a_subject_is_called() -> None:
    learn("database")
    assert Observation("probe/database", Level.OK, "the database answers") == Observation(
        "probe/database", Level.OK, "the *** answers"
    )


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
        "token: a, secret: hunter2",
        "one://hunter2 two://hunter2 @hunter2",
    ],
)
def test_what_may_be_a_secret_is_redacted_and_keeps_its_length(text: str) -> None:
    assert "hunter2" not in redacted(text)
    assert len(redacted(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    ["webhook: env:DISCORD_WEBHOOK", "weekly_leaderboard: {channel: pnl-daily}", "schedule: daily at 00:00", "token:"],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert redacted(text) == text


# What makes a search start again and again: keys, schemes, separators, blanks, tokens.
SLOW = [
    "token",
    "a://",
    "a.",
    "token:,",
    " ",
    "-",
    "secret= ,",
    "x" * 19 + ",",
    "aaaaaa1",
    "://@ ",
    "{token: a}",
    "a:b@",
    "@",
]


@pytest.mark.parametrize("mask", [masked, redacted])
@pytest.mark.parametrize("piece", SLOW)
def test_masking_takes_time_in_proportion_to_the_text(mask: Callable[[str], str], piece: str) -> None:
    """Sixteen times the text takes about sixteen times as long; where the cost is quadratic it is 256 times."""
    learn(HOOK)

    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        return min(_spent(lambda: mask(text)) for _ in range(3))

    assert seconds(320_000) < 80 * max(seconds(20_000), 0.0005)


def _spent(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def test_text_for_a_sink_can_be_written_in_utf8() -> None:
    name = os.fsdecode(b"/mnt/Fotos_\xfc")  # a folder whose name is no UTF-8
    for text in (name, name[-1], f"{name} 🔴"):
        assert "�" in masked(text)
        masked(text).encode()
