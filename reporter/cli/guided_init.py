"""The guided `reporter init`: finds what it can, asks for the rest, and leaves a home that works, or nothing."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reporter.app.app import App, opened
from reporter.app.channel_test import in_words, post_test
from reporter.app.find_databases import databases
from reporter.app.home import CONFIG, FolderHome
from reporter.app.new_home import SECRETS, NewHome, StagedHome, staged_home
from reporter.app.service_files import has_systemd
from reporter.cli.ledger_inspect import doubts_of, figures_of, ledger_name, mapping_text, total_text, url_of
from reporter.cli.ledger_write import config_address
from reporter.cli.preview import run_preview
from reporter.cli.questions import agree, ask, ask_secret, choose, pick
from reporter.cli.service import run_service
from reporter.cli.terminal import DONE, progress
from reporter.config import loading
from reporter.delivery.outlets.outlet import Delivered
from reporter.delivery.outlets.telegram.bot_api import TELEGRAM, BotApi
from reporter.delivery.outlets.telegram.chats import HeardChat, bot_name, heard_chats
from reporter.errors import ReporterError
from reporter.jobs.loader import stock_home
from reporter.messages.formats import plural
from reporter.messages.message import Severity, visible
from reporter.periods.clock import SystemClock
from reporter.secret import Secret
from reporter.trading.ledger.candidates import named
from reporter.trading.ledger.inspection import Inspection, add_up, inspect
from reporter.trading.ledger.mapping_text import scalar

CHANNEL = "reports"
_TOKEN = re.compile(r"\d{5,20}:[\w-]{20,}")
_AMOUNT = re.compile(r"\d[\d_]*(\.\d+)? [A-Z][A-Z0-9]{1,9}")
_ZONES = "/usr/share/zoneinfo/"


@dataclass(slots=True)
class _Dialog:
    """What is being made, and whether anybody answers."""

    options: argparse.Namespace
    staged: StagedHome
    contents: NewHome
    asks: bool
    clock: SystemClock = field(default_factory=SystemClock)
    one_agent: dict[str, str] = field(default_factory=dict)  # what all rows of a ledger are taken for


def run_guided(options: argparse.Namespace, *, asks: bool) -> int:
    """Make a home by answers, or with `--yes` by options alone. Raises ReporterError, and nothing was made then."""
    place = Path(options.dir)
    with staged_home(place) as staged:
        dialog = _Dialog(options, staged, NewHome(_zone(options, asks=asks)), asks)
        for name, url in (("discord", options.discord_url), ("telegram", options.telegram_url)):
            dialog.contents.servers |= {name: url} if url else {}
        print(f"Days end at midnight in {dialog.contents.timezone}.")
        _choose_databases(dialog)
        _choose_channel(dialog)
        _choose_reports(dialog)
        staged.write(dialog.contents)
        staged.put_in_place()
    return _finish(place, dialog)


def _zone(options: argparse.Namespace, *, asks: bool) -> str:
    """The zone that was named, else the machine's. Raises ReporterError for a name that is none."""
    named = options.timezone or machine_zone() or (ask("Time zone, such as Europe/Berlin", "UTC") if asks else "UTC")
    try:
        return ZoneInfo(named).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ReporterError(f"there is no time zone {named}: write a name such as Europe/Berlin") from None


def machine_zone() -> str:
    """The zone of this machine; empty where the machine does not say."""
    if (given := os.environ.get("TZ", "").removeprefix(":")) and not given.startswith("/"):
        return given
    linked = os.path.realpath("/etc/localtime")
    if _ZONES in linked:
        return linked.partition(_ZONES)[2].removeprefix("posix/")
    try:
        return Path("/etc/timezone").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


# --- Databases ---


def _choose_databases(dialog: _Dialog) -> None:
    """Those that were named; else those that are found and agreed to; else one that is typed."""
    if dialog.options.database:
        for given in dialog.options.database:
            _add(dialog, given, _looked_at(given, dialog))
        return
    found = list(_known(dialog))
    for number, (path, seen) in enumerate(found, 1):
        print(f"\n{number}. {seen.kind}: {visible(str(path))}")
        print("\n".join(f"   {visible(line)}" for line in figures_of(seen)))
    if not found:
        print("No database of freqtrade, hummingbot or jesse is in the usual places.")
    wanted = _which(dialog, len(found))
    for place in wanted:
        _add(dialog, str(found[place][0]), found[place][1])
    while dialog.asks and (given := ask("Another database, by file or URL (empty: none)" if wanted else _ANY)):
        if given.startswith(("http://", "https://")):
            print("That is an address of the web, and no database. A webhook is asked for next: press Enter here.")
            continue
        try:
            _add(dialog, given, _looked_at(given, dialog))
        except ReporterError as error:
            print(f"✗ {visible(str(error))}")
            continue
        wanted = [*wanted, 0]


_ANY = "A database, by file or URL (empty: later)"


def _which(dialog: _Dialog, number: int) -> Sequence[int]:
    if not number or not dialog.asks:
        return range(number)
    if number == 1:
        return [0] if agree("Are these the bot's own figures? Read this database?") else []
    return choose("Which of them?", number)


def _known(dialog: _Dialog) -> Iterator[tuple[Path, Inspection]]:
    """The databases of known bots that are found."""
    with progress("looking for databases"):
        for path in databases(Path.cwd(), more=map(Path, dialog.options.look)):
            try:
                seen = inspect(str(path), "found", dialog.clock.wall(), timeout=10)
            except ReporterError:
                continue
            if seen.kind and not seen.trouble:
                yield path, seen


def _looked_at(given: str, dialog: _Dialog) -> Inspection:
    """What is in a database that somebody named. Raises ReporterError where nothing can be read from it."""
    with progress("looking"):
        seen = inspect(url_of(given), ledger_name(url_of(given).reveal()), dialog.clock.wall())
    if seen.trouble:
        raise ReporterError(f"{given} cannot be read: {seen.trouble}")
    if seen.kind is None and not seen.proposals:
        why = "".join(f"\n  {line}" for line in seen.missing)
        raise ReporterError(
            f"no table of {given} looks like one of trades: docs/databases.md says how to map tables{why}"
        )
    print("\n".join(visible(line) for line in (*figures_of(seen), *doubts_of(seen))))
    if dialog.asks:
        _settle(seen, url_of(given), dialog.clock.wall())
    return seen


def _settle(seen: Inspection, url: Secret, now: datetime) -> None:
    """Ask for what a proposed mapping guesses and what changes every figure: fees, and the zone of times."""
    for doubt in list(seen.proposals[0].doubts if seen.proposals else ()):
        kind = doubt.partition(":")[0]
        if kind == "net" and _are_net(seen, url, now):
            seen.proposals[0].mapping.pop("net")
        elif kind == "agent":
            _name_agent(seen)
        elif kind == "timezone":
            columns = seen.proposals[0].mapping.pop("columns")
            zone = _zone_of_times(seen.proposals[0].mapping.get("timezone", "UTC"))
            seen.proposals[0].mapping |= {"timezone": zone, "columns": columns}
        if kind in {"net", "timezone", "agent"}:
            seen.proposals[0].doubts.remove(doubt)


def _are_net(seen: Inspection, url: Secret, now: datetime) -> bool:
    """Whether the results in a table are net of its fees, by the figures that each answer makes."""
    best = seen.proposals[0]
    other = replace(seen, proposals=[replace(best, mapping={**best.mapping, "net": True})])
    with progress("looking"):
        add_up(other, url, "found", now)
    for number, (what, found) in enumerate((("take the fees off", seen), ("they are off already", other)), 1):
        print(f"{number}. {what}: {'; '.join(visible(total_text(total)) for total in found.totals)}")
    return pick("Which are the bot's own figures?", 2) == 1


def _name_agent(seen: Inspection) -> None:
    """Which column names the bot of each row, or what the one bot is called."""
    best = seen.proposals[0]
    shape = next((table for table in seen.tables if table.name == best.table), None)
    names = sorted(shape.names) if shape else []
    print(f"Columns: {visible(', '.join(names))}")
    given = ask("Which column names the bot? Else the name of the one bot", best.mapping["columns"]["agent"]["const"])
    best.mapping["columns"]["agent"] = named(given) if given in names else {"const": given}


def _zone_of_times(guess: str) -> str:
    while True:
        given = ask("In which time zone does the bot write its times?", guess)
        try:
            return ZoneInfo(given).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            print("Write a name such as Europe/Berlin.")


def _add(dialog: _Dialog, given: str, seen: Inspection) -> None:
    """Enter a database as a ledger, under a name that is free."""
    contents, url = dialog.contents, url_of(given)
    base = name = ledger_name(url.reveal())
    number = 2
    while name in contents.ledgers:
        name, number = f"{base}-{number}", number + 1
    entry = f"kind: {seen.kind or 'mapping'}, url: {scalar(config_address(given, url), inside=True)}"
    if seen.proposals:
        contents.mappings[name] = mapping_text(seen.proposals[0], seen.tables)
        if any(doubt.startswith("agent:") for doubt in seen.proposals[0].doubts):
            dialog.one_agent[name] = seen.proposals[0].mapping["columns"]["agent"]["const"]
        entry += f", mapping: config/{name}.yaml"
    if balance := _balance(dialog, name):
        entry += f", starting_balance: {balance}"
    contents.ledgers[name] = f"{{{entry}}}"


def _balance(dialog: _Dialog, name: str) -> str:
    if dialog.options.balance:
        return str(dialog.options.balance)
    while dialog.asks:
        given = ask(f"With which balance did {name} begin, such as 10000 USDT? (empty: unknown)")
        if not given or _AMOUNT.fullmatch(given):
            return given
        print("Write an amount and its currency, such as 10000 USDT.")
    return ""


# --- The channel ---


def _choose_channel(dialog: _Dialog) -> None:
    """Where reports go; each way is tried with a message before it is taken."""
    options = dialog.options
    if options.webhook:
        _try(dialog, f"{{webhook: {scalar(options.webhook, inside=True)}}}")
        return
    while dialog.asks:
        print("\nReports go to Discord (channel settings, Integrations, Webhooks, Copy Webhook URL) or to Telegram.")
        given = ask_secret("Paste the webhook or the bot's token; it is not shown (empty: reports in this terminal)")
        if not given:
            return
        try:
            dialog.contents.secrets = {CHANNEL: given}
            _try(
                dialog,
                _telegram(dialog, given) if _TOKEN.fullmatch(given) else f"{{webhook: file:{SECRETS / CHANNEL}}}",
            )
        except ReporterError as error:
            dialog.contents.secrets = {}
            print(f"✗ {visible(str(error), lines=True)}")
        else:
            return


def _telegram(dialog: _Dialog, token: str) -> str:
    """The entry of a channel that a bot of Telegram sends to. Raises ReporterError."""
    api = BotApi(Secret(token, "what was typed"), base_url=dialog.contents.servers.get("telegram", TELEGRAM))
    try:
        name = visible(bot_name(api))
        while not (chats := heard_chats(api)):
            print(
                f"Nobody has written to @{name} within a day. Open https://t.me/{name}, press Start and write a word."
            )
            ask("Then press Enter here")
    finally:
        api.close()
    chat = chats[0] if len(chats) == 1 else _which_chat(chats)
    topic = f", topic: {chat.topic}" if chat.topic is not None else ""
    return f"{{kind: telegram, token: file:{SECRETS / CHANNEL}, chat: {chat.id}{topic}}}"


def _which_chat(chats: Sequence[HeardChat]) -> HeardChat:
    for number, chat in enumerate(chats, 1):
        print(f"{number}. {visible(chat.name) or 'without a name'} ({chat.kind})")
    return chats[pick("Which of these chats?", len(chats))]


def _try(dialog: _Dialog, entry: str) -> None:
    """Send a test message to the channel that this entry makes. Raises ReporterError where it does not arrive."""
    before, dialog.contents.channel = dialog.contents.channel, (CHANNEL, entry)
    arrived = False
    try:
        with _app(dialog, ()) as app, progress("sending a test message"):
            verdict = post_test(app.runtime.channels[CHANNEL], Severity.INFO, app.clock.wall())
        arrived = isinstance(verdict, Delivered)
    finally:
        dialog.contents.channel = (CHANNEL, entry) if arrived else before
    if not arrived:
        raise ReporterError(f"the test message did not arrive: {in_words(verdict)}")
    print("✓ A test message was delivered: look at it there.")


# --- Reports ---


def _choose_reports(dialog: _Dialog) -> None:
    """Those that were named; else each that makes sense, after a look at what it would say now."""
    named, usual = dialog.options.reports, list(loading.load(stock_home() / CONFIG, {}).config.jobs)
    with _app(dialog, named.split(",") if named else usual) as app:
        fitting = [
            name for name in app.runtime.jobs if named or dialog.contents.ledgers or app.job(name).job.everywhere
        ]
        dialog.contents.jobs = tuple(name for name in fitting if named or not dialog.asks or _wanted(app, name))


def _wanted(app: App, name: str) -> bool:
    bound = app.job(name)
    print(f"\n── {name}, {bound.schedule.describe()}: {bound.job.doc.strip().splitlines()[0]}")
    try:
        run_preview(app, argparse.Namespace(name=name, at=None, pictures=None, format="text"))
    except ReporterError as error:
        print(f"(no preview: {visible(str(error))})")
    return agree(f"Send {name}?")


def _app(dialog: _Dialog, jobs: Sequence[str]) -> AbstractContextManager[App]:
    """The home as it is wished for so far. Raises ReporterError with what is wrong in it."""
    staged, wished = dialog.staged, dialog.contents.jobs
    dialog.contents.jobs = tuple(jobs)
    staged.write(dialog.contents)
    dialog.contents.jobs = wished
    return opened(FolderHome(staged.folder, clock=dialog.clock, environ=staged.environ))


# --- The end ---


def _finish(place: Path, dialog: _Dialog) -> int:
    contents, home = dialog.contents, place.absolute()
    print(f"\n✓ {home} is ready: {plural(len(contents.ledgers), 'database')}, {plural(len(contents.jobs), 'report')}.")
    if contents.secrets:
        print(f"  {home / SECRETS / CHANNEL} holds the secret; only you can read it.")
    for name in contents.mappings:
        if one := dialog.one_agent.get(name):
            print(f"  ? All rows of {name} count as one bot, {one}: map `agent` to a column where there are more.")
        print(f"  {home / 'config' / name}.yaml says how its table is read, and what is a guess: correct it there.")
    if home.parent == Path("/etc") and os.geteuid() == 0 and has_systemd() and _wants_service(dialog):
        _install(home, contents)
        return DONE
    if home.parent == Path("/etc"):
        print(f"Install the service: sudo {_program()} --home {home} service install")
    else:
        if contents.jobs:
            print(f"Send a report now: {_program()} --home {home} run-job {contents.jobs[-1]}")
        print(f"Start it: {_program()} --home {home} run")
        print(f"As a service of this machine instead: sudo {_program()} init /etc/reporter")
    return DONE


def _wants_service(dialog: _Dialog) -> bool:
    return bool(dialog.options.service) or (dialog.asks and agree("Install the service now?"))


def _install(home: Path, contents: NewHome) -> None:
    """Put the service in place, and let its user read the secret."""
    run_service(argparse.Namespace(action="install", home=str(home), root="/", dry_run=False))
    for name in contents.secrets:
        for path in (home / SECRETS, home / SECRETS / name):
            shutil.chown(path, home.name, home.name)


def _program() -> str:
    return "reporter" if shutil.which("reporter") else f"{sys.executable} -m reporter"
