"""Who may do what in chat: by the config, or paired by a code from the command line. Every door in chat asks here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from reporter.app.app import App
from reporter.operations.operation import Role
from reporter.store import chat_people, controls, web_keys
from reporter.store.chat_people import PairedPerson
from reporter.store.controls import AuditEntry

GOOD_FOR = timedelta(minutes=10)
WORD = "/pair"
"""What stands before a code in a private chat with the bot."""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that looks like something else


def role_of(app: App, identities: Sequence[str]) -> Role | None:
    """The highest role that these names give: a person, a group, a role of the service. The config counts before a
    pairing, and None is nobody."""
    said = app.runtime.chat.roles if app.runtime.chat else {}
    names = [said[one] for one in identities if one in said]
    others = [one for one in identities if one not in said]
    with app.store.read() as connection:
        names += [person.role for person in chat_people.everybody(connection, others)]
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


def pair(app: App, text: str, identity: str, name: str, place: str) -> PairedPerson | None:
    """The person who sent `/pair CODE` in a private chat, once that is kept; None for a code that is not good."""
    word, _, code = text.strip().partition(" ")
    if word.casefold() != WORD:
        return None
    now = app.clock.wall()
    with app.store.begin() as connection:
        key = web_keys.take(connection, "pair", code.strip().replace("-", "").upper(), now)
        if key is None:
            return None
        person = PairedPerson(identity, name, key.may, now)
        chat_people.save(connection, person)
        values = {"identity": identity, "role": key.may}
        detail = f"by a code that {key.name} made on the command line"
        controls.note(
            connection, AuditEntry(now, f"{name} [{identity}]", key.may, place, "done", "pair", values, detail)
        )
    return person
