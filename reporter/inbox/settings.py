"""What the config says of events: where each kind goes, how loud, at what pace; and who may hand them in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from reporter.delivery.channels import Channel
from reporter.inbox.hooks import Hook
from reporter.messages.quiet_hours import Noise
from reporter.messages.templates.renderer import Renderer
from reporter.secret import Secret

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many messages in a span; what comes beyond is sent together at its end."""

    most: int
    span: timedelta


@dataclass(frozen=True, slots=True)
class KindRule:
    """What becomes of events of one kind. A filter leaves out events whose field is below its limit or not listed.

    `per` is a field: each of its values has a pace of its own. `expect` is the longest pause between two of a source.
    """

    channels: tuple[str, ...]
    noise: Noise | None = None
    template: str | None = None
    pace: Pace | None = None
    per: str | None = None
    least: Mapping[str, float | str] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hide: tuple[str, ...] = ()
    expect: timedelta | None = None


@dataclass(frozen=True, slots=True)
class EventSettings:
    """All that is needed to send events: `rules` by kind, `default` among them."""

    channels: Mapping[str, Channel]
    renderer: Renderer
    rules: Mapping[str, KindRule]

    @property
    def expected(self) -> dict[str, timedelta]:
        """The kinds that have a longest pause."""
        return {kind: rule.expect for kind, rule in self.rules.items() if rule.expect and kind != DEFAULT}

    def rule(self, kind: str) -> KindRule | None:
        return self.rules.get(kind) or self.rules.get(DEFAULT)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that may call, and what it may do. Of its token only a digest is compared."""

    name: str
    secret: Secret
    may: frozenset[str]

    def is_token(self, given: str) -> bool:
        return hmac.compare_digest(_digest(given), _digest(self.secret.reveal()))


def allows(may: Collection[str], right: str) -> bool:
    """Whether these rights hold one: who may operate may read too, and an owner may everything."""
    ladder = {"read": {"read", "operate", "own"}, "operate": {"operate", "own"}, "own": {"own"}}
    return bool(ladder.get(right, {right, "own"}) & set(may))


@dataclass(frozen=True, slots=True)
class Person:
    """A person who may log in; `password` is a hash."""

    name: str
    password: Secret
    role: str


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where to listen, who may call, and by which names we are called."""

    host: str = "127.0.0.1"
    port: int = 8787
    programs: tuple[Program, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    hosts: Collection[str] = ()
    base_path: str = ""
    forwarded: tuple[str, ...] = ()  # proxies that are believed: addresses and networks
    origins: tuple[str, ...] = ()  # pages elsewhere that may call REST
    public: str = "nothing"  # what a stranger may see: nothing, status or all
    ping_key: Secret | None = None  # opens `/ping/KEY/NAME` of every ping

    @property
    def address(self) -> str:
        """Where people find the pages: at the first of `hosts`, over TLS where a proxy stands before us."""
        if self.hosts and self.forwarded:
            return f"https://{next(iter(self.hosts))}{self.base_path}"
        host = next(iter(self.hosts), self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{self.base_path}"
