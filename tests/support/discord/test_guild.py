"""The local Discord lets a bot create channels within Discord's limits, and refuses as Discord does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.discord import LocalDiscord
from tests.support.discord.guild import CATEGORY, Guild

Json = dict[str, Any]


@pytest.fixture
def guild(discord: LocalDiscord) -> Guild:
    return discord.guild


@pytest.fixture
def bot(discord: LocalDiscord) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bot {discord.furnisher()}", "User-Agent": "DiscordBot (https://example.org, 1)"}
    with httpx.Client(base_url=f"{discord.base_url}/api/v10", headers=headers) as client:
        yield client


def refusal(response: httpx.Response) -> tuple[int, int, str]:
    """Status, code, and of a form the place and code of its first mistake."""
    body = response.json()
    place, mistake = next(iter(body.get("errors", {}).items()), ("", None))
    return response.status_code, body["code"], f"{place} {mistake['_errors'][0]['code']}" if mistake else ""


def test_a_channel_is_made_in_its_category_with_its_name_as_discord_writes_it(guild: Guild, bot: httpx.Client) -> None:
    category = bot.post(f"/guilds/{guild.id}/channels", json={"name": "Money Matters", "type": 4}).json()
    made = bot.post(f"/guilds/{guild.id}/channels", json={"name": "P and L", "parent_id": category["id"]})
    assert (made.status_code, made.json()["name"], made.json()["parent_id"]) == (201, "p-and-l", category["id"])
    assert [one["name"] for one in bot.get(f"/guilds/{guild.id}/channels").json()] == ["Money Matters", "p-and-l"]


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ({"name": ""}, "name BASE_TYPE_REQUIRED"),
        ({"name": "x" * 101}, "name BASE_TYPE_BAD_LENGTH"),
        ({"name": "x", "topic": "x" * 1025}, "topic BASE_TYPE_BAD_LENGTH"),
        ({"name": "x", "type": 99}, "type BASE_TYPE_CHOICES"),
        ({"name": "x", "parent_id": "12345"}, "parent_id CHANNEL_PARENT_INVALID"),
    ],
)
def test_a_wrong_channel_is_refused(guild: Guild, bot: httpx.Client, body: Json, mistake: str) -> None:
    assert refusal(bot.post(f"/guilds/{guild.id}/channels", json=body)) == (400, 50035, mistake)
    assert guild.channels == {}


def test_a_category_takes_50_channels_and_a_guild_500(guild: Guild, bot: httpx.Client) -> None:
    full = guild.open_channel("full", kind=CATEGORY)
    for number in range(50):
        guild.open_channel(f"c{number}", category=full.id)
    path, inside = f"/guilds/{guild.id}/channels", {"name": "x", "parent_id": full.id}
    assert refusal(bot.post(path, json=inside)) == (400, 50035, "parent_id CHANNEL_PARENT_MAX_CHANNELS")
    for number in range(449):
        guild.open_channel(f"more-{number}")
    assert refusal(bot.post(path, json={"name": "x"})) == (400, 30013, "")


def test_a_webhook_tells_its_bot_its_token_and_works(discord: LocalDiscord, guild: Guild, bot: httpx.Client) -> None:
    channel = guild.open_channel("pnl")
    made = bot.post(f"/channels/{channel.id}/webhooks", json={"name": "floor"}).json()
    assert made["application_id"] == bot.get("/applications/@me").json()["id"]
    assert [bot.get(f"/{place}/webhooks").json() for place in (f"guilds/{guild.id}", f"channels/{channel.id}")] == [
        [made],
        [made],
    ]
    httpx.post(f"{discord.base_url}/api/v10/webhooks/{made['id']}/{made['token']}", json={"content": "hello"})
    assert discord.messages("pnl")[0].text == "hello"


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("my Discord", "name USERNAME_INVALID_CONTAINS"),
        ("CLYDE", "name USERNAME_INVALID_CONTAINS"),
        ("x" * 81, "name BASE_TYPE_BAD_LENGTH"),
        ("", "name BASE_TYPE_REQUIRED"),
    ],
)
def test_a_webhook_with_a_wrong_name_is_refused(guild: Guild, bot: httpx.Client, name: str, mistake: str) -> None:
    path = f"/channels/{guild.open_channel('pnl').id}/webhooks"
    assert refusal(bot.post(path, json={"name": name})) == (400, 50035, mistake)


def test_a_channel_takes_15_webhooks_and_a_category_none(guild: Guild, bot: httpx.Client) -> None:
    channel, category = guild.open_channel("pnl"), guild.open_channel("C", kind=CATEGORY)
    for number in range(15):
        guild.open_webhook(f"w{number}", channel)
    assert refusal(bot.post(f"/channels/{channel.id}/webhooks", json={"name": "x"})) == (400, 30007, "")
    assert refusal(bot.post(f"/channels/{category.id}/webhooks", json={"name": "x"})) == (400, 50024, "")


def test_who_may_not_and_who_is_elsewhere_is_refused(discord: LocalDiscord, guild: Guild, bot: httpx.Client) -> None:
    poor = {"Authorization": f"Bot {discord.bot()}"}
    for path in (f"/guilds/{guild.id}/channels", f"/channels/{guild.open_channel('pnl').id}/webhooks"):
        assert refusal(bot.post(path, json={"name": "x"}, headers=poor)) == (403, 50013, "")
    assert refusal(bot.get("/guilds/123/channels")) == (404, 10004, "")
    assert refusal(bot.post("/channels/123/webhooks", json={"name": "x"})) == (404, 10003, "")
