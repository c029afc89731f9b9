"""The local Discord itself: what it receives and keeps, and what a test may ask of it."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from reporter.periods.clock import SystemClock
from tests.support.discord.chat import Chat, Ground
from tests.support.discord.faults import Ban, Fault
from tests.support.discord.gate import Gate
from tests.support.discord.guild import Guild
from tests.support.discord.journal import Journal
from tests.support.discord.limiter import Algorithm
from tests.support.discord.replies import message_json, read_by, webhook_json
from tests.support.discord.rules import RefusedError
from tests.support.discord.server import Server
from tests.support.discord.wire import Call, Json, Reply, Request, read_form
from tests.support.discord.world import Bot, Channel, Posted, Snowflakes, Webhook


class LocalDiscord:
    """A Discord of one guild on a free port of this machine.

    `limits` off lets everything pass at any pace; `visible` and `hidden` say how it counts for a webhook and for a
    channel. `latency` is how many seconds there and back take, and up to `jitter` more. `ban_after` so many invalid
    requests nothing of the address is heard any more. `now` is its clock, which its `Date` headers and ids follow; a
    test may put another in its place at any time. Every name is that of a webhook or of a channel.
    """

    def __init__(
        self,
        *,
        limits: bool = True,
        visible: Algorithm = "sliding",
        hidden: Algorithm = "sliding",
        latency: float = 0.0,
        jitter: float = 0.0,
        ban_after: int = 10_000,
        now: Callable[[], datetime] | None = None,
        old_edits: int = 5,
        port: int = 0,
    ) -> None:
        self._machine_clock = SystemClock().wall
        self.now = now or self._machine_clock
        self.limits = limits
        self.latency, self.jitter = latency, jitter
        self.journal = Journal()
        self.arrived = threading.Condition()
        self._ban_after = ban_after
        self._old_edits_left = old_edits
        self._ids = Snowflakes()
        self._channels: dict[str, Channel] = {}
        self._webhooks: dict[str, Webhook] = {}
        self._threads: dict[str, Channel] = {}
        self._messages: list[Posted] = []
        self._bots: dict[str, Bot] = {}
        self._faults: list[tuple[str | None, str | None, Fault]] = []
        self._outage: Fault | None = None
        self._gate = Gate(visible, hidden)
        self.guild = Guild(self._ids.next(self.now()), "Polybot", lambda: self._ids.next(self.now()))
        self.chat = Chat(self._ground())
        self.closing = threading.Event()
        self._server = self._listen(port)
        self.port: int = self._server.server_address[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """Every request in the order of arrival."""
        return self.journal.requests

    def webhook(self, name: str, *, channel: str | None = None, forum: bool = False) -> str:
        """The URL of a webhook, as its users would copy it; two may share a channel."""
        if name not in self._webhooks:
            place = self._channel(channel or name, forum=forum)
            self._webhooks[name] = self.guild.open_webhook(name, place)
        hook = self._webhooks[name]
        return f"{self.base_url}/api/webhooks/{hook.id}/{hook.token}"

    def adopt(self, name: str, bot: str = "floor") -> None:
        """Let a webhook be one that the bot's application has made."""
        self.webhook(name)
        self._webhooks[name].application = self.bot_id(bot)

    def thread(self, name: str) -> str:
        """Open a thread in a channel; its id."""
        parent = self._webhooks[name].channel
        thread = Channel(self._ids.next(self.now()), f"{name}-thread", self.guild.id, parent=parent)
        self._threads[thread.id] = thread
        return thread.id

    def bot(self, name: str = "reader", *, view: bool = True, history: bool = True, content: bool = True) -> str:
        """The token of a bot that may see the channels, read what was said before, and read what it says."""
        return self._bot(name, view=view, history=history, content=content).token

    def furnisher(self, name: str = "furnisher", *, channels: bool = True, webhooks: bool = True) -> str:
        """The token of a bot that may make channels and webhooks."""
        return self._bot(name, channels=channels, webhooks=webhooks).token

    def _ground(self) -> Ground:
        return Ground(
            self.guild.id,
            lambda: self.base_url,
            lambda: self._ids.next(self.now()),
            self._now,
            lambda name: self._channel(name, forum=False),
            lambda: list(self.guild.channels.values()),
            lambda: list(self._bots.values()),
            lambda name, content: self._bot(name, content=content, write=True, webhooks=True, channels=True),
            self._messages.append,
            self.arrived,
        )

    def _now(self) -> datetime:
        """By the clock of the moment: a test may put another in its place."""
        return self.now()

    def bot_id(self, name: str = "floor") -> str:
        """The id of a bot and of its application."""
        return self._bots[name].id

    def channel_id(self, name: str) -> str:
        """The id of a channel, which is made where it is new."""
        return self._channel(name, forum=False).id

    def _bot(self, name: str, **rights: bool) -> Bot:
        if name not in self._bots:
            self._bots[name] = Bot(self._ids.next(self.now()), name, secrets.token_urlsafe(50), **rights)
        return self._bots[name]

    def messages(self, name: str) -> list[Posted]:
        """What a reader of the channel finds now, threads included, oldest first."""
        channel = self._webhooks[name].channel if name in self._webhooks else self._named(name)
        return [
            message
            for message in self._messages
            if message.channel.root is channel and not message.deleted and not message.private
        ]

    def _named(self, name: str) -> Channel:
        found = next((one for one in self.guild.channels.values() if one.name == name and one.kind == 0), None)
        return self._channels[name] if found is None else found

    def everything(self) -> list[Posted]:
        """Every message that was ever taken, deleted ones too."""
        return list(self._messages)

    def wait_for(self, name: str, count: int = 1, seconds: float = 120) -> list[Posted]:
        """The messages of a channel once there are so many. Raises TimeoutError."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.messages(name)) >= count, seconds):
                raise TimeoutError(f"{len(self.messages(name))} of {count} messages in {name} after {seconds} s")
            return self.messages(name)

    def revoke(self, name: str) -> None:
        """Delete a webhook: from now on it is unknown."""
        self._webhooks[name].revoked = True

    def restore(self, name: str) -> None:
        """Let a webhook that was unknown be there again, under the same address."""
        self._webhooks[name].revoked = False

    def fail(self, fault: Fault, *, times: int = 1, webhook: str | None = None, method: str | None = None) -> None:
        """Let the next requests, of one webhook or of any, with one method or with any, go wrong."""
        self._faults += [(webhook, method, fault)] * times

    def heal(self) -> None:
        """Nothing goes wrong any more that `fail` asked for."""
        self._faults.clear()

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Every request goes wrong for a while."""
        self._outage = fault
        try:
            yield
        finally:
            self._outage = None

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens on the port for a while: connections are refused."""
        self._stop()
        try:
            yield
        finally:
            self._server = self._listen(self.port)

    def close(self) -> None:
        self.closing.set()
        self.chat.close()
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, port: int) -> Server:
        server = Server(("127.0.0.1", port), self)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def _channel(self, name: str, *, forum: bool) -> Channel:
        if name not in self._channels:
            self._channels[name] = self.guild.open_channel(name, forum=forum)
        return self._channels[name]

    # What follows answers requests; `arrived` is held meanwhile.

    def take_fault(self, call: Call) -> Fault | None:
        if self._outage or self.journal.invalid >= self._ban_after:
            return self._outage or Ban(600)
        name = self._name_of(call)
        for number, (webhook, method, fault) in enumerate(self._faults):
            if webhook in {None, name} and method in {None, call.method}:
                del self._faults[number]
                return fault
        return None

    def date(self) -> datetime | None:
        """What its `Date` headers show. Nothing while nobody has given it a clock: a test's daemon has another time."""
        return None if self.now == self._machine_clock else self.now()

    def way(self) -> float:
        """Seconds that a request is on its way to us, and its answer on the way back."""
        return (self.latency + self.jitter * random.random()) / 2

    def note(self, call: Call, reply: Reply | None, started: float, way: float) -> None:
        heard = time.monotonic() + way
        self.journal.note(call, self._name_of(call), reply, started, heard, self._keys(call))
        self.arrived.notify_all()

    def answer(self, call: Call) -> Reply:
        """What Discord says to a request, with what the request does done."""
        try:
            answer = self._for_bot if call.by_bot else self._for_webhook
            return answer(call)
        except RefusedError as refused:
            return Reply(refused.status, refused.body)

    def file(self, path: str) -> bytes | None:
        """What somebody has attached, by the path of its address."""
        return self.chat.file(path)

    def _for_webhook(self, call: Call) -> Reply:
        if call.resource == "interactions":
            return self.chat.interactions.callback(call)
        if self.chat.is_application(call.target):
            return self._paused(call) or self._with_limits(call, self.chat.interactions.webhook(call))
        hook = self._known(call)
        return self._paused(call) or self._with_limits(call, self._done(call, hook))

    def _for_bot(self, call: Call) -> Reply:
        bot = next((bot for bot in self._bots.values() if secrets.compare_digest(bot.token, call.token)), None)
        if bot is None:
            raise RefusedError(401, 0, "401: Unauthorized")
        return self._paused(call) or self._with_limits(call, self._shown_to(bot, call))

    def _shown_to(self, bot: Bot, call: Call) -> Reply:
        """What a bot may look at or do: the messages of a channel, and what there is in the guild."""
        if call.resource == "gateway":
            return self.chat.gateway_reply(call)
        if call.part == "commands":
            return self.chat.overwrite(bot, call)
        if (call.method, call.resource, call.part) == ("POST", "users", "channels"):
            return self.chat.opened(call)
        if (call.method, call.resource, call.part) == ("GET", "channels", ""):
            return self.chat.direct_channel(call.target) or self.guild.channel(bot, call.target)
        if call.part != "messages":
            return self.guild.answer(bot, call)
        if call.method != "GET" and bot.write:
            return self._written_by(bot, call)
        if call.method != "GET":
            raise RefusedError(405, 0, "405: Method Not Allowed")
        messages = self._read(bot, call)
        if call.message_id is None:
            return Reply(200, [read_by(bot, message) for message in messages])
        found = [message for message in messages if message.id == call.message_id]
        if not found:
            raise RefusedError(404, 10008, "Unknown Message")
        return Reply(200, read_by(bot, found[0]))

    def _written_by(self, bot: Bot, call: Call) -> Reply:
        """What a bot posts, edits or deletes in a channel."""
        places = self.guild.channels | self._threads | {one.id: one for one in self.chat.direct.values()}
        if call.target not in places:
            raise RefusedError(404, 10003, "Unknown Channel")
        if call.message_id is not None:
            return self._rewritten_by(bot, call)
        body, files, warnings = read_form(call, interactive=True)
        reference = body.get("message_reference") or {}
        lost = "message_id" in reference and reference["message_id"] not in self.chat.said
        if lost and reference.get("fail_if_not_exists", True):
            raise RefusedError(
                400, 50035, "Invalid Form Body",
                _wrong("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"),
            )  # fmt: skip
        place = places[call.target]
        author = Webhook(bot.id, "", bot.name, place, application=bot.id)
        id_ = self._ids.next(self.now())
        posted = Posted(id_, author, place, body, files, self.now(), warnings=warnings, by_bot=True)
        self._messages.append(posted)
        return Reply(200, message_json(posted))

    def _rewritten_by(self, bot: Bot, call: Call) -> Reply:
        found = [one for one in self._messages if one.id == call.message_id and one.by_bot and not one.deleted]
        if not found:
            raise RefusedError(404, 10008, "Unknown Message")
        if found[0].webhook.id != bot.id:
            raise RefusedError(403, 50005, "Cannot edit a message authored by another user")
        if call.method == "DELETE":
            found[0].deleted = True
            return Reply(204)
        return self._edited(call, found[0], interactive=True)

    def _read(self, bot: Bot, call: Call) -> list[Posted]:
        """The messages of a channel, the newest first; of those after one, the next ones to it. Who may not read what
        was said before gets none, and no error."""
        places = self.guild.channels | self._threads | {one.id: one for one in self.chat.direct.values()}
        if call.target not in places:
            raise RefusedError(404, 10003, "Unknown Channel")
        if not bot.view:
            raise RefusedError(403, 50001, "Missing Access")
        said = [m for m in self._messages if m.channel.id == call.target and not m.deleted] if bot.history else []
        return _excerpt(said, call.query) if call.message_id is None else said

    def _known(self, call: Call) -> Webhook:
        if call.version is not None and not 6 <= int(call.version) <= 10:
            raise RefusedError(400, 50041, "Invalid API version")
        for hook in self.guild.hooks():
            if hook.id == call.target:
                if secrets.compare_digest(hook.token, call.token):
                    return hook
                raise RefusedError(401, 50027, "Invalid Webhook Token")
        raise RefusedError(404, 10015, "Unknown Webhook")

    def _keys(self, call: Call) -> dict[str, str]:
        hook = self.guild.webhooks.get(call.target)
        if call.resource == "webhooks" and hook is None and (asked := self.chat.interactions.by_token.get(call.token)):
            own = {"user": f"{call.token[:20]} {call.method} {bool(call.message_id)}"}
            return own | ({"shared": asked.channel.id} if call.method == "POST" else {})
        if call.by_bot and call.part == "messages" and call.method == "POST":
            return {"global": "*", "said": call.target}
        return self._gate.keys(call, hook.channel.id if hook else None)

    def _paused(self, call: Call) -> Reply | None:
        return self._gate.pause(self._keys(call), time.monotonic()) if self.limits else None

    def _with_limits(self, call: Call, reply: Reply) -> Reply:
        return self._gate.told(reply, self._keys(call), time.monotonic(), self.now()) if self.limits else reply

    def _done(self, call: Call, hook: Webhook) -> Reply:
        match call.method, call.message_id:
            case "GET", None:
                return Reply(200, webhook_json(hook, self.base_url))
            case "POST", None:
                return self._post(call, hook)
            case "DELETE", None:
                hook.revoked = True
                return Reply(204)
            case "GET", _:
                return Reply(200, message_json(self._message(call, hook)))
            case "PATCH", str():
                return self._edit(call, self._message(call, hook))
            case "DELETE", _:
                self._message(call, hook).deleted = True
                return Reply(204)
        raise RefusedError(405, 0, "405: Method Not Allowed")

    def _post(self, call: Call, hook: Webhook) -> Reply:
        body, files, warnings = read_form(call, interactive=_interactive(call, hook))
        id_ = self._ids.next(self.now())
        channel = self._place(call, hook, body, id_)
        warnings += [name for name, odd in _oddities(call).items() if odd]
        posted = Posted(id_, hook, channel, body, files, self.now(), warnings=warnings)
        self._messages.append(posted)
        return Reply(200, message_json(posted)) if _waits(call) else Reply(204)

    def _edit(self, call: Call, posted: Posted) -> Reply:
        return self._edited(call, posted, interactive=_interactive(call, posted.webhook))

    def _edited(self, call: Call, posted: Posted, *, interactive: bool | None) -> Reply:
        if self.now() - posted.at > timedelta(hours=1):
            self._use_old_edit()
        body, files, warnings = read_form(call, editing=True, interactive=interactive)
        posted.earlier.append(posted.body)
        posted.body = posted.body | body
        kept = {str(attachment.get("filename")) for attachment in posted.body.get("attachments") or []}
        posted.files = {name: content for name, content in (posted.files | files).items() if name in kept}
        posted.edited_at = self.now()
        posted.warnings += warnings
        return Reply(200, message_json(posted))

    def _use_old_edit(self) -> None:
        if self._old_edits_left <= 0:
            sentence = "Maximum number of edits to messages older than 1 hour reached. Try again later"
            raise RefusedError(429, 30046, sentence)
        self._old_edits_left -= 1

    def _place(self, call: Call, hook: Webhook, body: Json, message_id: str) -> Channel:
        """Where a new message goes: the channel, a thread of it, or a thread that it opens in a forum."""
        thread_id, thread_name = call.query.get("thread_id"), body.get("thread_name")
        if thread_id and thread_name:
            raise RefusedError(400, 220002, "Webhooks can only have one of thread_id and thread_name")
        if thread_id:
            return self._thread(thread_id, hook)
        if thread_name and not hook.channel.forum:
            raise RefusedError(400, 220003, "Webhooks can only create threads in forum channels")
        if hook.channel.forum and not thread_name:
            raise RefusedError(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        if not thread_name:
            return hook.channel
        self._threads[message_id] = Channel(message_id, thread_name, self.guild.id, parent=hook.channel)
        return self._threads[message_id]

    def _thread(self, id_: str, hook: Webhook) -> Channel:
        thread = self._threads.get(id_)
        if thread is None or thread.root is not hook.channel:
            raise RefusedError(404, 10003, "Unknown Channel")
        return thread

    def _message(self, call: Call, hook: Webhook) -> Posted:
        """A message of this webhook; one in a thread is only found with its thread."""
        thread_id = call.query.get("thread_id")
        channel = self._thread(thread_id, hook) if thread_id else hook.channel
        for posted in self._messages:
            if posted.id == call.message_id and posted.webhook is hook and posted.channel is channel:
                if posted.deleted:
                    break
                return posted
        raise RefusedError(404, 10008, "Unknown Message")

    def _name_of(self, call: Call) -> str:
        hook = self.guild.webhooks.get(call.target)
        return hook.name if hook else "?"


def _interactive(call: Call, hook: Webhook) -> bool | None:
    """Whether a webhook's message may have buttons that act: where an application owns it. Those of a webhook that none
    owns are dropped in silence, unless it asks for components."""
    if hook.application:
        return True
    return False if call.query.get("with_components", "").lower() in {"true", "1"} else None


def _waits(call: Call) -> bool:
    return call.query.get("wait", "").lower() in {"true", "1"}


def _oddities(call: Call) -> dict[str, bool]:
    """What Discord takes in silence, and what will be regretted."""
    return {
        "wait_not_given": not _waits(call),
        "unversioned": call.version is None,
        "odd_user_agent": call.odd_user_agent,
    }


def _excerpt(said: list[Posted], query: Mapping[str, str]) -> list[Posted]:
    limit, after, before = int(query.get("limit", 50)), query.get("after"), query.get("before")
    if not 1 <= limit <= 100:
        sentence = "int value should be between 1 and 100."
        raise RefusedError(400, 50035, "Invalid Form Body", _wrong("limit", "NUMBER_TYPE_COERCE", sentence))
    if after is not None:
        return [message for message in said if int(message.id) > int(after)][:limit][::-1]
    return [message for message in said if before is None or int(message.id) < int(before)][-limit:][::-1]


def _wrong(key: str, code: str, sentence: str) -> Json:
    return {key: {"_errors": [{"code": code, "message": sentence}]}}
