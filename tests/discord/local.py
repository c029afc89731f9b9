"""The local Discord itself: what it is told, what it keeps, and what a test may ask of it."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from reporter.clock import SystemClock
from tests.discord.faults import Fault, Limited
from tests.discord.limiter import Window
from tests.discord.rules import RefusedError
from tests.discord.server import Server
from tests.discord.wire import Call, Json, Reply, Request, limited, read_form
from tests.discord.world import Channel, Posted, Snowflakes, Webhook

_USER_AGENT = re.compile(r"DiscordBot \(\S+, [^)]+\)")


class LocalDiscord:
    """A Discord of one guild on a free port of this machine.

    `limits` off lets everything pass at any pace. `now` is its clock, which its `Date` headers and ids follow; a test
    may put another in its place at any time. Every name is that of a webhook or of a channel.
    """

    def __init__(
        self, *, limits: bool = True, now: Callable[[], datetime] | None = None, old_edits: int = 5, port: int = 0
    ) -> None:
        self.now = now or SystemClock().wall
        self.limits = limits
        self.requests: list[Request] = []
        self.unversioned = 0
        self.odd_user_agents = 0
        self.arrived = threading.Condition()
        self._old_edits_left = old_edits
        self._ids = Snowflakes()
        self._channels: dict[str, Channel] = {}
        self._webhooks: dict[str, Webhook] = {}
        self._threads: dict[str, Channel] = {}
        self._messages: list[Posted] = []
        self._faults: list[tuple[str | None, Fault]] = []
        self._visible, self._hidden = Window(5, 2.0), Window(30, 60.0)
        self._guild_id = self._ids.next(self.now())
        self.closing = threading.Event()
        self._server = self._listen(port)
        self.port: int = self._server.server_address[1]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def webhook(self, name: str, *, channel: str | None = None, forum: bool = False) -> str:
        """The URL of a webhook, as its users would copy it; two may share a channel."""
        if name not in self._webhooks:
            place = self._channel(channel or name, forum=forum)
            self._webhooks[name] = Webhook(self._ids.next(self.now()), secrets.token_urlsafe(51), name, place)
        hook = self._webhooks[name]
        return f"{self.base_url}/api/webhooks/{hook.id}/{hook.token}"

    def thread(self, name: str) -> str:
        """Open a thread in a channel; its id."""
        parent = self._webhooks[name].channel
        thread = Channel(self._ids.next(self.now()), f"{name}-thread", self._guild_id, parent=parent)
        self._threads[thread.id] = thread
        return thread.id

    def messages(self, name: str) -> list[Posted]:
        """What a reader of the channel finds now, threads included, oldest first."""
        channel = self._webhooks[name].channel if name in self._webhooks else self._channels[name]
        return [message for message in self._messages if message.channel.root is channel and not message.deleted]

    def everything(self) -> list[Posted]:
        """Every message that was ever taken, deleted ones too."""
        return list(self._messages)

    def wait_for(self, name: str, count: int = 1, seconds: float = 10) -> list[Posted]:
        """The messages of a channel once there are so many. Raises TimeoutError."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.messages(name)) >= count, seconds):
                raise TimeoutError(f"{len(self.messages(name))} of {count} messages in {name} after {seconds} s")
            return self.messages(name)

    def revoke(self, name: str) -> None:
        """Delete a webhook: from now on it is unknown."""
        self._webhooks[name].revoked = True

    def fail(self, fault: Fault, *, times: int = 1, webhook: str | None = None) -> None:
        """Let the next requests, of one webhook or of any, go wrong."""
        self._faults += [(webhook, fault)] * times

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
            self._channels[name] = Channel(self._ids.next(self.now()), name, self._guild_id, forum)
        return self._channels[name]

    # What follows answers requests; `arrived` is held meanwhile.

    def take_fault(self, call: Call) -> Fault | None:
        name = self._name_of(call)
        for number, (webhook, fault) in enumerate(self._faults):
            if webhook in {None, name}:
                del self._faults[number]
                return fault
        return None

    def date(self) -> datetime:
        return self.now()

    def note(self, call: Call, reply: Reply | None, started: float) -> None:
        self.unversioned += call.version is None
        self.odd_user_agents += not _USER_AGENT.match(call.user_agent)
        status, code = (reply.status, reply.code) if reply else (0, None)
        self.requests.append(Request(call.method, self._name_of(call), status, code, started))
        self.arrived.notify_all()

    def answer(self, call: Call) -> Reply:
        """What Discord says to a request, with what the request does done."""
        try:
            hook = self._known(call)
            pause = self._paused(call, hook)
            return pause or self._with_limits(call, hook, self._done(call, hook))
        except RefusedError as refused:
            return Reply(refused.status, refused.body)

    def _known(self, call: Call) -> Webhook:
        if call.version is not None and not 6 <= int(call.version) <= 10:
            raise RefusedError(400, 50041, "Invalid API version")
        for hook in self._webhooks.values():
            if hook.id == call.webhook_id and not hook.revoked:
                if secrets.compare_digest(hook.token, call.token):
                    return hook
                raise RefusedError(401, 50027, "Invalid Webhook Token")
        raise RefusedError(404, 10015, "Unknown Webhook")

    def _paused(self, call: Call, hook: Webhook) -> Reply | None:
        """The 429 that is due, if one is. Every other request counts, refused ones too."""
        if not self.limits:
            return None
        now, route = time.monotonic(), f"{hook.id} {call.method} {bool(call.message_id)}"
        posting = call.method == "POST"
        if wait := self._visible.wait(route, now):
            return limited(Limited(wait))
        if posting and (wait := self._hidden.wait(hook.channel.id, now)):
            return limited(Limited(wait, scope="shared"))
        self._visible.count(route, now)
        if posting:
            self._hidden.count(hook.channel.id, now)
        return None

    def _with_limits(self, call: Call, hook: Webhook, reply: Reply) -> Reply:
        if not self.limits:
            return reply
        now, route = time.monotonic(), f"{hook.id} {call.method} {bool(call.message_id)}"
        reset = self._visible.reset_after(route, now)
        headers = (
            ("X-RateLimit-Limit", str(self._visible.limit)),
            ("X-RateLimit-Remaining", str(self._visible.remaining(route, now))),
            ("X-RateLimit-Reset", f"{self.now().timestamp() + reset:.3f}"),
            ("X-RateLimit-Reset-After", f"{reset:.3f}"),
            ("X-RateLimit-Bucket", "80c17d2f203122d936070c88c8d10f33"),
        )
        return Reply(reply.status, reply.body, headers)

    def _done(self, call: Call, hook: Webhook) -> Reply:
        match call.method, call.message_id:
            case "GET", None:
                return Reply(200, _webhook_json(hook, self.base_url))
            case "POST", None:
                return self._post(call, hook)
            case "DELETE", None:
                hook.revoked = True
                return Reply(204)
            case "GET", _:
                return Reply(200, _message_json(self._message(call, hook)))
            case "PATCH", str():
                return self._edit(call, self._message(call, hook))
            case "DELETE", _:
                self._message(call, hook).deleted = True
                return Reply(204)
        raise RefusedError(405, 0, "405: Method Not Allowed")

    def _post(self, call: Call, hook: Webhook) -> Reply:
        body, files, warnings = read_form(call)
        id_ = self._ids.next(self.now())
        channel = self._place(call, hook, body, id_)
        posted = Posted(id_, hook, channel, body, files, self.now(), warnings=warnings)
        self._messages.append(posted)
        if call.query.get("wait", "").lower() in {"true", "1"}:
            return Reply(200, _message_json(posted))
        posted.warnings.append("wait_not_given")
        return Reply(204)

    def _edit(self, call: Call, posted: Posted) -> Reply:
        if self.now() - posted.at > timedelta(hours=1):
            self._use_old_edit()
        body, files, warnings = read_form(call, editing=True)
        posted.earlier.append(posted.body)
        posted.body = posted.body | body
        kept = {str(attachment.get("filename")) for attachment in posted.body.get("attachments") or []}
        posted.files = {name: content for name, content in (posted.files | files).items() if name in kept}
        posted.edited_at = self.now()
        posted.warnings += warnings
        return Reply(200, _message_json(posted))

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
        self._threads[message_id] = Channel(message_id, thread_name, self._guild_id, parent=hook.channel)
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
        return next((hook.name for hook in self._webhooks.values() if hook.id == call.webhook_id), "?")


def _webhook_json(hook: Webhook, base_url: str) -> Json:
    return {
        "id": hook.id,
        "type": 1,
        "name": hook.name,
        "avatar": None,
        "application_id": None,
        "channel_id": hook.channel.id,
        "guild_id": hook.channel.guild_id,
        "token": hook.token,
        "url": f"{base_url}/api/webhooks/{hook.id}/{hook.token}",
    }


def _message_json(posted: Posted) -> Json:
    return {
        "id": posted.id,
        "type": 0,
        "channel_id": posted.channel.id,
        "webhook_id": posted.webhook.id,
        "author": {"id": posted.webhook.id, "username": posted.body.get("username", posted.webhook.name), "bot": True},
        "content": posted.body.get("content") or "",
        "embeds": posted.embeds,
        "attachments": [
            {"id": str(number), "filename": name, "size": len(content)}
            for number, (name, content) in enumerate(posted.files.items())
        ],
        "timestamp": posted.at.isoformat(),
        "edited_timestamp": posted.edited_at.isoformat() if posted.edited_at else None,
        "flags": posted.body.get("flags") or 0,
    }
