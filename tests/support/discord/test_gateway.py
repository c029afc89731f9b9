"""The gateway and the interactions of the local Discord refuse what Discord refuses."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx
import pytest

from tests.support.discord import LocalDiscord
from tests.support.discord.interactions import Interaction

Json = dict[str, Any]
Talk = Callable[[aiohttp.ClientWebSocketResponse], Coroutine[Any, Any, Any]]
PROPERTIES = {"os": "linux", "browser": "tests", "device": "tests"}


@pytest.fixture
def discord() -> Iterator[LocalDiscord]:
    with LocalDiscord(limits=False) as local:
        local.chat.bot()
        yield local


def talk(discord: LocalDiscord, what: Talk, query: str = "?v=10&encoding=json") -> Any:
    """Connect, and do what a test wants; the result, and what Discord closed with."""

    async def run() -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(discord.chat.gateway.url + query) as socket:
            found = await what(socket)
            if found is None:
                while not socket.closed:
                    await socket.receive()
            return socket.close_code if found is None else found

    return asyncio.run(asyncio.wait_for(run(), 30))


def identify(token: str, intents: int = 1, **more: Any) -> Json:
    return {"op": 2, "d": {"token": token, "intents": intents, "properties": PROPERTIES} | more}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("no json", 4002),
        ({"op": 99}, 4001),
        ({"op": 3, "d": {}}, 4003),
        (identify("wrong"), 4004),
        (identify("TOKEN", 1 << 40), 4013),
        (identify("TOKEN", 1 << 1), 4014),
        ({"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}, 4004),
    ],
)
def test_the_gateway_closes_with_the_documented_code(discord: LocalDiscord, payload: Any, code: int) -> None:
    text = payload if isinstance(payload, str) else json.dumps(payload).replace("TOKEN", discord.chat.bot())

    async def say(socket: aiohttp.ClientWebSocketResponse) -> None:
        assert (await socket.receive_json())["op"] == 10
        await socket.send_str(text)

    assert talk(discord, say) == code


def test_a_client_that_does_not_beat_is_closed_and_a_second_identify_too(discord: LocalDiscord) -> None:
    discord.chat.gateway.interval = 0.1

    async def silent(socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.send_json(identify(discord.chat.bot()))

    assert talk(discord, silent) == 4009
    discord.chat.gateway.interval = 60

    async def twice(socket: aiohttp.ClientWebSocketResponse) -> None:
        for _ in range(2):
            await socket.send_json(identify(discord.chat.bot()))

    assert talk(discord, twice) == 4005
    assert talk(discord, twice, "?v=5") == 4012


def test_a_session_is_told_again_what_it_missed_and_an_unknown_one_is_not_valid(discord: LocalDiscord) -> None:
    token = discord.chat.bot()

    async def begin(socket: aiohttp.ClientWebSocketResponse) -> Json:
        await socket.receive_json()
        await socket.send_json(identify(token))
        return dict(await socket.receive_json())

    ready = talk(discord, begin)
    discord.chat.gateway.tell("MISSED", {"n": 1})

    async def resume(socket: aiohttp.ClientWebSocketResponse) -> list[Any]:
        await socket.receive_json()
        data = {"token": token, "session_id": ready["d"]["session_id"], "seq": 1}
        await socket.send_json({"op": 6, "d": data})
        heard = [await socket.receive_json() for _ in range(3)]
        await socket.send_json({"op": 6, "d": data | {"session_id": "none"}})
        return [*(one["t"] for one in heard), (await socket.receive_json())["op"]]

    assert talk(discord, resume) == ["GUILD_CREATE", "MISSED", "RESUMED", 9]


def test_events_are_compressed_in_one_stream_and_beats_are_acknowledged(discord: LocalDiscord) -> None:
    async def packed(socket: aiohttp.ClientWebSocketResponse) -> list[Any]:
        unpack = zlib.decompressobj()
        heard = [json.loads(unpack.decompress(await socket.receive_bytes()))]
        await socket.send_json({"op": 1, "d": None})
        heard.append(json.loads(unpack.decompress(await socket.receive_bytes())))
        return [one["op"] for one in heard]

    assert talk(discord, packed, "?v=10&encoding=json&compress=zlib-stream") == [10, 11]


def test_what_is_written_is_hidden_from_who_may_not_read(discord: LocalDiscord) -> None:
    ann = discord.chat.member("ann")

    async def listen(socket: aiohttp.ClientWebSocketResponse) -> Json:
        await socket.receive_json()
        await socket.send_json(identify(discord.chat.bot(), 1 << 9 | 1 << 12))
        await socket.receive_json()
        discord.chat.say("desk", ann, "secret")
        discord.chat.say("@me", ann, "to you")
        return {one["d"]["content"]: one["d"] for one in [await socket.receive_json() for _ in range(2)]}

    heard = talk(discord, listen)
    assert set(heard) == {"", "to you"}
    assert "guild_id" not in heard["to you"]


OPTION = {"name": "subject", "description": "d", "type": 3}


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ({"name": "Status", "description": "d"}, "0.name"),
        ({"name": "two words", "description": "d"}, "0.name"),
        ({"name": "x" * 33, "description": "d"}, "0.name"),
        ({"name": "a", "description": ""}, "0.description"),
        ({"name": "a", "description": "x" * 101}, "0.description"),
        ({"name": "a", "description": "d", "options": [OPTION] * 26}, "0.options"),
        (
            {"name": "a", "description": "d", "options": [OPTION, OPTION | {"name": "b", "required": True}]},
            "0.options.1",
        ),
        (
            {"name": "a", "description": "d", "options": [OPTION | {"choices": [{"name": "x", "value": "x"}] * 26}]},
            "0.options.0.choices",
        ),
    ],
)
def test_a_command_that_discord_does_not_take(discord: LocalDiscord, command: Json, place: str) -> None:
    answer = overwrite(discord, [command])
    assert answer.status_code == 400
    node = answer.json()["errors"]
    for key in place.split("."):
        node = node[key]
    assert node


def test_at_most_a_hundred_commands(discord: LocalDiscord) -> None:
    many = [{"name": f"c{number}", "description": "d"} for number in range(101)]
    assert overwrite(discord, many).json()["code"] == 30032
    assert overwrite(discord, many[:100]).status_code == 200


def overwrite(discord: LocalDiscord, body: list[Json]) -> httpx.Response:
    path = f"/api/v10/applications/{discord.bot_id()}/guilds/{discord.guild.id}/commands"
    headers = {"Authorization": f"Bot {discord.chat.bot()}"}
    return httpx.put(discord.base_url + path, json=body, headers=headers, trust_env=False)


def test_an_interaction_is_acknowledged_once_within_three_seconds_and_answered_for_fifteen_minutes() -> None:
    moment = [datetime(2026, 11, 29, 12, tzinfo=UTC)]
    with LocalDiscord(limits=False, now=lambda: moment[0]) as discord:
        discord.chat.bot()
        overwrite(discord, [{"name": "status", "description": "d"}])
        late = discord.chat.slash("desk", discord.chat.member("ann"), "status")
        moment[0] += timedelta(seconds=4)
        assert callback(discord, late).json()["code"] == 10062
        asked = discord.chat.slash("desk", discord.chat.member("ann"), "status")
        assert follow(discord, asked).json()["code"] == 10015
        assert callback(discord, asked, 8).status_code == 400
        assert callback(discord, asked).status_code == 204
        assert callback(discord, asked).json()["code"] == 40060
        assert follow(discord, asked).status_code == 200
        moment[0] += timedelta(minutes=16)
        assert follow(discord, asked).json()["code"] == 50027
        assert [asked.private, discord.messages("desk")] == [True, []]


@pytest.mark.parametrize(
    "rows",
    [
        [{"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": "a"}] * 2}],
        [{"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": "a" * 101}]}],
        [{"type": 1, "components": []}],
        [{"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": str(n)} for n in range(6)]}],
        [{"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": "a"}]}] * 6,
    ],
)
def test_components_that_discord_does_not_take(discord: LocalDiscord, rows: list[Json]) -> None:
    url = discord.webhook("desk")
    body = {"content": "x", "components": rows}
    assert httpx.post(url, json=body, trust_env=False).status_code == 204  # dropped: no application owns it
    assert httpx.post(f"{url}?with_components=true", json=body, trust_env=False).status_code == 400
    discord.adopt("desk")
    assert httpx.post(url, json=body, trust_env=False).status_code == 400


def callback(discord: LocalDiscord, asked: Interaction, kind: int = 5) -> httpx.Response:
    url = f"{discord.base_url}/api/v10/interactions/{asked.id}/{asked.token}/callback"
    return httpx.post(url, json={"type": kind, "data": {"flags": 64}}, trust_env=False)


def follow(discord: LocalDiscord, asked: Interaction) -> httpx.Response:
    url = f"{discord.base_url}/api/v10/webhooks/{discord.bot_id()}/{asked.token}"
    return httpx.post(url, json={"content": "x"}, trust_env=False)
