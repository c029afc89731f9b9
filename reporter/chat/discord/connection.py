"""Keeps one bot connected to Discord's gateway by discord.py: identify, resume, and a growing pause between tries.

The loop is ours, because discord.py's own connects again at once and without a count. Close codes are those of the
Discord documentation, topics/opcodes-and-status-codes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import Route

from reporter.chat.discord.identifies import RESERVE, IdentifyBudget, TooManyIdentifiesError
from reporter.http_client import trusted
from reporter.scheduler.chat_settings import DIRECT, ChatWay
from reporter.secret import Secret, masked

log = logging.getLogger(__name__)

PAUSES = (5.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds between sessions that begin anew; each costs an identify."""
RESUME_PAUSES = (0.0, 1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a session is taken up again; that costs none."""
STEADY = 600.0
"""Seconds after which a session counts as a good one, and pauses begin from the start."""
_CONNECT = 60.0

_REFUSED = "Discord refuses the bot's token: make a new one on the page Bot of its application, and restart"
_FINAL = {
    4004: _REFUSED,
    4010: "Discord refuses the shard",
    4011: "the bot is in too many servers for one connection",
    4012: "Discord does not know this version of its gateway: upgrade discord.py",
    4013: "Discord does not know the intents: upgrade discord.py",
}
_NO_CONTENT = 4014


class _SessionOverError(Exception):
    """A session cannot be taken up again; another one may go well."""


class DoorRefusedError(Exception):
    """Nothing helps until a person does something."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the door does with what comes in."""

    ready: Callable[[discord.Client], Awaitable[None]]
    message: Callable[[discord.Message], Awaitable[None]]
    interaction: Callable[[discord.Interaction], Awaitable[None]]
    state: Callable[[bool, str], None]


class Connection:
    """Runs in a loop until it is cancelled. `reads` asks for what people write, which is a privileged intent."""

    def __init__(
        self,
        token: Secret,
        base_url: str,
        budget: IdentifyBudget,
        heard: Heard,
        *,
        reads: bool,
        pauses: tuple[float, ...] = PAUSES,
        way: ChatWay = DIRECT,
    ) -> None:
        self._token, self._base_url, self._budget, self._heard = token, base_url, budget, heard
        self._reads = reads
        self._pauses = pauses
        self._way = way
        # It would log each lost connection with a traceback; the door says it in a sentence.
        logging.getLogger("discord").setLevel(logging.CRITICAL)

    async def run(self) -> None:
        """Listen for ever. Raises DoorRefusedError where no further try helps."""
        failures, told = 0, ""
        while True:
            began = asyncio.get_running_loop().time()
            why, wait = await self._one_session()
            if asyncio.get_running_loop().time() - began > STEADY:
                failures = 0
            if why != told:
                log.warning("questions in Discord wait: %s", masked(why))
            told = why
            self._heard.state(False, why)
            await asyncio.sleep(max(wait, self._pauses[min(failures, len(self._pauses) - 1)]))
            failures += 1

    async def _one_session(self) -> tuple[str, float]:
        """Why a session is over, and how many seconds the next one waits at least. Raises DoorRefusedError."""
        try:
            await self._session()
        except TooManyIdentifiesError as error:
            return str(error), error.seconds
        except discord.LoginFailure:
            raise DoorRefusedError(_REFUSED) from None
        except discord.ConnectionClosed as error:
            return self._closed(error.code), 0.0
        except _SessionOverError as error:
            return str(error), 0.0
        except (discord.DiscordException, OSError, aiohttp.ClientError, TimeoutError) as error:
            return f"Discord cannot be reached ({type(error).__name__})", 0.0
        except DoorRefusedError:
            raise
        except Exception:
            log.exception("the connection to Discord failed; it is tried again")
        return "the connection failed; the log says why", 0.0

    def _closed(self, code: int | None) -> str:
        """Why a session is over. Raises DoorRefusedError where another one would end in the same way."""
        if code == _NO_CONTENT and self._reads:
            self._reads = False
            return (
                "the bot may not read what people write, so only / and buttons are answered: switch Message Content "
                "Intent on, on the page Bot of its application, or set `prefix: false`"
            )
        if code in _FINAL or code == _NO_CONTENT:
            raise DoorRefusedError(_FINAL.get(code or 0, "Discord does not allow these intents"))
        return f"Discord has ended the session ({code})"

    async def _session(self) -> None:
        """From an identify until the session cannot be taken up again."""
        Route.BASE = f"{self._base_url}/api/v10"
        client = _Client(self._heard, self._budget, self._way, reads=self._reads)
        try:
            await client.login(self._token.reveal())
            found = await client.http.request(Route("GET", "/gateway/bot"))
            limit = found.get("session_start_limit") or {}
            if int(limit.get("remaining", RESERVE)) < RESERVE:
                seconds = int(limit.get("reset_after", 0)) / 1000
                raise TooManyIdentifiesError(seconds, "Discord allows this token hardly any further sessions today")
            await self._listen(client, yarl.URL(str(found["url"])))
        finally:
            await client.close()

    async def _listen(self, client: _Client, url: yarl.URL) -> None:
        given: dict[str, Any] = {"initial": True, "gateway": url}
        lost = 0
        while True:
            try:
                opening = DiscordWebSocket.from_client(client, **given)
                client.ws = await asyncio.wait_for(opening, _CONNECT)
                while True:
                    await _handled(client.ws)
                    lost = 0 if client.is_listening else lost
            except ReconnectWebSocket as again:
                if not again.resume:
                    raise _SessionOverError("the session is not valid any more") from None
            except (OSError, aiohttp.ClientError, TimeoutError):
                if not client.is_known:
                    raise
            except discord.ConnectionClosed as closed:
                if closed.code in {*_FINAL, _NO_CONTENT} or not client.is_known:
                    raise
            client.is_listening = False
            self._heard.state(False, "the connection to Discord was lost")
            if not client.is_known:
                raise _SessionOverError("Discord ended the connection before the session began")
            await asyncio.sleep(RESUME_PAUSES[min(lost, len(RESUME_PAUSES) - 1)])
            lost += 1
            ws = client.ws
            given = {"resume": True, "session": ws.session_id, "sequence": ws.sequence, "gateway": ws.gateway}


async def _handled(ws: DiscordWebSocket) -> None:
    """Take one event. One that discord.py cannot read costs that event, and not the session."""
    try:
        await ws.poll_event()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        log.exception("an event of Discord could not be read")


def _connector(way: ChatWay) -> aiohttp.TCPConnector:
    """What opens connections; the certificates are those of httpx, as for everything else that is asked."""
    return aiohttp.TCPConnector(limit=0, ssl=trusted(way.ca_file))


class _Client(discord.Client):
    """What discord.py is asked for: no cache of people or messages, and as few events as will do."""

    def __init__(self, heard: Heard, budget: IdentifyBudget, way: ChatWay, *, reads: bool) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.dm_messages = True
        intents.guild_messages = True
        intents.message_content = reads
        super().__init__(
            intents=intents,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            proxy=way.proxy.reveal() if way.proxy else None,
            connector=_connector(way),
        )
        self._heard, self._budget = heard, budget
        self.is_listening = False

    @property
    def is_known(self) -> bool:
        """Whether there is a session that can be taken up again."""
        return self.ws is not None and self.ws.session_id is not None

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002
        await asyncio.get_running_loop().run_in_executor(None, self._budget.take)

    async def on_ready(self) -> None:
        await self._is_there()
        await self._heard.ready(self)

    async def on_resumed(self) -> None:
        await self._is_there()

    async def _is_there(self) -> None:
        self.is_listening = True
        self._heard.state(True, "")

    async def on_message(self, message: discord.Message) -> None:
        await self._heard.message(message)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self._heard.interaction(interaction)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        log.exception("an event of Discord could not be handled: %s", event_method)
