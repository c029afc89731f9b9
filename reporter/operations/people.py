"""Which role a person in chat has: by the config, or paired by a code from the command line. Each door asks here.

Which role an operation needs stands in `table`; `answering` compares the two.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta

from reporter.app.app import App
from reporter.errors import ReporterError
from reporter.messages.message import Message
from reporter.operations.operation import Arguments, Invocation, Role
from reporter.store import chat_people, confirmations, web_keys
from reporter.store.chat_people import PairedPerson
from reporter.store.confirmations import AuditEntry

GOOD_FOR = timedelta(minutes=10)
LINK = timedelta(minutes=5)
"""How long a link to log in is good."""
WORD = "/pair"
"""What stands before a code in a private chat with the bot."""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that looks like something else


def role_of(app: App, person: str, groups: Sequence[str] = ()) -> Role | None:
    """The highest role of a person: as the config says or else by a pairing, and by the groups and the roles of the
    service. None is nobody. The store is asked only about somebody whom the config does not name."""
    said = app.runtime.chat.roles if app.runtime.chat else {}
    names = [said[one] for one in (person, *groups) if one in said]
    if person not in said:
        with app.store.read() as connection:
            names += [one.role for one in chat_people.everybody(connection, [person])]
    return max((Role[name.upper()] for name in names), default=None)


def everybody(app: App) -> dict[str, Role]:
    """Everybody with a role, by identity."""
    with app.store.read() as connection:
        paired = {person.identity: person.role for person in chat_people.everybody(connection)}
    said = app.runtime.chat.roles if app.runtime.chat else {}
    return {identity: Role[name.upper()] for identity, name in {**paired, **said}.items()}


def pairing_code(app: App, role: Role, by: str) -> str:
    """A code that gives whoever sends it first this role: once, within ten minutes. Only its digest is kept."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(10))
    now = app.clock.wall()
    with app.store.begin() as connection:
        web_keys.make(connection, "pair", by[:64], str(role), now, now + GOOD_FOR, key=letters)
    return f"{letters[:5]}-{letters[5:]}"


def login_link(app: App, name: str, may: str) -> str:
    """The address that logs somebody in on the pages: once, within five minutes. `may` is a role, or whose it is."""
    base, now = address_of_pages(app), app.clock.wall()
    with app.store.begin() as connection:
        link = web_keys.make(connection, "link", name[:64], may, now, now + LINK)
    return f"{base}/login/{link}"


def address_of_pages(app: App) -> str:
    """Where people find the pages. Raises ReporterError where there are none."""
    if app.runtime.web is None:
        raise ReporterError("the config has no `web:`: write `web: {listen: 127.0.0.1:8787}`")
    return app.runtime.web.address


def login(asked: Invocation[Arguments]) -> Iterator[Message]:
    """A link for the asker alone. What it opens is what the person may when it looks, not when it asked."""
    actor = asked.actor
    address_of_pages(asked.app)  # without pages there is nothing to log in to
    if not actor.alone:
        raise ReporterError("a link is for one person: ask in a private chat with the bot, or run `reporter web login`")
    role = role_of(asked.app, actor.identity) if actor.identity else actor.role
    if role is None:
        raise ReporterError("your role here is that of a group: `chat.roles` has to name you yourself")
    link = login_link(asked.app, actor.name, actor.identity or role.name)
    yield asked.answer("login", link=link, role=str(role))


def is_pairing(text: str) -> bool:
    """Whether a text is `/pair CODE`; Discord keeps texts with `/` for its own commands, so `pair CODE` is as good."""
    words = text.casefold().split()
    return len(words) == 2 and words[0].lstrip("/!") == WORD.lstrip("/")


def welcome(person: PairedPerson) -> str:
    """What somebody hears who was paired."""
    line = f"chat: {{roles: {{{person.role}: {person.identity}}}}}"
    return f"You are {person.role} here now. The same in the config:\n{line}"


def pair(app: App, text: str, identity: str, name: str, place: str) -> PairedPerson | None:
    """The person who sent `/pair CODE` in a private chat, once that is kept; None for a code that is not good."""
    if not is_pairing(text):
        return None
    code, now = text.split()[1], app.clock.wall()
    with app.store.begin() as connection:
        key = web_keys.take(connection, "pair", code.replace("-", "").upper(), now)
        if key is None:
            return None
        person = PairedPerson(identity, name, key.may, now)
        chat_people.save(connection, person)
        values = {"identity": identity, "role": key.may}
        detail = f"by a code that {key.name} made on the command line"
        confirmations.note(
            connection, AuditEntry(now, f"{name} [{identity}]", key.may, place, "done", "pair", values, detail)
        )
    return person
