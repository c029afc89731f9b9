"""What an action does: an HTTP request, or a program with a fixed list of arguments; each within a time limit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from reporter.messages.message import visible
from reporter.periods.time_text import duration_text
from reporter.secret import Secret, masked

LARGEST_ANSWER = 4_000  # bytes
# What a program finds in its environment: nothing of ours, which holds secrets.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the config. A part that is `{agent}`, `{service}` or `{mode}` stands for what was asked."""

    run: tuple[str, ...] = ()
    url: Secret | None = None
    method: str = "POST"
    headers: Mapping[str, Secret] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    names: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=30)

    def describe(self, values: Mapping[str, str]) -> str:
        """What it will do, without secrets."""
        if self.run:
            return f"runs {' '.join(self._filled(self.run, values))}"
        host = self.url.reveal().split("://")[-1].split("/")[0].rpartition("@")[2] if self.url else ""
        return f"sends {self.method} to {host}"

    def perform(self, values: Mapping[str, str]) -> ActionOutcome:
        """Do it once. Never raises for what the other side does."""
        return self._run(values) if self.run else self._send(values)

    def _filled(self, parts: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
        """A whole part is replaced, never a piece of one: no name can become a second argument or an option."""
        return [values.get(part[1:-1], part) if part[:1] == "{" and part[-1:] == "}" else part for part in parts]

    def _run(self, values: Mapping[str, str]) -> ActionOutcome:
        environ = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            done = subprocess.run(  # noqa: S603 - the owner's own list of arguments, and no shell
                self._filled(self.run, values),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self.timeout.total_seconds(),
                env=environ,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ActionOutcome(done=False, words=f"did not end within {duration_text(self.timeout)} and was stopped")
        except OSError as error:
            return ActionOutcome(done=False, words=f"could not be started: {error.strerror}")
        said = _shown(done.stdout)
        return ActionOutcome(
            done=done.returncode == 0, words=f"exit code {done.returncode}{f': {said}' if said else ''}"
        )

    def _send(self, values: Mapping[str, str]) -> ActionOutcome:
        import httpx  # noqa: PLC0415 - only where an action is carried out

        from reporter.http_client import BoundedTransport, Bounds  # noqa: PLC0415 - the same

        url = self.url.reveal() if self.url else ""
        filled = dict(zip(self.body or (), self._filled(tuple((self.body or {}).values()), values), strict=True))
        headers = {name: value.reveal() for name, value in self.headers.items()}
        bounds = Bounds(self.timeout.total_seconds(), LARGEST_ANSWER)
        try:
            with httpx.Client(transport=BoundedTransport(url, bounds), timeout=bounds.seconds) as client:
                answer = client.request(self.method, url, headers=headers, json=filled or None)
        except httpx.HTTPError as error:
            return ActionOutcome(done=False, words=f"got no answer: {type(error).__name__}")
        said = _shown(answer.content)
        return ActionOutcome(done=answer.is_success, words=f"status {answer.status_code}{f': {said}' if said else ''}")


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """How an action ended, with the other side's own words."""

    done: bool
    words: str


def _shown(output: bytes) -> str:
    """The last words of what a program or a server said, as they may be shown."""
    text = " ".join(output[-LARGEST_ANSWER:].decode("utf-8", "replace").split())
    return visible(masked(text, 300))
