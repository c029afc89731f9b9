"""From the config's `events`, `hooks`, `pings` and `web` to what the inbox and the listener work with."""

from __future__ import annotations

from reporter.alerts.pings import PingRule
from reporter.config.events import pace_of
from reporter.config.models import Config
from reporter.inbox.hooks import Hook
from reporter.inbox.settings import DEFAULT, KindRule, Pace, Person, Program, WebSettings
from reporter.periods.schedules import parse


def event_rules(config: Config) -> dict[str, KindRule]:
    """The rule of each kind; what an entry leaves out is what `default` says."""
    default = config.events.get(DEFAULT)
    fallback = (default.channel if default else None) or ()
    rules = {}
    for kind, entry in config.events.items():
        inherited = default if entry.noise is None and default else entry
        rules[kind] = KindRule(
            channels=entry.channel or fallback,
            noise=entry.noise or inherited.noise,
            template=entry.template,
            pace=Pace(*pace_of(entry.pace)) if entry.pace else None,
            per=entry.per,
            least=dict(entry.least),
            only=dict(entry.only),
            hide=entry.hide,
            expect=entry.expect,
        )
    return rules


def hooks_of(config: Config) -> dict[str, Hook]:
    return {
        name: Hook(name, entry.secret, entry.preset, dict(entry.map), entry.kind)
        for name, entry in config.hooks.items()
    }


def ping_rules(config: Config) -> dict[str, PingRule]:
    """The jobs that report themselves, by name; those whose address is missing are left out."""
    key = config.web.ping_key if config.web else None
    return {
        name: PingRule(name, parse(entry.schedule), entry.timezone or config.timezone, entry.grace, entry.id, entry.get)
        for name, entry in config.pings.items()
        if any(one and not one.missing for one in (entry.id, key))
    }


def web_settings(config: Config) -> WebSettings | None:
    """Where to listen and for whom; None without `web:`."""
    if config.web is None:
        return None
    host, _, port = config.web.listen.rpartition(":")
    programs = (Program(name, entry.secret, frozenset(entry.may)) for name, entry in config.web.tokens.items())
    return WebSettings(
        host=host.strip("[]"),
        port=int(port),
        programs=tuple(programs),
        people={name: Person(name, entry.password, entry.role) for name, entry in config.web.users.items()},
        hooks=hooks_of(config),
        hosts=config.web.hosts,
        base_path=config.web.base_path,
        forwarded=config.web.forwarded,
        origins=config.web.origins,
        public=config.web.public,
        ping_key=config.web.ping_key,
    )
