"""Everything that `reporter check` looks at: config, jobs, templates, databases, channels and the bot in chat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from inspect import signature

from reporter.app.build import HomeContents
from reporter.app.config_lint import settings_without_effect
from reporter.app.extras import MODULES, missing, remedy
from reporter.app.home import FolderHome
from reporter.config.models import Config
from reporter.delivery.outlets.outlet import Delivered
from reporter.errors import ConfigError, Problem, ReporterError, TemplateError
from reporter.jobs.binding import BoundJob
from reporter.jobs.context import Report
from reporter.jobs.loader import load_catalog
from reporter.messages.formats import plural
from reporter.messages.message import visible
from reporter.scheduler.chat_settings import ChatSettings, DiscordSettings
from reporter.scheduler.runtime import Runtime
from reporter.secret import Secret


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of `check`. `trouble` is empty if all is well, else config, job, template, ledger, channel, chat, or
    advice, which stops nothing."""

    trouble: str
    text: str


def check_home(home: FolderHome) -> Iterator[Finding]:
    """Find mistakes in all that a daemon would use. The sound parts are checked although others are wrong."""
    try:
        contents = home.read()
    except ConfigError as error:
        yield from (Finding("config", str(problem)) for problem in error.problems)
        yield from (Finding("job", str(problem)) for problem in load_catalog(home.homes).problems)
        return
    runtime, problems = home.open(contents)
    yield from _check_config(home, contents, runtime, problems)
    yield from (Finding("job", str(problem)) for problem in contents.catalog.problems)
    yield from _check_templates(runtime)
    yield from _check_ledgers(runtime)
    yield from _check_channels(runtime)
    yield from _check_chat(runtime)
    runtime.close()


def _check_config(
    home: FolderHome, contents: HomeContents, runtime: Runtime, problems: list[Problem]
) -> Iterator[Finding]:
    loaded = contents.loaded
    yield from (Finding("config", str(problem)) for problem in problems)
    yield from (Finding("advice", str(problem)) for problem in loaded.warnings)
    yield from _check_extras(loaded.config)
    if problems:
        return
    counted = f"{plural(len(runtime.jobs), 'job')}, {plural(len(runtime.channels), 'channel')}"
    yield Finding("", f"{home.path} can be used: {counted}")
    if not runtime.jobs:
        yield Finding("advice", "it names no job, so nothing is reported: write `daily_summary:` under `jobs:`")
    yield from (Finding("advice", str(problem)) for problem in settings_without_effect(loaded, contents.jobs))


def _check_extras(config: Config) -> Iterator[Finding]:
    """What a part of the config needs and is not installed."""
    if absent := missing(config):
        yield Finding("config", f"the config needs {', '.join(absent)}, not installed here: {remedy(absent)}")


def _check_templates(runtime: Runtime) -> Iterator[Finding]:
    with_charts = [name for name, bound in runtime.jobs.items() if bound.charts]
    drawn: list[str] = []
    with suppress(TemplateError):  # which the check of the message tells
        drawn += (f"{name}.svg.j2" for name in with_charts if runtime.renderer.has_picture(name))
    reports = [name for name, bound in runtime.jobs.items() if _reports(bound)]
    sound = 0
    for name in (*reports, "alert", *drawn):
        try:
            runtime.renderer.check(name)
        except TemplateError as error:
            yield Finding("template", str(error))
        else:
            sound += 1
    yield Finding("", f"{plural(sound, 'template')} can be read")
    if drawn and any(channel.pictures for channel in runtime.channels.values()):
        yield _pictures_finding(runtime.charts.trouble)


def _reports(bound: BoundJob) -> bool:
    """Whether a job may send reports: one that says what it makes, and names no Report, needs no template."""
    made = str(signature(bound.job.function).return_annotation)
    return Report.__name__ in made or bound.job.function.__annotations__.get("return") is None


def _pictures_finding(why: str) -> Finding:
    if why:
        return Finding("advice", f"reports go out without their pictures: {why}")
    return Finding("", "pictures can be drawn")


def _check_ledgers(runtime: Runtime) -> Iterator[Finding]:
    for health in runtime.inputs.ledger.health():
        if health.reachable:
            at = health.newest_trade_at
            newest = f"newest trade {at.astimezone(runtime.zone):%Y-%m-%d %H:%M %Z}" if at else "no trades yet"
            reads = f"`reporter ledger check {health.ledger}` reads its rows"
            yield Finding("", f"ledger {health.ledger} answers, {newest}; {reads}")
            if health.freshness and health.freshness.stale:
                yield Finding("advice", f"ledger {health.ledger} is stale: {health.freshness}")
        else:
            yield Finding("ledger", f"ledger {health.ledger}: {health.error}")
    for warning in runtime.ledger_warnings():
        yield Finding("advice", warning)


def _check_channels(runtime: Runtime) -> Iterator[Finding]:
    for name, channel in runtime.channels.items():
        verdict = channel.outlet.look()
        if isinstance(verdict, Delivered):
            yield Finding("", f"channel {name} can be posted to")
        else:
            yield Finding("channel", f"channel {name}: {verdict.why}")


def _check_chat(runtime: Runtime) -> Iterator[Finding]:
    """Whether the bots that people ask work, are where they answer, and have somebody to answer."""
    chat = runtime.chat
    if chat is None:
        return
    checks: list[Iterator[Finding]] = []
    if chat.telegram is not None:
        checks.append(_check_telegram(chat.telegram, chat))
    if chat.discord is not None:
        checks.append(_check_discord(chat.discord))
    answers = bool(checks)
    for check in checks:
        try:
            yield from check
        except ReporterError as error:
            yield Finding("chat", f"chat: {error}")
            answers = False
    if answers and not chat.roles:
        yield Finding("advice", "chat: `roles` names nobody, so nobody gets an answer")


def _check_telegram(token: Secret, chat: ChatSettings) -> Iterator[Finding]:
    from reporter.delivery.outlets.telegram.chats import bot_and_groups  # noqa: PLC0415 - loaded only where it is used

    way = chat.telegram_way
    name, strange = bot_and_groups(
        token, chat.telegram_url, sorted(chat.telegram_groups), proxy=way.proxy, ca_file=way.ca_file
    )
    yield Finding("", f"questions are answered by @{visible(name)} in Telegram")
    for group in strange:
        yield Finding("chat", f"chat: the bot is not in the group {group}: add it there, or take it out of `groups`")


def _check_discord(chat: DiscordSettings) -> Iterator[Finding]:
    """Nothing connects for that: each connection counts."""
    from reporter.delivery.outlets.discord.server import Bot  # noqa: PLC0415 - loaded only where it is used

    if find_spec(MODULES["chat"]) is None:
        return  # which is said of the config
    bot = Bot(chat.token, base_url=chat.url, proxy=chat.way.proxy, ca_file=chat.way.ca_file)
    try:
        servers = {server.id: visible(server.name) for server in bot.servers()}
        if chat.guild not in servers:
            where = ", ".join(f"{name} ({id_})" for id_, name in servers.items()) or "none"
            yield Finding("chat", f"chat.discord: the bot is not in the server {chat.guild}; it is in {where}")
            return
        yield Finding("", f"questions are answered in the server {servers[chat.guild]} of Discord")
        known = {place.id for place in bot.places(chat.guild)}
        for channel in sorted(chat.channels - known):
            yield Finding("chat", f"chat.discord: the server has no channel {channel}, or the bot does not see it")
        if chat.prefix and not bot.reads():
            why = "switch Message Content Intent on, on the page Bot of its application, or set `prefix: false`"
            yield Finding("advice", f"chat.discord: the bot may not read what people write: {why}")
    finally:
        bot.close()
