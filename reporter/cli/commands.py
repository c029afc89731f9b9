"""Every command of the command line, each declared once: its name, its help, its arguments and what runs it.

Nothing heavy is imported here: `reporter --help` reads this table and loads none of the commands.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Needs(Enum):
    """What a command is given to work on."""

    NOTHING = "the options alone"
    HOME = "a home whose config is not read yet"
    STORE = "the program, built from a home on its store, which is created if need be"
    PAST = "the same, on a store that is there already"


@dataclass(frozen=True, slots=True)
class Command:
    """A command. `handler` is `module.function` in this package and is loaded when the command runs; an action of the
    command may set a `handler` and `needs` of its own.

    `uses` are the sections of the config whose secrets the command cannot do without; None is all of them. A command
    that is `remote` is run by the daemon of an installed service, for root and the service's group. `files` are its
    options that name files of whoever gives the command; the daemon opens none of them.
    """

    name: str
    help: str
    handler: str
    arguments: Callable[[argparse.ArgumentParser], None]
    needs: Needs = Needs.STORE
    uses: tuple[str, ...] | None = ()
    remote: bool = True
    files: tuple[str, ...] = ()


_MESSAGE = "its number in `reporter outbox`, or the reference in its footer, such as 1a2b3c"


def _none(parser: argparse.ArgumentParser) -> None:
    """A command without arguments."""


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbose", action="store_true", help="log more")
    parser.add_argument(
        "--mock",
        action="store_true",
        help="show every channel here, on a store of its own, and answer what is typed; nothing leaves this machine",
    )


def _job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the job, such as daily_summary")
    parser.add_argument(
        "--at",
        metavar="DATE",
        help="report the period that contains this date (2026-10-30) or time (2026-10-30T14:00); "
        "default: the last complete period",
    )


def _run_job(parser: argparse.ArgumentParser) -> None:
    _job(parser)
    parser.add_argument("--force", action="store_true", help="send the report again if it was sent before")


def _backfill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the job, such as daily_summary")
    parser.add_argument("--from", dest="first", metavar="DATE", required=True, help="a date in the first period")
    parser.add_argument("--to", dest="last", metavar="DATE", help="a date in the last one; default: the last complete")


def _runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="the job; default: all jobs")
    parser.add_argument("--limit", metavar="N", type=int, default=10, help="lines for each job (default: 10)")


def _preview(parser: argparse.ArgumentParser) -> None:
    _job(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json", "html"),
        default="text",
        help="text: as in the terminal; json: as it would be sent; html: as a page (default: text)",
    )
    parser.add_argument("--pictures", metavar="DIR", help="save the pictures of a text in this folder")


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--diff", action="store_true", help="show what the files would change in a running daemon")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Looks at all that can be wrong: what `check` finds in the home, and besides that the program, its libraries, "
        "the clock, the store, disks, the daemon and its service. Each trouble comes with what mends it."
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument(
        "--bundle",
        "--out",
        dest="out",
        metavar="FILE",
        help="write a text for a bug report, without secrets; - to show it",
    )


def _probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="the probes; default: all")


def _outbox(parser: argparse.ArgumentParser) -> None:
    _which_messages(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    _which_messages(actions.add_parser("list", help="count and list undelivered messages (the default action)"))
    actions.add_parser("show", help="show one message and its delivery").add_argument("id", metavar="ID", help=_MESSAGE)
    retry = actions.add_parser("retry", help="send a held, dead or expired message now, or all of a channel")
    retry.add_argument("id", metavar="ID", nargs="?", help=_MESSAGE)
    retry.add_argument("--channel", metavar="NAME", help="every message of this channel that waits for a person")
    actions.add_parser("drop", help="never send a message").add_argument("id", metavar="ID", help=_MESSAGE)


def _which_messages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", metavar="NAME", help="only messages for this channel")
    parser.add_argument("--state", metavar="STATE", help="only messages in this state, such as dead, held or sent")
    parser.add_argument("--all", action="store_true", help="messages in any state, delivered ones too")
    parser.add_argument("--limit", metavar="N", type=int, default=20, help="the newest N messages (default: 20)")


def _channels(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    actions.add_parser("list", help="show the health of each channel (the default action)")
    test = actions.add_parser("test", help="post a real message to a channel and show the answer")
    test.add_argument("name", metavar="NAME", help="the channel, by its name in the config")
    test.add_argument(
        "--severity",
        choices=("info", "warning", "critical"),
        default="info",
        help="post it with this severity and the mentions of that severity (default: info)",
    )


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", metavar="SUBJECT", nargs="?", help="such as probe/db or db; default: all")
    parser.add_argument("--at", metavar="TIME", help="the incident at this time (2026-10-30T14:00), not the last one")


def _silence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", help="such as 'probe/db*' or db; without it: list")
    parser.add_argument("--for", dest="span", metavar="SPAN", help="how long, such as 30m or 2h (default: 2h)")
    parser.add_argument("--reason", metavar="TEXT", help="why")
    parser.add_argument("--by", metavar="NAME", help="who silences; default: you")
    parser.add_argument("--end", action="store_true", help="end a silence now, by its pattern or number")


def _announce(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what is announced; without it: list")
    parser.add_argument("--until", metavar="TIME", help="such as 18:00, morning or a date; default: until withdrawn")
    parser.add_argument("--severity", choices=("info", "warning", "critical"), default="info", help="default: info")
    parser.add_argument("--by", metavar="NAME", help="who announces; default: you")
    parser.add_argument("--end", metavar="NUMBER", type=int, help="withdraw an announcement by its number")


def _ack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", metavar="SUBJECT", help="such as probe/db, db, or a pattern")
    parser.add_argument("--for", dest="span", metavar="SPAN", help="how long, such as 2h (default: until it resolves)")
    parser.add_argument("--by", metavar="NAME", help="who acknowledges; default: you")
    parser.add_argument("--note", metavar="TEXT", help="what others should know")
    parser.add_argument("--end", action="store_true", help="end an acknowledgement now")


def _uptime(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", metavar="SUBJECT", nargs="?", help="a name or pattern, such as db; default: all")
    parser.add_argument("--month", metavar="MONTH", help="a calendar month, such as 2026-10, instead of the last days")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("trades", "daily"), help="every closed trade, or each day of each agent")
    parser.add_argument("--from", dest="first", metavar="DATE", required=True, help="from this date or time on")
    parser.add_argument("--to", dest="last", metavar="DATE", help="to the end of this day; default: to now")
    parser.add_argument(
        "--format",
        choices=("csv", "sheet", "json"),
        default="csv",
        help="sheet: CSV for spreadsheet programs; json: one object per line (default: csv)",
    )
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")
    parser.add_argument("--ledger", metavar="NAME", action="append", help="only this ledger; may be repeated")


def _ledger(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    look = actions.add_parser("inspect", help="look at a database, and propose how to read it")
    look.add_argument("url", metavar="URL", help="a file, a database's URL, or where that is: env:NAME or file:/path")
    look.add_argument("--write", metavar="NAME", help="add it to the config as a ledger of this name")
    look.set_defaults(handler="ledger_inspect.run", needs=Needs.NOTHING)
    check = actions.add_parser("check", help="check every row of the configured ledgers, and say what mends it")
    check.add_argument("names", metavar="NAME", nargs="*", help="the ledgers; default: all")
    rollups = actions.add_parser("rollups", help="show the roll-ups, the kept sums of the past; build them")
    rollups.add_argument("names", metavar="NAME", nargs="*", help="the ledgers; default: all")
    rollups.add_argument("--rebuild", action="store_true", help="build them anew from the databases, and wait for it")
    rollups.set_defaults(handler="rollups.run_rollups")
    verify = actions.add_parser("verify", help="compare the roll-ups with the databases, and mend what differs")
    verify.add_argument("names", metavar="NAME", nargs="*", help="the ledgers; default: all")
    verify.add_argument("--from", dest="first", metavar="DATE", help="only from this date on; default: all of the past")
    verify.set_defaults(handler="rollups.run_verify")


def _setup(parser: argparse.ArgumentParser) -> None:
    services = parser.add_subparsers(dest="service", metavar="SERVICE", title="services", required=True)
    discord = services.add_parser(
        "discord",
        help="create what is missing on a Discord server: categories, channels, and a webhook in each",
        description="Creates what is missing: the channels that the config names, or a whole plan; a webhook in each; "
        "and a file with its address, which only you can read. Existing channels and webhooks stay as they are.",
    )
    discord.add_argument(
        "--bot-token",
        metavar="REFERENCE",
        default="env:DISCORD_BOT_TOKEN",
        help="where the bot's token is: env:NAME or file:/path (default: env:DISCORD_BOT_TOKEN)",
    )
    discord.add_argument("--server", metavar="ID", help="the server; needed when the bot is in several")
    discord.add_argument("--dry-run", action="store_true", help="show what would be created, and create nothing")
    discord.add_argument("--write", action="store_true", help="add the channels to the config")
    discord.add_argument("--all", action="store_true", help="every channel of the plan, not only those of the config")
    discord.add_argument("--plan", metavar="FILE", help="create all of this plan; default: config/server.yaml")
    discord.add_argument("--name", default="reporter", help="the name of the webhooks (default: reporter)")
    discord.add_argument("--secrets", metavar="DIR", help="where the addresses are kept (default: secrets/discord)")
    discord.add_argument(
        "--credentials", action="store_true", help="let the config name them as credentials of systemd, not as files"
    )

    telegram = services.add_parser(
        "telegram",
        help="show the chats that a bot of Telegram can send to, as lines for the config",
        description="Shows the chats from which the bot has heard within a day, as lines for the config.",
    )
    telegram.add_argument(
        "--bot-token",
        metavar="REFERENCE",
        default="env:TELEGRAM_TOKEN",
        help="where the bot's token is: env:NAME or file:/path (default: env:TELEGRAM_TOKEN)",
    )


def _web(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    token = actions.add_parser("token", help="make a token for a program, and show it once")
    token.add_argument("name", metavar="NAME", help="what the program is called")
    token.add_argument(
        "--may", nargs="+", choices=("events", "read", "operate", "own"), default=["read"], help="default: read"
    )
    token.add_argument("--days", type=int, help="it expires after so many days; default: never")
    actions.add_parser("tokens", help="list the tokens, and when each was used")
    actions.add_parser("revoke", help="end a token").add_argument("name", metavar="NAME")
    actions.add_parser("badges", help="print the addresses of badges, which need no login")
    actions.add_parser("password", help="print the hash of a password, for web.users")
    login = actions.add_parser("login", help="print a link that logs in once, within five minutes")
    login.add_argument("--role", choices=("viewer", "operator", "owner"), default="owner", help="default: owner")


def _chat(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", help="default: state")
    actions.add_parser("state", help="show how each bot that is asked stands")
    pair = actions.add_parser("pair", help="print a code that gives whoever sends it to the bot a role")
    pair.add_argument("--role", choices=("viewer", "operator", "owner"), default="owner", help="default: owner")
    actions.add_parser("people", help="list who may do what in chat")
    remove = actions.add_parser("remove", help="end a pairing")
    remove.add_argument("identity", metavar="IDENTITY", help="such as telegram:123456789")


def _ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION", nargs="+", help="such as status, 'pnl weekly' or help")
    parser.add_argument("--attach", metavar="FILE", action="append", default=[], help="a picture of a plan; repeatable")


def _init(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Creates a home. In a terminal it finds the bots' databases, tests the channel, shows each report, and asks. "
        "With --yes nothing is asked, and the options are the answers. Without a terminal it creates a home to edit."
    )
    parser.add_argument("dir", metavar="DIR", help="the new home, such as /etc/reporter for a service")
    parser.add_argument("--yes", action="store_true", help="ask nothing: take what is found, and what the options say")
    parser.add_argument(
        "--plain", action="store_true", help="ask nothing, find nothing: a config that explains each key"
    )
    parser.add_argument("--timezone", metavar="ZONE", help="whose midnights end a day; default: the machine's")
    parser.add_argument(
        "--database", metavar="URL", action="append", default=[], help="a file, URL, env:NAME or file:/path; repeatable"
    )
    parser.add_argument(
        "--look", metavar="DIR", action="append", default=[], help="look for databases here too, such as in a volume"
    )
    parser.add_argument("--balance", metavar="AMOUNT", help="what each account began with, such as '10000 USDT'")
    parser.add_argument("--webhook", metavar="REFERENCE", help="where the webhook's address is: env:NAME or file:/path")
    parser.add_argument(
        "--reports", metavar="NAMES", help="such as daily_summary,health_probe; default: the usual ones"
    )
    parser.add_argument("--service", action="store_true", help="install the service too, for a home in /etc, as root")
    parser.add_argument("--discord-url", metavar="URL", help="another server than Discord's own, such as one for tests")
    parser.add_argument("--telegram-url", metavar="URL", help="another server than Telegram's own")
    parser.add_argument("--floor", action="store_true", help="with every channel of a trading floor, each of them fed")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", metavar="JOB", help="show the report of this job and exit")
    parser.add_argument("--web", action="store_true", help="show the pages too, and print their address")
    parser.add_argument("--floor", action="store_true", help="show every channel of a trading floor")
    parser.add_argument("--keep", metavar="DIR", help="create the demo's home in this folder and keep it")


def _notify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help="what happened, such as trade_executed or build_success")
    parser.add_argument("fields", metavar="KEY=VALUE", nargs="*", help="what belongs to it, such as pair=BTC/USDT")
    parser.add_argument("--severity", help="info, warning or critical (default: info)")
    parser.add_argument("--title", help="the title; default: what the kind is called")
    parser.add_argument("--text", help="a sentence or more")
    parser.add_argument("--id", help="the event's id: an id that was handed in before is not sent again")
    parser.add_argument("--source", help="which program sends it; default: this machine's name")
    parser.add_argument("--agent", help="the agent that it is about")
    parser.add_argument("--slot", help="a later event of this slot edits the earlier message")
    parser.add_argument("--at", metavar="TIME", help="when it happened, or will be sent (2026-10-30T14:00Z)")
    parser.add_argument("--until", metavar="TIME", help="after this moment it is not sent any more")
    parser.add_argument("--attach", metavar="FILE", help="a picture or another file that goes with it, at most 8 MB")
    parser.add_argument("--attach-name", metavar="NAME", help="what it is called there; needed where FILE is -")


def _events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "rejected"), nargs="?", default="list", help="default: list")
    parser.add_argument("--kind", help="only events of this kind")
    parser.add_argument("--limit", metavar="N", type=int, default=20, help="the newest N (default: 20)")


def _hooks(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    show = actions.add_parser("show", help="print what to enter in the other program")
    show.add_argument("preset", metavar="PRESET", help="freqtrade, tradingview, github, gitlab, alertmanager, …")
    trial = actions.add_parser("try", help="show what a hook makes of a body, and send nothing")
    trial.add_argument("name", metavar="NAME", help="the hook, by its name in the config")
    trial.add_argument("file", metavar="FILE", help="the body; - for standard input")
    trial.add_argument("--header", metavar="'NAME: VALUE'", action="append", default=[], help="may be repeated")


def _store(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    backup = actions.add_parser("backup", help="copy the store, also while a daemon runs")
    backup.add_argument("--out", metavar="FILE", required=True, help="the copy; - for standard output")
    info = actions.add_parser("info", help="show its version, size, rows and age, and whether it is sound")
    info.set_defaults(handler="store.show_store", needs=Needs.HOME)
    restore = actions.add_parser("restore", help="put a copy in its place; the present store is kept aside")
    restore.add_argument("file", metavar="FILE", help="the copy; - for standard input")
    restore.set_defaults(handler="store.restore_store", needs=Needs.HOME)
    compact = actions.add_parser("compact", help="give room that it does not use any more back to the disk")
    compact.set_defaults(handler="store.compact_store", needs=Needs.HOME)


def _service(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    install = actions.add_parser("install", help="put user, home and unit in place (as root; else it only says so)")
    status = actions.add_parser("status", help="show what is in place, and whether the daemon answers")
    remove = actions.add_parser("uninstall", help="stop the service and remove its unit; home and store stay")
    for action in (install, status, remove):
        action.add_argument(
            "--root", metavar="DIR", default="/", help="work on the files of an image, not this machine"
        )
        action.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    alive = actions.add_parser("alive", help="whether the daemon makes progress, for the health check of a container")
    alive.set_defaults(handler="alive.run_alive")


COMMANDS = (
    Command("run", "run the daemon in the foreground", "daemon.run_daemon", _run, Needs.HOME, uses=None, remote=False),
    Command("run-job", "run one job now and send its report", "jobs.run_job", _run_job, uses=("ledgers",)),
    Command(
        "backfill",
        "send the reports of past periods in order, except those sent before",
        "jobs.backfill",
        _backfill,
        uses=("ledgers",),
    ),
    Command(
        "runs",
        "show what each job sent and when, what it owes, and what was given up",
        "jobs.list_runs",
        _runs,
        Needs.PAST,
    ),
    Command(
        "preview",
        "show what a job would report, and send nothing",
        "preview.run_preview",
        _preview,
        uses=("ledgers",),
        files=("pictures",),
    ),
    Command(
        "ask",
        "answer a question as in chat: status, pnl weekly, positions, help …",
        "ask.run_ask",
        _ask,
        uses=("ledgers",),
        files=("attach",),
    ),
    Command("jobs", "list the jobs with their next runs", "jobs.list_jobs", _none),
    Command(
        "check",
        "find mistakes in config, jobs, templates, databases and channels",
        "check.check",
        _check,
        Needs.HOME,
        uses=None,
    ),
    Command(
        "doctor",
        "find what is wrong with the installation, and say what mends it",
        "doctor.run_doctor",
        _doctor,
        Needs.HOME,
        uses=None,
        files=("out",),
    ),
    Command("probe", "run the probes now and show every reading", "probe.run", _probe, Needs.HOME),
    Command(
        "outbox",
        "show undelivered messages and why; retry or drop them",
        "outbox.run_outbox",
        _outbox,
        Needs.PAST,
    ),
    Command(
        "channels",
        "show the health of each channel; post a test message",
        "outbox.run_channels",
        _channels,
        Needs.PAST,
    ),
    Command(
        "explain",
        "show the timeline of a subject: readings, notifications, why",
        "alerts.run_explain",
        _explain,
        Needs.PAST,
    ),
    Command(
        "silence",
        "suppress the notifications of some subjects; list and end silences",
        "alerts.run_silence",
        _silence,
        Needs.PAST,
    ),
    Command(
        "ack",
        "acknowledge an incident: no reminders and no escalation until it resolves",
        "alerts.run_ack",
        _ack,
        Needs.PAST,
    ),
    Command(
        "announce",
        "show a text on the status page; list and withdraw announcements",
        "announce.run_announce",
        _announce,
        Needs.PAST,
    ),
    Command("notify", "hand in an event; the daemon sends it", "events.run_notify", _notify, files=("attach",)),
    Command(
        "events", "show events of other programs and what became of them", "events.run_events", _events, Needs.PAST
    ),
    Command(
        "hooks", "set up hooks of other programs and try them", "events.run_hooks", _hooks, Needs.HOME, files=("file",)
    ),
    Command("uptime", "show uptime and incidents of everything that is watched", "uptime.run", _uptime, Needs.PAST),
    Command(
        "setup",
        "create a Discord server's channels, or show a Telegram bot's chats",
        "setup.run",
        _setup,
        Needs.HOME,
        remote=False,
    ),
    Command("export", "write trades or days as CSV or JSON", "export.run", _export, uses=("ledgers",), files=("out",)),
    Command(
        "ledger", "look at trading databases; check, roll up and verify them", "ledger.run", _ledger, uses=("ledgers",)
    ),
    Command(
        "store",
        "show, back up, restore and compact the store",
        "store.run_store",
        _store,
        Needs.PAST,
        files=("out", "file"),
    ),
    Command(
        "service",
        "install the daemon as a service of systemd; show or remove it",
        "service.run_service",
        _service,
        Needs.NOTHING,
    ),
    Command(
        "init", "create a home: find databases, test the channel, choose reports", "init.run_init", _init, Needs.NOTHING
    ),
    Command(
        "demo",
        "run on an invented trading desk, in this terminal, without Discord",
        "demo.run_demo",
        _demo,
        Needs.NOTHING,
    ),
    Command("web", "make tokens for programs, and links to log in on the pages", "web.run_web", _web),
    Command("chat", "show how the bots that people ask stand, pair people, and list them", "chat.run_chat", _chat),
    Command("schema", "print the JSON Schema of the config", "init.print_schema", _none, Needs.NOTHING),
)
