"""The command web: tokens of programs, hashes of passwords, and links to log in."""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import timedelta

from reporter.alerts.uptime import is_component
from reporter.app.app import App
from reporter.cli.terminal import DONE, complain
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.operations import trading
from reporter.operations.people import address_of_pages, login_link
from reporter.periods.time_text import moment_text
from reporter.store import uptime, web_keys

SHORTEST = 10  # characters of a password


def run_web(app: App, options: argparse.Namespace) -> int:
    """`reporter web token | tokens | revoke | password | login | badges`."""
    actions = {
        "token": _token,
        "tokens": _tokens,
        "revoke": _revoke,
        "password": _password,
        "login": _login,
        "badges": _badges,
    }
    return actions[options.action](app, options)


def _password(_app: App, _options: argparse.Namespace) -> int:
    """The hash of a password that is typed, or the first line of standard input."""
    from reporter.web.passwords import hashed

    typed = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(typed) < SHORTEST:
        raise ReporterError(f"a password has at least {SHORTEST} characters")
    print(hashed(typed))
    return DONE


def _token(app: App, options: argparse.Namespace) -> int:
    now = app.clock.wall()
    expires = now + timedelta(days=options.days) if options.days else None
    if any(program.name == options.name for program in app.runtime.web.programs) if app.runtime.web else False:
        raise ReporterError(f"web.tokens has a token {options.name}: take another name")
    with app.store.begin() as connection:
        web_keys.revoke(connection, "token", options.name)
        token = web_keys.make(connection, "token", options.name, " ".join(options.may), now, expires)
    print(token)
    until = f" until {moment_text(expires, app.runtime.zone)}" if expires else ""
    complain(f"the token of {options.name} may {', '.join(options.may)}{until}; it is shown this once")
    return DONE


def _tokens(app: App, _options: argparse.Namespace) -> int:
    zone = app.runtime.zone
    with app.store.read() as connection:
        found = web_keys.named(connection, "token")
    for one in found:
        used = f"used {moment_text(one.used_at, zone)}" if one.used_at else "never used"
        used += f" from {visible(one.used_from)}" if one.used_from else ""
        until = f", until {moment_text(one.expires_at, zone)}" if one.expires_at else ""
        print(f"{one.name}: may {one.may}, made {moment_text(one.created_at, zone)}, {used}{until}")
    for program in app.runtime.web.programs if app.runtime.web else ():
        print(f"{program.name}: may {' '.join(sorted(program.may))}, of the config")
    return DONE


def _revoke(app: App, options: argparse.Namespace) -> int:
    with app.store.begin() as connection:
        gone = web_keys.revoke(connection, "token", options.name) + web_keys.revoke(connection, "session", options.name)
    if not gone:
        raise ReporterError(f"there is no token {options.name}: `reporter web tokens` lists them")
    print(f"the token of {options.name} opens nothing any more, and its sessions have ended")
    return DONE


def _login(app: App, options: argparse.Namespace) -> int:
    """A link that logs in once, within five minutes."""
    print(login_link(app, getpass.getuser(), options.role.upper()))
    complain(f"it logs in as {options.role}, once, within five minutes")
    return DONE


def _badges(app: App, _options: argparse.Namespace) -> int:
    """The address of each badge; whoever has it sees the badge without a login."""
    from reporter.web.badge_addresses import address_of, key_of

    base = address_of_pages(app)
    with app.store.read() as connection:
        watched = [name for name in uptime.subjects(connection) if is_component(name)]
    books = [f"{book.mode.value} {book.currency}" for book in trading.books(app, trading.today(app))]
    shown = [(kind, subject) for kind in ("status", "uptime") for subject in ("", *watched)]
    key = key_of(app.store)
    for kind, subject in [*shown, *(("pnl", book) for book in books)]:
        print(f"{base}/badge/{address_of(key, kind, subject)}.svg  {kind} of {subject or 'everything'}")
    return DONE
