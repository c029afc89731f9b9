"""Checks between the parts of a config: names that must exist, dependencies, webhooks that must belong to Discord."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from reporter.config.apprise_schemas import ALLOWED, LOCAL, schema_of
from reporter.config.channels import AppriseChannel, DiscordChannel, TelegramChannel
from reporter.config.models import Config, JobConfig, LedgerConfig
from reporter.config.secrets import bits_of
from reporter.config.types import did_you_mean
from reporter.config.yaml_document import Document, KeyPath, dotted, shown
from reporter.errors import Problem, nearest
from reporter.secret import Secret

_DATABASES = {"postgres", "sqlite"}
_WEBHOOK = re.compile(r"https?://[^/\s?#@]+/api(/v\d+)?/webhooks/\d+/[\w-]+/?(\?thread_id=\d+)?", re.IGNORECASE)
_BOT_TOKEN = re.compile(r"\d{3,20}:[\w-]{20,100}")
_DISCORD = {"discord.com", "discordapp.com"}
# Senders that can neither sign nor send a header.
_IN_ADDRESS = {"freqtrade", "tradingview"}
ENOUGH_BITS = 128


def check(config: Config, document: Document, gone: Collection[KeyPath] = ()) -> Iterator[Problem]:
    """Every problem between the config's parts. `gone` are keys that were left out of it, for they are wrong."""
    names = _Names(document, gone)
    yield from _unknown_channels(config, document, names)
    yield from _jobs_without_channel(config, document, names)
    yield from _dependencies(config, document, names)
    yield from _ledgers_of_probes(config, document, names)
    yield from _ledgers_of_markets(config, document, names)
    yield from _unpriced_audits(config, document)
    yield from _store_in_a_ledger(config, document)
    yield from _open_door(config, document)
    yield from _ping_addresses(config, document)
    yield from _pauses_of_no_kind(config, document)
    yield from guessable_hooks(config, document, in_address=True)
    if config.chat and config.chat.telegram:
        yield from _odd_token(document, ("chat", "telegram", "token"), config.chat.telegram.token)
    for name, channel in config.channels.items():
        if isinstance(channel, DiscordChannel):
            yield from _foreign_webhook(config, document, name, channel, known=("discord", "base_url") not in gone)
        if isinstance(channel, TelegramChannel):
            yield from _odd_token(document, ("channels", name, "token"), channel.token)
        if isinstance(channel, AppriseChannel):
            yield from _forbidden_service(document, ("channels", name), channel)


def _open_door(config: Config, document: Document) -> Iterator[Problem]:
    """A listener that others can reach, with nothing by which it would know them."""
    if config.web is None or config.web.tokens or config.web.users or config.hooks or config.pings:
        return
    host = config.web.listen.rpartition(":")[0].strip("[]")
    if host not in {"localhost", "::1"} and not host.startswith("127."):
        hint = "add `tokens: {NAME: env:TOKEN}` or `users:` under `web:`, or listen on 127.0.0.1"
        yield document.problem(("web", "listen"), "others can reach this address, and nothing keeps them out", hint)


def guessable_hooks(config: Config, document: Document, *, in_address: bool) -> Iterator[Problem]:
    """Hooks whose secret is easy to guess: of senders that can give it in the address alone, or of the others."""
    for name, hook in config.hooks.items():
        bits = 0 if hook.secret.missing else bits_of(hook.secret.reveal())
        if not hook.secret.missing and bits < ENOUGH_BITS and (hook.preset in _IN_ADDRESS) is in_address:
            where = "stands in an address and " if in_address else ""
            said = f"this secret {where}is easy to guess: it has {bits} bits at most, of {ENOUGH_BITS}"
            yield document.problem(("hooks", name, "secret"), said, "make one by `openssl rand -hex 16`")


def _pauses_of_no_kind(config: Config, document: Document) -> Iterator[Problem]:
    """A pause that is expected of `default`, which stands for every kind that has no entry."""
    rest = config.events.get("default")
    if rest and rest.expect:
        yield document.problem(("events", "default", "expect"), "counts for one kind", "write it under that kind")


def _ping_addresses(config: Config, document: Document) -> Iterator[Problem]:
    """Jobs that report themselves where nobody listens, or two of them to one address."""
    if config.pings and config.web is None:
        yield document.problem(("pings",), "nobody listens for pings", "add `web:`, which listens")
    key = config.web.ping_key if config.web else None
    known = {key.value: "web.ping_key"} if key and not key.missing else {}
    for name, entry in config.pings.items():
        if entry.id is None:
            if key is None:
                hint = "add `id: env:NAME`, or `ping_key: env:NAME` under `web:` for all pings"
                yield document.problem(("pings", name), "has no address", hint)
            continue
        if other := known.get(entry.id.reveal()) if not entry.id.missing else None:
            yield document.problem(("pings", name, "id"), f"is the id of `{shown(other)}` too", "give each its own")
        known.setdefault(entry.id.value, name)


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that the file gives, those of entries with a mistake in them too."""

    document: Document
    gone: Collection[KeyPath]

    def of(self, section: str) -> list[str] | None:
        """The names in a section; None where nobody can say, for the section is not what it should be."""
        found = self.document.get((section,))
        if isinstance(found, dict):
            return list(found)
        misspelt = any(len(path) == 1 and nearest(str(path[0]), [section]) for path in self.gone)
        return None if misspelt or found is not None else []

    def channel_of(self, job: str) -> bool:
        """Whether it can be told which channel a job names: not where that, or a key that may mean it, is wrong."""
        own = [path[2] for path in self.gone if path[:2] == ("jobs", job) and len(path) > 2]
        return not any(key == "channel" or key not in JobConfig.model_fields for key in own)


def _unknown_channels(config: Config, document: Document, names: _Names) -> Iterator[Problem]:
    """A name that no channel has, once, however many places name it: who renamed a channel renames it there too."""
    if (known := names.of("channels")) is None:
        return
    places = dict[str, list[KeyPath]]()
    for path, name in _named_channels(config, document):
        if name not in known:
            places.setdefault(name, []).append(path)
    for name, (first, *others) in places.items():
        message, hint = f"there is no channel `{shown(name)}`", _meant(name, known) or _NO_CHANNEL
        if others:
            message += f"; {', '.join(map(dotted, others))} {'name' if others[1:] else 'names'} it too"
            hint += f"; or call a channel `{shown(name)}` again"
        yield document.problem(first, message, hint)


def _meant(wrong: str, known: list[str]) -> str:
    """A hint; what stands in the file as a name may be a secret that was put there by mistake."""
    return did_you_mean(wrong, [shown(name) for name in known])


def _named_channels(config: Config, document: Document) -> Iterator[tuple[KeyPath, str]]:
    """Each mention of a channel's name and where it stands."""
    for job, entry in config.jobs.items():
        yield from document.each(("jobs", job, "channel"), entry.channel or ())
    for kind, settings_of_kind in config.events.items():
        yield from document.each(("events", kind, "channel"), settings_of_kind.channel or ())
    if config.plans and config.plans.channel:
        yield ("plans", "channel"), config.plans.channel
    for probe, settings in config.probes.items():
        yield from document.each(("probes", probe, "alert", "channel"), settings.alert.channel or ())
    for route in type(config.alerts.routes).model_fields:
        yield from document.each(("alerts", "routes", route), getattr(config.alerts.routes, route) or ())
    for number, policy in enumerate(config.alerts.policies):
        yield from document.each(("alerts", "policies", number, "channel"), policy.channel or ())
    for number, step in enumerate(config.alerts.escalation):
        yield from document.each(("alerts", "escalation", number, "channel"), step.channel)


def _jobs_without_channel(config: Config, document: Document, names: _Names) -> Iterator[Problem]:
    known = names.of("channels")
    if known is None or len(known) == 1:
        return
    for job, entry in config.jobs.items():
        if entry.channel is None and names.channel_of(job):
            path: KeyPath = ("jobs", job, "channel")
            message, hint = "no channel is named", _which_channel(known, document, path)
            yield document.problem(path if document.holds(path) else path[:-1], message, hint, at="key")


_NO_CHANNEL = "there are no channels yet: write `channels: {screen: {kind: console}}`"


def _which_channel(names: list[str], document: Document, path: KeyPath) -> str:
    if not names:
        return _NO_CHANNEL
    # `channel: #pnl` is what people of Discord write, and to YAML it is a comment.
    comment = "what follows ` #` is a comment; " if document.holds(path) else ""
    known = [shown(name) for name in names]
    return f"{comment}write `channel: {known[0]}`; known: {', '.join(known)}"


def _dependencies(config: Config, document: Document, names: _Names) -> Iterator[Problem]:
    """A probe that is not there to depend on, or a circle, in which no alert would ever be sent. What has a `/` is a
    subject of another kind."""
    written = names.of("probes") or []
    for name, probe in config.probes.items():
        for path, other in document.each(("probes", name, "depends_on"), probe.depends_on):
            if "/" in other:
                continue
            if other not in written:
                known = [one for one in written if one != name]
                yield document.problem(path, f"there is no probe `{shown(other)}`", _meant(other, known))
            elif name in _below(config, other):
                yield document.problem(path, f"`{other}` in turn depends on `{name}`", "let one of them stand alone")


def _ledgers_of_probes(config: Config, document: Document, names: _Names) -> Iterator[Problem]:
    """A probe that looks into a ledger which is not there, or not of its kind."""
    known = names.of("ledgers")
    for name, probe in config.probes.items():
        ledger, path = getattr(probe, "ledger", None), ("probes", name, "ledger")
        if probe.kind == "trades" and known == []:
            message, hint = "there is no ledger whose trades it could look at", "write one under `ledgers:`"
            yield document.problem(("probes", name), message, hint, at="key")
        if ledger is None or known is None:
            continue
        if ledger not in known:
            yield document.problem(path, f"there is no ledger `{shown(ledger)}`", _meant(ledger, known))
        elif (
            ledger in config.ledgers
            and probe.kind in _DATABASES
            and (kind := _kind_of(config.ledgers[ledger])) not in {None, probe.kind}
        ):
            yield document.problem(path, f"`{ledger}` is no database of that kind", f"write `kind: {kind}`")


def _unpriced_audits(config: Config, document: Document) -> Iterator[Problem]:
    """A rule about the market's price where no market is watched."""
    for name, rule in config.audit.items():
        if rule.price_off is not None and not config.markets:
            hint = "name it under `markets`, with the markets of trades that it prices in `trades`"
            yield document.problem(("audit", name, "price_off"), "no market says what a price was", hint)


def _ledgers_of_markets(config: Config, document: Document, names: _Names) -> Iterator[Problem]:
    """A market whose price comes from a ledger that is not there."""
    known = names.of("ledgers")
    for name, market in config.markets.items():
        if market.ledger is not None and known is not None and market.ledger not in known:
            path = ("markets", name, "ledger")
            yield document.problem(path, f"there is no ledger `{shown(market.ledger)}`", _meant(market.ledger, known))


def _store_in_a_ledger(config: Config, document: Document) -> Iterator[Problem]:
    """Our own database in a bot's file: it would add its tables there and hold the bot's writes up."""
    for name, ledger in config.ledgers.items():
        if config.store and _kind_of(ledger) == "sqlite" and ledger.url.reveal() == config.store.reveal():
            hint = "name a file of its own, or leave `store` out"
            yield document.problem(("store",), f"this is the database of the ledger `{shown(name)}`", hint)


def _kind_of(ledger: LedgerConfig) -> str | None:
    if ledger.url.missing:
        return None
    url = ledger.url.reveal()
    return "sqlite" if url.startswith("sqlite") else "postgres" if url.startswith("postgres") else url.partition(":")[0]


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


def _foreign_webhook(
    config: Config, document: Document, name: str, channel: DiscordChannel, *, known: bool
) -> Iterator[Problem]:
    """A webhook that is none, or of somebody else, where it is `known` which Discord is ours."""
    path: KeyPath = ("channels", name, "webhook")
    if channel.webhook is None or channel.webhook.missing:
        return
    address = channel.webhook.reveal()
    if not _WEBHOOK.fullmatch(address):
        hint = "it looks like https://discord.com/api/webhooks/ID/TOKEN: channel settings, Integrations, Webhooks"
        yield document.problem(path, f"this is no webhook address of Discord{_from(channel.webhook.origin)}", hint)
    elif known and not _is_ours(address, config.discord.base_url):
        hint = "if that server is yours, write its address in `discord: {base_url: …}`"
        host = urlsplit(config.discord.base_url).netloc
        yield document.problem(path, f"this webhook is not of {host}{_from(channel.webhook.origin)}", hint)


def _odd_token(document: Document, path: KeyPath, token: Secret) -> Iterator[Problem]:
    """What is no token of a bot of Telegram; it would become part of an address."""
    if not token.missing and not _BOT_TOKEN.fullmatch(token.reveal()):
        hint = "@BotFather gives one such as `123456789:ABC-def…`; it is the whole value, without `bot` before it"
        yield document.problem(path, f"this is no token of a bot of Telegram{_from(token.origin)}", hint)


def _forbidden_service(document: Document, path: KeyPath, channel: AppriseChannel) -> Iterator[Problem]:
    """A URL of Apprise that is none, or of a service that is not allowed."""
    for place, name in document.each((*path, "allow"), channel.allow):
        if name in LOCAL:
            yield document.problem(place, f"`{shown(name)}` acts on this machine, and is never allowed", "leave it out")
    if channel.url.missing:
        return
    schema, place = schema_of(channel.url.reveal()), (*path, "url")
    origin = _from(channel.url.origin)
    if schema is None:
        hint = "write such as `slack://…` or `mailtos://…`; github.com/caronc/apprise/wiki has the form of each service"
        yield document.problem(place, f"this is no URL of Apprise{origin}", hint)
    elif schema in LOCAL:
        problem = f"`{shown(schema)}` acts on this machine, and is never allowed{origin}"
        yield document.problem(place, problem, "name a service elsewhere")
    elif schema not in ALLOWED and schema not in channel.allow:
        problem = f"`{shown(schema)}` is not among the services that are allowed{origin}"
        yield document.problem(place, problem, f"if it is meant, write `allow: [{shown(schema)}]` beside the url")


def _from(origin: str) -> str:
    return f" (from {origin})" if origin.startswith(("env:", "file:", "credential:")) else ""


def _is_ours(address: str, base_url: str) -> bool:
    webhook, base = urlsplit(address.lower()), urlsplit(base_url.lower())
    if (webhook.scheme, webhook.netloc) == (base.scheme, base.netloc):
        return True
    host = webhook.netloc.removeprefix("canary.").removeprefix("ptb.")
    return webhook.scheme == "https" and host in _DISCORD and base.netloc in _DISCORD
