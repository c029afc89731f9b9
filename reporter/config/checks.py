"""What can only be said of the config as a whole: names that must exist, and webhooks that must be Discord's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from reporter.config.document import Document, Path, shown
from reporter.config.models import Config, DiscordChannel, LedgerConfig
from reporter.config.values import did_you_mean
from reporter.errors import Problem

_DATABASES = {"postgres", "sqlite"}
_WEBHOOK = re.compile(r"https?://[^/\s?#@]+/api(/v\d+)?/webhooks/\d+/[\w-]+/?(\?thread_id=\d+)?", re.IGNORECASE)
_DISCORD = {"discord.com", "discordapp.com"}


def check(config: Config, document: Document) -> Iterator[Problem]:
    """Every problem between the config's parts."""
    yield from _unknown_channels(config, document)
    yield from _jobs_without_channel(config, document)
    yield from _dependencies(config, document)
    yield from _ledgers_of_probes(config, document)
    for name, channel in config.channels.items():
        if isinstance(channel, DiscordChannel):
            yield from _foreign_webhook(config, document, name, channel)


def _unknown_channels(config: Config, document: Document) -> Iterator[Problem]:
    known = list(config.channels)
    for path, name in _named_channels(config, document):
        if name not in config.channels:
            yield document.problem(
                path, f"there is no channel `{shown(name)}`", did_you_mean(name, known) or _NO_CHANNEL
            )


def _named_channels(config: Config, document: Document) -> Iterator[tuple[Path, str]]:
    """Each mention of a channel's name and where it stands."""
    for job, entry in config.jobs.items():
        yield from _places(("jobs", job, "channel"), entry.channel, document)
    for probe, settings in config.probes.items():
        yield from _places(("probes", probe, "alert", "channel"), settings.alert.channel, document)
    for route in type(config.alerts.routes).model_fields:
        yield from _places(("alerts", "routes", route), getattr(config.alerts.routes, route), document)
    for number, policy in enumerate(config.alerts.policies):
        yield from _places(("alerts", "policies", number, "channel"), policy.channel, document)
    for number, step in enumerate(config.alerts.escalation):
        yield from _places(("alerts", "escalation", number, "channel"), step.channel, document)


def _places(path: Path, names: tuple[str, ...] | None, document: Document) -> Iterator[tuple[Path, str]]:
    several = isinstance(document.get(path), list)
    for index, name in enumerate(names or ()):
        yield ((*path, index) if several else path), name


def _jobs_without_channel(config: Config, document: Document) -> Iterator[Problem]:
    if len(config.channels) == 1:
        return
    for job, entry in config.jobs.items():
        if entry.channel is None:
            path: Path = ("jobs", job, "channel")
            message, hint = "no channel is named", _which_channel(config, document, path)
            yield document.problem(path if document.holds(path) else path[:-1], message, hint, at="key")


_NO_CHANNEL = "there are no channels yet: write `channels: {screen: {kind: console}}`"


def _which_channel(config: Config, document: Document, path: Path) -> str:
    if not config.channels:
        return _NO_CHANNEL
    # `channel: #pnl` is what people of Discord write, and to YAML it is a comment.
    comment = "what follows ` #` is a comment; " if document.holds(path) else ""
    return f"{comment}write `channel: {next(iter(config.channels))}`; known: {', '.join(config.channels)}"


def _dependencies(config: Config, document: Document) -> Iterator[Problem]:
    """A probe that is not there to depend on, or a circle, in which none would ever be told of. What has a `/` is a
    subject of another kind."""
    for name, probe in config.probes.items():
        for path, other in _places(("probes", name, "depends_on"), probe.depends_on, document):
            if "/" in other:
                continue
            if other not in config.probes:
                known = [one for one in config.probes if one != name]
                yield document.problem(path, f"there is no probe `{shown(other)}`", did_you_mean(other, known))
            elif name in _below(config, other):
                yield document.problem(path, f"`{other}` in turn depends on `{name}`", "let one of them stand alone")


def _ledgers_of_probes(config: Config, document: Document) -> Iterator[Problem]:
    """A probe that looks into a ledger which is not there, or not of its kind."""
    for name, probe in config.probes.items():
        ledger, path = getattr(probe, "ledger", None), ("probes", name, "ledger")
        if ledger is None:
            continue
        if ledger not in config.ledgers:
            yield document.problem(
                path, f"there is no ledger `{shown(ledger)}`", did_you_mean(ledger, list(config.ledgers))
            )
        elif probe.kind in _DATABASES and probe.kind != (kind := _kind_of(config.ledgers[ledger])):
            yield document.problem(path, f"`{ledger}` is no database of that kind", f"write `kind: {kind}`")


def _kind_of(ledger: LedgerConfig) -> str:
    return "sqlite" if ledger.url.reveal().startswith("sqlite") else "postgres"


def _below(config: Config, name: str) -> set[str]:
    """A probe, and all that it depends on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in config.probes and one not in found:
            found.add(one)
            waiting += config.probes[one].depends_on
    return found


def _foreign_webhook(config: Config, document: Document, name: str, channel: DiscordChannel) -> Iterator[Problem]:
    """A webhook that is none, or that would take our messages to somebody else."""
    path: Path = ("channels", name, "webhook")
    address = channel.webhook.reveal()
    if not _WEBHOOK.fullmatch(address):
        hint = "it looks like https://discord.com/api/webhooks/ID/TOKEN: channel settings, Integrations, Webhooks"
        yield document.problem(path, f"this is no webhook address of Discord{_from(channel.webhook.origin)}", hint)
    elif not _is_ours(address, config.discord.base_url):
        hint = "if that server is yours, write its address in `discord: {base_url: …}`"
        host = urlsplit(config.discord.base_url).netloc
        yield document.problem(path, f"this webhook is not of {host}{_from(channel.webhook.origin)}", hint)


def _from(origin: str) -> str:
    return f" (from {origin})" if origin.startswith(("env:", "file:", "credential:")) else ""


def _is_ours(address: str, base_url: str) -> bool:
    webhook, base = urlsplit(address.lower()), urlsplit(base_url.lower())
    if (webhook.scheme, webhook.netloc) == (base.scheme, base.netloc):
        return True
    host = webhook.netloc.removeprefix("canary.").removeprefix("ptb.")
    return webhook.scheme == "https" and host in _DISCORD and base.netloc in _DISCORD
