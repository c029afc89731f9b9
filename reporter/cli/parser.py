"""The command line. Each command loads what it needs when it runs, so that `--help` is there at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from reporter.version import __version__

ABOUT = """\
Tells a trading floor in Discord how its machines and its agents are doing: on time, once, and without loss.

  reporter demo                        see it at work on a made-up floor, here in the terminal
  reporter init DIR                    make a home (config, jobs, templates) that is ready to edit
  reporter --home DIR check            look for mistakes before anything runs
  reporter --home DIR run              be the daemon
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage, 75 queued, 78 unusable config."""
    parser = _parser()
    options = parser.parse_args(arguments)
    from reporter.cli import commands

    if options.command is None:
        return commands.what_next(parser, options.home)
    return commands.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reporter",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="`reporter COMMAND --help` says more about each.",
    )
    parser.add_argument("--home", metavar="DIR", help="where config/, jobs/ and templates/ are (or $REPORTER_HOME)")
    parser.add_argument("--version", action="version", version=f"reporter {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    run = commands.add_parser("run", help="run the daemon, in the foreground")
    run.add_argument("--verbose", action="store_true", help="log more")

    by_hand = commands.add_parser("run-job", help="run one job now and deliver what it says")
    _name_and_date(by_hand)
    by_hand.add_argument("--force", action="store_true", help="tell a period again that was told already")

    backfill = commands.add_parser("backfill", help="tell a job's past periods in order, but for those that were told")
    backfill.add_argument("name", metavar="NAME", help="the job, such as daily_summary")
    backfill.add_argument("--from", dest="first", metavar="DATE", required=True, help="the first period, by its date")
    backfill.add_argument("--to", dest="last", metavar="DATE", help="the last one; the last complete one if left out")

    runs = commands.add_parser("runs", help="show what each job told and when, what it owes, and what was given up")
    runs.add_argument("name", metavar="NAME", nargs="?", help="the job; all jobs if left out")
    runs.add_argument("--limit", metavar="N", type=int, default=10, help="how many of each job (default: 10)")

    preview = commands.add_parser("preview", help="show what a job would say, and send nothing")
    _name_and_date(preview)
    preview.add_argument(
        "--format",
        choices=("text", "json", "html"),
        default="text",
        help="text as in the terminal, json as it would be sent, html as a page (default: text)",
    )

    commands.add_parser("jobs", help="list the jobs, each with its next run")
    check = commands.add_parser("check", help="look for mistakes in config, jobs, templates, databases and channels")
    check.add_argument("--diff", action="store_true", help="show instead what the files change for a running daemon")

    probe = commands.add_parser("probe", help="look at what is probed, now, and show all that is seen")
    probe.add_argument("names", metavar="NAME", nargs="*", help="the probes; all if left out")

    _outbox(commands.add_parser("outbox", help="show what waits to be delivered and why; retry or drop it"))
    _channels(commands.add_parser("channels", help="show how each channel fares; post a test message"))

    _alerts(commands)
    uptime = commands.add_parser("uptime", help="show how what is watched has stood: share of time up, incidents")
    uptime.add_argument("subject", metavar="SUBJECT", nargs="?", help="a name or pattern, such as db; all if left out")
    uptime.add_argument("--month", metavar="MONTH", help="this calendar month, such as 2026-10, instead of lately")

    _setup(commands.add_parser("setup", help="furnish a Discord server: channels, and a webhook in each"))

    _export(commands.add_parser("export", help="write trades or days as CSV or JSON, for a spreadsheet"))

    init = commands.add_parser("init", help="make a home that is ready to edit")
    init.add_argument("dir", metavar="DIR")

    demo = commands.add_parser("demo", help="run on a made-up trading floor, in this terminal, without Discord")
    demo.add_argument("--once", metavar="JOB", help="show the report of this job and end")
    demo.add_argument("--keep", metavar="DIR", help="make the demo's home in this folder and leave it there")

    commands.add_parser("schema", help="print the JSON Schema of the config")
    return parser


def _alerts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser("explain", help="tell the story of a subject: what was seen, told and not told, why")
    explain.add_argument("subject", metavar="SUBJECT", nargs="?", help="such as probe/db, or db; all without it")
    explain.add_argument("--at", metavar="TIME", help="its incident at that time (2026-10-30T14:00), not the last")

    silence = commands.add_parser("silence", help="tell nobody of some subjects for a while; list and end silences")
    silence.add_argument("pattern", metavar="PATTERN", nargs="?", help="such as probe/db* or db; list without it")
    silence.add_argument("--for", dest="span", metavar="SPAN", help="how long, such as 30m or 2h (default: 2h)")
    silence.add_argument("--reason", metavar="TEXT", help="what for")
    silence.add_argument("--by", metavar="NAME", help="who wants it; you if left out")
    silence.add_argument("--end", action="store_true", help="end it now, by its pattern or number")

    ack = commands.add_parser("ack", help="take a trouble on: no reminders and no escalation until it is over")
    ack.add_argument("subject", metavar="SUBJECT", help="such as probe/db, db, or a pattern")
    ack.add_argument("--by", metavar="NAME", help="who takes it on; you if left out")
    ack.add_argument("--note", metavar="TEXT", help="what others should know")


def _name_and_date(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the job, such as daily_summary")
    parser.add_argument(
        "--at",
        metavar="DATE",
        help="the period that contains this date (2026-10-30) or time (2026-10-30T14:00); the last complete one if "
        "left out",
    )


def _outbox(parser: argparse.ArgumentParser) -> None:
    _which_messages(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    _which_messages(actions.add_parser("list", help="count and list what is not delivered (this is the default)"))
    actions.add_parser("show", help="show a message and what became of it").add_argument("id", metavar="ID", type=int)
    retry = actions.add_parser("retry", help="send a message now that is held, dead or too old, or all that are stuck")
    retry.add_argument("id", metavar="ID", type=int, nargs="?")
    retry.add_argument("--channel", metavar="NAME", help="everything in this channel that waits for a person")
    actions.add_parser("drop", help="never send a message").add_argument("id", metavar="ID", type=int)


def _setup(parser: argparse.ArgumentParser) -> None:
    services = parser.add_subparsers(dest="service", metavar="SERVICE", title="services", required=True)
    discord = services.add_parser(
        "discord",
        help="make what is missing on a Discord server: categories, channels, and a webhook in each",
        description="Makes what is missing: the channels that the config names, or a whole plan; a webhook in each; "
        "and a file with its address, which only you can read. What is there is left as it is, however often it runs.",
    )
    discord.add_argument(
        "--bot-token",
        metavar="REFERENCE",
        default="env:DISCORD_BOT_TOKEN",
        help="where the bot's token is: env:NAME or file:/path (default: env:DISCORD_BOT_TOKEN)",
    )
    discord.add_argument("--server", metavar="ID", help="the server; may be left out when the bot is in only one")
    discord.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")
    discord.add_argument("--write", action="store_true", help="add the channels to the config, instead of showing how")
    discord.add_argument("--all", action="store_true", help="every channel of the plan, not only those of the config")
    discord.add_argument("--plan", metavar="FILE", help="another plan than config/server.yaml; all of it is made")
    discord.add_argument("--name", default="reporter", help="the name of the webhooks (default: reporter)")
    discord.add_argument("--secrets", metavar="DIR", help="where the addresses are kept (default: secrets/discord)")
    discord.add_argument(
        "--credentials", action="store_true", help="let the config name them as systemd's credentials instead of files"
    )


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("trades", "daily"), help="every closed trade, or each day of each agent")
    parser.add_argument("--from", dest="first", metavar="DATE", required=True, help="from this date or time on")
    parser.add_argument("--to", dest="last", metavar="DATE", help="up to the end of this day; up to now if left out")
    parser.add_argument(
        "--format",
        choices=("csv", "sheet", "json"),
        default="csv",
        help="sheet is CSV as a spreadsheet opens it by itself, json an object a line (default: csv)",
    )
    parser.add_argument("--out", metavar="FILE", help="write to this file, not to standard output")
    parser.add_argument("--ledger", metavar="NAME", action="append", help="only of this ledger; may be given again")


def _which_messages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--channel", metavar="NAME", help="only messages for this channel")
    parser.add_argument("--state", metavar="STATE", help="only messages in this state, such as dead, held or sent")
    parser.add_argument("--all", action="store_true", help="messages in any state, delivered ones too")
    parser.add_argument("--limit", metavar="N", type=int, default=20, help="at most so many, the newest (default: 20)")


def _channels(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    actions.add_parser("list", help="how each channel fares (this is the default)")
    test = actions.add_parser("test", help="post a real message to a channel and say what was answered")
    test.add_argument("name", metavar="NAME", help="the channel, as the config calls it")
    test.add_argument(
        "--severity",
        choices=("info", "warning", "critical"),
        default="info",
        help="post it as so urgent, with the mentions that go with that (default: info)",
    )


if __name__ == "__main__":
    sys.exit(main())
