"""The command setup discord: creates the channels and webhooks of a home on a Discord server."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path

from reporter.app.home import FolderHome
from reporter.cli.setup_inputs import bot_token, read_config
from reporter.config import yaml_document as documents
from reporter.config.insert_entries import with_entries
from reporter.config.loading import home_of, validated
from reporter.config.secrets import Sources
from reporter.config.server_plan import Planned, read_plan
from reporter.config.yaml_document import Document
from reporter.delivery.outlets.discord import provision
from reporter.delivery.outlets.discord.provision import PlannedChannel, ProvisionedChannel, Provisioner
from reporter.delivery.outlets.discord.server import Bot, ServerCard, invitation
from reporter.errors import ConfigError, Problem, ReporterError
from reporter.jobs.loader import stock_home
from reporter.messages.message import visible
from reporter.whole_file import write_whole

DONE, FAILED = 0, 1
PLAN = Path("config", "server.yaml")
SECRETS = Path("secrets", "discord")
PREFIX = "discord_"


def run(home: FolderHome, options: argparse.Namespace) -> int:
    """`reporter setup discord` and `reporter setup telegram`."""
    if options.service == "telegram":
        from reporter.cli.setup_telegram import show_chats

        return show_chats(home.path, options)
    return run_setup(home.path, options)


def run_setup(config: Path, options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> int:
    """`reporter setup discord`. Raises ReporterError."""
    document = read_config(config)
    home = home_of(config)
    folder = Path(options.secrets).absolute() if options.secrets else home / SECRETS
    plan = _plan(document, home, options)
    prefix = PREFIX if options.credentials else ""
    wished, have = provision.planned_channels(document, plan, home=home, folder=folder, environ=environ, prefix=prefix)
    base_url = _base_url(document)
    bot = Bot(bot_token(options.bot_token, config, environ), base_url=base_url, say=_say)
    try:
        card = _server(bot, options.server)
        name = provision.allowed_name(options.name)
        furnisher = Provisioner(bot, card, name, base_url, dry=options.dry_run)
        _announce(card, plan, have, options.name, name)
        with nullcontext() if options.dry_run else provision.exclusive_lock(folder):
            done = list(_told(furnisher.furnish(wished), dry=options.dry_run))
    finally:
        bot.close()
    _sum_up(done, dry=options.dry_run)
    good = [one.wish for one in done if not one.trouble]
    if good and not options.dry_run:
        print(f"The webhooks' addresses are in {folder}, which only you can read.")
        _refer(document, good, folder, options, environ)
    return FAILED if any(one.trouble for one in done) else DONE


def _plan(document: Document, home: Path, options: argparse.Namespace) -> list[Planned]:
    """The Discord channels of the config, each where the plan has it; all of the plan where that is wanted, or where
    the config has none."""
    own = home / PLAN
    plan = read_plan(Path(options.plan) if options.plan else own if own.is_file() else stock_home() / PLAN)
    by_name = {planned.name: planned for planned in plan}
    named = provision.discord_channels(document)
    others = [Planned(name) for name in named if name not in by_name]
    if options.all or options.plan or not named:
        return [*plan, *others]
    return [*(planned for planned in plan if planned.name in named), *others]


def _base_url(document: Document) -> str:
    found = document.get(("discord", "base_url"))
    return found.rstrip("/") if isinstance(found, str) else "https://discord.com"


def _server(bot: Bot, wanted: str | None) -> ServerCard:
    """The server to furnish: the one that was named, or the only one. Raises ReporterError."""
    cards = bot.servers()
    chosen = [card for card in cards if wanted in {None, card.id}]
    if len(chosen) != 1:
        raise ReporterError("\n".join(_which_server(cards, wanted, bot.application())))
    [card] = chosen
    if lacking := card.lacking:
        raise ReporterError(
            f"in {card.name} the bot lacks {' and '.join(lacking)}: give its role these rights, "
            f"or invite it again with {invitation(bot.application())}"
        )
    return card


def _which_server(cards: Sequence[ServerCard], wanted: str | None, application: str) -> Iterator[str]:
    if wanted and cards:
        yield f"the bot is in no server {wanted}; it is in:"
    elif cards:
        yield "which server? the bot is in several; name one with --server:"
    else:
        yield "the bot is in no server yet"
    yield from (f"  {card.id}  {card.name}" for card in cards)
    yield f"an admin of the server lets the bot in with {invitation(application)}"


def _announce(card: ServerCard, plan: Sequence[Planned], have: Sequence[str], wanted: str, name: str) -> None:
    print(f"{visible(card.name)} ({card.id}): {_counted(len(plan), 'channel')}")
    if have:
        print(f"left alone, because the config has their webhooks: {', '.join(have)}")
    if name != wanted:
        print(f'Discord takes no webhook whose name holds "discord" or "clyde": they are named {name!r}')


def _told(done: Iterable[ProvisionedChannel], *, dry: bool) -> Iterator[ProvisionedChannel]:
    """Print the result for each channel as soon as it is known."""
    for category, group in groupby(done, key=lambda one: one.wish.planned.category):
        print(f"\n{category or '(in no category)'}")
        for one in group:
            print(f"  #{one.wish.planned.name:<24} {visible(_in_words(one, dry=dry))}", flush=True)
            for note in filter(None, (one.note, one.wish.note)):
                print(f"  {'':<25} {visible(note)}")
            yield one


def _in_words(one: ProvisionedChannel, *, dry: bool) -> str:
    if one.trouble:
        return f"✗ {one.trouble}"
    if not one.made:
        return "exists"
    return f"{'would create' if dry else 'created'} {', '.join(one.made)}"


def _sum_up(done: Sequence[ProvisionedChannel], *, dry: bool) -> None:
    made = [what for one in done for what in one.made]
    counted = ", ".join(_counted(made.count(what), what) for what in _PLURALS if what in made)
    if dry:
        print(f"\nWould create {counted or 'nothing'}.")
        return
    ready = sum(not one.trouble for one in done)
    print(f"\nCreated {counted or 'nothing'}; {ready} of {len(done)} are ready.")


def _counted(number: int, what: str) -> str:
    return f"{number} {what if number == 1 else _PLURALS[what]}"


_PLURALS = {"category": "categories", "channel": "channels", "webhook": "webhooks"}


def _refer(
    document: Document,
    good: Sequence[PlannedChannel],
    folder: Path,
    options: argparse.Namespace,
    environ: Mapping[str, str],
) -> None:
    """Give the config what it needs to find the addresses, or say what that is."""
    fresh = [wish for wish in good if not wish.named]
    entries = {wish.planned.name: f"{{webhook: {wish.reference}}}" for wish in fresh}
    if options.credentials:
        print(f"The service needs this line (`systemctl edit reporter`): LoadCredential=discord:{folder}")
    if not entries:
        print("The config names them all.")
    elif options.write:
        _insist_on_a_config(document, fresh, environ)
        _write(document, entries)
        return
    else:
        print(f"\nThis belongs into {document.file} (--write puts it there):\n\nchannels:")
        print("\n".join(f"  {name}: {value}" for name, value in entries.items()) + "\n")
    print("A running daemon reads new addresses after `systemctl reload reporter`, or when its config is edited.")


def _insist_on_a_config(document: Document, fresh: Sequence[PlannedChannel], environ: Mapping[str, str]) -> None:
    """Raises ReporterError where a config that works would not with further channels, such as for jobs that name none
    because there was only one. Credentials are only there for the service: here their files stand for them."""
    path = Path(document.file)
    sources = Sources(environ, home_of(path), path, not path.stat().st_mode & 0o077)
    text = with_entries(document, "channels", {wish.planned.name: f"{{webhook: 'file:{wish.file}'}}" for wish in fresh})
    before, after = _problems(document, sources), _problems(documents.read(document.file, text.encode()), sources)
    if told := [str(problem) for key, problem in after.items() if key not in before]:
        sentence = "with these channels the config would no longer work, so it was left as it is"
        raise ReporterError("\n".join([f"{sentence}:", *told]))


def _write(document: Document, entries: Mapping[str, str]) -> None:
    """Put entries into the config, unless it would become one that cannot be read. Raises ReporterError."""
    path = Path(document.file).resolve()
    text = with_entries(document, "channels", entries)
    anew = documents.read(document.file, text.encode())
    if anew.problems or not all(anew.holds(("channels", name)) for name in entries):
        raise ReporterError(f"{path} has a form that nothing can be added to: add the channels by hand")
    try:
        write_whole(path, text, path.stat().st_mode & 0o777)
    except OSError as error:
        raise ReporterError(f"{path} cannot be written: {error.strerror}") from None
    print(f"Added to {path}: {_counted(len(entries), 'channel')}. `reporter check` looks at it.")


def _problems(document: Document, sources: Sources) -> dict[tuple[str, str], Problem]:
    """What is wrong with a config, by where it is and what."""
    try:
        validated(document, sources)
    except ConfigError as error:
        return {(problem.path, problem.message): problem for problem in error.problems}
    return {}


def _say(text: str) -> None:
    print(f"  … {visible(text)}", file=sys.stderr, flush=True)
