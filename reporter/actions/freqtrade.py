"""Actions on freqtrade bots by their REST API: pause, resume, stop, exit, reload. What came of it is read back.

A pause is freqtrade's `/stopentry`: no new trades, and exits go on. Its `/stop` leaves open trades unmanaged. The
answers come before the change ("stopping trader ..."), so `/show_config` says whether it was done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from reporter.actions.action import LARGEST_ANSWER, ActionOutcome, ActionRefusedError, shown
from reporter.actions.request import place_of
from reporter.messages.formats import plural
from reporter.secret import Secret

if TYPE_CHECKING:
    import httpx

PAUSES = (0.1, 0.2, 0.4)
"""Seconds before another look at what came of it."""
FILL_PAUSES = (*PAUSES, 1.0, 2.0, 3.0)
"""The same for orders that are to be filled."""
RELOAD_PAUSES = (*FILL_PAUSES, 5.0, 8.0, 10.0)
"""The same for a bot that reads its config: its API is away until the exchange's markets are loaded."""
LARGEST_STATUS = 4 << 20
"""Bytes of `/status`: an open trade has some 4 kB."""


@dataclass(frozen=True, slots=True)
class FreqtradeState:
    """How a bot stands. Before the state `paused` (2025.4), a paused bot is `running` with room for no trade."""

    state: str
    trades: int | None
    paper: bool

    def __str__(self) -> str:
        held = "" if self.trades is None else f", {plural(self.trades, 'open trade')}"
        return f"{self.state}{held}, {'paper' if self.paper else 'live'}"


@dataclass(frozen=True, slots=True)
class FreqtradeVerb:
    """What a command does with a bot: in words, by which path, and when it counts as done.

    `counts`: how many trades are open is part of what a person confirms. `pauses` are the seconds between looks at
    what came of it.
    """

    does: str
    path: str
    reached: Callable[[FreqtradeState], bool]
    body: Mapping[str, str] | None = None
    counts: bool = False
    pauses: tuple[float, ...] = PAUSES

    @property
    def lasts(self) -> bool:
        """Whether it may be done later than anybody looks."""
        return self.pauses != PAUSES


RUNNING, PAUSED, STOPPED = "running", "paused", "stopped"
VERBS = {
    "pause": FreqtradeVerb(
        "lets it open no new trades; open trades run on (stopentry)", "stopentry", lambda one: one.state == PAUSED
    ),
    "resume": FreqtradeVerb("lets it trade (start)", "start", lambda one: one.state == RUNNING),
    "stop": FreqtradeVerb(
        "stops it, and nobody manages its open trades (stop)",
        "stop",
        lambda one: one.state == STOPPED,
        counts=True,
    ),
    "exit": FreqtradeVerb(
        "closes all its open trades now (forceexit all)",
        "forceexit",
        lambda one: one.trades == 0,
        {"tradeid": "all"},
        counts=True,
        pauses=FILL_PAUSES,
    ),
    "reload": FreqtradeVerb(
        "lets it read its config anew (reload_config)",
        "reload_config",
        lambda one: one.state in {RUNNING, PAUSED, STOPPED},  # in between it is `reload_config`, or its API is away
        pauses=RELOAD_PAUSES,
    ),
}


@dataclass(frozen=True, slots=True)
class FreqtradeBot:
    """The REST API of one bot."""

    url: Secret
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class FreqtradeAction:
    """One command for the bots by the names of their agents."""

    verb: FreqtradeVerb
    bots: Mapping[str, FreqtradeBot]
    timeout: timedelta = timedelta(seconds=30)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.bots)

    def describe(self, values: Mapping[str, str]) -> str:
        return f"asks freqtrade at {place_of(self.bots[values['agent']].url)}, and {self.verb.does}"

    def look(self, values: Mapping[str, str]) -> str:
        try:
            with _Session(self.bots[values["agent"]], self.timeout) as session:
                return self._in_words(session.state())
        except _SilentError as error:
            raise ActionRefusedError(f"nothing was done: freqtrade {error}") from None

    def _in_words(self, found: FreqtradeState) -> str:
        """What a person has to know of a bot before confirming; another word later means that it changed."""
        shown_state = found if self.verb.counts else replace(found, trades=None)
        note = ""
        if self.verb is VERBS["pause"] and found.state == STOPPED:
            note = " (a pause starts it, without new trades)"
        elif self.verb is VERBS["reload"] and found.state != RUNNING:
            note = " (a reload ends that: initial_state of its config counts)"
        return f"{shown_state}{note}"

    def perform(self, values: Mapping[str, str]) -> ActionOutcome:
        asked = False
        try:
            with _Session(self.bots[values["agent"]], self.timeout) as session:
                verb, asked = self._verb(session), True
                said = session.post(verb.path, verb.body)
                return _outcome(session, verb, said)
        except _RefusedError as error:
            return ActionOutcome(done=False, words=f"freqtrade {error}")
        except _SilentError as error:
            words = f"freqtrade {error}; whether it was done is not known" if asked else f"freqtrade {error}"
            return ActionOutcome(done=None if asked else False, words=words)

    def _verb(self, session: _Session) -> FreqtradeVerb:
        """An old bot that is paused takes trades again by `/reload_config` only: its `/start` changes nothing."""
        if self.verb is VERBS["resume"] and session.is_paused_by_limit():
            return replace(self.verb, path="reload_config", pauses=RELOAD_PAUSES)
        return self.verb


def _outcome(session: _Session, verb: FreqtradeVerb, said: str) -> ActionOutcome:
    """What the bot says of itself, once it is as it should be, or after a few looks.

    A look without an answer says nothing about what was done: a bot that reads its config has no API for a while.
    """
    for pause in (*verb.pauses, None):
        try:
            found = session.state()
        except _SilentError as error:
            seen, done = f"then {error}; whether it was done is not known", None
        else:
            if verb.reached(found):
                return ActionOutcome(done=True, words=f'freqtrade says "{said}" and is {found}')
            seen, done = f"but is {found}", None if verb.lasts else False
        if pause is not None:
            time.sleep(pause)
    return ActionOutcome(done=done, words=f'freqtrade says "{said}", {seen}')


class _SilentError(Exception):
    """No answer, or none that says anything."""


class _RefusedError(_SilentError):
    """The bot's own no."""


class _Session:
    """A login at one bot; each step has the whole time."""

    def __init__(self, bot: FreqtradeBot, timeout: timedelta) -> None:
        import httpx  # noqa: PLC0415 - only where an action is carried out

        from reporter.http_client import BoundedTransport, Bounds  # noqa: PLC0415 - the same

        self._base = bot.url.reveal().rstrip("/") + "/api/v1"
        self._errors = (httpx.HTTPError, httpx.InvalidURL)
        transport = BoundedTransport(self._base, Bounds(timeout.total_seconds(), LARGEST_STATUS))
        self._client: httpx.Client = httpx.Client(transport=transport, timeout=timeout.total_seconds())
        self._bot = bot

    def __enter__(self) -> Self:
        try:
            login = (self._bot.username, self._bot.password.reveal())
            token = self._asked("POST", "token/login", auth=login)["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        except (KeyError, TypeError):
            self._client.close()
            raise _RefusedError("gives no token for the login") from None
        except _SilentError:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def state(self) -> FreqtradeState:
        config = self._config()
        state = PAUSED if self._limited(config) else shown(str(config.get("state", "unknown")).encode())
        held = self._asked("GET", "status")
        return FreqtradeState(state, len(held) if isinstance(held, list) else None, bool(config.get("dry_run")))

    def is_paused_by_limit(self) -> bool:
        return self._limited(self._config())

    def post(self, path: str, body: Mapping[str, str] | None) -> str:
        """What the bot answers, in its words."""
        answer = self._asked("POST", path, json=dict(body) if body else None)
        return shown(str(answer.get("status") or answer.get("result") or "").encode())

    def _config(self) -> dict[str, Any]:
        found = self._asked("GET", "show_config")
        return found if isinstance(found, dict) else {}

    @staticmethod
    def _limited(config: Mapping[str, Any]) -> bool:
        return config.get("state") == RUNNING and config.get("max_open_trades") == 0

    def _asked(self, method: str, path: str, **how: Any) -> Any:
        try:
            answer = self._client.request(method, f"{self._base}/{path}", **how)
        except self._errors as error:
            raise _SilentError(f"does not answer ({type(error).__name__})") from None
        if answer.is_success:
            try:
                return json.loads(answer.content)
            except (ValueError, RecursionError):
                raise _SilentError("answers with no JSON: is this its address?") from None
        raise _RefusedError(_why(answer.status_code, answer.content))


def _why(status: int, content: bytes) -> str:
    """The reason that freqtrade gives: `error` of the bot, `detail` of its server."""
    try:
        found = json.loads(content)
        said = shown(str(found.get("error") or found.get("detail") or "").encode()[:LARGEST_ANSWER])
    except (ValueError, AttributeError, RecursionError):
        said = ""
    what = "refuses the login" if status == 401 else "refuses"
    return f"{what} ({status}{f': {said}' if said else ''})"
