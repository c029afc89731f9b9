"""The local Discord refuses what Discord refuses: what it lets pass is worth something only then."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.discord import Limited, LocalDiscord, Status, recognised, shown
from tests.support.discord.__main__ import written
from tests.support.discord.limiter import Bucket, Fixed, Limit, Sliding
from tests.support.discord.multipart import Part, parts

Json = dict[str, Any]
USER_AGENT = "DiscordBot (https://example.org, 1)"


@pytest.fixture(scope="module")
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        yield local


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(params={"wait": "true"}, headers={"User-Agent": USER_AGENT}) as made:
        yield made


def embed(**parts: object) -> Json:
    return {"embeds": [{"title": "t"} | parts]}


def field(name: str = "n", value: str = "v") -> Json:
    return {"name": name, "value": value}


def places(errors: Json, path: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in errors.items():
        if key == "_errors":
            yield path, inner[0]["code"]
        else:
            yield from places(inner, f"{path}.{key}".lstrip("."))


REFUSED = [
    ({"content": "x" * 2001}, "content", "BASE_TYPE_BAD_LENGTH"),
    ({"content": "x", "username": "a Discord bot"}, "username", "USERNAME_INVALID_CONTAINS"),
    ({"content": "x", "username": "Clyde"}, "username", "USERNAME_INVALID_CONTAINS"),
    ({"content": "x", "username": "everyone"}, "username", "USERNAME_INVALID"),
    ({"content": "x", "username": ""}, "username", "BASE_TYPE_BAD_LENGTH"),
    ({"content": "x", "username": "x" * 81}, "username", "BASE_TYPE_BAD_LENGTH"),
    ({"content": "x", "avatar_url": "ftp://x"}, "avatar_url", "URL_TYPE_INVALID_SCHEME"),
    ({"embeds": [{"title": "t"}] * 11}, "embeds", "BASE_TYPE_BAD_LENGTH"),
    ({"embeds": [{}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
    (embed(title="x" * 257), "embeds.0.title", "BASE_TYPE_BAD_LENGTH"),
    (embed(description="x" * 4097), "embeds.0.description", "BASE_TYPE_BAD_LENGTH"),
    (embed(fields=[field()] * 26), "embeds.0.fields", "BASE_TYPE_BAD_LENGTH"),
    (embed(fields=[field(name="x" * 257)]), "embeds.0.fields.0.name", "BASE_TYPE_BAD_LENGTH"),
    (embed(fields=[field(value="x" * 1025)]), "embeds.0.fields.0.value", "BASE_TYPE_BAD_LENGTH"),
    (embed(fields=[field(), field(value=" \n ")]), "embeds.0.fields.1.value", "BASE_TYPE_REQUIRED"),
    (embed(footer={"text": "x" * 2049}), "embeds.0.footer.text", "BASE_TYPE_BAD_LENGTH"),
    (embed(footer={"icon_url": "https://x.y"}), "embeds.0.footer.text", "BASE_TYPE_REQUIRED"),
    (embed(author={"name": "x" * 257}), "embeds.0.author.name", "BASE_TYPE_BAD_LENGTH"),
    (embed(color=0x1000000), "embeds.0.color", "NUMBER_TYPE_MAX"),
    (embed(color=-1), "embeds.0.color", "NUMBER_TYPE_MIN"),
    (embed(color="red"), "embeds.0.color", "NUMBER_TYPE_COERCE"),
    (embed(timestamp="yesterday"), "embeds.0.timestamp", "DATE_TIME_TYPE_PARSE"),
    (embed(image={"url": "chart.png"}), "embeds.0.image.url", "URL_TYPE_INVALID_SCHEME"),
    (embed(description="x" * 4096, fields=[field(value="x" * 1000)] * 2), "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
    ({"embeds": [{"description": "x" * 3001}] * 2}, "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
    (
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "allowed_mentions",
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
    ),
    ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, "allowed_mentions.parse.0", "BASE_TYPE_CHOICES"),
    ({"content": "x", "allowed_mentions": {"roles": ["@a"]}}, "allowed_mentions.roles.0", "NUMBER_TYPE_COERCE"),
    ({"content": "x", "flags": 64}, "flags", "BITFIELD_INVALID_FLAGS"),
    ({"content": "x", "attachments": [{"id": 0}]}, "attachments.0.id", "ATTACHMENT_NOT_FOUND"),
]


@pytest.mark.parametrize(("body", "place", "code"), REFUSED, ids=[f"{place}-{code}" for _, place, code in REFUSED])
def test_a_wrong_message_is_refused_with_the_place(
    discord: LocalDiscord, client: httpx.Client, body: Json, place: str, code: str
) -> None:
    answer = client.post(discord.webhook("daily"), json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, 50035)
    assert (place, code) in list(places(answer.json()["errors"]))


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000},
        {"content": " " + "x" * 2000 + "\n"},
        embed(title="🚀" * 256, description="x" * 4096, footer={"text": "x" * 1648}),
        embed(fields=[field("n" * 100, "\u200b")] * 25),
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": []}},
    ],
    ids=["content", "trimmed", "6000", "25 fields", "empty list"],
)
def test_what_just_fits_is_taken(discord: LocalDiscord, client: httpx.Client, body: Json) -> None:
    assert client.post(discord.webhook("daily"), json=body).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"{}", "application/json", 50006),
        (b'{"content": " "}', "application/json", 50006),
        (b"{", "application/json", 50109),
        (b'{"content": "\\ud800"}', "application/json", 50109),
        (b'"x"', "application/json", 50035),
        (b'{"content": "x"}', "text/plain", 50035),
        (b"x", "multipart/form-data; boundary=b", 50109),
    ],
)
def test_a_body_that_is_none_is_refused(
    discord: LocalDiscord, client: httpx.Client, content: bytes, kind: str, code: int
) -> None:
    answer = client.post(discord.webhook("daily"), content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [([b"x" * (10 * 2**20 + 1)], 413, 40005), ([b"x"] * 11, 400, 30015)],
    ids=["size", "11"],
)
def test_too_much_of_files_is_refused(
    discord: LocalDiscord, client: httpx.Client, files: list[bytes], status: int, code: int
) -> None:
    form = [(f"files[{number}]", ("a.csv", content)) for number, content in enumerate(files)]
    answer = client.post(discord.webhook("daily"), files=form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_form_is_taken_apart_byte_for_byte(discord: LocalDiscord, client: httpx.Client) -> None:
    content = bytes(range(256)) + b"\r\n--b"
    form = {"files[0]": ("a b.png", content)}
    answer = client.post(discord.webhook("files"), data={"payload_json": json.dumps({"content": "x"})}, files=form)
    assert answer.json()["attachments"] == [{"id": "0", "filename": "a_b.png", "size": len(content)}]
    assert discord.messages("files")[0].files == {"a_b.png": content}
    assert parts("x; boundary=b", b'--b\r\nD: name="n"\r\n\r\n\r\nv\r\n--b--') == [Part("n", None, b"\r\nv")]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [(lambda url: url + "x", 401, 50027), (lambda url: url.replace("webhooks/1", "webhooks/2"), 404, 10015)],
    ids=["token", "id"],
)
def test_a_wrong_address_is_refused(
    discord: LocalDiscord, client: httpx.Client, change: Any, status: int, code: int
) -> None:
    answer = client.post(change(discord.webhook("daily")), json={"content": "x"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_request_for_another_host_is_refused(discord: LocalDiscord, client: httpx.Client) -> None:
    answer = client.post(discord.webhook("daily"), json={"content": "x"}, headers={"Host": "webhook.invalid"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/html")


def test_a_message_lives_until_it_is_deleted(discord: LocalDiscord, client: httpx.Client) -> None:
    url = discord.webhook("life")
    message = f"{url}/messages/{client.post(url, json={'content': 'one'}).json()['id']}"
    assert client.patch(message, json={"content": "two"}).json()["content"] == "two"
    assert client.get(message).json()["edited_timestamp"]
    assert client.delete(message).status_code == 204
    assert [client.request(method, message).json()["code"] for method in ("GET", "PATCH", "DELETE")] == [10008] * 3
    assert (discord.messages("life"), len(discord.everything()[-1].earlier)) == ([], 1)


def test_without_wait_nothing_is_told(discord: LocalDiscord) -> None:
    assert httpx.post(discord.webhook("silent"), json=embed(timestamp="2026-11-20T00:00:00")).status_code == 204
    [message] = discord.messages("silent")
    odd = {"no_allowed_mentions", "wait_not_given", "naive_timestamp", "unversioned", "odd_user_agent"}
    assert set(message.warnings) == odd


def test_a_forum_wants_a_thread_and_a_channel_has_none(discord: LocalDiscord, client: httpx.Client) -> None:
    forum, daily, thread = discord.webhook("forum", forum=True), discord.webhook("daily"), discord.thread("daily")
    named = {"content": "x", "thread_name": "t"}
    assert client.post(forum, json={"content": "x"}).json()["code"] == 220001
    assert client.post(forum, json=named, params={"thread_id": thread}).json()["code"] == 220002
    assert client.post(daily, json=named).json()["code"] == 220003
    assert client.post(forum, json={"content": "x"}, params={"thread_id": thread}).json()["code"] == 10003
    assert client.post(forum, json=named).json()["channel_id"] != client.get(forum).json()["channel_id"]


def test_only_the_content_can_call_and_only_whom_it_may(discord: LocalDiscord, client: httpx.Client) -> None:
    url, content = discord.webhook("calls"), "@everyone <@&1> <@2>"
    shut: list[Json] = [{"parse": []}, {"parse": ["everyone"], "roles": ["1"]}, {"users": ["3"]}]
    for allowed in shut:
        client.post(url, json={"content": content, "allowed_mentions": allowed})
    client.post(url, json={"content": content})
    client.post(url, json=embed(description=content))
    assert [m.called for m in discord.messages("calls")] == [set(), {"everyone", "role:1"}, set(), {"user:2"}, set()]


def test_five_in_two_seconds_for_a_webhook_and_thirty_in_a_minute_for_a_channel() -> None:
    with LocalDiscord() as discord, httpx.Client() as client:
        urls = [discord.webhook(f"{number}", channel="floor") for number in range(7)]
        told = [client.post(urls[0], json={"content": "x"}) for _ in range(6)]
        assert [answer.headers.get("X-RateLimit-Remaining") for answer in told] == ["4", "3", "2", "1", "0", None]
        assert (told[5].status_code, told[5].headers["X-RateLimit-Scope"]) == (429, "user")
        assert 0 < told[5].json()["retry_after"] <= 2
        rest = [client.post(url, json={"content": "x"}) for url in urls[1:] for _ in range(5)]
        assert [answer.status_code for answer in rest] == [204] * 25 + [429] * 5
        assert rest[-1].headers["X-RateLimit-Scope"] == "shared"
        assert rest[-1].json()["retry_after"] > 50


@pytest.mark.parametrize(
    "counting", [Fixed(5, 2.0), Sliding(5, 2.0), Bucket(5, 2.0)], ids=["fixed", "sliding", "bucket"]
)
def test_no_way_of_counting_lets_more_pass_than_the_limit(counting: Limit) -> None:
    passed = []
    for tick in range(512):
        if not counting.wait("a", now := tick / 128):
            assert counting.remaining("a", now) >= 1
            counting.count("a", now)
            passed.append(now)
    assert passed[4] == 4 / 128
    assert passed[5] >= (0.35 if isinstance(counting, Bucket) else 2.0)
    assert len(passed) == (14 if isinstance(counting, Bucket) else 10)
    assert counting.remaining("b", 4.0) == 5
    assert counting.reset_after("a", 4.0) <= 2.0


def test_fifty_in_a_second_for_an_address() -> None:
    with LocalDiscord() as discord, httpx.Client() as client:
        urls = [discord.webhook(f"{number}") for number in range(12)]
        told = [client.post(url, json={"content": "x"}) for url in urls for _ in range(5)]
        stopped = [answer for answer in told if answer.status_code == 429]
        assert stopped
        assert {answer.headers["X-RateLimit-Scope"] for answer in stopped} == {"global"}
        assert all(answer.json()["global"] for answer in stopped)


def test_who_does_not_wait_as_told_is_counted(client: httpx.Client) -> None:
    with LocalDiscord(limits=False) as discord:
        url = discord.webhook("daily")
        discord.fail(Limited(2))
        assert client.post(url, json={"content": "x"}).status_code == 429
        for _ in range(2):
            time.sleep(0.25)
            client.post(url, json={"content": "x"})
        assert (discord.journal.early, discord.journal.limited) == (2, 1)


def test_what_goes_on_after_a_webhook_died_is_counted(client: httpx.Client) -> None:
    with LocalDiscord(limits=False) as discord:
        url = discord.webhook("daily")
        discord.revoke("daily")
        assert {client.post(url, json={"content": "x"}).status_code for _ in range(3)} == {404}
        assert discord.journal.after_death("daily") == 2


def test_too_many_invalid_requests_bring_a_ban(client: httpx.Client) -> None:
    with LocalDiscord(limits=False, ban_after=2) as discord:
        url = discord.webhook("daily")
        for _ in range(2):
            client.post(url + "x", json={"content": "x"})
        answer = client.post(url, json={"content": "x"})
        assert (answer.status_code, "via" in answer.headers, discord.messages("daily")) == (429, False, [])


def test_an_outage_lasts_until_it_is_over(client: httpx.Client) -> None:
    with LocalDiscord(limits=False) as discord:
        url = discord.webhook("daily")
        with discord.broken(Status(502)):
            assert [client.post(url, json={"content": "x"}).status_code for _ in range(3)] == [502] * 3
        assert client.post(url, json={"content": "x"}).status_code == 200


def test_a_request_takes_its_time(client: httpx.Client) -> None:
    with LocalDiscord(limits=False, latency=0.1) as discord:
        began = time.monotonic()
        client.post(discord.webhook("daily"), json={"content": "x"})
        assert time.monotonic() - began >= 0.1


def test_a_bot_reads_a_channel_as_far_as_it_may(discord: LocalDiscord, client: httpx.Client) -> None:
    url = discord.webhook("read")
    posted = [client.post(url, json=embed(title=str(number))).json() for number in range(4)]
    path = f"{discord.base_url}/api/v10/channels/{posted[0]['channel_id']}/messages"

    def read(token: str, **query: str) -> Any:
        return client.get(path, params=query, headers={"Authorization": f"Bot {token}"}).json()

    bot = discord.bot()
    assert [m["embeds"][0]["title"] for m in read(bot)] == ["3", "2", "1", "0"]
    assert [m["id"] for m in read(bot, after=posted[0]["id"], limit="2")] == [posted[2]["id"], posted[1]["id"]]
    assert read(discord.bot("blind", history=False)) == []
    [newest, *_] = read(discord.bot("deaf", content=False))
    assert (newest["id"], newest["webhook_id"], newest["embeds"]) == (posted[3]["id"], posted[3]["webhook_id"], [])
    assert read(discord.bot("shut out", view=False))["code"] == 50001
    assert read("nobody")["message"] == "401: Unauthorized"


def test_a_bot_knows_its_name(discord: LocalDiscord, client: httpx.Client) -> None:
    headers = {"Authorization": f"Bot {discord.bot()}"}
    assert client.get(f"{discord.base_url}/api/v10/users/@me", headers=headers).json()["username"] == "reader"


def test_its_clock_can_be_set() -> None:
    now = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    with LocalDiscord(now=lambda: now) as discord:
        answer = httpx.post(discord.webhook("daily") + "?wait=1", json={"content": "x"})
        assert answer.headers["Date"] == "Sun, 29 Mar 2026 01:00:00 GMT"
        assert answer.json()["timestamp"] == now.isoformat()
        made = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(answer.json()["id"]) >> 22)
        assert abs(made - now) < timedelta(seconds=1)


def test_a_test_may_wait_for_messages(discord: LocalDiscord) -> None:
    discord.webhook("quiet")
    with pytest.raises(TimeoutError, match="0 of 1 messages in quiet"):
        discord.wait_for("quiet", seconds=0.01)


def test_a_message_can_be_watched_in_the_terminal(discord: LocalDiscord, client: httpx.Client) -> None:
    client.post(discord.webhook("watched"), json=embed(title="**Daily**", fields=[field("P&L", "+1.00")]))
    [message] = discord.messages("watched")
    warnings = ["  │ ! no_allowed_mentions", "  │ ! unversioned"]
    assert written(message).split("\n")[2:] == ["  │ Daily", "  │ P&L", "  │ +1.00", *warnings]


@pytest.mark.parametrize(
    ("markdown", "text", "kinds"),
    [
        ("**b** *i* ***both***", "b i both", {"bold", "italic"}),
        ("_i_ __u__ ~~s~~ ||p||", "i u s p", {"italic", "underline", "strike", "spoiler"}),
        ("`a*b*` and ``c`d``", "a*b* and c`d", {"code"}),
        ("```py\nx = 1\n```", "x = 1", {"code block"}),
        ("# head\ntext", "headtext", {"heading"}),
        ("> said\n> more", "said\nmore", {"quote"}),
        ("- item\n2. item", "- item\n2. item", {"list"}),
        ("-# small", "small", {"small print"}),
        ("[a](https://b.c) <https://d.e> http://f.g", "a https://d.e http://f.g", {"link"}),
        ("<@1> <@&2> <#3> @everyone @here </x:4>", "<@1> <@&2> <#3> @everyone @here </x:4>", {"mention"}),
        (":smile: <:x:1>", ":smile: <:x:1>", {"emoji"}),
        ("<t:1:R>", "<t:1:R>", {"time"}),
        (r"\*a\* \@everyone \<@1> \# \`x\` \:smile\:", "*a* @everyone <@1> # `x` :smile:", set()),
        (r"5 * 3 * 2 = 30, a_b_c, 14:23, #1 c\d", r"5 * 3 * 2 = 30, a_b_c, 14:23, #1 c\d", set()),
    ],
)
def test_markdown_is_read_as_the_client_reads_it(markdown: str, text: str, kinds: set[str]) -> None:
    assert shown(markdown) == text
    assert recognised(markdown) == kinds
