"""The door in Discord: who asks, by command, in writing, by a button or in a form; the table of operations answers.

A door that fails costs questions and never reports: it has a thread of its own; it shares only the store with delivery.
The loop only acknowledges, for Discord waits 3 s; questions are answered by task queues.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import aiohttp
import discord
from discord.http import Route

from reporter.app.app import App
from reporter.chat.discord.answers import DiscordAnswers, Reply
from reporter.chat.discord.connection import PAUSES, Connection, DoorRefusedError, Heard
from reporter.chat.discord.identifies import IdentifyBudget
from reporter.chat.discord.slash import (
    form_for,
    pictures_of,
    same_commands,
    slash_commands,
    suggestions,
    values_of,
)
from reporter.chat.questions import MOST_PICTURES, PICTURE_BYTES, Question, Questions, Strangers
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.operations import people
from reporter.operations.answering import found
from reporter.operations.operation import Actor
from reporter.scheduler.chat_settings import ChatSettings, DiscordSettings
from reporter.secret import masked

log = logging.getLogger(__name__)

SUGGEST_WITHIN = 2.0
"""Seconds for suggestions; Discord waits 3."""
"""Of one picture that somebody sends."""
FETCH_WITHIN = 20.0
"""Seconds for all pictures of a question."""
MOST_FORMS = 5
"""So many forms whose pictures are kept until they come back: 100 MiB each at most."""
WITHOUT_PICTURES = "without its pictures, which are gone: add them again with `edit`"
IN_ORDER_WITHIN = 3.0
"""Seconds for which a command waits for the one before it to be acknowledged, or to have its pictures."""
_BUTTON = re.compile(r"r1:(?P<verb>[a-z]{1,10}):(?P<about>[\w.-]{1,80})")
_ID = re.compile(r"[\w.-]{1,80}")
_FORM = "form"
_SHOW_FORM = 9

Json = dict[str, Any]
Pictures = tuple[tuple[str, bytes], ...]
Asker = discord.User | discord.Member


class DiscordDoor:
    """Listens from `start` to `stop`. `deliver` is told the run whose messages wait in the outbox; `pauses` are the
    seconds between sessions."""

    def __init__(
        self,
        app: App,
        settings: DiscordSettings,
        deliver: Callable[[str], object],
        *,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self._app, self._began_with = app, settings
        self._pauses = pauses
        self._questions = Questions(app, deliver)
        self._stopping = threading.Event()
        self._answers = DiscordAnswers(settings.token, settings.url, self._stopping, settings.way)
        self._strangers = Strangers()
        self._forms: dict[str, asyncio.Task[Pictures | None]] = {}
        self._client: discord.Client | None = None
        self._turn: asyncio.Future[None] | None = None
        self._user = 0
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="chat-discord", daemon=True)

    def start(self) -> None:
        self._app.doors.note("discord", connected=False, why="not connected yet")
        self._thread.start()

    def stop(self) -> None:
        """End; what is being answered gets a moment."""
        self._stopping.set()
        self._questions.close()
        with suppress(RuntimeError):  # the loop is over: the token was refused
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(5)
        self._answers.close()

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._listen())
        except asyncio.CancelledError:
            return
        except Exception:
            log.exception("the door in Discord failed; nobody is answered there until the daemon starts again")
            self._note(connected=False, why="the door failed; the log says why")

    async def _listen(self) -> None:
        self._task = asyncio.current_task()
        if self._stopping.is_set():
            return
        settings = self._began_with
        budget = IdentifyBudget(self._app.store, self._app.clock, settings.token)
        heard = Heard(self._ready, self._written, self._interacted, lambda on, why: self._note(connected=on, why=why))
        connection = Connection(
            settings.token,
            settings.url,
            budget,
            heard,
            reads=bool(settings.prefix),
            pauses=self._pauses,
            way=settings.way,
        )
        try:
            await connection.run()
        except DoorRefusedError as error:
            log.error("the bot of `chat.discord` does not work, so nobody is answered: %s", error)
            self._note(connected=False, why=str(error))

    def _note(self, *, connected: bool, why: str) -> None:
        self._app.doors.note("discord", connected=connected, why=why)

    async def _ready(self, client: discord.Client) -> None:
        """Show the commands of the table in the server, where Discord does not know them yet."""
        self._client = client
        self._user = client.user.id if client.user else 0
        log.info("questions are answered by %s in Discord", visible(str(client.user)))
        self._app.doors.introduce("discord", visible(str(client.user)))
        path = "/applications/{application_id}/guilds/{guild_id}/commands"
        names = {"application_id": str(client.application_id), "guild_id": self._began_with.guild}
        ours = slash_commands()
        try:
            if not same_commands(ours, await client.http.request(Route("GET", path, **names))):
                await client.http.request(Route("PUT", path, **names), json=ours)
            self._app.doors.introduce("discord", visible(str(client.user)), len(ours))
        except discord.HTTPException as error:
            log.warning(
                "Discord does not take the commands in the server %s (%s): is `chat.discord.guild` right, and was the "
                "bot invited with the scope applications.commands?",
                self._began_with.guild, masked(str(error)),
            )  # fmt: skip

    # --- Who asks ---

    @property
    def _settings(self) -> tuple[ChatSettings, DiscordSettings]:
        """Who may ask, as the config says now; the token and the server are those of the start."""
        chat = self._app.runtime.chat or ChatSettings()
        return chat, chat.discord or self._began_with

    def _actor(self, person: Asker, channel: Any, guild: int | None) -> Actor | None:
        """Who asks, by the roles of the person, of the person's roles in Discord, and of the channel. One check for
        words, commands, buttons, forms and suggestions; a stranger is nobody, and hears nothing."""
        _, settings = self._settings
        place = str(getattr(channel, "parent_id", None) if isinstance(channel, discord.Thread) else channel.id)
        groups: list[str] = []
        if guild is not None:
            if str(guild) != self._began_with.guild or place not in settings.channels:
                self._ignore(person, place)
                return None
            groups = [
                f"discord:channel:{place}",
                *(f"discord:role:{role.id}" for role in getattr(person, "roles", ())),
            ]
        role = people.role_of(self._app, f"discord:{person.id}", groups)
        if role is None:
            self._ignore(person, place)
            return None
        return Actor(visible(person.name), role, f"discord:{channel.id}", f"discord:{person.id}", alone=guild is None)

    def _pair(self, message: discord.Message) -> None:
        """Somebody sends a code of the command line in a private chat; a wrong one gets no answer."""
        identity, name, place = f"discord:{message.author.id}", visible(message.author.name), str(message.channel.id)
        if not self._questions.is_in_pace(identity):
            return
        person = people.pair(self._app, message.content, identity, name, f"discord:{place}")
        if person is None:
            self._ignore(message.author, place)
            return
        log.warning("%s [%s] was paired by a code and is %s now", masked(name), person.identity, person.role)
        self._say(Reply(place, question=str(message.id)), people.welcome(person))

    def _ignore(self, person: Asker, place: str) -> None:
        """A line in the log, once for a person in a channel."""
        if self._strangers.is_new((person.id, place)):
            log.warning(
                "%s (discord:%d) wrote to the bot in channel %s of Discord and got no answer: `chat.roles` and "
                "`chat.discord.channels` say who gets one",
                masked(visible(person.name)), person.id, place,
            )  # fmt: skip

    # --- What people write ---

    async def _written(self, message: discord.Message) -> None:
        """A question in a channel begins with the prefix or names the bot; in a private chat everything is one."""
        if message.author.bot or message.webhook_id or message.type not in {
            discord.MessageType.default, discord.MessageType.reply
        }:  # fmt: skip
            return
        if message.guild is None and people.is_pairing(message.content):
            self._pair(message)
            return
        text = self._question_in(message)
        if text is None:
            return
        actor = self._actor(message.author, message.channel, message.guild.id if message.guild else None)
        if actor is None:
            return
        reply = Reply(str(message.channel.id), question=str(message.id))
        attached = [
            _Picture(attachment.filename, attachment.size, attachment.url) for attachment in message.attachments
        ]
        files = await self._fetched(attached, reply)
        if files is None:
            return
        # Several people may write `!wait` to each other; only what is a command gets an answer in a channel.
        quiet = message.guild is not None
        question = Question(text=text, files=files, at=message.created_at, quiet=quiet)
        self._questions.take(question, actor, partial(self._answers.send, reply))

    def _question_in(self, message: discord.Message) -> str | None:
        _, settings = self._settings
        text = message.content.strip()
        for start in filter(None, (settings.prefix, f"<@{self._user}>", f"<@!{self._user}>")):
            if text.startswith(start):
                return text.removeprefix(start).strip() or None
        return text if message.guild is None and text else None

    async def _fetched(self, attached: Sequence[_Picture], reply: Reply) -> Pictures | None:
        """The pictures that came with a question; None where they cannot be had, which is said."""
        if _is_too_much(attached):
            self._say(reply, f"At most {MOST_PICTURES} pictures of {PICTURE_BYTES >> 20} MiB each: nothing is done.")
            return None
        files = await self._downloaded(attached)
        if files is None:
            self._say(reply, "The pictures could not be fetched from Discord: nothing is done. Try again.")
        return files

    async def _downloaded(self, attached: Sequence[_Picture]) -> Pictures | None:
        """Their names and contents; None where one cannot be fetched."""
        if not attached or self._client is None:
            return ()
        try:
            async with asyncio.timeout(FETCH_WITHIN):
                return tuple([(one.name, await self._client.http.get_from_cdn(one.url)) for one in attached])
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError):
            return None

    # --- Commands, buttons, forms, suggestions ---

    async def _interacted(self, interaction: discord.Interaction) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        actor = (
            self._actor(interaction.user, interaction.channel, interaction.guild_id) if interaction.channel else None
        )
        if actor is None:
            return
        actor = replace(actor, alone=actor.alone or self._settings[1].ephemeral)
        if interaction.type is discord.InteractionType.autocomplete:
            await self._suggest(interaction, data, actor)
            return
        mine: asyncio.Future[None] = self._loop.create_future()
        before, self._turn = self._turn, mine
        try:
            act = await self._taken(interaction, data, actor)
            if before is not None:  # all are acknowledged at once, and answered in the order of their coming
                await asyncio.wait([before], timeout=IN_ORDER_WITHIN)
            if act is not None:
                act()
        except discord.HTTPException as error:
            # Nobody sees an answer to what was not acknowledged in time, so it is not done either.
            log.warning("a command of %s was not acknowledged in time and is not done: %s", actor.signature, error)
        finally:
            mine.set_result(None)

    async def _taken(
        self, interaction: discord.Interaction, data: Mapping[str, Any], actor: Actor
    ) -> Callable[[], None] | None:
        """Acknowledge something; what is to be done about it."""
        match interaction.type:
            case discord.InteractionType.application_command:
                return await self._command(interaction, data, actor)
            case discord.InteractionType.component:
                return await self._pressed(interaction, data, actor)
            case discord.InteractionType.modal_submit:
                return await self._filled_in(interaction, data, actor)
        return None

    async def _suggest(self, interaction: discord.Interaction, data: Mapping[str, Any], actor: Actor) -> None:
        work = partial(suggestions, self._app, str(data.get("name", "")), list(data.get("options") or ()), actor)
        try:
            async with asyncio.timeout(SUGGEST_WITHIN):
                choices = await self._loop.run_in_executor(None, work)
        except (ReporterError, TimeoutError):
            choices = []
        options = [discord.app_commands.Choice(name=choice["name"], value=choice["value"]) for choice in choices]
        with suppress(discord.HTTPException):  # somebody has typed on meanwhile
            await interaction.response.autocomplete(options)

    async def _command(
        self, interaction: discord.Interaction, data: Mapping[str, Any], actor: Actor
    ) -> Callable[[], None] | None:
        name, options = str(data.get("name", "")), list(data.get("options") or ())
        values, attached = values_of(options), _attached(data, pictures_of(options))
        key = f".{secrets.token_hex(8)}" if attached else ""
        form = form_for(found(name), f"r1:{_FORM}:{name}{key}", values)
        if form and not _is_too_much(attached):
            if key:
                self._remember(key, attached)
            await self._show_form(interaction, form)
            return None
        reply = await self._acknowledged(interaction)
        files = await self._fetched(attached, reply)
        if files is None:
            return None
        return partial(self._ask, reply, actor, name, values, files, interaction)

    async def _show_form(self, interaction: discord.Interaction, form: Json) -> None:
        names = {"webhook_id": str(interaction.id), "webhook_token": interaction.token}
        route = Route("POST", "/interactions/{webhook_id}/{webhook_token}/callback", **names)
        await interaction.client.http.request(route, json={"type": _SHOW_FORM, "data": form})

    async def _filled_in(
        self, interaction: discord.Interaction, data: Mapping[str, Any], actor: Actor
    ) -> Callable[[], None] | None:
        """A form holds the whole command, so that it is good after a restart as well. Pictures are kept meanwhile.

        Where they are gone, what somebody has typed is done without them; the answer says so.
        """
        pressed = _BUTTON.fullmatch(str(data.get("custom_id", "")))
        if pressed is None or pressed["verb"] != _FORM:
            return None
        name, dot, key = pressed["about"].partition(".")
        reply = await self._acknowledged(interaction)
        values = {str(field["custom_id"]): field.get("value") for field in _fields(data)}
        fetching = self._forms.pop(dot + key, None)
        files = await fetching if fetching else None
        note = WITHOUT_PICTURES if dot and files is None else ""
        return partial(self._ask, reply, actor, name, values, files or (), interaction, note)

    async def _pressed(
        self, interaction: discord.Interaction, data: Mapping[str, Any], actor: Actor
    ) -> Callable[[], None] | None:
        """A button names a verb and an incident and no more: what it holds was chosen by whoever's client sent it. A
        menu names the incident by what was chosen."""
        pressed = _BUTTON.fullmatch(str(data.get("custom_id", "")))
        chosen = [str(one) for one in data.get("values") or ()]
        if pressed is None or not all(map(_ID.fullmatch, chosen)):
            return None
        about = chosen[0] if chosen else pressed["about"]
        private = pressed["verb"] not in {"explain", "graph"} or self._settings[1].ephemeral
        await interaction.response.defer(ephemeral=private, thinking=True)
        reply = self._reply(interaction, private=private)
        say = partial(self._answers.send, reply)
        return partial(self._questions.press, pressed["verb"], about, actor, say)

    async def _acknowledged(self, interaction: discord.Interaction) -> Reply:
        private = self._settings[1].ephemeral
        await interaction.response.defer(ephemeral=private, thinking=True)
        return self._reply(interaction, private=private)

    def _reply(self, interaction: discord.Interaction, *, private: bool) -> Reply:
        application = str(interaction.application_id)
        return Reply(str(interaction.channel_id), application=application, token=interaction.token, private=private)

    def _ask(
        self,
        reply: Reply,
        actor: Actor,
        name: str,
        values: Mapping[str, Any],
        files: tuple[tuple[str, bytes], ...],
        interaction: discord.Interaction,
        note: str = "",
    ) -> None:
        question = Question(name=name, values=tuple(values.items()), files=files, at=interaction.created_at, note=note)
        self._questions.take(question, actor, partial(self._answers.send, reply))

    def _remember(self, key: str, attached: Sequence[_Picture]) -> None:
        """Fetch the pictures of a form, and keep them until it comes back; of the last few forms only."""
        self._forms[key] = self._loop.create_task(self._downloaded(attached))
        while len(self._forms) > MOST_FORMS:
            self._forms.pop(next(iter(self._forms))).cancel()

    def _say(self, reply: Reply, text: str) -> None:
        self._questions.say(text, partial(self._answers.send, reply))


@dataclass(frozen=True, slots=True)
class _Picture:
    """What somebody has attached, as Discord describes it."""

    name: str
    size: int
    url: str


def _is_too_much(attached: Sequence[_Picture]) -> bool:
    return len(attached) > MOST_PICTURES or any(one.size > PICTURE_BYTES for one in attached)


def _attached(data: Mapping[str, Any], ids: Sequence[str]) -> list[_Picture]:
    """The pictures that options name."""
    known = (data.get("resolved") or {}).get("attachments") or {}
    found_ones = [known[id_] for id_ in ids if id_ in known]
    return [_Picture(str(one["filename"]), int(one["size"]), str(one["url"])) for one in found_ones]


def _fields(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields of a form that came back."""
    rows = data.get("components") or ()
    return [
        part for row in rows for part in ([row["component"]] if "component" in row else row.get("components") or ())
    ]
