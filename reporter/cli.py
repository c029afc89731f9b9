"""The command line. Each command loads what it needs when it runs, so that `--help` is there at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from reporter import __version__

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
    from reporter import commands

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

    preview = commands.add_parser("preview", help="show what a job would say, and send nothing")
    _name_and_date(preview)
    preview.add_argument(
        "--format",
        choices=("text", "json", "html"),
        default="text",
        help="text as in the terminal, json as it would be sent, html as a page (default: text)",
    )

    commands.add_parser("jobs", help="list the jobs, each with its next run")
    commands.add_parser("check", help="look for mistakes in config, jobs, templates, databases and channels")

    init = commands.add_parser("init", help="make a home that is ready to edit")
    init.add_argument("dir", metavar="DIR")

    demo = commands.add_parser("demo", help="run on a made-up trading floor, in this terminal, without Discord")
    demo.add_argument("--once", metavar="JOB", help="show the report of this job and end")
    demo.add_argument("--keep", metavar="DIR", help="make the demo's home in this folder and leave it there")

    commands.add_parser("schema", help="print the JSON Schema of the config")
    return parser


def _name_and_date(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the job, such as daily_summary")
    parser.add_argument(
        "--at",
        metavar="DATE",
        help="the period that contains this date (2026-10-30) or time (2026-10-30T14:00); the last complete one if "
        "left out",
    )


if __name__ == "__main__":
    sys.exit(main())
